"""Facts for the rules: what each watch says of everything it can name, in one statement a watch.

A statement has rows (subject, place, value, data); value null is "nothing is known". A watch that fails or whose table does not exist yields no facts
at all, and the round says so: alarms stay as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from pydantic import ValidationError

from central.alarms.model import SITE, Fact
from central.consumption.days import day_of
from central.consumption.load import site_zone
from central.db.pool import Connection, DatabaseError
from central.db.statements import load_statements, rows
from central.fleet.suspects import Suspect, suspected_duplicates
from protocol.messages import LineHealth

log = logging.getLogger(__name__)

_SQL = load_statements("central.alarms")
_SETTLED_AFTER_MS = 26 * 3_600_000  # a day's completeness is judged from two in the morning on
Disk = Callable[[], int | None]  # free space below the data folder in percent; None: not known


@dataclass(frozen=True, slots=True)
class Watch:
    """How often it is asked, and the value of what it does not name (None: that is gone from the plan)."""

    every_s: int = 15
    absent: int | None = None


_NORMAL = Watch(absent=0)
_MINUTE, _MINUTE_NORMAL = Watch(60), Watch(60, 0)
_FIVE, _FIVE_NORMAL = Watch(300), Watch(300, 0)
WATCHES: Mapping[str, Watch] = MappingProxyType(
    {
        "platform_deaf": Watch(),
        "building_gateways": Watch(),
        "gateway_offline": Watch(),
        "gateway_never_seen": _NORMAL,
        "gateway_clock": Watch(),
        "gateway_document_refused": Watch(),
        "gateway_document_drift": Watch(),
        "gateway_backlog": _MINUTE,
        "gateway_outbox_days": _MINUTE,
        "gateway_outbox_full": _MINUTE_NORMAL,
        "sequence_gap": _NORMAL,
        "messages_lost": _MINUTE_NORMAL,
        "line_port": Watch(),
        "line_silent": Watch(),
        "line_timeouts": _MINUTE,
        "line_checksum": _MINUTE,
        "building_devices": _MINUTE,
        "device_silent": _MINUTE,
        "device_never_heard": _MINUTE_NORMAL,
        "device_clock": _MINUTE_NORMAL,
        "duplicate_address": _MINUTE_NORMAL,
        "iot_silent": _MINUTE,
        "iot_battery": _MINUTE,
        "iot_battery_flag": _MINUTE,
        "valve_fault": _MINUTE,
        "meter_burst": _MINUTE,
        "meter_tamper": _MINUTE,
        "leak": _FIVE_NORMAL,
        "leak_place": _FIVE_NORMAL,
        "completeness": _FIVE,
        "consumption_finding": _FIVE_NORMAL,
        "quarantine": Watch(),
        "ingest_stalled": Watch(),
        "consumption_stalled": _MINUTE,
        "export_stalled": _MINUTE,
        "disk_free": _MINUTE,
    }
)
ABSENT: Mapping[str, int | None] = MappingProxyType({name: watch.absent for name, watch in WATCHES.items()})


@dataclass(frozen=True, slots=True)
class Collected:
    """Facts by watch and subject. `failed`: watches that could not be asked, and why."""

    facts: Mapping[str, Mapping[str, Fact]]
    failed: Mapping[str, str]


def collect(conn: Connection, names: Iterable[str], now_ms: int, disk: Disk) -> Collected:
    """Ask some watches, each in a savepoint of its own."""
    zone = site_zone(conn)
    asked: dict[str, object] = {"now_ms": now_ms, "today": day_of(now_ms, zone), "judged_day": _judged_day(now_ms, zone)}
    facts: dict[str, Mapping[str, Fact]] = {}
    failed: dict[str, str] = {}
    for name in names:
        try:
            with conn.transaction():
                facts[name] = {fact.subject: fact for fact in _ask(conn, name, asked, disk)}
        except DatabaseError as error:
            log.warning("watch %s could not be asked, its alarms stay as they are: %s", name, error)
            failed[name] = str(error).splitlines()[0][:300]
    return Collected(facts, failed)


def _ask(conn: Connection, name: str, asked: Mapping[str, object], disk: Disk) -> Iterable[Fact]:
    if name == "disk_free":
        return [Fact(SITE, disk())]
    if name == "duplicate_address":
        return _duplicates(conn, asked)
    return (Fact(subject, value, place, data) for subject, place, value, data in conn.execute(_SQL[f"watch_{name}"], asked))


def _duplicates(conn: Connection, asked: Mapping[str, object]) -> Iterator[Fact]:
    suspects = [one for (line,) in conn.execute(_SQL["lines_with_trouble"], asked) for one in _suspects(line)]
    places = {row.code: row.place for row in rows(conn, _SQL["places_of_devices"], _Placed, codes=[one.device for one in suspects])}
    for one in suspects:
        if one.device in places:
            yield Fact(one.device, one.damaged_permille, places[one.device], {"line_permille": one.line_permille})


def _suspects(line: object) -> list[Suspect]:
    try:
        return suspected_duplicates(LineHealth.model_validate(line))
    except ValidationError:
        return []  # an agent of another version: nothing is suspected of it


@dataclass(frozen=True, slots=True)
class _Placed:
    code: str
    place: str


def _judged_day(now_ms: int, zone: str) -> date:
    return day_of(now_ms - _SETTLED_AFTER_MS, zone)  # yesterday, or before two the day before it
