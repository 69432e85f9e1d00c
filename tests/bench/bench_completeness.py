"""How fast the day's completeness of a whole university is counted and asked for.

13,700 devices, 11,000 rooms, 130 gateways, one day of 15-minute registers (1.3 million readings), embedded PostgreSQL, one connection. Limit: the sum
of the same readings where they lie. Counting runs in the leader's groups of 2,000 device days, each committed. Medians of interleaved rounds.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from central.completeness.days import By, begin_days, completeness, count_days
from central.completeness.model import Expected
from central.consumption.days import bounds
from central.db.embedded import embedded
from central.db.migrate import migrate
from central.db.pool import Connection, connect
from tests.bench.figure import Figure

_DAY = date(2026, 3, 10)
_ROUNDS = 3
_EXPECTED = [Expected("acme/one", "energy_active_forward", "energy", 900, 0)]
_SITE = b"""
insert into place (code, kind, name_zh, name_en, position) values ('campus', 'campus', 'x', 'x', 0);
insert into place (code, parent, kind, name_zh, name_en, position) select 'r' || n, 'campus', 'room', 'x', 'x', n from generate_series(1, 11000) as n;
insert into gateway (code, place, name_zh, name_en, position) select 'g' || n, 'campus', 'x', 'x', n from generate_series(1, 130) as n;
insert into line (gateway, code, settings, position) select 'g' || n, 'l1', '{}', 1 from generate_series(1, 130) as n;
insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position)
select 'd' || n, 'acme/one', 'electricity_meter', '1', 'r' || (n % 11000 + 1), 'g' || (n % 130 + 1), 'l1', 'x', 'x', n
from generate_series(1, 13700) as n;
insert into metering_point (code, name_zh, name_en, position) select 'd' || n, 'x', 'x', n from generate_series(1, 13700) as n;
insert into installation (point, device, installed_at) select 'd' || n, 'd' || n, '2026-01-01' from generate_series(1, 13700) as n;
insert into series (device, quantity) select 'd' || n, 'energy_active_forward' from generate_series(1, 13700) as n;
"""
_READINGS = b"""
insert into reading select s.id, to_timestamp(%s / 1000.0 + k * 900 + s.id %% 900), k, 0 from generate_series(0, 95) as k cross join series as s
"""


def run() -> list[Figure]:
    """Measure; about a minute."""
    with tempfile.TemporaryDirectory(prefix="ce-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with embedded(folder / "data") as dsn, connect(dsn, autocommit=True) as conn:
            migrate(conn)
            conn.execute(_SITE)
            conn.execute(_READINGS, (bounds(_DAY, "Asia/Shanghai")[0],))
            conn.execute("vacuum analyze")
            return _measure(conn)


def _measure(conn: Connection) -> list[Figure]:
    now_ms = bounds(_DAY, "Asia/Shanghai")[1] + 3_600_000
    begin_days(conn, _EXPECTED, now_ms, (1,))
    took: dict[str, list[float]] = {"limit": [], "count": [], **{by.value: [] for by in By}}
    for _ in range(_ROUNDS):
        conn.execute("update completeness_day set settled = false, look_at = '2026-01-01'")
        took["limit"].append(_timed(lambda: conn.execute("select sum(value) from reading").fetchone()))
        took["count"].append(_timed(lambda: _count_all(conn, now_ms)))
        for by in By:
            took[by.value].append(_timed(lambda by=by: completeness(conn, _DAY, by, now_ms, "campus" if by is By.PLACE else None)))  # type: ignore[misc]
    limit_s, count_s = (statistics.median(took[name]) for name in ("limit", "count"))
    counted = Figure("completeness of 13,700 devices counted", f"{count_s:.2f} s", f"{limit_s:.2f} s bare sum", f"{count_s / limit_s:.1f}", "–")
    asked = [Figure(f"completeness of a day asked for by {by.value}", f"{statistics.median(took[by.value]) * 1000:.0f} ms") for by in By]
    return [counted, *asked]


def _count_all(conn: Connection, now_ms: int) -> None:
    done = 1
    while done:
        with conn.transaction():
            done = count_days(conn, now_ms)


def _timed(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s
