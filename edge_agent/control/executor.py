"""The thread that carries commands out, each at most once: inbox -> guard -> line -> result in the inbox, then in the outbox.

It never waits for a line: what a line ends comes back as an event. Commands for different lines run side by side, those for one line in the line's
order of priority. What an earlier run has left is dealt with first: a result not told is told, a read is made again, and a switch that may have been
sent is never sent again; the device is asked what it shows instead.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from edge_agent.buffer.inbox import Inbox
from edge_agent.control import outcome
from edge_agent.control.guard import SWITCH_EVERY_S, Facts, judge, left_s, named, output_of
from edge_agent.control.switch_job import Job
from edge_agent.line_set import LineSet
from edge_agent.lines.clock import Clock
from edge_agent.lines.schedule import Priority
from protocol.command import FRAMES, READ, SWITCH, Command, CommandResult
from protocol.errors import NotFound, StorageError
from protocol.messages import decode_record
from protocol.profile import AnyProfile

_LOG = logging.getLogger(__name__)
MAX_EVENTS = 1_000  # that wait for the thread; a command beyond is not taken, and central sends it again
STALLED_AFTER_S = 60.0
_TURN_S = 1.0
_GIVE_UP_S = 120.0  # a line that holds a command longer than this, beside the time a switch has to prove itself, is stuck
Output = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A command that waits. `until_s`: monotonic time at which it ends by the broker's word."""

    command: Command
    until_s: float | None


@dataclass(frozen=True, slots=True)
class _Again:
    """A known id has come again."""

    command_id: str


@dataclass(frozen=True, slots=True)
class _Ended:
    """A line is through with a command."""

    command_id: str
    result: CommandResult


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A command a line works on. `give_up_s`: monotonic."""

    command: Command
    output: Output | None
    give_up_s: float


class Executor:
    """`start`, `stop`; `receive` what comes from central. `answer` stores results for central and raises StorageError where it cannot."""

    def __init__(
        self, inbox: Inbox, answer: Callable[[Sequence[CommandResult]], object], lines: LineSet, profiles: Mapping[str, AnyProfile], clock: Clock
    ) -> None:
        self._inbox, self._answer, self._lines, self._profiles, self._clock = inbox, answer, lines, profiles, clock
        self._events: queue.Queue[_Arrived | _Again | _Ended | None] = queue.Queue()
        self._under_way: dict[str, _UnderWay] = {}
        self._switched_s: dict[Output, float] = {}
        self._owed: dict[str, CommandResult] = {}  # settled, and not in the outbox yet
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._progress = clock.monotonic()

    def start(self) -> None:
        """Take up what is left and what comes."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Take no further command; return whether the thread ended in time. What lines work on stays begun in the inbox."""
        self._events.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def receive(self, payload: bytes, expiry_s: int | None) -> None:
        """Keep a command, then let it be carried out. Any thread. Raises MessageError; one that cannot be kept is logged and comes again."""
        command = decode_record(Command, payload)
        until_s = self._clock.monotonic() + expiry_s if expiry_s is not None else None
        if self._events.qsize() >= MAX_EVENTS:
            _LOG.error("command %s is not taken: %d wait already; central sends it again", command.id, MAX_EVENTS)
            return
        try:
            fresh = self._inbox.add(command)
        except StorageError as error:
            _LOG.error("command %s is not taken, for it cannot be kept: %s", command.id, error)
            return
        self._events.put(_Arrived(command, until_s) if fresh else _Again(command.id))

    def last_progress(self) -> float:
        """Monotonic time at which the thread was last seen alive."""
        return self._progress

    # --- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._guarded(self._take_up)
        while True:
            self._progress = self._clock.monotonic()
            try:
                event = self._events.get(timeout=_TURN_S)
            except queue.Empty:
                self._guarded(self._look_after)
                continue
            if event is None:
                return
            self._guarded(partial(self._deal_with, event))

    def _guarded(self, act: Callable[[], None]) -> None:
        """The top of the thread: nothing that goes wrong in one command may end it."""
        try:
            act()
        except StorageError as error:
            _LOG.error("the inbox cannot be used: %s", error)
        except Exception:  # noqa: BLE001  # the top of this thread: whatever failed, the next command may work
            _LOG.exception("program error in a command; the next one follows")

    def _deal_with(self, event: _Arrived | _Again | _Ended) -> None:
        match event:
            case _Arrived(command, until_s):
                self._try(command, until_s)
            case _Again(command_id):
                self._tell_again(command_id)
            case _Ended(command_id, result):
                if self._under_way.pop(command_id, None) is not None:
                    self._settle(result)
                else:
                    _LOG.warning("command %s ended after it was given up: %s %s", command_id, result.state, result.message)

    def _take_up(self) -> None:
        """What an earlier run has left."""
        for left in self._inbox.left():
            if left.result is not None:
                self._tell(left.result)
            elif left.begun:
                self._look_back(left.command)
            else:
                self._try(left.command, None)

    def _try(self, command: Command, until_s: float | None) -> None:
        refusal = judge(command, self._facts(command, until_s))
        if refusal is not None:
            self._settle(self._result(command, refusal.state, code=refusal.code, message=refusal.message))
        elif command.kind == FRAMES:
            self._settle(self._frames(command))
        elif command.kind == READ:
            self._begin_read(command)
        elif command.kind == SWITCH:
            self._begin_switch(command, until_s)

    def _facts(self, command: Command, until_s: float | None) -> Facts:
        now_s = self._clock.monotonic()
        profile = self._profile(command)
        output = output_of(command, profile)
        last_s = self._switched_s.get(output) if output is not None else None
        return Facts(
            now_ms=self._trusted_ms(),
            left_s=None if until_s is None else until_s - now_s,
            on_line=self._is_on_line(command),
            profile=profile,
            open=len(self._under_way),
            switched_s=None if last_s is None else now_s - last_s,
            under_way=output is not None and any(one.output == output for one in self._under_way.values()),
            forgetful=self._inbox.forgetful,
        )

    def _begin_read(self, command: Command) -> None:
        worker, device = self._lines.device(str(command.device))
        began = outcome.Began.at(self._clock)
        future = worker.read_now(device.id, command.quantities, Priority.ON_DEMAND)
        self._follow(command, None, _GIVE_UP_S, future, partial(outcome.of_read, command, worker, began))

    def _begin_switch(self, command: Command, until_s: float | None) -> None:
        worker, device = self._lines.device(str(command.device))
        profile = self._profiles[device.profile]
        known, output = named(profile, command.command), output_of(command, profile)
        if known is None or output is None:
            raise NotFound(f"profile {device.profile} has no command {command.command!r}", device=device.id)
        self._inbox.begin(command.id)
        self._note_switched(output)
        self._store([self._result(command, "running", quantity=known.confirm.quantity)])
        began = outcome.Began.at(self._clock)
        job = Job(command, profile, device, self._clock, self._lines.zone, partial(self._left_s, command, until_s))
        future = worker.run(device.id, job.procedure, Priority.CONTROL)
        give_up_s = _GIVE_UP_S + known.confirm.within_s
        self._follow(command, output, give_up_s, future, partial(outcome.of_switch, job, known.confirm, worker, began))

    def _look_back(self, command: Command) -> None:
        """A switch an earlier run may have sent: read what the device shows, send nothing."""
        try:
            worker, device = self._lines.device(str(command.device))
        except NotFound:
            self._settle(outcome.interrupted(command, self._clock))
            return
        known = named(self._profiles.get(device.profile), command.command)
        if known is None:
            self._settle(outcome.interrupted(command, self._clock))
            return
        output, began = (device.id, known.confirm.quantity), outcome.Began.at(self._clock)
        future = worker.read_now(device.id, [known.confirm.quantity], Priority.CONTROL)
        self._follow(command, output, _GIVE_UP_S, future, partial(outcome.of_look_back, command, known.confirm, worker, began))

    def _follow(
        self, command: Command, output: Output | None, give_up_s: float, future: Future[Any], judged: Callable[[Future[Any]], CommandResult]
    ) -> None:
        """Have the result come back as an event; `judged` runs in the line's thread, so that the raw frames are those of this command."""
        self._under_way[command.id] = _UnderWay(command, output, self._clock.monotonic() + give_up_s)
        future.add_done_callback(lambda done: self._events.put(_Ended(command.id, judged(done))))

    def _look_after(self) -> None:
        """Tell what could not be told, and give up on lines that are stuck."""
        for result in list(self._owed.values()):
            self._tell(result)
        now_s = self._clock.monotonic()
        self._switched_s = {output: at for output, at in self._switched_s.items() if now_s - at < SWITCH_EVERY_S}
        for one in [one for one in self._under_way.values() if now_s >= one.give_up_s]:
            del self._under_way[one.command.id]
            state = "unknown" if one.command.kind == SWITCH else "failed"
            text = "the line has not come to an end with it; look at the gateway's log and at the device"
            self._settle(self._result(one.command, state, code="line.stuck", message=text))

    # --- results -------------------------------------------------------------------------------------------------------

    def _settle(self, result: CommandResult) -> None:
        """Keep the result, then tell it. Told all the same when it cannot be kept: the device has moved."""
        try:
            self._inbox.settle(result)
        except StorageError as error:
            _LOG.error("what came of command %s cannot be kept: %s", result.id, error)
        _LOG.info("command %s: %s %s", result.id, result.state, result.code)
        self._tell(result)

    def _tell(self, result: CommandResult) -> None:
        if self._store([result]):
            self._owed.pop(result.id, None)
            self._inbox.told(result.id)
        else:
            self._owed[result.id] = result

    def _tell_again(self, command_id: str) -> None:
        """A repeat is answered by what came of the first; while that is open, by nothing: its result follows."""
        result = self._inbox.result(command_id)
        if result is not None:
            self._tell(result)

    def _store(self, results: list[CommandResult]) -> bool:
        try:
            self._answer(results)
        except StorageError as error:
            _LOG.warning("results of commands are not stored: %s", error)
            return False
        return True

    def _frames(self, command: Command) -> CommandResult:
        worker = self._lines.worker(command.line) if command.line is not None else self._lines.device(str(command.device))[0]
        frames = outcome.shown(worker, None if command.line is not None else command.device)
        return self._result(command, "done", frames=frames)

    def _result(self, command: Command, state: str, **facts: object) -> CommandResult:
        told = {"id": command.id, "state": state, "at_ms": self._clock.wall_ms(), "clock_unsure": not self._clock.trusted(), **facts}
        return CommandResult.model_validate(told)

    # --- facts ---------------------------------------------------------------------------------------------------------

    def _left_s(self, command: Command, until_s: float | None) -> float:
        return left_s(command, self._trusted_ms(), None if until_s is None else until_s - self._clock.monotonic())

    def _trusted_ms(self) -> int | None:
        return self._clock.wall_ms() if self._clock.trusted() else None

    def _note_switched(self, output: Output) -> None:
        self._switched_s[output] = self._clock.monotonic()

    def _is_on_line(self, command: Command) -> bool:
        try:
            if command.device is not None:
                self._lines.device(command.device)
            else:
                self._lines.worker(str(command.line))
        except NotFound:
            return False
        return True

    def _profile(self, command: Command) -> AnyProfile | None:
        if command.device is None:
            return None
        try:
            return self._profiles.get(self._lines.device(command.device)[1].profile)
        except NotFound:
            return None
