"""Where points hang, as history by local day: a change closes the old row today and opens a new one; what was before it stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import orjson

from central.consumption.days import bounds, day_of
from central.consumption.dirty import note_dirty, note_dirty_places
from central.db.pool import Connection
from central.db.statements import load_statements, number, rows, run

_SQL = load_statements("central.metering")
_EVER = "-infinity"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a point is to hang from now on."""

    point: str
    place: str
    upstream: str | None
    role: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A position that differs from what stands. `from_day`: first day of the new one, ISO or '-infinity'; `old_place`: None for a new point."""

    point: str
    place: str
    upstream: str | None
    role: str
    old_place: str | None
    from_day: str


def place_points(conn: Connection, wanted: Sequence[Position], removed: Collection[str], zone: str) -> None:
    """Bring positions in line, from today on; on a point's first day what stands is replaced. Sums of the places touched are noted for rebuilding."""
    now_ms = number(conn, _SQL["transaction_ms"])
    today = day_of(now_ms, zone)
    asked = {"rows": orjson.dumps(wanted).decode(), "day": today, "midnight_ms": bounds(today, zone)[0]}
    moved = rows(conn, _SQL["positions_to_move"], Moved, **asked)
    open_positions(conn, moved)
    first_plan = number(conn, _SQL["plans_count"]) == 0
    if not first_plan:
        note_moved(conn, moved, today, "plan: position")
        note_dirty_places(conn, _places_below(conn, removed, today), today, None, "plan: point removed")


def open_positions(conn: Connection, moved: Sequence[Moved]) -> None:
    """Close what stands the day the new rows begin, and open these."""
    days = [one.from_day for one in moved]
    points = [one.point for one in moved]
    run(conn, _SQL["close_positions"], points=points, days=days)
    columns = {"places": [one.place for one in moved], "upstreams": [one.upstream for one in moved], "roles": [one.role for one in moved]}
    run(conn, _SQL["open_positions"], points=points, days=days, **columns)


def note_moved(conn: Connection, moved: Sequence[Moved], today: date, reason: str) -> None:
    """Old and new places of the points, and of those that hang below them: what hangs where decides what a sum counts."""
    for from_day in {one.from_day for one in moved}:
        some = [one for one in moved if one.from_day == from_day]
        since = None if from_day == _EVER else date.fromisoformat(from_day)
        changed = [one.point for one in some if one.old_place is not None]
        places = {one.old_place for one in some if one.old_place is not None} | set(_places_below(conn, changed, since or today))
        note_dirty_places(conn, places, since, None, reason)
        note_dirty_places(conn, {one.place for one in some if one.old_place is None} - places, today, None, reason)


def _places_below(conn: Connection, points: Collection[str], day: date) -> list[str]:
    return [row[0] for row in conn.execute(_SQL["places_below_points"], {"points": list(points), "day": day})] if points else []


def set_terms(conn: Connection, terms: Mapping[str, Mapping[str, int]]) -> None:
    """What virtual points consist of; they are computed anew."""
    listed = [(point, term, coefficient) for point, given in terms.items() for term, coefficient in given.items()]
    run(conn, _SQL["clear_terms"], points=list(terms))
    if listed:
        points, inputs, coefficients = zip(*listed, strict=True)
        run(conn, _SQL["write_terms"], points=list(points), inputs=list(inputs), coefficients=list(coefficients))
    note_dirty(conn, list(terms), None, None, "plan: virtual point")
