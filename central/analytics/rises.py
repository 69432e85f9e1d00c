"""Who uses more than before: the last complete week against the same weekdays of the four weeks before, ranked by what it is, not by percent.

Precomputed each morning, because the days of 12,600 points are too many for a page. A point of which less than 95 % is known in either is not judged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from central.analytics.model import Medium, RiseRow, StoppedRow
from central.analytics.water_price import rate_prices
from central.consumption.tariff import version_of
from central.consumption.tariffs import parsed_versions
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.identity.scope import Scope

_SQL = load_statements("central.analytics")
MAX_ROWS = 500
COVERAGE_PERMILLE = 950


def top_rises(conn: Connection, scope: Scope, node: str | None, limit: int, medium: Medium = "electricity") -> list[RiseRow]:
    """The largest rises in kWh (or m3), with what they cost a week. `node`: a place with everything below it, None or empty for all."""
    return rows(conn, _SQL["rises"], RiseRow, scope=scope, node=node or None, limit=min(limit, MAX_ROWS), medium=medium, share=COVERAGE_PERMILLE)


def stopped_points(conn: Connection, scope: Scope, node: str | None, limit: int) -> list[StoppedRow]:
    """Points that used nothing for a week and did before, though they are read: what they used to use first."""
    return rows(conn, _SQL["stopped"], StoppedRow, scope=scope, node=node or None, limit=min(limit, MAX_ROWS), share=COVERAGE_PERMILLE)


def points_of(conn: Connection, until: date) -> list[int]:
    """Points of which something is known of the day."""
    return [row[0] for row in conn.execute(_SQL["points_of_rises"], {"until": until})]


def put_rises(conn: Connection, ids: Collection[int], until: date) -> int:
    """Compute some points' figures of the week that ends with `until`."""
    return run(conn, _SQL["put_rises"], ids=list(ids), until=until, **_prices(conn, until))


def forget_rises(conn: Connection, until: date) -> int:
    """Drop figures of weeks that ended before: their points are no longer known."""
    return run(conn, _SQL["drop_rises"], until=until)


def _prices(conn: Connection, until: date) -> dict[str, Sequence[object]]:
    in_force = {medium: version for medium, versions in parsed_versions(conn).items() if (version := version_of(versions, until)) is not None}
    prices = [rate_prices(tariff) for _, tariff in in_force.values()]
    columns = ("sharp", "peak", "flat", "valley", "deep")
    return {"media": list(in_force), **{name: [one[place] for one in prices] for place, name in enumerate(columns)}}
