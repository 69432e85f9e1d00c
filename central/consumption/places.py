"""Sums of campus, zones, buildings and floors: kept by adding what a point's day changed by, built anew from point rows after the tree changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache

import numpy as np

from central.consumption.days import month_of
from central.consumption.days_table import DayChange, column, parse_integers, parse_slots
from central.consumption.model import RATES, Integers
from central.consumption.slots import SLOT_S
from central.consumption.tree import Tree, counts_in, load_tree, points_in
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run

_SQL = load_statements("central.consumption")
Key = tuple[str, str, date]  # place, medium, day (or month)
PointCount = Callable[[Key], int]


@dataclass(frozen=True, slots=True)
class PlaceDay:
    """One row of place_day without its version; arrays as text."""

    place: str
    medium: str
    day: date
    value: int
    points: int
    slots: str
    known: str
    rates: str


@dataclass(frozen=True, slots=True)
class PlaceMonth:
    """One row of place_month without its version."""

    place: str
    medium: str
    month: date
    value: int
    points_s: int
    known_s: int
    rates: str


@dataclass(slots=True)
class Sums:
    """Running sums of a place's day; differences may be negative."""

    value: int
    slots: Integers
    known: Integers
    rates: Integers

    def add(self, other: Sums, sign: int) -> None:
        """Add (or take away) another."""
        self.value += sign * other.value
        self.slots += sign * other.slots
        self.known += sign * other.known
        self.rates += sign * other.rates


def add_changes(conn: Connection, tree: Tree, changes: Iterable[DayChange], media: Mapping[int, str], count: PointCount) -> None:
    """Carry changed day rows of points into the sums they count in."""
    deltas: dict[Key, Sums] = {}
    for change in changes:
        point_id, day = change.key
        places = counts_in(tree, point_id, day)
        if not places:
            continue
        delta = _delta(change)
        for place in places:
            key = (place, media[point_id], day)
            if key in deltas:
                deltas[key].add(delta, 1)
            else:
                deltas[key] = Sums(delta.value, delta.slots.copy(), delta.known.copy(), delta.rates.copy())
    if deltas:
        present = _present_days(conn, deltas)
        for key, row in present.items():
            deltas[key].add(sums_of(row.value, row.slots, row.known, row.rates), 1)
        _store(conn, present, deltas, count)


def rebuild_places(conn: Connection, zone: str, places: Collection[str], since: date, until: date) -> int:
    """Build the sums of places anew from point rows, both days included; returns how many day rows were written or removed."""
    tree = load_tree(conn, zone, None)
    wanted = set(places)
    under = [point for point, code in tree.codes.items() if any(wanted & set(tree.sums.get(one.place, ())) for one in tree.positions[code])]
    present = {(row.place, row.medium, row.day): row for row in place_days_between(conn, wanted, since, until)}
    return _store(conn, present, point_sums(conn, tree, under, wanted, since, until), point_counter(lambda: tree))


def point_sums(conn: Connection, tree: Tree, points: Collection[int], wanted: Collection[str], since: date, until: date) -> dict[Key, Sums]:
    """What point rows make of the wanted places, day by day."""
    sums: dict[Key, Sums] = {}
    with conn.cursor() as cursor:
        for point_id, day, medium, value, slots, known, rates in cursor.stream(
            _SQL["counted_days"], {"ids": list(points), "since": since, "until": until}, size=500
        ):
            here = [place for place in counts_in(tree, point_id, day) if place in wanted]
            one = _point_sums(value, slots, known, rates) if here else None
            for place in here:
                assert one is not None  # noqa: S101 - made for here
                total = sums.setdefault((place, medium, day), _zeros(len(one.slots)))
                total.add(one, 1)
    return sums


def point_counter(tree: Callable[[], Tree]) -> PointCount:
    """How many points count in a place on a day, by the whole tree; the tree is asked for when first needed, each day is counted once."""
    whole = cache(tree)
    counted = cache(lambda medium, day: points_in(whole(), medium, day))
    return lambda key: counted(key[1], key[2])[key[0]]


def place_days_between(conn: Connection, places: Collection[str], since: date, until: date) -> list[PlaceDay]:
    """Rows of places, both days included."""
    return rows(conn, _SQL["place_days_between"], PlaceDay, places=list(places), since=since, until=until)


def to_place_day(key: Key, sums: Sums, points: int) -> PlaceDay | None:
    """The row of a place's day; None where nothing is known."""
    if not sums.known.any() and not sums.slots.any() and not sums.value:
        return None
    return PlaceDay(*key, sums.value, points, _text(sums.slots), _text(sums.known), _text(sums.rates))


def sums_of(value: int, slots: str, known: str, rates: str) -> Sums:
    """Sums of a place row."""
    return Sums(value, parse_integers(slots), parse_integers(known), parse_integers(rates))


def months_of_days(conn: Connection, keys: Collection[Key]) -> dict[Key, PlaceMonth]:
    """What the day rows make of places' months."""
    found = rows(conn, _SQL["place_months_of_days"], PlaceMonth, **_columns(keys, "months"))
    return {(row.place, row.medium, row.month): row for row in found if row.points_s}


def present_months(conn: Connection, keys: Collection[Key]) -> dict[Key, PlaceMonth]:
    """Month rows of places that stand."""
    found = rows(conn, _SQL["present_place_months"], PlaceMonth, **_columns(keys, "months"))
    return {(row.place, row.medium, row.month): row for row in found}


def _delta(change: DayChange) -> Sums:
    row = change.after or change.before
    assert row is not None  # noqa: S101 - a change has a side
    delta = _zeros(len(row.seen))
    for side, sign in ((change.after, 1), (change.before, -1)):
        if side is not None:
            delta.add(_point_sums(side.value, side.slots, side.known, side.rates), sign)
    return delta


def _point_sums(value: int, slots: str, known: str | None, rates: str) -> Sums:
    amounts, has = parse_slots(slots)
    whole = has if known is None else parse_integers(known) == SLOT_S
    return Sums(value, amounts, whole.astype(np.int64), parse_integers(rates))


def _zeros(slots: int) -> Sums:
    return Sums(0, np.zeros(slots, np.int64), np.zeros(slots, np.int64), np.zeros(len(RATES), np.int64))


def _store(conn: Connection, present: Mapping[Key, PlaceDay], sums: Mapping[Key, Sums], count: PointCount) -> int:
    """Write the day rows that differ (a row that stands keeps its count of points unless built anew) and the months above them."""
    built = {key: to_place_day(key, total, present[key].points if key in present else count(key)) for key, total in sums.items()}
    written = [row for key, row in built.items() if row is not None and row != present.get(key)]
    gone = [key for key in present if built.get(key) is None]
    if written:
        run(conn, _SQL["write_place_days"], **_fields(written, PlaceDay))
    if gone:
        run(conn, _SQL["delete_place_days"], **_columns(gone, "days"))
    refresh_place_months(
        conn, sorted({(place, medium, month_of(day)) for place, medium, day in [*gone, *((w.place, w.medium, w.day) for w in written)]})
    )
    return len(written) + len(gone)


def refresh_place_months(conn: Connection, keys: Sequence[Key]) -> None:
    """Write places' months anew from their days where they differ."""
    if not keys:
        return
    due, present = months_of_days(conn, keys), present_months(conn, keys)
    written = [row for key, row in due.items() if row != present.get(key)]
    gone = [key for key in present if key not in due]
    if written:
        run(conn, _SQL["write_place_months"], **_fields(written, PlaceMonth))
    if gone:
        run(conn, _SQL["delete_place_months"], **_columns(gone, "months"))


def _present_days(conn: Connection, keys: Collection[Key]) -> dict[Key, PlaceDay]:
    found = rows(conn, _SQL["present_place_days"], PlaceDay, **_columns(keys, "days"))
    return {(row.place, row.medium, row.day): row for row in found}


def _columns(keys: Collection[Key], when: str) -> dict[str, list[object]]:
    return {"places": [key[0] for key in keys], "media": [key[1] for key in keys], when: [key[2] for key in keys]}


def _fields(found: Sequence[PlaceDay] | Sequence[PlaceMonth], kind: type[PlaceDay] | type[PlaceMonth]) -> dict[str, list[object] | str]:
    """Columns of rows; those with arrays in them as text made here, at a fraction of the cost."""
    columns = {field.name: [getattr(row, field.name) for row in found] for field in fields(kind)}
    return {name: column(values) if name in ("slots", "known", "rates") else values for name, values in columns.items()}


def _text(values: Integers) -> str:
    return "{" + ",".join(map(str, values.tolist())) + "}"
