"""A place by point: who used most, a page at a time. Points that measure others stand beside these, so the lines do not sum to the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.reports.changes import changes_of_parts
from central.reports.model import Beside, Change, Figure, Intensity, Medium
from central.reports.pairing import pair
from central.reports.place import facts_on, get_place, per_m2, per_person
from central.reports.span import Span
from central.reports.sums import Sum, counting, sums
from central.reports.weigh import Counting, Share, by_point

_SQL = load_statements("central.reports")
MAX_PAGE = 500
Sort = Literal["value", "code", "coverage"]


@dataclass(frozen=True, slots=True)
class PointLine:
    """One point. `device`, `maker`: what stood there last; `role`: in the tree of supply; intensities by the facts of its place."""

    code: str
    name_zh: str
    name_en: str
    place: str
    place_zh: str
    place_en: str
    device: str | None
    profile: str | None
    maker: str | None
    item: str | None
    role: str
    figure: Figure
    change: Change | None
    per_m2: Intensity
    per_person: Intensity


@dataclass(frozen=True, slots=True)
class PointPage:
    """Some points of a place, and how many there are."""

    rows: Sequence[PointLine]
    total: int


@dataclass(frozen=True, slots=True)
class _Row:
    code: str
    name_zh: str
    name_en: str
    place: str
    place_zh: str
    place_en: str
    profile: str | None
    device: str | None


def by_points(
    conn: Connection,
    period: Span,
    node: str,
    medium: Medium,
    beside: Beside = "none",
    *,
    sort: Sort = "value",
    descending: bool = True,
    offset: int = 0,
    limit: int = 50,
    q: str = "",
    item: str = "",
) -> PointPage:
    """Points in a place and below it. `q`: part of code or name; `item`: an item and those below it. Unknown values come last.

    Raises NotFound, ConfigError.
    """
    get_place(conn, node)
    last = period.part(period.reached, period.reached)
    points = {one.point: one for one in counting(conn, last, node, medium)}
    found = sums(conn, period, node, medium, by_point)
    codes = _chosen(conn, found, medium, q)
    if item:
        codes = [code for code in codes if code in points and (points[code].item or "").startswith(item)]
    ranked = _sorted(codes, found, sort, descending)
    page = ranked[offset : offset + min(limit, MAX_PAGE)]
    changes = _changes(conn, period, node, medium, beside, {code: found[code] for code in page}, list(points.values()))
    about = {one.code: one for one in rows(conn, _SQL["point_lines"], _Row, codes=page, day=period.reached)}
    facts = facts_on(conn, {one.place for one in about.values()}, period.reached)
    lines = []
    for one in (about[code] for code in page if code in about):
        figure, here = found[one.code].figure, facts[one.place]
        maker = None if one.profile is None else one.profile.partition("/")[0]
        point = points.get(one.code)
        use = (None if point is None else point.item, "sub" if point is None else point.role)
        names = (one.code, one.name_zh, one.name_en, one.place, one.place_zh, one.place_en, one.device, one.profile, maker)
        lines.append(PointLine(*names, *use, figure, changes.get(one.code), per_m2(figure, here), per_person(figure, here)))
    return PointPage(lines, len(ranked))


def _chosen(conn: Connection, found: Mapping[str, Sum], medium: Medium, q: str) -> list[str]:
    if not q:
        return list(found)
    text = q.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    called = {row[0] for row in conn.execute(_SQL["points_called"], {"medium": medium, "pattern": f"%{text}%"})}
    return [code for code in found if code in called]


def _sorted(codes: Sequence[str], found: Mapping[str, Sum], sort: Sort, descending: bool) -> list[str]:
    """By value, unknown ones last whichever way; equal ones by code."""
    by_code = sorted(codes, reverse=descending and sort == "code")
    if sort == "code":
        return by_code
    if sort == "coverage":
        return sorted(by_code, key=lambda code: found[code].figure.coverage, reverse=descending)
    known = [code for code in by_code if found[code].rows]
    sign = -1 if descending else 1
    return sorted(known, key=lambda code: sign * found[code].value) + [code for code in by_code if not found[code].rows]


def _changes(
    conn: Connection, period: Span, node: str, medium: Medium, beside: Beside, page: Mapping[str, Sum], points: Sequence[Counting]
) -> dict[str, Change]:
    """`points`: who counts on the last day."""
    paired = pair(conn, period, beside)
    if paired is None or not page:
        return {}

    def shown(points: Sequence[Counting]) -> list[Share]:
        return [share for share in by_point(points) if share[0] in page]

    return changes_of_parts(conn, period, node, medium, shown, paired, page, shown(points))
