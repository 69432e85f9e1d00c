"""Points nobody reads: sums and differences of others, slot by slot. Where an input is missing nothing is known; a negative rest stays negative."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import and_, or_

import numpy as np

from central.consumption.days import bounds
from central.consumption.days_table import DayChange, DayRow, Days, differences, present_days, to_figures, to_row, write_days
from central.consumption.findings import CYCLE, NEGATIVE, Found, Looked, record
from central.consumption.model import RATES, DayFigures
from central.consumption.slots import SLOT_S
from central.consumption.tariffs import RateOfSlot
from central.db.pool import Connection
from central.db.statements import load_statements, rows

_SQL = load_statements("central.consumption")
_RATE_NUMBERS = np.arange(len(RATES), dtype=np.int64)[:, None]
Terms = dict[int, list[tuple[int, int]]]  # point -> (input, coefficient)


@dataclass(frozen=True, slots=True)
class _TermRow:
    point_id: int
    input_id: int
    coefficient: int


@dataclass(slots=True)
class _Todo:
    """Days to compute, by point; grows as inputs change."""

    days: dict[int, set[date]] = field(default_factory=lambda: defaultdict(set))


def refresh_virtual(
    conn: Connection, zone: str, rates: RateOfSlot, media: Mapping[int, str], terms: Terms, changes: Sequence[DayChange], asked: Collection[Days]
) -> list[DayChange]:
    """Compute what depends on changed days, and the days asked for; write what differs. `terms`, `media`: of all points concerned."""
    if not terms:
        return []
    todo = _Todo()
    _spread(todo, terms, changes)
    for one in asked:
        todo.days[one.point_id].update(_days_with_rows(conn, terms, one))
    made: list[DayChange] = []
    for level in _levels(terms):
        done = _compute(conn, zone, rates, media, {point: terms[point] for point in level}, todo)
        _spread(todo, terms, done)
        made += done
    _note_cycles(conn, terms)
    return made


def load_terms(conn: Connection, ids: Collection[int]) -> Terms:
    """Terms of the virtual points among these, and of all that depend on any of these."""
    terms: Terms = {}
    for row in rows(conn, _SQL["virtual_terms"], _TermRow, ids=list(ids)):
        terms.setdefault(row.point_id, []).append((row.input_id, row.coefficient))
    return terms


def combine(day: date, inputs: Sequence[tuple[DayFigures | None, int]], rates: RateOfSlot, medium: str) -> DayFigures | None:
    """A day of a virtual point from its inputs' (figures, coefficient): known where all of them are known whole; None where nothing is."""
    figures = [(one, sign) for one, sign in inputs if one is not None]
    if len(figures) < len(inputs) or not figures:
        return None
    whole = reduce(and_, (one.known_s == SLOT_S for one, _ in figures))
    if not whole.any():
        return None
    slots = np.where(whole, sum(sign * one.slots for one, sign in figures), 0)
    return DayFigures(
        day=day,
        slots=slots,
        known_s=np.where(whole, SLOT_S, 0),
        pins=reduce(and_, (one.pins for one, _ in figures)),
        seen=reduce(and_, (one.seen for one, _ in figures)),
        made_up=reduce(or_, (one.made_up for one, _ in figures)),
        rates=(rates(medium, day) == _RATE_NUMBERS) @ slots,
        first=None,
        last=None,
        pending=any(one.pending for one, _ in figures),
    )


def _spread(todo: _Todo, terms: Terms, changes: Sequence[DayChange]) -> None:
    changed = defaultdict(set)
    for change in changes:
        point, day = change.key
        changed[point].add(day)
    for point, inputs in terms.items():
        for one, _ in inputs:
            if one in changed:
                todo.days[point] |= changed[one]


def _days_with_rows(conn: Connection, terms: Terms, asked: Days) -> set[date]:
    ids = [asked.point_id, *(one for one, _ in terms.get(asked.point_id, ()))]
    return {day for _, day in present_days(conn, [Days(point, asked.since, asked.until) for point in ids])}


def _levels(terms: Terms) -> Iterator[list[int]]:
    """Points whose inputs are done, level by level; those that depend on themselves never come up."""
    open_points = set(terms)
    while open_points:
        ready = sorted(point for point in open_points if not any(one in open_points for one, _ in terms[point]))
        if not ready:
            return
        yield ready
        open_points -= set(ready)


def _compute(conn: Connection, zone: str, rates: RateOfSlot, media: Mapping[int, str], terms: Terms, todo: _Todo) -> list[DayChange]:
    wanted = {point: todo.days[point] for point in terms if todo.days[point]}
    if not wanted:
        return []
    asked = [Days(one, min(days), max(days)) for point, days in wanted.items() for one in (point, *(given for given, _ in terms[point]))]
    rows_by_key = present_days(conn, asked)
    present = [rows_by_key[point, day] for point, days in wanted.items() for day in days if (point, day) in rows_by_key]
    computed: list[DayRow] = []
    for point, days in wanted.items():
        for day in days:
            inputs = [(rows_by_key.get((one, day)), sign) for one, sign in terms[point]]
            figures = combine(day, [(None if row is None else to_figures(row), sign) for row, sign in inputs], rates, media[point])
            row = None if figures is None else to_row(point, figures)
            if row is not None:
                computed.append(row)
    changes = differences(present, computed)
    write_days(conn, changes)
    _note_negative(conn, zone, wanted, computed)
    return changes


def _note_negative(conn: Connection, zone: str, wanted: Mapping[int, set[date]], computed: Sequence[DayRow]) -> None:
    looked = [Looked(point, bounds(day, zone)[0] + 1, bounds(day, zone)[1]) for point, days in wanted.items() for day in days]
    found = [
        Found(NEGATIVE, row.point_id, *bounds(row.day, zone), {"day": row.day.isoformat(), "value": row.value}) for row in computed if row.value < 0
    ]
    record(conn, (NEGATIVE,), looked, found)


def _note_cycles(conn: Connection, terms: Terms) -> None:
    done = {point for level in _levels(terms) for point in level}
    found = [Found(CYCLE, point, 0, None, {"inputs": ",".join(str(one) for one, _ in terms[point])}) for point in sorted(set(terms) - done)]
    record(conn, (CYCLE,), [Looked(point, 0, None) for point in sorted(done)], found)
