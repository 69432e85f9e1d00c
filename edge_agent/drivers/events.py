"""Event logs: how often something happened, and the records of what is new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edge_agent.drivers.asking import read_data
from edge_agent.drivers.procedure import Procedure
from edge_agent.drivers.stamps import decode_instant
from protocol.errors import DeviceRefused, PayloadError
from protocol.profile import Profile2007
from protocol.profile_logs import EventLog2007
from protocol.site_plan import Device
from protocol.wire import bcd

_OPERATOR_BYTES = 4


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One record of a log: the count the event had when it happened, and what the meter kept. Instants are the meter's own."""

    number: int
    begin: datetime | None
    end: datetime | None = None
    operator: str | None = None


def read_events(profile: Profile2007, device: Device, log: EventLog2007, last_count: int | None) -> Procedure[tuple[int, list[LoggedEvent]]]:
    """The log's count and the records that are new since it was `last_count`, oldest first; none when that is None or not below the count.

    A record the meter refuses or garbles is told without its instant, because its number is proof enough that it happened.
    """
    data = yield from read_data(profile, device, (log.count,))
    if len(data) < log.count_bytes:
        raise PayloadError(f"event count {log.count}: {len(data)} bytes, expected {log.count_bytes}", device=device.id)
    count = bcd.decode_bcd(data[: log.count_bytes])
    new = 0 if last_count is None else count - last_count
    records: list[LoggedEvent] = []
    for number in range(min(new, log.depth)):
        records.insert(0, (yield from _record(profile, device, log, number, count - number)))
    return count, records


def _record(profile: Profile2007, device: Device, log: EventLog2007, back: int, number: int) -> Procedure[LoggedEvent]:
    di = f"{int(log.record, 16) + back * log.step:08X}"
    try:
        data = yield from read_data(profile, device, (di,))
        begin = decode_instant(log.format, data, log.begin_at)
        end = None if log.end_at is None else decode_instant(log.format, data, log.end_at)
    except (DeviceRefused, PayloadError):
        return LoggedEvent(number, None)
    operator = b"" if log.operator_at is None else data[log.operator_at : log.operator_at + _OPERATOR_BYTES]
    return LoggedEvent(number, begin, end, operator[::-1].hex().upper() if len(operator) == _OPERATOR_BYTES else None)
