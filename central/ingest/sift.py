"""From sound messages to rows for the table, and to strays: readings whose device or quantity central does not know. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from central.ingest.pack import Rows
from central.ingest.series import Ids
from central.ingest.verify import Poison, Sound, part
from central.mqtt.session import Message
from protocol.command import CommandResult, Results
from protocol.messages import BatchId, Columns, Event
from protocol.quantities import QUANTITIES

UNKNOWN_GATEWAY, UNKNOWN_DEVICE, UNKNOWN_QUANTITY = "gateway.unknown", "device.unknown", "quantity.unknown"
OLD_GENERATION, UNKNOWN_GENERATION = "batch.old_generation", "batch.unknown_generation"


@dataclass(frozen=True, slots=True)
class Sifted:
    """One message ready to be stored. `latest_ms`: device -> its newest measurement in it; `strays` go to quarantine when the rest is stored."""

    batch: BatchId
    message: Message
    rows: Rows | None = None
    events: tuple[Event, ...] = ()
    results: tuple[CommandResult, ...] = ()
    strays: tuple[Poison, ...] = ()
    latest_ms: Mapping[str, int] = field(default_factory=dict)

    def numbered_events(self) -> list[tuple[BatchId | None, int, Event]]:
        """The events with what makes them unique."""
        return [(self.batch, position, event) for position, event in enumerate(self.events)]


def check_generation(item: Sound | Sifted, registered: Mapping[str, int]) -> Poison | None:
    """What is wrong with where a batch comes from: an unknown gateway, a box that was replaced, one that nobody has enrolled. None: nothing.

    `registered`: gateway -> generation, 0 while it was never heard. The first box is taken as it comes; from then on a box enters by
    `central.fleet.replace_gateway` only, or any box could shut out the present one by claiming a higher number.
    """
    batch = item.batch
    known = registered.get(batch.gateway)
    if known is None:
        return Poison(item.message, batch, UNKNOWN_GATEWAY, f"gateway {batch.gateway!r} is on no site plan; import one that has it")
    if batch.generation < known:
        text = f"generation {batch.generation} of gateway {batch.gateway!r} was replaced by {known}; is the old box still running?"
        return Poison(item.message, batch, OLD_GENERATION, text)
    if batch.generation > known > 0:
        text = f"generation {batch.generation} of gateway {batch.gateway!r} is not enrolled, {known} is; replace the gateway if this box takes over"
        return Poison(item.message, batch, UNKNOWN_GENERATION, text)
    return None


def sift(sound: Sound, ids: Ids) -> Sifted:
    """Split a message. `ids`: series id of each of its series, None where unknown; not used for events and results."""
    data = sound.content
    if isinstance(data, Results):
        return Sifted(sound.batch, sound.message, results=data.results)
    if not isinstance(data, Columns):
        return Sifted(sound.batch, sound.message, events=data)
    if not len(data):
        return Sifted(sound.batch, sound.message, strays=sound.strays)
    strays = sound.strays
    index = np.asarray(data.index, np.int64)
    series_id = np.asarray([-1 if one is None else one for one in ids] if None in ids else ids, np.int64)[index]
    rows = Rows(series_id, np.asarray(data.measured_at_ms, np.int64), np.asarray(data.value, np.int64), np.asarray(data.quality, np.int64))
    if None in ids:
        strays += tuple(_strays(sound, data, ids))
        rows = rows.where(series_id >= 0)
    return Sifted(sound.batch, sound.message, rows if len(rows) else None, strays=strays, latest_ms=_latest(data, ids))


def _latest(data: Columns, ids: Ids) -> dict[str, int]:
    times = data.measured_at_ms
    first = times[0]
    if times.count(first) == len(times) and None not in ids and len(ids) == len(times):  # one poll cycle, the usual case
        return dict.fromkeys([key.device for key in data.series], first)
    latest: dict[str, int] = {}
    for position, at in zip(data.index, times, strict=True):
        device = data.series[position].device
        if ids[position] is not None and at > latest.get(device, -1):
            latest[device] = at
    return latest


def _strays(sound: Sound, data: Columns, ids: Ids) -> Iterator[Poison]:
    """Readings without a series, as batches of their own that can be replayed once the registry knows the device."""
    for reason, known_quantity in ((UNKNOWN_QUANTITY, False), (UNKNOWN_DEVICE, True)):
        chosen = {n for n, key in enumerate(data.series) if ids[n] is None and (key.quantity in QUANTITIES) is known_quantity}
        keep = [n for n, position in enumerate(data.index) if position in chosen]
        if not keep:
            continue
        names = sorted({data.series[n].device if known_quantity else data.series[n].quantity for n in chosen})
        yield part(sound, data.pick(keep), reason, f"of {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}: {reason}")
