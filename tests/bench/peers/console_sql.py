"""The obvious SQL over points' days that the peers of the console use: sums at request time, places found by walking the tree.

Imported by programs that run in the peers' own environment, so nothing of the project is imported here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

BELOW = """
with recursive below as (
    select code from place where code = %(place)s
    union all select p.code from place as p join below as b on p.parent = b.code
), points as (
    select m.id, m.code from below as b join point_position as h on h.place = b.code join metering_point as m on m.code = h.point
    where m.medium = 'electricity' and h.role <> 'check'
)"""
DAYS = (
    BELOW
    + """
select c.day, sum(c.value)::bigint as value from points as p join consumption_day as c on c.point_id = p.id
where c.day between %(first)s and %(last)s group by c.day order by c.day"""
)
HOURS = (
    BELOW
    + """
select c.day, ((s.number - 1) / 4)::integer as hour, sum(s.value)::bigint as value
from points as p join consumption_day as c on c.point_id = p.id cross join unnest(c.slots) with ordinality as s (value, number)
where c.day between %(first)s and %(last)s group by 1, 2 order by 1, 2"""
)
METERS = (
    BELOW
    + """
select p.code, d.name_zh, d.profile, sum(c.value)::bigint as value
from points as p join installation as i on i.point = p.code and i.removed_at is null join device as d on d.code = i.device
left join consumption_day as c on c.point_id = p.id and c.day between %(first)s and %(last)s
group by p.code, d.name_zh, d.profile order by p.code"""
)
PLACES = "select code, parent, name_zh from place where removed_at is null order by position"


def open_pool() -> ConnectionPool:
    """A pool on the database the environment names."""
    return ConnectionPool(os.environ["BENCH_DSN"], min_size=1, max_size=8, kwargs={"row_factory": dict_row, "autocommit": True}, open=True)


def ask(pool: ConnectionPool, statement: str, **parameters: object) -> list[dict[str, Any]]:
    """Rows of a statement."""
    with pool.connection() as conn:
        return conn.execute(statement.encode(), parameters).fetchall()


def month() -> tuple[date, date]:
    """This month so far."""
    today = date.fromisoformat(os.environ["BENCH_TODAY"])
    return today.replace(day=1), today


def thirty_days() -> tuple[date, date]:
    """The last thirty days."""
    today = date.fromisoformat(os.environ["BENCH_TODAY"])
    return today - timedelta(days=29), today


def nested(places: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Places as a tree of nodes {id, label, children}."""
    nodes: dict[str, dict[str, Any]] = {row["code"]: {"id": row["code"], "label": row["name_zh"], "children": []} for row in places}
    roots = []
    for row in places:
        (nodes[row["parent"]]["children"] if row["parent"] in nodes else roots).append(nodes[row["code"]])
    return roots


def heat(rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[int | None]]]:
    """Days and their 24 hours, kWh."""
    days = sorted({row["day"] for row in rows})
    table: list[list[int | None]] = [[None] * 24 for _ in days]
    for row in rows:
        table[days.index(row["day"])][row["hour"]] = row["value"] // 1000
    return [str(day) for day in days], table
