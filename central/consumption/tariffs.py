"""Tariff versions and calendar days as the database keeps them. A tariff is named after the medium it prices; days before its first one are flat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal

import numpy as np
import orjson

from central.consumption.days import bounds, month_of, quarters
from central.consumption.dirty import note_dirty_media
from central.consumption.model import RATES, Integers
from central.consumption.months import last_closed
from central.consumption.tariff import Tariff, kind_of, parse_tariff, rate_of_slots, version_of
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from protocol.errors import Conflict, NotFound

_SQL = load_statements("central.consumption")
_FLAT = RATES.index("flat")
MEDIA = ("electricity", "water")
RateOfSlot = Callable[[str, date], Integers]


@dataclass(frozen=True, slots=True)
class TariffVersion:
    """A version as stored."""

    tariff: str
    valid_from: date
    body: Mapping[str, Any]
    actor: str


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day that is not what its weekday says: `holiday` or `workday`."""

    day: date
    kind: Literal["holiday", "workday"]
    name_zh: str = ""
    name_en: str = ""


def load_rates(conn: Connection, zone: str) -> RateOfSlot:
    """`rates(medium, day)`: the place in RATES of every slot. Days are remembered, so the answer is one round's."""
    versions = parsed_versions(conn)
    calendar = {one.day: one.kind for one in calendar_days(conn)}

    @cache
    def rates(medium: str, day: date) -> Integers:
        version = version_of(versions.get(medium, ()), day)
        slots = quarters(day, zone)
        return np.full(len(slots), _FLAT, np.int64) if version is None else rate_of_slots(version[1], day, kind_of(day, calendar), slots)

    return rates


def parsed_versions(conn: Connection) -> dict[str, list[tuple[date, Tariff]]]:
    """Every tariff's versions in order, ready to compute with."""
    found: dict[str, list[tuple[date, Tariff]]] = {}
    for one in tariff_versions(conn):
        found.setdefault(one.tariff, []).append((one.valid_from, parse_tariff(one.body, f"{one.tariff} {one.valid_from}")))
    return found


def tariff_versions(conn: Connection) -> list[TariffVersion]:
    """Versions by tariff, oldest first."""
    return rows(conn, _SQL["tariff_versions"], TariffVersion)


def calendar_days(conn: Connection) -> list[CalendarDay]:
    """Days that are not what their weekday says."""
    return rows(conn, _SQL["calendar_days"], CalendarDay)


def put_tariff(conn: Connection, zone: str, tariff: str, valid_from: date, body: object, actor: str) -> None:
    """Write a version and have everything from its first day on computed again. Raises ConfigError, NotFound, and Conflict for a closed month."""
    if tariff not in MEDIA:
        raise NotFound(f"there is no tariff {tariff!r}; known are {', '.join(MEDIA)}")
    parse_tariff(body, f"{tariff} {valid_from}")
    _refuse_closed(conn, valid_from)
    run(conn, _SQL["put_tariff"], tariff=tariff, valid_from=valid_from, body=orjson.dumps(body).decode(), actor=actor)
    note_dirty_media(conn, [tariff], bounds(valid_from, zone)[0], None, f"tariff {tariff} from {valid_from}")


def put_calendar_days(conn: Connection, zone: str, given: Sequence[CalendarDay]) -> None:
    """Write calendar days and have them computed again. Raises Conflict for a closed month."""
    for one in given:
        _refuse_closed(conn, one.day)
    columns = {name: [getattr(one, name) for one in given] for name in ("day", "kind", "name_zh", "name_en")}
    run(conn, _SQL["put_calendar_days"], **columns)
    for one in given:
        start_ms, end_ms = bounds(one.day, zone)
        note_dirty_media(conn, MEDIA, start_ms, end_ms - 1, f"calendar day {one.day}")


def _refuse_closed(conn: Connection, day: date) -> None:
    newest = last_closed(conn)
    if newest is not None and month_of(day) <= newest:
        raise Conflict(f"{day} lies in a closed month (closed up to {newest:%Y-%m}); what was published keeps its tariff, choose a later day")
