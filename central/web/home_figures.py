"""What the home page and the wall show of a node: health, what it uses, its buildings, the last thirty days by the hour. A fixed number of
statements whatever the site's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from central.completeness.model import share_bp
from central.consumption.days import bounds, day_of
from central.consumption.days_table import Days, parse_integers, present_days, to_figures
from central.consumption.places import place_days_between
from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.identity.scope import Scope
from central.metering.model import ONLINE_WITHIN_S, STALE_WITHIN_S
from central.web.node import Node
from central.web.so_far import HEAT_DAYS, DayShape, SoFar, full_quarters, hours, so_far

_SQL = load_statements("central.web")
_QUARTER_MS = 900_000
MEDIA = ("electricity", "water")
MAX_TILES = 200
TROUBLE_BP, LOOK_BP = 5_000, 9_500  # of a building's devices online: below the first it is in trouble, below the second somebody should look


@dataclass(frozen=True, slots=True)
class Health:
    """`received_ms`: newest message of the node's gateways. Completeness counts reading periods of today that were due."""

    devices: int
    online: int
    late: int
    silent: int
    never: int
    gateways: int
    gateways_online: int
    gateways_never: int
    readings_last_hour: int
    received_ms: int | None
    due: int
    measured: int
    made_up: int
    oldest_code: str | None
    oldest_zh: str | None
    oldest_en: str | None
    oldest_ms: int | None

    @property
    def online_bp(self) -> int | None:
        """Share of the devices online, in basis points."""
        return share_bp(self.online, self.devices)

    @property
    def measured_bp(self) -> int | None:
        """采集成功率 of today so far, without what was made up."""
        return share_bp(self.measured, self.due)

    @property
    def made_up_bp(self) -> int | None:
        """What was made up, of what was due."""
        return share_bp(self.made_up, self.due)


@dataclass(frozen=True, slots=True)
class Tile:
    """A building (or whatever lies below the node) with what is wrong in it."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    devices: int
    online: int
    never: int
    alarms: int
    urgent: int

    @property
    def online_bp(self) -> int | None:
        """Share of the devices online, in basis points."""
        return share_bp(self.online, self.devices)

    @property
    def state(self) -> str:
        """bad, warn, ok, or idle where nothing can be said."""
        share = self.online_bp
        if self.urgent or (share is not None and share < TROUBLE_BP and self.never < self.devices):
            return "bad"
        if self.alarms or (share is not None and share < LOOK_BP and self.never < self.devices):
            return "warn"
        return "idle" if share is None or self.never == self.devices else "ok"


@dataclass(frozen=True, slots=True)
class HeatDay:
    """A day by the hour in base units; None where it is not all known."""

    day: date
    hours: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Use:
    """`media`: electricity, then water. `heat`: electricity, oldest day first. `full_ms`: end of the newest full quarter, None without one."""

    media: Sequence[SoFar]
    heat: Sequence[HeatDay]
    full_ms: int | None


def scope_of(node: Node, scope: Scope) -> Scope:
    """The filter for everything in the node; None where that is the whole site, which needs no filter."""
    whole = scope is None and node.tops == len(node.places) and len(node.way) < 2
    return None if whole else node.scope


def load_health(conn: Connection, scope: Scope, today: date) -> Health:
    """Devices and gateways as they are now, readings of the last hour, and how complete today is."""
    limits = {"online_s": ONLINE_WITHIN_S, "stale_s": STALE_WITHIN_S}
    return one(conn, _SQL["home_health"], Health, "a count has a row", scope=scope, day=today, **limits)


def load_tiles(conn: Connection, node: Node) -> list[Tile]:
    """The buildings below the node in the plan's order, or what lies directly below where there is none; at most MAX_TILES."""
    children = [child.code for child in node.children]
    return rows(conn, _SQL["home_tiles"], Tile, places=node.scope, children=children, online_s=ONLINE_WITHIN_S, limit=MAX_TILES)


def load_use(conn: Connection, node: Node, zone: str, now_ms: int) -> Use:
    """What the node used today and before, from its places' day sums; a room's from its points."""
    today = day_of(now_ms, zone)
    elapsed = int((now_ms - bounds(today, zone)[0]) // _QUARTER_MS)
    since = today - timedelta(days=max(HEAT_DAYS - 1, today.day - 1))
    shapes = _room_shapes(conn, node.code, since, today) if node.kind == "room" else _shapes(conn, node.places, since, today)
    media = [so_far(medium, today, elapsed, shapes.get(medium, {})) for medium in MEDIA]
    days = shapes.get(MEDIA[0], {})
    full = max((medium.quarters for medium in media), default=0)
    heat = []
    for back in range(HEAT_DAYS - 1, -1, -1):
        day = today - timedelta(days=back)
        heat.append(HeatDay(day, hours(days.get(day), full_quarters(days.get(day), elapsed) if day == today else None)))
    return Use(media, heat, bounds(today, zone)[0] + full * _QUARTER_MS if full else None)


def _shapes(conn: Connection, places: Sequence[str], since: date, until: date) -> dict[str, dict[date, DayShape]]:
    """Medium -> day -> its shape, summed over the places."""
    found: dict[str, dict[date, DayShape]] = {medium: {} for medium in MEDIA}
    for row in place_days_between(conn, list(places), since, until):
        shape = DayShape(parse_integers(row.slots), parse_integers(row.known), row.points)
        days = found.setdefault(row.medium, {})
        days[row.day] = _added(days[row.day], shape) if row.day in days else shape
    return found


def _room_shapes(conn: Connection, room: str, since: date, until: date) -> dict[str, dict[date, DayShape]]:
    """The same from the days of the room's points."""
    media = {point.id: point.medium for point in rows(conn, _SQL["room_points"], _RoomPoint, room=room)}
    found: dict[str, dict[date, DayShape]] = {medium: {} for medium in MEDIA}
    points = {medium: sum(one == medium for one in media.values()) for medium in media.values()}
    for (point_id, day), row in present_days(conn, [Days(point_id, since, until) for point_id in media]).items():
        figures = to_figures(row)
        shape = DayShape(figures.slots, (figures.known_s >= _QUARTER_MS // 1000).astype(np.int64), points[media[point_id]])
        days = found.setdefault(media[point_id], {})
        days[day] = DayShape(days[day].slots + shape.slots, days[day].known + shape.known, shape.points) if day in days else shape
    return found


@dataclass(frozen=True, slots=True)
class _RoomPoint:
    id: int
    medium: str


def _added(one_shape: DayShape, other: DayShape) -> DayShape:
    return DayShape(np.add(one_shape.slots, other.slots), np.add(one_shape.known, other.known), one_shape.points + other.points)
