"""What goes into the outbox, cut into batches before it has a number. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

from protocol.command import CommandResult
from protocol.messages import MAX_READINGS, BatchId, Columns, Event, columns, encode_events, encode_readings, encode_results
from protocol.reading import Reading

Kind = Literal["readings", "events", "results"]
T = TypeVar("T")
MAX_EVENTS = 50  # a batch; with the longest messages still far below the size cap of a stored message
_MAX_NAME = 64
_MAX_AT_MS = 1 << 43  # year 2248; the columnar batch carries no greater offset
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class Draft:
    """A batch that becomes bytes as soon as it knows its identity."""

    kind: Kind
    count: int
    encode: Callable[[BatchId], bytes]


def reading_drafts(readings: Sequence[Reading]) -> list[Draft]:
    """One draft for each MAX_READINGS readings, in their order. Raises ValueError if the wire format cannot carry one (see `is_storable`)."""
    parts = [columns(part) for part in _parts(readings, MAX_READINGS)]
    if not all(map(_are_storable, parts)):
        raise ValueError("not every reading can be stored")
    return list(map(columns_draft, parts))


def columns_draft(data: Columns) -> Draft:
    """The draft of one batch of readings."""
    return Draft("readings", len(data), partial(encode_readings, data=data))


def event_drafts(events: Sequence[Event]) -> list[Draft]:
    """One draft for each MAX_EVENTS events, in their order."""
    return [Draft("events", len(part), partial(_encode_events, part)) for part in _parts(events, MAX_EVENTS)]


def result_drafts(results: Sequence[CommandResult]) -> list[Draft]:
    """One draft a result: it may carry hundreds of frames."""
    return [Draft("results", 1, partial(_encode_result, result)) for result in results]


def is_storable(reading: Reading) -> bool:
    """Whether the wire format can carry a reading. One that it cannot would make central set the whole batch aside."""
    device, quantity = reading.series.device, reading.series.quantity
    return (
        0 < len(device) <= _MAX_NAME
        and 0 < len(quantity) <= _MAX_NAME
        and 0 <= reading.measured_at_ms < _MAX_AT_MS
        and -_INT64 <= reading.value < _INT64
    )


def unstorable_event(readings: Sequence[Reading], at_ms: int) -> Event:
    """The trace that readings the format cannot carry leave behind."""
    first = readings[0]
    return Event(
        code="outbox.reading_unusable",
        at_ms=at_ms,
        severity="error",
        device=first.series.device[:_MAX_NAME] or None,
        message=f"{len(readings)} readings cannot be stored (name length, time or 64-bit range); check the driver and profile of the first one",
        data={
            "count": len(readings),
            "quantity": first.series.quantity[:_MAX_NAME],
            "value": str(first.value)[:_MAX_NAME],
            "measured_at_ms": str(first.measured_at_ms)[:_MAX_NAME],
        },
    )


def _are_storable(data: Columns) -> bool:
    """`is_storable` of a whole batch, at a fifth of the cost."""
    return (
        all(0 < len(name) <= _MAX_NAME for name in {device for device, _ in data.series} | {quantity for _, quantity in data.series})
        and min(data.measured_at_ms) >= 0
        and max(data.measured_at_ms) < _MAX_AT_MS
        and min(data.value) >= -_INT64
        and max(data.value) < _INT64
    )


def _encode_events(events: Sequence[Event], batch: BatchId) -> bytes:
    return encode_events(batch, events)


def _encode_result(result: CommandResult, batch: BatchId) -> bytes:
    return encode_results(batch, [result])


def _parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
