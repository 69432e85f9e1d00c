"""A place by who made its meters: makers or profiles. Each point of the place's sum counts for the model that stands there."""

from __future__ import annotations

from functools import cache
from typing import Literal

from central.db.pool import Connection
from central.db.statements import load_statements
from central.reports.changes import changes_of_parts
from central.reports.model import Beside, Breakdown, Line, Medium
from central.reports.pairing import pair
from central.reports.place import get_place
from central.reports.span import Span
from central.reports.sums import Sum, counting, sums
from central.reports.weigh import REST, TOTAL, Weigh, by_key, with_total
from firmware_profiles.loader import load_profiles

_SQL = load_statements("central.reports")
By = Literal["maker", "profile"]


def by_maker(conn: Connection, period: Span, node: str, medium: Medium, by: By = "maker", beside: Beside = "none") -> Breakdown:
    """Makers (or profiles) of the place's points, largest first. Raises NotFound, ConfigError."""
    get_place(conn, node)
    today = counting(conn, period.part(period.reached, period.reached), node, medium)
    start = counting(conn, period, node, medium)
    keys = _keys(conn, [one.point_id for one in (*today, *start)], period.end_ms, by)
    weigh: Weigh = lambda points: by_key(points, keys)  # noqa: E731 - a name for the type
    found = sums(conn, period, node, medium, with_total(weigh))
    total = found.pop(TOTAL, Sum()).figure
    paired = pair(conn, period, beside)
    changes = {} if paired is None else changes_of_parts(conn, period, node, medium, weigh, paired, found, weigh(today))
    names = _names(by)
    lines = [Line(key, *names.get(key, (key, key)), one.figure, changes.get(key)) for key, one in found.items() if key != REST]
    lines.sort(key=lambda line: (line.figure.value is None, -(line.figure.value or 0), line.code))
    rest = Line(REST, "", "", found[REST].figure, changes.get(REST)) if REST in found else None
    return Breakdown(node, medium, period.first, period.last, total, lines, rest, paired)


def _keys(conn: Connection, ids: list[int], end_ms: int, by: By) -> dict[int, str]:
    found = conn.execute(_SQL["profiles"], {"ids": ids, "end_ms": end_ms})
    return {point: profile if by == "profile" else profile.partition("/")[0] for point, profile in found}


@cache
def _names(by: By) -> dict[str, tuple[str, str]]:
    profiles = load_profiles()
    if by == "profile":
        return {key: (one.name.zh, one.name.en) for key, one in profiles.items()}
    return {key.partition("/")[0]: (one.maker.zh, one.maker.en) for key, one in profiles.items()}
