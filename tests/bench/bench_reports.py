"""Reports of a reference site beside the same question asked of raw readings, answers compared.

12,600 electricity points in ten buildings, a year (2025) of month rows for all; day rows, place rows and raw readings every 15 minutes for the 60
points of building b0 over the year and for the 1,000 points of b1 in June: 5 million raw rows. Rows are written by SQL from one formula.
Ours: the functions the pages call, rows as Python objects included. Raw: one SQL statement over readings, at its simplest (last register - first, or
differences by window where hours are asked for). p95 of 30 runs of ours, median of the raw scan's 3, taken in turns; everything fits in memory.
Raw scans of the month for all 12,600 points would be 12.6 times those of b1. Month and ranking by point are answered from consumption_month,
ranking of some days from consumption_day, heat maps and ranking of buildings from place_day and place_month.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from central.consumption.report import heat_map, month_of_points, ranking
from central.db.embedded import embedded
from central.db.migrate import migrate
from central.db.pool import Connection, connect
from tests.bench.figure import Figure

_POINTS, _YEAR_POINTS, _MONTH_POINTS = 12_600, 60, 1_000
_RUNS, _SCANS = 30, 3
_ZONE = "Asia/Shanghai"
_JUNE, _JUNE_END = date(2025, 6, 1), date(2025, 6, 30)
# Register of point p at quarter k (of Unix time), Wh: rises by 3 to 197 a quarter.
_REGISTER = "((k) * 100 + ((p) * 31 + (k) * 17) %% 97)"
_RAW_MONTH = """
select s.device as code, max(r.value) - min(r.value) as value from reading as r join series as s on s.id = r.series_id
where s.id > %(above)s and r.measured_at between timestamptz '2025-06-01 00:00+08' and timestamptz '2025-07-01 00:00+08' group by 1"""
_BARE_MONTH = b"select point_id, value, known_s, measured from consumption_month where month = '2025-06-01'"
_RAW_DAY = _RAW_MONTH.replace("2025-06-01", "2025-06-11").replace("2025-07-01", "2025-06-12")
_RAW_HOURS = """
select (hour at time zone 'Asia/Shanghai')::date as day, array_agg(value order by hour) as hours from (
    select date_trunc('hour', at) as hour, sum(amount)::bigint as value from (
        select measured_at as at, lead(value) over (partition by series_id order by measured_at) - value as amount
        from reading where series_id <= %(upto)s
    ) as steps where amount is not null group by 1
) as hours group by 1 order by 1"""
_RAW_YEAR = """
select s.device as code, max(r.value) - min(r.value) as value from reading as r join series as s on s.id = r.series_id
where s.id <= %(upto)s group by 1"""


def run() -> list[Figure]:
    """Measure; two to three minutes, most of it filling."""
    with tempfile.TemporaryDirectory(prefix="ce-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with embedded(folder / "data") as dsn, connect(dsn, autocommit=True) as conn:
            migrate(conn)
            _fill(conn)
            conn.execute("set jit = off")  # as the platform's connections have it
            return _measure(conn)


def _measure(conn: Connection) -> list[Figure]:
    upto = {"upto": _YEAR_POINTS}
    above = {"above": _YEAR_POINTS}
    june_ids = list(range(_YEAR_POINTS + 1, _YEAR_POINTS + _MONTH_POINTS + 1))
    rank = partial(ranking, conn)
    day = date(2025, 6, 11)
    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any], str]] = {
        f"year heat map of a building, {_YEAR_POINTS} points": (
            lambda: [(row.day, list(row.hours)) for row in heat_map(conn, "b0", "electricity", 2025)],
            lambda: [tuple(row) for row in conn.execute(_RAW_HOURS, upto)],
            "≥ 100",
        ),
        f"month of {_MONTH_POINTS:,} points": (
            lambda: sorted((figure.point, figure.value) for figure in month_of_points(conn, _JUNE, june_ids)),
            lambda: sorted(tuple(row) for row in conn.execute(_RAW_MONTH, above)),
            "≥ 500",
        ),
        f"top 10 of {_MONTH_POINTS:,} points, month": (
            lambda: [(one.code, one.value) for one in rank("b1", "electricity", _JUNE, _JUNE_END, "point", 10)],
            lambda: _top(conn.execute(_RAW_MONTH, above)),
            "–",
        ),
        f"top 10 of {_MONTH_POINTS:,} points, day": (
            lambda: [(one.code, one.value) for one in rank("b1", "electricity", day, day, "point", 10)],
            lambda: _top(conn.execute(_RAW_DAY, above)),
            "–",
        ),
        f"top 10 of {_YEAR_POINTS} points, year": (
            lambda: [(one.code, one.value) for one in rank("b0", "electricity", date(2025, 1, 1), date(2025, 12, 31), "point", 10)],
            lambda: _top(conn.execute(_RAW_YEAR, upto)),
            "–",
        ),
    }
    figures = [_pair(name, *pair) for name, pair in pairs.items()]
    figures.append(_alone(f"month of {_POINTS:,} points", lambda: len(month_of_points(conn, _JUNE)), _POINTS, "≤ 20 ms"))
    figures.append(
        _alone("the same, bare SQL: point, value, known, measured", lambda: len(conn.execute(_BARE_MONTH).fetchall()), _POINTS, "what is possible")
    )
    campus = ("campus", "electricity", date(2025, 1, 1), date(2025, 12, 31))
    figures.append(_alone("ranking of ten buildings, year", lambda: len(rank(*campus, "place", 10)), 10, "–"))
    figures.append(_alone(f"top 10 of {_POINTS:,} points, year", lambda: len(rank(*campus, "point", 10)), 10, "–"))
    return [*figures, _alone("year heat map of the campus", lambda: len(heat_map(conn, "campus", "electricity", 2025)), 365, "–")]


def _pair(name: str, ours: Callable[[], Any], raw: Callable[[], Any], aim: str) -> Figure:
    answers, mine, theirs = [], [], []
    for _ in range(_SCANS):
        seconds, answer = _timed(raw)
        theirs.append(seconds)
        answers.append(answer)
        for _ in range(_RUNS // _SCANS):
            seconds, answer = _timed(ours)
            mine.append(seconds)
            answers.append(answer)
    equal = all(answer == answers[0] for answer in answers)
    p95, scan = float(np.percentile(mine, 95)), float(np.median(theirs))
    return Figure(
        f"{name}; answers {'equal' if equal else 'DIFFER'}", f"p95 {p95 * 1000:.1f} ms", f"{scan * 1000:,.0f} ms raw scan", f"{scan / p95:,.0f}", aim
    )


def _alone(name: str, ours: Callable[[], int], rows: int, aim: str) -> Figure:
    assert ours() == rows
    p50, p95 = np.percentile([_timed(ours)[0] for _ in range(_RUNS)], [50, 95]) * 1000
    return Figure(name, f"p95 {p95:.1f} ms, median {p50:.1f} ms", "–", "–", aim)


def _timed(ask: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = ask()
    return time.perf_counter() - started, answer


def _top(rows: Any) -> list[tuple[str, int]]:
    return sorted(((code, value) for code, value in rows), key=lambda row: (-row[1], row[0]))[:10]


# --- filling -----------------------------------------------------------------------------------------------------------


def _fill(conn: Connection) -> None:
    """A site whose rows satisfy the tables' rules; point p has id p, its device and series the same number."""
    conn.execute("set synchronous_commit = off")
    conn.execute("insert into place values ('campus', null, 'campus', '校', 'Campus', 0)")
    conn.execute("insert into place select 'b' || n, 'campus', 'building', '楼', 'Building', n from generate_series(0, 9) as n")
    conn.execute("insert into gateway (code, place, name_zh, name_en, position) values ('g', 'campus', '网关', 'Gateway', 0)")
    conn.execute("insert into line (gateway, code, settings, position) values ('g', 'l', '{}', 0)")
    first, second = _YEAR_POINTS, _YEAR_POINTS + _MONTH_POINTS
    building = f"'b' || case when p <= {first} then 0 when p <= {second} then 1 else 2 + p %% 8 end"
    name = "'p' || lpad(p::text, 5, '0')"
    points = f"generate_series(1, {_POINTS}) as p"
    for statement in (
        f"insert into metering_point (code, name_zh, name_en, position) select {name}, '表', 'Point', p from {points} order by p",
        f"insert into point_position (point, place) select {name}, {building} from {points}",
        "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position) "
        f"select {name}, 'a/b', 'electricity_meter', p::text, 'campus', 'g', 'l', 'm', 'm', p from {points}",
        f"insert into series (device, quantity) select {name}, 'energy_active_forward' from generate_series(1, {second}) as p order by p",
        _raw(1, first, date(2025, 1, 1), date(2026, 1, 1)),
        _raw(first + 1, second, _JUNE, date(2025, 7, 1)),
        _days(1, first, date(2025, 1, 1), date(2025, 12, 31)),
        _days(first + 1, second, _JUNE, _JUNE_END),
        _MONTHS.format(points=points, register=_REGISTER),
        _place_days("h.place", ""),
        _place_days("'campus'", "where h.place = 'b0'"),
        _PLACE_MONTHS,
    ):
        conn.execute(statement.replace("%%", "%").encode())
    conn.execute("vacuum analyze")


def _quarter(day: str) -> str:
    """Number of the quarter a local day begins with."""
    return f"(extract(epoch from ({day})::timestamp at time zone '{_ZONE}') / 900)::bigint"


def _raw(first: int, last: int, since: date, until: date) -> str:
    """Readings at every quarter from one local midnight to another, both included."""
    bounds = ", ".join(_quarter(f"date '{day}'") for day in (since, until))
    return (
        "insert into reading (series_id, measured_at, value, quality) "
        f"select p, timestamptz 'epoch' + k * interval '15 minutes', {_REGISTER}, 0 "
        f"from generate_series({first}, {last}) as p, generate_series({bounds}) as k"
    )


def _days(first: int, last: int, since: date, until: date) -> str:
    after = _REGISTER.replace("(k)", "(k + 1)")
    return f"""
    insert into consumption_day (point_id, day, value, known_s, slots, pins, seen, rates)
    select p, day, v, 86400, slots, repeat('1', 97)::bit varying(128), repeat('1', 96)::bit varying(128), array[0, 0, v, 0, 0] from (
        select p, day::date as day, sum({after} - {_REGISTER})::bigint as v, array_agg(({after} - {_REGISTER})::integer order by k) as slots
        from generate_series({first}, {last}) as p, generate_series(date '{since}', date '{until}', interval '1 day') as day,
            lateral generate_series({_quarter("day")}, {_quarter("day")} + 95) as k
        group by 1, 2
    ) as days"""


_MONTHS = f"""
insert into consumption_month (point_id, month, value, known_s, measured, days, rates)
select p, month, v, seconds, true, seconds / 86400, array[0, 0, v, 0, 0] from (
    select p, month::date as month, {{register}} as v0, seconds, v from {{points}},
        generate_series(date '2025-01-01', date '2025-12-01', interval '1 month') as month,
        lateral (select {_quarter("month")} as k, ((month + interval '1 month')::date - month::date) * 86400 as seconds) as begins,
        lateral (select {_REGISTER.replace("(k)", "(begins.k + seconds / 900)")} - {_REGISTER.replace("(k)", "(begins.k)")} as v) as amount
) as months"""

_PLACE_MONTHS = """
insert into place_month (place, medium, month, value, points_s, known_s, rates)
select h.place, 'electricity', l.month, sum(l.value), sum(l.known_s), sum(l.known_s), array[0, 0, sum(l.value), 0, 0]::bigint[]
from consumption_month as l join metering_point as m on m.id = l.point_id join point_position as h on h.point = m.code group by 1, 3"""


def _place_days(place: str, where: str) -> str:
    return f"""
    insert into place_day (place, medium, day, value, points, slots, known, rates)
    select place, 'electricity', day, sum(amount)::bigint, max(points), array_agg(amount order by slot), array_agg(points order by slot),
        array[0, 0, sum(amount), 0, 0]::bigint[]
    from (
        select {place} as place, d.day, s.slot, sum(s.amount)::bigint as amount, count(*)::integer as points
        from consumption_day as d join metering_point as m on m.id = d.point_id join point_position as h on h.point = m.code,
            lateral unnest(d.slots) with ordinality as s (amount, slot) {where}
        group by 1, 2, 3
    ) as slots group by 1, 3"""


if __name__ == "__main__":
    for figure in run():
        print(figure)
