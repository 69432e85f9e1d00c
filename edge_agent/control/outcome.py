"""From what a line answered to the result central gets: the state, a stable code, and the raw exchanges as evidence."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from edge_agent.control.switch_job import Job
from edge_agent.drivers.read_back import Written
from edge_agent.lines.clock import Clock
from edge_agent.lines.exchange import RawFrame
from edge_agent.lines.worker import LineWorker
from protocol.command import MAX_FRAMES, MAX_VALUES, Command, CommandResult, ReadValue, ResultState, ShownFrame
from protocol.errors import CampusError, DeviceError, NotFound, Refused, WireError
from protocol.profile_writes import Confirm
from protocol.reading import Reading

_MAX_SHOWN_BYTES = 600


@dataclass(frozen=True, slots=True)
class Began:
    """When a command was handed to its line."""

    clock: Clock
    wall_ms: int
    monotonic_s: float

    @classmethod
    def at(cls, clock: Clock) -> Began:
        """Now."""
        return cls(clock, clock.wall_ms(), clock.monotonic())


def of_read(command: Command, worker: LineWorker, began: Began, done: Future[list[Reading]]) -> CommandResult:
    """Fresh values, or why there are none."""
    error = done.exception()
    if error is None:
        readings = tuple(map(_value, done.result()[:MAX_VALUES]))
        if readings:
            return _result(command, worker, began, "done", readings=readings)
        return _result(command, worker, began, "failed", "no_values", "the device answered and gave no value that can be used")
    return _failed(command, worker, began, error)


def of_switch(job: Job, confirm: Confirm, worker: LineWorker, began: Began, done: Future[Written]) -> CommandResult:
    """What the device shows now; an error behind the first exchange leaves open whether it was told."""
    command, error = job.command, done.exception()
    if error is None:
        return _written(command, confirm, worker, began, done.result())
    if isinstance(error, Refused) and "expired_at" in error.details:
        text = "its time ran out while the line was busy; nothing was sent"
        return _result(command, worker, began, "expired", "expired", text, quantity=confirm.quantity)
    if job.begun and not _nothing_sent(error):
        text = f"the line broke off and nobody can say whether the device was told: {error}"
        return _result(command, worker, began, "unknown", _code(error), text, quantity=confirm.quantity)
    return _failed(command, worker, began, error, quantity=confirm.quantity)


def of_look_back(command: Command, confirm: Confirm, worker: LineWorker, began: Began, done: Future[list[Reading]]) -> CommandResult:
    """What the device shows after a switch that a restart interrupted."""
    readings = () if done.exception() is not None else tuple(map(_value, done.result()))
    seen = next((one.value for one in readings if one.quantity == confirm.quantity), None)
    return interrupted(command, began.clock, confirm.quantity, seen, readings, _frames_since(command, worker, began))


def interrupted(
    command: Command,
    clock: Clock,
    quantity: str | None = None,
    seen: int | None = None,
    readings: tuple[ReadValue, ...] = (),
    frames: tuple[ShownFrame, ...] = (),
) -> CommandResult:
    """The result of a switch nobody can say more of than what the device shows."""
    shows = "the device could not be asked what it shows" if seen is None else f"the device shows {quantity} = {seen}"
    return CommandResult(
        id=command.id,
        state="unknown",
        code="interrupted",
        message=f"the gateway's program was interrupted in the middle of it and sent nothing again; {shows}",
        at_ms=clock.wall_ms(),
        clock_unsure=not clock.trusted(),
        quantity=quantity,
        seen=seen,
        readings=readings,
        frames=frames,
    )


def shown(worker: LineWorker, device: str | None, since_ms: int = 0) -> tuple[ShownFrame, ...]:
    """The last raw frames of a line, or of one device on it."""
    return tuple(_chosen(worker.raw_frames(), device, since_ms))[-MAX_FRAMES:]


def _chosen(frames: list[RawFrame], device: str | None, since_ms: int) -> Iterator[ShownFrame]:
    for one in frames:
        if (device is None or one.device == device) and one.at_ms >= since_ms:
            text = one.data[:_MAX_SHOWN_BYTES].hex(" ")
            yield ShownFrame(at_ms=one.at_ms, direction=one.direction, hex=text, verdict=one.verdict, device=one.device)


def _written(command: Command, confirm: Confirm, worker: LineWorker, began: Began, written: Written) -> CommandResult:
    seen: dict[str, Any] = {"quantity": confirm.quantity, "seen": written.seen}
    if written.outcome in ("done", "already"):
        return _result(command, worker, began, "done", already=written.outcome == "already", **seen)
    if written.outcome == "refused" and written.refusal is not None:
        return _result(command, worker, began, "failed", written.refusal.code, f"the device refused: {written.refusal}", **seen)
    text = f"it was sent, and {confirm.quantity} did not become {confirm.value} within {confirm.within_s} s; it may still do so"
    return _result(command, worker, began, "failed", "unconfirmed", text, **seen)


def _failed(command: Command, worker: LineWorker, began: Began, error: BaseException, **facts: object) -> CommandResult:
    state: ResultState = "refused" if isinstance(error, Refused | NotFound) else "failed"
    text = str(error)
    if command.device in worker.health().quarantined:
        text += "; the device has not answered before either and is asked from time to time only"
    return _result(command, worker, began, state, _code(error), text, **facts)


def _nothing_sent(error: BaseException) -> bool:
    """Whether this error can only come before the device is told: from the first reading, or from the refusal to send.

    A line that stops ends its procedures with Refused, wherever they are.
    """
    return isinstance(error, DeviceError | WireError) or (isinstance(error, Refused) and not error.details.get("stopped"))


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, CampusError) else "program"


def _result(
    command: Command, worker: LineWorker, began: Began, state: ResultState, code: str = "", message: str = "", **facts: object
) -> CommandResult:
    told = {
        "id": command.id,
        "state": state,
        "code": code,
        "message": message[:2000],
        "at_ms": began.clock.wall_ms(),
        "took_ms": max(0, round((began.clock.monotonic() - began.monotonic_s) * 1000)),
        "clock_unsure": not began.clock.trusted(),
        "frames": _frames_since(command, worker, began),
        **facts,
    }
    return CommandResult.model_validate(told)


def _frames_since(command: Command, worker: LineWorker, began: Began) -> tuple[ShownFrame, ...]:
    return shown(worker, command.device, began.wall_ms)


def _value(reading: Reading) -> ReadValue:
    return ReadValue(quantity=reading.series.quantity, value=reading.value, at_ms=reading.measured_at_ms, quality=int(reading.quality))
