"""Reports of a reference site beside the same question asked of raw readings in the same run, answers compared.

12,600 electricity points in ten buildings; readings every 15 minutes at the quarter for the 80 points of building b0 over 2025 and for the 2,000
points of b1 in June: 8.6 million raw rows. Day, month and place rows of these are made by the platform's own job; months of the other points are
written by a formula, and no raw scan is asked for them. Everything fits in memory.
Ours: the functions the API calls, over its pool, rows as Python objects included; 60 runs. Raw: SQL over table reading, 3 runs, in turns with ours,
server settings as shipped (parallel scans allowed). `raw`: differences of neighbouring registers (and of their instants where our answer says how
many seconds are known), added up. `max - min` and `shortcut` find the value alone: the latter by index from the first and last register of each
point, or from the sums of registers at full hours; right only while no meter is exchanged or falls. `bare columns`: four columns of the month table
as tuples, what is possible. The ratio is the peer's median / our p95; in brackets by medians.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from central.consumption.dirty import note_dirty
from central.consumption.report import heat_map, month_of_points, ranking
from central.consumption.work import work_off
from central.db.copy import copy_in
from central.db.embedded import embedded
from central.db.migrate import migrate
from central.db.pool import Connection, connect, open_pool
from central.ingest.pack import Rows, pack
from tests.bench.figure import Figure

_POINTS, _YEAR_POINTS, _MONTH_POINTS = 12_600, 80, 2_000
_RUNS, _SCANS = 60, 3
_ZONE = ZoneInfo("Asia/Shanghai")
_SLOT_MS = 900_000
_JUNE, _JUNE_END = date(2025, 6, 1), date(2025, 6, 30)
_FIRST, _LAST = date(2025, 1, 1), date(2025, 12, 31)

_OF_B1 = f"series_id between {_YEAR_POINTS + 1} and {_YEAR_POINTS + _MONTH_POINTS}"
_OF_B0 = f"series_id <= {_YEAR_POINTS}"
_IN_JUNE = "measured_at between timestamptz '2025-06-01 00:00+08' and timestamptz '2025-07-01 00:00+08'"
_STEPS = """
select s.device, sum(r.amount)::bigint, extract(epoch from sum(r.length))::integer from (
    select series_id, lead(value) over w - value as amount, lead(measured_at) over w - measured_at as length
    from reading where {points} and {time} window w as (partition by series_id order by measured_at)
) as r join series as s on s.id = r.series_id group by 1 order by 1"""
_MAX_MIN = """
select s.device, max(r.value) - min(r.value) from reading as r join series as s on s.id = r.series_id
where {points} and {time} group by 1 order by 1"""
_ENDS = """
select s.device, z.value - a.value from series as s
cross join lateral (select value from reading as r where r.series_id = s.id and {time} order by measured_at limit 1) as a
cross join lateral (select value from reading as r where r.series_id = s.id and {time} order by measured_at desc limit 1) as z
where s.id between {first} and {last} order by 1"""
_HOURS = f"""
select (hour at time zone 'Asia/Shanghai')::date, array_agg(value order by hour) from (
    select date_trunc('hour', at) as hour, sum(amount)::bigint as value from (
        select measured_at as at, lead(value) over (partition by series_id order by measured_at) - value as amount from reading where {_OF_B0}
    ) as steps where amount is not null group by 1
) as hours group by 1 order by 1"""
_HOUR_REGISTERS = f"""
select (hour at time zone 'Asia/Shanghai')::date, array_agg(value::bigint order by hour) from (
    select measured_at as hour, lead(sum(value)) over (order by measured_at) - sum(value) as value
    from reading where {_OF_B0} and extract(minute from measured_at) = 0 group by 1
) as hours where value is not null group by 1 order by 1"""
_BARE_MONTH = "select point_id, value, known_s, measured from consumption_month where month = '2025-06-01' order by 1"

Ask = Callable[[], list[tuple[Any, ...]]]


@dataclass
class _Question:
    """One report: how we answer, and how others do. An answer is compared with as many of `columns` of ours as it has, outside the clock."""

    name: str
    ours: Callable[[], list[Any]]
    columns: Callable[[Any], tuple[Any, ...]]
    peers: Mapping[str, Ask]
    aim: str = "–"
    mine: list[float] = field(default_factory=list)
    theirs: dict[str, list[float]] = field(default_factory=dict)
    differ: int = 0


def run() -> list[Figure]:
    """Measure; about a minute and a half on a quiet machine, 40 s of it filling."""
    with tempfile.TemporaryDirectory(prefix="ce-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with embedded(folder / "data") as dsn:
            started = time.perf_counter()
            with connect(dsn, autocommit=True) as conn:
                migrate(conn)
                _fill(conn)
            filled_s = time.perf_counter() - started
            before = os.getloadavg()
            with open_pool(dsn, max_size=1, statement_timeout_s=300) as pool, pool.connection() as conn:
                figures = [figure for question in _questions(conn) for figure in _compared(question)] + _alone(conn)
            loads = " → ".join(f"{load:.1f}" for load in (before[0], os.getloadavg()[0]))
            return [*figures, Figure("conditions", f"load average {loads}, {os.cpu_count()} cores, filled in {filled_s:.0f} s")]


# --- questions ---------------------------------------------------------------------------------------------------------


def _questions(conn: Connection) -> list[_Question]:
    ids = list(range(_YEAR_POINTS + 1, _YEAR_POINTS + _MONTH_POINTS + 1))
    day = date(2025, 6, 11)
    ask = partial(_rows, conn)
    b1 = {"points": _OF_B1, "time": _IN_JUNE, "first": ids[0], "last": ids[-1]}
    b1_day = b1 | {"time": "measured_at between timestamptz '2025-06-11 00:00+08' and timestamptz '2025-06-12 00:00+08'"}
    b0 = {"points": _OF_B0, "time": "true", "first": 1, "last": _YEAR_POINTS}
    return [
        _Question(
            f"year heat map of a building, {_YEAR_POINTS} points",
            lambda: heat_map(conn, "b0", "electricity", 2025),
            lambda row: (row.day, list(row.hours)),
            {"raw": partial(ask, _HOURS), "shortcut": partial(ask, _HOUR_REGISTERS)},
            "≥ 100",
        ),
        _Question(
            f"month of {_MONTH_POINTS:,} points",
            lambda: month_of_points(conn, _JUNE, ids),
            lambda row: (row.point, row.value, row.known_s),
            {"raw": partial(ask, _STEPS, **b1), "max - min": partial(ask, _MAX_MIN, **b1), "shortcut": partial(ask, _ENDS, **b1)},
            "≥ 500",
        ),
        _top(conn, f"top 10 of {_MONTH_POINTS:,} points, month", "b1", (_JUNE, _JUNE_END), b1),
        _top(conn, f"top 10 of {_MONTH_POINTS:,} points, day", "b1", (day, day), b1_day),
        _top(conn, f"top 10 of {_YEAR_POINTS} points, year", "b0", (_FIRST, _LAST), b0),
        _Question(
            f"month of {_POINTS:,} points",
            lambda: month_of_points(conn, _JUNE),
            lambda row: (row.point_id, row.value, row.known_s, row.measured),
            {"bare columns": partial(ask, _BARE_MONTH)},
            "median ≤ 20 ms",
        ),
    ]


def _top(conn: Connection, name: str, place: str, days: tuple[date, date], what: Mapping[str, object]) -> _Question:
    def best(statement: str) -> list[tuple[Any, ...]]:
        return sorted((row[:2] for row in _rows(conn, statement, **what)), key=lambda row: (-row[1], row[0]))[:10]

    return _Question(
        name,
        lambda: ranking(conn, place, "electricity", *days, "point", 10),
        lambda row: (row.code, row.value),
        {"raw": partial(best, _STEPS), "max - min": partial(best, _MAX_MIN), "shortcut": partial(best, _ENDS)},
    )


def _rows(conn: Connection, statement: str, **what: object) -> list[tuple[Any, ...]]:
    return conn.execute(statement.format(**what).encode(), prepare=False).fetchall()


def _compared(question: _Question) -> list[Figure]:
    """Peers and ours in turns; one figure a peer."""
    question.ours()
    for _ in range(_SCANS):
        first = question.ours()
        expected = [question.columns(row) for row in first]
        for name, peer in question.peers.items():
            seconds, answer = _timed(peer)
            question.theirs.setdefault(name, []).append(seconds)
            question.differ += abs(len(answer) - len(expected)) + sum(row != own[: len(row)] for row, own in zip(answer, expected, strict=False))
        for _ in range(_RUNS // _SCANS):
            seconds, answer = _timed(question.ours)
            question.mine.append(seconds)
            question.differ += answer != first
    p50, p95 = np.percentile(question.mine, [50, 95])
    figures = []
    for number, (name, times) in enumerate(question.theirs.items()):
        scan = float(np.median(times))
        what = f"{question.name}, beside {name}" if number else f"{question.name}; answers that differ: {question.differ}"
        ratio = f"{scan / p95:.3g} ({scan / p50:.3g})"
        aim = "–" if number else question.aim
        figures.append(Figure(what, f"median {p50 * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms", f"{scan * 1000:,.1f} ms {name}", ratio, aim))
    return figures


def _alone(conn: Connection) -> list[Figure]:
    """Reports no raw scan stands beside."""
    year = ("campus", "electricity", _FIRST, _LAST)
    asked: list[tuple[str, Callable[[], list[Any]], int]] = [
        (f"month of {_POINTS:,} points with its split by tariff rate", lambda: month_of_points(conn, _JUNE, rates=True), _POINTS),
        ("ranking of ten buildings, year", lambda: ranking(conn, *year, "place", 10), 10),
        (f"top 10 of {_POINTS:,} points, year", lambda: ranking(conn, *year, "point", 10), 10),
        ("year heat map of the campus", lambda: heat_map(conn, "campus", "electricity", 2025), 365),
    ]
    figures = []
    for name, ask, number in asked:
        assert len(ask()) == number
        p50, p95 = np.percentile([_timed(ask)[0] for _ in range(_RUNS)], [50, 95]) * 1000
        figures.append(Figure(name, f"median {p50:.1f} ms, p95 {p95:.1f} ms"))
    return figures


def _timed(ask: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = ask()
    return time.perf_counter() - started, answer


# --- filling -----------------------------------------------------------------------------------------------------------


def _fill(conn: Connection) -> None:
    """A site whose rows satisfy the tables' rules; point p has id p, its device and series the same number."""
    conn.execute("set synchronous_commit = off")
    conn.execute("set jit = off")
    _register_site(conn)
    chance = np.random.default_rng(13)
    through = _YEAR_POINTS + _MONTH_POINTS
    _measure(conn, chance, range(1, _YEAR_POINTS + 1), _FIRST, _LAST)
    _measure(conn, chance, range(_YEAR_POINTS + 1, through + 1), _JUNE, _JUNE_END)
    conn.execute("vacuum analyze")
    note_dirty(conn, [_code(p) for p in range(1, _YEAR_POINTS + 1)], _midnight(_FIRST), _midnight(_LAST, 1), "bench")
    note_dirty(conn, [_code(p) for p in range(_YEAR_POINTS + 1, through + 1)], _midnight(_JUNE), _midnight(_JUNE_END, 1), "bench")
    work_off(conn)
    for statement in (_OTHER_MONTHS, _OTHER_PLACES):
        conn.execute(statement.encode())
    conn.execute("vacuum analyze")


def _register_site(conn: Connection) -> None:
    first, second = _YEAR_POINTS, _YEAR_POINTS + _MONTH_POINTS
    building = f"'b' || case when p <= {first} then 0 when p <= {second} then 1 else 2 + p % 8 end"
    name, points = "'p' || lpad(p::text, 5, '0')", f"generate_series(1, {_POINTS}) as p"
    for statement in (
        "insert into place values ('campus', null, 'campus', '校', 'Campus', 0)",
        "insert into place select 'b' || n, 'campus', 'building', '楼', 'Building', n from generate_series(0, 9) as n",
        "insert into gateway (code, place, name_zh, name_en, position) values ('g', 'campus', '网关', 'Gateway', 0)",
        "insert into line (gateway, code, settings, position) values ('g', 'l', '{}', 0)",
        f"insert into metering_point (code, name_zh, name_en, position) select {name}, '表', 'Point', p from {points} order by p",
        f"insert into point_position (point, place) select {name}, {building} from {points}",
        "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position) "
        f"select {name}, 'a/b', 'electricity_meter', p::text, 'campus', 'g', 'l', 'm', 'm', p from {points}",
        f"insert into series (device, quantity) select {name}, 'energy_active_forward' from {points} order by p",
        "insert into installation (point, device, installed_at, register) "
        f"select {name}, {name}, timestamptz '2024-12-01', 'energy_active_forward' from {points}",
    ):
        conn.execute(statement.encode())


def _measure(conn: Connection, chance: np.random.Generator, points: range, since: date, until: date) -> None:
    """Registers at every quarter from one local midnight to another, both included, rising by 3 to 197 Wh."""
    first_ms, last_ms = (int(midnight.timestamp()) * 1000 for midnight in (_midnight(since), _midnight(until, 1)))
    at_ms = np.arange(first_ms, last_ms + 1, _SLOT_MS)
    at_once = max(1, 700_000 // len(at_ms))
    for first in points[::at_once]:
        ids = np.arange(first, min(first + at_once, points.stop))
        registers = np.cumsum(chance.integers(3, 198, (len(ids), len(at_ms))), axis=1)
        rows = Rows(np.repeat(ids, len(at_ms)), np.tile(at_ms, len(ids)), registers.ravel(), np.zeros(registers.size, np.int64))
        copy_in(conn, b"copy reading from stdin (format binary)", pack(rows))


def _midnight(day: date, after: int = 0) -> datetime:
    return datetime.combine(day + timedelta(days=after), datetime.min.time(), _ZONE)


def _code(point: int) -> str:
    return f"p{point:05d}"


_OTHER_MONTHS = f"""
insert into consumption_month (point_id, month, value, known_s, measured, days, rates)
select p, month::date, 300000 + p * 31 % 100000, days * 86400, true, days, array[0, 0, 300000 + p * 31 % 100000, 0, 0]
from generate_series(1, {_POINTS}) as p, generate_series(date '2025-01-01', date '2025-12-01', interval '1 month') as month,
    lateral (select (month + interval '1 month')::date - month::date as days) as length
on conflict do nothing"""

_OTHER_PLACES = """
insert into place_month (place, medium, month, value, points_s, known_s, rates)
select h.place, 'electricity', l.month, sum(l.value), sum(l.known_s), sum(l.known_s), array[0, 0, sum(l.value), 0, 0]::bigint[]
from consumption_month as l join metering_point as m on m.id = l.point_id join point_position as h on h.point = m.code group by 1, 3
on conflict do nothing"""


if __name__ == "__main__":
    for figure in run():
        print(figure)
