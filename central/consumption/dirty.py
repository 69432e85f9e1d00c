"""What must be computed again: noted by whoever changed a fact it was computed from, in the transaction of that change."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from central.db.pool import Connection
from central.db.statements import load_statements, run

_SQL = load_statements("central.consumption")


def note_dirty(conn: Connection, points: Collection[str | int], from_at: datetime | None, to_at: datetime | None, reason: str) -> int:
    """Have points (codes or `metering_point.id`s) computed again between two instants (aware; None: from the first, to the last reading).

    Returns how many points were noted; unknown ones are not. Commit is the caller's, with the change itself.
    """
    codes = [point for point in points if isinstance(point, str)]
    ids = [point for point in points if not isinstance(point, str)]
    return run(conn, _SQL["note_dirty"], codes=codes, ids=ids, from_at=from_at, to_at=to_at, reason=reason)


def note_dirty_places(conn: Connection, places: Collection[str], from_day: date | None, to_day: date | None, reason: str) -> int:
    """Have the sums of places and of everything above them built again, both days included (None: all there are).

    For changes of the tree: the points' own figures stay. Returns how many places were noted.
    """
    return run(conn, _SQL["note_dirty_places"], places=list(places), from_day=from_day, to_day=to_day, reason=reason)


def note_dirty_media(conn: Connection, media: Collection[str], from_ms: int, to_ms: int | None, reason: str) -> int:
    """As `note_dirty`, for every point of some media that has figures from there on."""
    return run(conn, _SQL["note_dirty_media"], media=list(media), from_ms=from_ms, to_ms=to_ms, reason=reason)
