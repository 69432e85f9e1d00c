"""Batches of chance for an outbox, and the fingerprint by which their content is known again under whatever number."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random

from protocol.messages import Columns, Event, decode_stored
from protocol.reading import Quality, Reading, SeriesKey

Content = Sequence[Reading] | Sequence[Event]
_QUANTITIES = ("energy_active_import_wh", "power_active_mw", "voltage_l1_mv")


def some_readings(chance: Random, at_ms: int, count: int) -> list[Reading]:
    """Readings that occur nowhere else: the value is 62 bits of chance."""
    return [
        Reading(SeriesKey(f"m{chance.randrange(40)}", chance.choice(_QUANTITIES)), at_ms + number, chance.getrandbits(62), Quality.GOOD)
        for number in range(count)
    ]


def some_event(chance: Random, at_ms: int) -> Event:
    """An event that occurs nowhere else."""
    return Event(code="test.event", at_ms=at_ms, severity="info", message="chance", data={"nonce": chance.getrandbits(62)})


def fingerprint(content: Content) -> str:
    """What a batch holds, whatever its number and encoding."""
    rows = [
        (one.series.device, one.series.quantity, one.measured_at_ms, one.value, int(one.quality))
        if isinstance(one, Reading)
        else one.model_dump_json()
        for one in content
    ]
    return hashlib.blake2b(repr(rows).encode(), digest_size=12).hexdigest()


def unpacked(payload: bytes) -> Content:
    """The content of a stored batch."""
    _, content = decode_stored(payload)
    return content.readings() if isinstance(content, Columns) else content


def told_by_outbox(content: Content) -> bool:
    """Whether the outbox itself wrote this batch: an event about what happened to it."""
    return all(isinstance(one, Event) and one.code.startswith("outbox.") for one in content)
