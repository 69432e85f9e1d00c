"""The consumption job: readings that come in live, and everything computed anew, beside only reading the same rows.

5,000 electricity points in ten buildings, registers every 15 minutes at the quarter; live: one and a half local days stand, then every point gets one
more reading, three times, each worked off in one round; the median counts. Cold: every derived row thrown away and the points noted as dirty.
"Raw read": the same readings through readings_between alone, packed as the job asks for them, nothing computed, nothing written. CPU: of this
process and of its database backend, together. Everything fits in memory; fsync as shipped.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from central.consumption.arrivals import pack_arrival
from central.consumption.dirty import note_dirty
from central.consumption.load import Window, load_readings
from central.consumption.work import run_round, work_off
from central.db.copy import copy_in
from central.db.embedded import embedded
from central.db.migrate import migrate
from central.db.pool import Connection, connect
from central.ingest.pack import Rows, pack
from tests.bench.figure import Figure

_POINTS = 5_000
_STANDING = 144  # a day and a half
_LIVE = 3
_SLOT_MS = 900_000
_START = datetime(2025, 6, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
_START_MS = int(_START.timestamp()) * 1000
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Spent:
    """Seconds of the wall clock, and of processors here and in the database backend."""

    wall_s: float
    here_s: float
    backend_s: float

    @property
    def cpu_s(self) -> float:
        return self.here_s + self.backend_s


def run() -> list[Figure]:
    """Measure; about a minute."""
    with tempfile.TemporaryDirectory(prefix="ce-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with embedded(folder / "data") as dsn, connect(dsn, autocommit=True) as conn:
            migrate(conn)
            registers = _fill(conn)
            _spent(conn, lambda: work_off(conn))
            conn.execute("vacuum analyze")
            live = [_live(conn, registers, number) for number in range(_LIVE)]
            day_ms = _START_MS + 96 * _SLOT_MS
            live_raw = [_spent(conn, lambda: _read(conn, day_ms - _SLOT_MS)) for _ in range(_LIVE)]
            cold_raw = _spent(conn, lambda: _read(conn, _START_MS))
            return [*_told_live(live, live_raw), *_told_cold(_cold(conn), cold_raw)]


def _told_live(live: list[_Spent], raw: list[_Spent]) -> list[Figure]:
    wall, cpu = (statistics.median(getattr(one, name) for one in live) for name in ("wall_s", "cpu_s"))
    here, backend = (statistics.median(getattr(one, name) for one in live) for name in ("here_s", "backend_s"))
    raw_wall, raw_cpu = (statistics.median(getattr(one, name) for one in raw) for name in ("wall_s", "cpu_s"))
    return [
        _figure("live, points a second of the clock", _POINTS, wall, raw_wall),
        _figure("live, points a CPU second", _POINTS, cpu, raw_cpu, "≥ 1,500"),
        Figure("live, a round of 5,000 points", f"{wall:.2f} s", f"CPU: {here:.2f} s here, {backend:.2f} s backend"),
    ]


def _told_cold(cold: _Spent, raw: _Spent) -> list[Figure]:
    readings = _POINTS * (_STANDING + _LIVE)
    return [
        _figure("cold rebuild, readings a second of the clock", readings, cold.wall_s, raw.wall_s),
        _figure("cold rebuild, readings a CPU second", readings, cold.cpu_s, raw.cpu_s),
    ]


def _figure(name: str, amount: int, ours_s: float, raw_s: float, aim: str = "–") -> Figure:
    return Figure(name, f"{amount / ours_s:,.0f}", f"{amount / raw_s:,.0f} raw read", f"{raw_s / ours_s:.2f}", aim)


def _live(conn: Connection, registers: np.ndarray[tuple[int], np.dtype[np.int64]], number: int) -> _Spent:
    """One more reading of every point, worked off."""
    registers += 50 + np.arange(_POINTS) % 90
    at_ms = np.full(_POINTS, _START_MS + (_STANDING + number) * _SLOT_MS, np.int64)
    _store(conn, np.arange(1, _POINTS + 1), at_ms, registers)
    conn.execute("insert into arrival (packed) values (%s)", [pack_arrival(np.arange(1, _POINTS + 1), at_ms)])
    return _spent(conn, lambda: run_round(conn))


def _cold(conn: Connection) -> _Spent:
    conn.execute("truncate consumption_day, consumption_month, place_day, place_month, reading_verdict, finding, arrival, dirty")
    note_dirty(conn, list(range(1, _POINTS + 1)), _START, _START + timedelta(days=2), "bench")
    return _spent(conn, lambda: work_off(conn))


def _read(conn: Connection, from_ms: int) -> None:
    for first in range(1, _POINTS + 1, 200):
        load_readings(conn, [Window(series, from_ms, None) for series in range(first, first + 200)])


def _spent(conn: Connection, work: Callable[[], object]) -> _Spent:
    before, here, backend = time.perf_counter(), time.process_time(), _backend_s(conn)
    work()
    return _Spent(time.perf_counter() - before, time.process_time() - here, _backend_s(conn) - backend)


def _backend_s(conn: Connection) -> float:
    text = Path(f"/proc/{conn.info.backend_pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(text[11]) + int(text[12])) * _TICK_S


def _fill(conn: Connection) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The site and its standing readings; returns the registers as they stand."""
    name, points = "'p' || lpad(p::text, 5, '0')", f"generate_series(1, {_POINTS}) as p"
    for statement in (
        "set jit = off",
        "insert into place values ('campus', null, 'campus', '校', 'Campus', 0)",
        "insert into place select 'b' || n, 'campus', 'building', '楼', 'Building', n from generate_series(0, 9) as n",
        "insert into place select 'b' || b || 'f' || f, 'b' || b, 'floor', '层', 'Floor', f"
        " from generate_series(0, 9) as b, generate_series(0, 4) as f",
        "insert into gateway (code, place, name_zh, name_en, position) values ('g', 'campus', '网关', 'Gateway', 0)",
        "insert into line (gateway, code, settings, position) values ('g', 'l', '{}', 0)",
        f"insert into metering_point (code, name_zh, name_en, position) select {name}, '表', 'Point', p from {points} order by p",
        f"insert into point_position (point, place) select {name}, 'b' || p % 10 || 'f' || p / 10 % 5 from {points}",
        "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position) "
        f"select {name}, 'a/b', 'electricity_meter', p::text, 'campus', 'g', 'l', 'm', 'm', p from {points}",
        f"insert into series (device, quantity) select {name}, 'energy_active_forward' from {points} order by p",
        "insert into installation (point, device, installed_at, register) "
        f"select {name}, {name}, timestamptz '2025-06-09 16:00Z', 'energy_active_forward' from {points}",
    ):
        conn.execute(statement.encode())
    at_ms = _START_MS + np.arange(_STANDING, dtype=np.int64) * _SLOT_MS
    registers = np.cumsum(np.random.default_rng(7).integers(3, 198, (_POINTS, _STANDING)), axis=1)
    _store(conn, np.repeat(np.arange(1, _POINTS + 1), _STANDING), np.tile(at_ms, _POINTS), registers.ravel())
    note_dirty(conn, list(range(1, _POINTS + 1)), _START, _START + timedelta(days=2), "bench")
    conn.execute("vacuum analyze")
    return registers[:, -1].copy()


def _store(
    conn: Connection,
    ids: np.ndarray[tuple[int], np.dtype[np.int64]],
    at_ms: np.ndarray[tuple[int], np.dtype[np.int64]],
    registers: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> None:
    rows = Rows(ids, at_ms, registers, np.zeros(len(ids), np.int64))
    copy_in(conn, b"copy reading from stdin (format binary)", pack(rows))
