"""A point hangs somewhere else from some day on: what was before that day stays where it was.

Closed months: refused. Their reports show the tree they were closed with, and an adjustment belongs to a point, not to a place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydantic import Field

from central.consumption.days import day_of, month_of
from central.consumption.load import site_zone
from central.db.pool import Connection
from central.db.statements import load_statements, one, rows, run
from central.fleet.desired import refresh_documents
from central.identity.audit import record
from central.metering.drift import note_edit
from central.metering.positions import Moved, note_moved, open_positions
from protocol.errors import Conflict, NotFound
from protocol.record import Record
from protocol.site_plan import Id, Role, circle_above

_SQL = load_statements("central.metering")


class Move(Record):
    """A move from `from_day` (local) on. What is not given stays; `no_upstream` takes the point out from below any other."""

    point: Id
    from_day: date
    place: Id | None = None
    upstream: Id | None = None
    no_upstream: bool = False
    role: Role | None = None
    reason: str = Field(min_length=3, max_length=1000)


@dataclass(frozen=True, slots=True)
class PointMoved:
    """Where the point hung and where it hangs now."""

    point: str
    from_day: date
    before: dict[str, str | None]
    after: dict[str, str | None]
    preview: bool


@dataclass(frozen=True, slots=True)
class _Position:
    point: str
    medium: str
    place: str
    upstream: str | None
    role: str
    since: str
    device: str | None
    gateway: str | None


@dataclass(frozen=True, slots=True)
class _Above:
    point: str
    upstream: str | None
    medium: str


def move_point(conn: Connection, move: Move, actor: str, now_ms: int, preview: bool = False) -> PointMoved:
    """Hang a point elsewhere, in one transaction; its device goes with it. Raises NotFound for an unknown point, Conflict for what cannot be."""
    with conn.transaction(force_rollback=preview):
        run(conn, _SQL["lock_registry"])
        here = one(conn, _SQL["position"], _Position, f"there is no point {move.point!r}", point=move.point)
        before = {"place": here.place, "upstream": here.upstream, "role": here.role}
        after = before | move.model_dump(include={"place", "upstream", "role"}, exclude_none=True) | ({"upstream": None} if move.no_upstream else {})
        today = day_of(now_ms, site_zone(conn))
        _check(conn, here, move, before, after, today)
        moved = Moved(here.point, str(after["place"]), after["upstream"], str(after["role"]), here.place, move.from_day.isoformat())
        open_positions(conn, [moved])
        note_moved(conn, [moved], today, "point moved")
        if here.device is not None and after["place"] != here.place:
            run(conn, _SQL["set_device_place"], device=here.device, place=after["place"])
            refresh_documents(conn, {here.gateway})
        what = f"point {here.point} was moved from {move.from_day} on"
        note_edit(conn, here.point, "position", before, after, what, actor)
        record(conn, actor, "point.moved", here.point, {"from_day": move.from_day, "before": before, "after": after, "reason": move.reason})
        return PointMoved(here.point, move.from_day, before, after, preview)


def _check(conn: Connection, here: _Position, move: Move, before: dict[str, str | None], after: dict[str, str | None], today: date) -> None:
    wrong: list[str] = []
    if after == before:
        wrong.append("it hangs there already")
    if here.role == "virtual":
        wrong.append("it is virtual; change it in the site plan")
    if move.from_day > today:
        wrong.append(f"from_day {move.from_day} lies ahead; move it that day")
    if here.since != "-infinity" and move.from_day.isoformat() < here.since:
        wrong.append(f"it was moved on {here.since} already; move it from that day or a later one")
    closed = [row[0] for row in conn.execute(_SQL["closed_since"], {"month": month_of(move.from_day)})]
    if closed:
        wrong.append(f"months are closed ({', '.join(closed)}), and their reports keep the tree they were closed with; move it from an open month on")
    if not conn.execute(_SQL["place_known"], {"place": after["place"]}).fetchone():
        raise NotFound(f"there is no place {after['place']!r}")
    wrong += _upstream_mistakes(conn, here, after["upstream"])
    if wrong:
        raise Conflict(f"point {here.point!r} cannot be moved: {'; '.join(wrong)}", problems=wrong)


def _upstream_mistakes(conn: Connection, here: _Position, upstream: str | None) -> list[str]:
    if upstream is None:
        return []
    points = {row.point: row for row in rows(conn, _SQL["points_above"], _Above)}
    if upstream not in points:
        return [f"there is no point {upstream!r} to hang it below"]
    if points[upstream].medium != here.medium:
        return [f"it measures {here.medium} and {upstream!r} {points[upstream].medium}"]
    circle = circle_above(here.point, {row.point: row.upstream for row in points.values()} | {here.point: upstream})
    return [f"it would be above itself: {' -> '.join(circle)}"] if circle else []
