"""Day rows as the table keeps them: DayFigures to columns and back, what stands there, and writing only what differs.

Arrays travel as PostgreSQL's own text: a row that stands is compared without being parsed, and one statement writes any number of rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np

from central.consumption.model import DayFigures, Flags, Integers
from central.consumption.slots import SLOT_S
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from protocol.errors import Refused

_SQL = load_statements("central.consumption")
_INT4 = 2**31 - 1


@dataclass(frozen=True, slots=True)
class DayRow:
    """One row of consumption_day without its version; arrays and bits as text."""

    point_id: int
    day: date
    value: int
    known_s: int
    slots: str
    known: str | None
    pins: str
    seen: str
    made_up: str | None
    rates: str
    first_at_ms: int | None
    first_value: int | None
    last_at_ms: int | None
    last_value: int | None
    pending: bool


COLUMNS = tuple(field.name for field in fields(DayRow))


def to_row(point_id: int, figures: DayFigures) -> DayRow | None:
    """The row of a day; None for a day of which nothing is known and nothing was read. Raises Refused beyond what a slot can hold."""
    known_s, slots = figures.known_s, figures.slots
    total_s = int(known_s.sum())
    if not total_s and figures.first is None and not figures.seen.any() and not figures.pending:
        return None
    if len(slots) and max(int(slots.max()), -int(slots.min())) > _INT4:
        raise Refused(
            f"a quarter of an hour of {figures.day} would hold {int(slots.max())}, more than a slot can; check ratio and meter constant of the point"
        )
    (first_at_ms, first_value), (last_at_ms, last_value) = figures.first or (None, None), figures.last or (None, None)
    whole = bool(((known_s == 0) | (known_s == SLOT_S)).all())
    return DayRow(
        point_id,
        figures.day,
        figures.value,
        total_s,
        _array(slots, known_s > 0),
        None if whole else _array(known_s),
        _bits(figures.pins),
        _bits(figures.seen),
        _bits(figures.made_up) if figures.made_up.any() else None,
        _array(figures.rates),
        first_at_ms,
        first_value,
        last_at_ms,
        last_value,
        figures.pending,
    )


def to_figures(row: DayRow) -> DayFigures:
    """The figures of a row as it stands."""
    slots, has = parse_slots(row.slots)
    known_s = parse_integers(row.known) if row.known is not None else np.where(has, SLOT_S, 0)
    made_up = flags(row.made_up) if row.made_up is not None else np.zeros(len(slots), np.bool_)
    first = None if row.first_at_ms is None or row.first_value is None else (row.first_at_ms, row.first_value)
    last = None if row.last_at_ms is None or row.last_value is None else (row.last_at_ms, row.last_value)
    return DayFigures(row.day, slots, known_s, flags(row.pins), flags(row.seen), made_up, parse_integers(row.rates), first, last, row.pending)


def parse_slots(text: str) -> tuple[Integers, Flags]:
    """Slots with 0 for null, and which are not null."""
    parts = text[1:-1].split(",")
    has = np.fromiter((part != "NULL" for part in parts), np.bool_, len(parts))
    return parse_integers(text.replace("NULL", "0")), has


def parse_integers(text: str) -> Integers:
    """An array of integers in PostgreSQL's text form."""
    return np.fromstring(text[1:-1], np.int64, sep=",")


def flags(text: str) -> Flags:
    """A bit string as booleans."""
    marks: Flags = np.frombuffer(text.encode(), np.uint8) == ord("1")
    return marks


@dataclass(frozen=True, slots=True)
class Days:
    """Days of a point that are asked for, both included; `until` None: to the last one."""

    point_id: int
    since: date
    until: date | None


def present_days(conn: Connection, wanted: Collection[Days]) -> dict[tuple[int, date], DayRow]:
    """The rows that stand, by point and day."""
    if not wanted:
        return {}
    found = rows(
        conn,
        _SQL["present_days"],
        DayRow,
        ids=[one.point_id for one in wanted],
        since=[one.since for one in wanted],
        until=[one.until for one in wanted],
    )
    return {(row.point_id, row.day): row for row in found}


@dataclass(frozen=True, slots=True)
class DayChange:
    """A day row before and after; None where there is none."""

    before: DayRow | None
    after: DayRow | None

    @property
    def key(self) -> tuple[int, date]:
        """Point and day."""
        row = self.after or self.before
        assert row is not None  # noqa: S101 - a change has a side
        return row.point_id, row.day


def differences(present: Iterable[DayRow], computed: Iterable[DayRow]) -> list[DayChange]:
    """What has to be written so that `computed` stands where `present` does; days only present go."""
    before = {(row.point_id, row.day): row for row in present}
    after = {(row.point_id, row.day): row for row in computed}
    keys = sorted(before.keys() | after.keys())
    return [DayChange(before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


def write_days(conn: Connection, changes: Sequence[DayChange]) -> None:
    """Write the changed days: new ones, changed ones as their next version, empty ones gone."""
    written = [change.after for change in changes if change.after is not None]
    gone = [change.key for change in changes if change.after is None]
    if written:
        run(conn, _SQL["write_days"], **{name: column([getattr(row, name) for row in written]) for name in COLUMNS})
    if gone:
        run(conn, _SQL["delete_days"], ids=[point for point, _ in gone], days=[day for _, day in gone])


def column(values: Sequence[object]) -> str:
    """Numbers, dates, truth values, and texts without quotes or backslashes as one array in PostgreSQL's text form; fast, and so for bulk."""
    return "{" + ",".join(["NULL" if value is None else f'"{value}"' for value in values]) + "}"


def _array(values: Integers, has: Flags | None = None) -> str:
    if has is None or has.all():
        return "{" + ",".join(map(str, values.tolist())) + "}"
    return "{" + ",".join([str(value) if there else "NULL" for value, there in zip(values.tolist(), has.tolist(), strict=True)]) + "}"


def _bits(marks: Flags) -> str:
    return (marks.astype(np.uint8) + ord("0")).tobytes().decode()
