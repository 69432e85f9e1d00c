"""The least flows of nights, taken from the day rows that changed since they were last taken."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from central.analytics.model import Night
from central.analytics.night_flow import Course, night_of, place_night
from central.consumption.days import quarters
from central.consumption.days_table import flags, parse_integers, parse_slots
from central.consumption.slots import SLOT_S
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run

_SQL = load_statements("central.analytics")
LOOK_BACK_NIGHTS = 60  # how late a reading may come and still be looked at
KEEP_NIGHTS = 400  # as evidence: a year beside this one
_BUILDING_DAYS = 7  # a building is watched while it has sums


@dataclass(frozen=True, slots=True)
class WaterPoint:
    """A point whose nights are watched. `room`: it serves one room, where nothing runs by right."""

    point_id: int
    code: str
    room: bool


def water_points(conn: Connection) -> list[WaterPoint]:
    """Every point of water that stands somewhere and is no check or virtual one."""
    return rows(conn, _SQL["water_points"], WaterPoint)


def water_buildings(conn: Connection, today: date) -> list[str]:
    """Every building that has sums of water."""
    return [row[0] for row in conn.execute(_SQL["water_buildings"], {"since": today - timedelta(days=_BUILDING_DAYS)})]


def take_point_nights(conn: Connection, zone: str, ids: Collection[int], today: date) -> int:
    """Take the nights of some points up to today's; returns how many were new or other than before."""
    found = rows(conn, _SQL["changed_point_days"], _PointDay, ids=list(ids), since=today - timedelta(days=LOOK_BACK_NIGHTS), until=today)
    return _put(conn, "point", [(row.code, night_of(row.course(zone)), row.version) for row in found])


def take_place_nights(conn: Connection, zone: str, codes: Collection[str], today: date) -> int:
    """The same of some buildings."""
    found = rows(conn, _SQL["changed_place_days"], _PlaceDay, codes=list(codes), since=today - timedelta(days=LOOK_BACK_NIGHTS), until=today)
    return _put(conn, "place", [(row.code, row.night(zone), row.version) for row in found])


def forget_nights(conn: Connection, today: date) -> int:
    """Delete what is older than the evidence that is kept."""
    return run(conn, _SQL["purge_nights"], before=today - timedelta(days=KEEP_NIGHTS))


@dataclass(frozen=True, slots=True)
class _PointDay:
    point_id: int
    code: str
    day: date
    version: int
    slots: str
    known: str | None
    pins: str
    seen: str
    made_up: str | None

    def course(self, zone: str) -> Course:
        amounts, has = parse_slots(self.slots)
        known = has if self.known is None else has & (parse_integers(self.known) == SLOT_S)
        made_up = np.zeros(len(amounts), np.bool_) if self.made_up is None else flags(self.made_up)
        return Course(self.day, quarters(self.day, zone), amounts, known, flags(self.pins), flags(self.seen), made_up)


@dataclass(frozen=True, slots=True)
class _PlaceDay:
    code: str
    day: date
    version: int
    slots: str
    known: str
    points: int

    def night(self, zone: str) -> Night:
        return place_night(self.day, quarters(self.day, zone), parse_integers(self.slots), parse_integers(self.known), self.points)


def _put(conn: Connection, about: str, found: Sequence[tuple[str, Night, int]]) -> int:
    if found:
        columns = {
            "code": [code for code, _, _ in found],
            "night": [night.day for _, night, _ in found],
            "basis": [night.basis for _, night, _ in found],
            "floor": [night.floor_l_day for _, night, _ in found],
            "whole": [night.whole for _, night, _ in found],
            "version": [version for _, _, version in found],
        }
        run(conn, _SQL["put_nights"], about=about, **columns)
    return len(found)
