"""What a reading takes at central, and what reading it back costs once it is packed.

Meters of three kinds (dormitory and classroom meters read item by item, industrial ones block by block) over 5 weeks at 15 minutes, stamped in
milliseconds when the exchange ended; 0.5 % of the polls failed. Registers in 10 Wh or 1 Wh, voltages in 100 mV or 1 mV with a noise of 2 V, currents
and powers that follow a load with noise. `obvious`: (point bigint, time timestamptz, value float8) with a primary key. Sizes are with indexes, after
vacuum; every packed reading is compared with what was given. Times are medians of 7, all in memory, the same SQL function (readings_between) on
rows and on blocks of the same readings. The TimescaleDB figures need root and its cached tree (scripts/timescale.py), else they are left out.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from central.database import bring_up_to_date
from central.db.copy import copy_in, copy_out
from central.db.embedded import embedded
from central.db.pool import Connection, connect
from central.ingest.pack import Rows, concatenate, pack, unpack
from central.settings import StorageSettings
from central.storage.block import WEEK_MS
from central.storage.rounds import pack_all
from tests.bench.figure import Figure

_STEP_MS, _WEEKS, _START_MS = 900_000, 5, 2800 * WEEK_MS
_KINDS = {"dormitory": 120, "classroom": 50, "industrial": 15}
_MONTH_SERIES = 1000
_REPEATS = 7
_OBVIOUS = 300_000  # readings in the obvious schema
_SCRIPTS = Path(__file__).parents[2] / "scripts"
Integers = npt.NDArray[np.int64]


def run() -> list[Figure]:
    """Measure; about two minutes."""
    given, series = _site(np.random.default_rng(7))
    year, year_id = _year(series + 1)
    with tempfile.TemporaryDirectory(prefix="ce-") as name:
        Path(name).chmod(0o711)
        with embedded(Path(name) / "data") as dsn:
            figures = _measure(dsn, concatenate([given, year]), series, year_id, "plain PostgreSQL")
    try:
        with _timescale() as dsn:
            return [*figures, *_measure(dsn, concatenate([given, year]), series, year_id, "TimescaleDB Apache")]
    except _Unavailable as error:
        return [*figures, Figure("TimescaleDB", f"left out: {error}")]


def _measure(dsn: str, given: Rows, series: int, year_id: int, name: str) -> list[Figure]:
    bring_up_to_date(dsn)
    with connect(dsn, autocommit=True) as conn:
        _register(conn, year_id)
        obvious = _obvious(conn, given)
        conn.execute("analyze")
        _load(conn, given)
        conn.execute("vacuum analyze reading")
        hot = _hot_bytes(conn) / len(given)
        before = _queries(conn, series, year_id)
        started = time.perf_counter()
        packed = pack_all(conn, StorageSettings(hot_days=7), _START_MS + 60 * WEEK_MS)
        seconds = time.perf_counter() - started
        assert packed == len(given)
        _compare(conn, given)
        conn.execute("vacuum analyze reading_block")
        conn.execute("vacuum reading")
        after = _queries(conn, series, year_id)
        (blocks,) = conn.execute("select pg_total_relation_size('reading_block')").fetchone()
        left = _hot_bytes(conn)
    size = blocks / len(given)
    return [
        Figure(f"{name}: bytes a reading, table reading", f"{hot:.1f} B", f"{obvious:.1f} B obvious schema", f"{hot / obvious:.3f}"),
        Figure(f"{name}: bytes a reading, packed", f"{size:.2f} B", f"{obvious:.1f} B obvious schema", f"{size / obvious:.3f}", "≤ 0.05"),
        Figure(f"{name}: left of table reading when all is packed", f"{left / 2**20:.1f} MiB", f"{hot * len(given) / 2**20:.1f} MiB before"),
        Figure(f"{name}: packing, compared and deleted", f"{packed / seconds:,.0f} readings/s"),
        *(
            Figure(
                f"{name}: {what}", f"{1000 * after[what]:.1f} ms packed", f"{1000 * before[what]:.1f} ms rows", f"{after[what] / before[what]:.2f}"
            )
            for what in before
        ),
    ]


def _queries(conn: Connection, series: int, year_id: int) -> dict[str, float]:
    month = (_START_MS + WEEK_MS, _START_MS + WEEK_MS + 30 * 86_400_000)
    many = list(range(1, min(series, _MONTH_SERIES) + 1))
    return {
        "a year's curve of one series": _median(conn, [year_id], 0, _START_MS + 60 * WEEK_MS),
        f"a month of {len(many)} series": _median(conn, many, *month),
    }


def _median(conn: Connection, ids: list[int], from_ms: int, to_ms: int) -> float:
    times = []
    for _ in range(_REPEATS + 1):
        started = time.perf_counter()
        _read(conn, ids, from_ms, to_ms)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def _read(conn: Connection, ids: list[int], from_ms: int, to_ms: int) -> Rows:
    text = (
        b"copy (select * from readings_between(%(ids)s::bigint[], to_timestamp(%(a)s / 1000.0), to_timestamp(%(b)s / 1000.0))) "
        b"to stdout (format binary)"
    )
    return unpack(copy_out(conn, text, {"ids": ids, "a": from_ms, "b": to_ms}))


def _compare(conn: Connection, given: Rows) -> None:
    (rows,) = conn.execute("select count(*) from reading").fetchone()
    assert rows == 0
    for ids in np.array_split(np.unique(given.series_id), 20):
        found, expected = (_ordered(one) for one in (_read(conn, ids.tolist(), 0, _START_MS * 2), given.where(np.isin(given.series_id, ids))))
        assert all(np.array_equal(left, right) for left, right in zip(found, expected, strict=True))


def _ordered(one: Rows) -> list[Integers]:
    order = np.lexsort((one.measured_at_ms, one.series_id))
    return [column[order] for column in (one.series_id, one.measured_at_ms, one.value, one.quality)]


# --- the readings ----------------------------------------------------------------------------------------------------------


def _site(rng: np.random.Generator) -> tuple[Rows, int]:
    """All readings in the order they would arrive in, and how many series they are of; five series are a device of the registry."""
    parts, series = [], 0
    for kind, count in _KINDS.items():
        for _ in range(count):
            for at, value in _meter(rng, kind, _WEEKS * 672):
                series += 1
                parts.append(Rows(np.full(len(at), series, np.int64), at, value, np.zeros(len(at), np.int64)))
    whole = concatenate(parts)
    order = np.argsort(whole.measured_at_ms // _STEP_MS, kind="stable")  # cycle by cycle, as boxes send
    return Rows(*(column[order] for column in (whole.series_id, whole.measured_at_ms, whole.value, whole.quality))), series


def _year(series: int) -> tuple[Rows, int]:
    """A classroom meter's register of a year."""
    at, value = list(_meter(np.random.default_rng(8), "classroom", 365 * 96))[-1]
    return Rows(np.full(len(at), series, np.int64), at, value, np.zeros(len(at), np.int64)), series


def _meter(rng: np.random.Generator, kind: str, count: int) -> Iterator[tuple[Integers, Integers]]:
    """The series of one meter: instants and values."""
    due = _START_MS + int(rng.integers(0, _STEP_MS)) + _STEP_MS * np.arange(count, dtype=np.int64)
    answered = rng.random(count) > 0.005
    mean_w = {"dormitory": 300, "classroom": 1500, "industrial": 150_000}[kind]
    day = np.clip(np.sin((due / 86_400_000 % 1 - 0.25) * 2 * np.pi), 0, 1) ** 2
    load = mean_w * (0.15 + day * rng.lognormal(0, 0.5, count))
    if kind == "dormitory":
        load[rng.random(count) < 0.3] = 0
    register = np.cumsum(load / 4) + rng.integers(0, 10**7)
    phases = 1 if kind == "dormitory" else 3
    fine = kind == "industrial"
    exchanges = [[_rounded((230 + rng.normal(0, 2, count)) * 1000, 1 if fine else 100) for _ in range(phases)]]
    exchanges.append([_rounded(load / 230 / phases * 1000 * (1 + rng.normal(0, 0.02, count)), 1) for _ in range(phases)])
    exchanges += [[_rounded(load * 1000, 1 if fine else 100)], [_rounded(register, 1 if fine else 10)]]
    if fine:  # two block reads instead of four items
        exchanges = [[*exchanges[0], *exchanges[1]], [*exchanges[2], *exchanges[3]]]
    for number, values in enumerate(exchanges):
        late = rng.gamma(2, 180, count) + rng.integers(0, 60, count) + 150 * number
        at = due + late.astype(np.int64)
        yield from ((at[answered], value[answered]) for value in values)


def _rounded(values: npt.NDArray[np.float64], unit: int) -> Integers:
    return (np.rint(values / unit) * unit).astype(np.int64)


# --- the database ----------------------------------------------------------------------------------------------------------


def _register(conn: Connection, series: int) -> None:
    """Devices that own the series, five each: sizes do not depend on it but for who shares whose times."""
    conn.execute("insert into place values ('campus', null, 'campus', '校', 'Campus', 0)")
    conn.execute("insert into gateway (code, place, name_zh, name_en, position) values ('gw-1', 'campus', '网关', 'Gateway', 0)")
    conn.execute("insert into line (gateway, code, settings, position) values ('gw-1', 'l1', '{}', 0)")
    owners = _owners(series)
    for device in sorted(set(owners)):
        conn.execute(
            "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position) "
            "values (%s, 'a/b', 'electricity_meter', '1', 'campus', 'gw-1', 'l1', 'm', 'm', 1)",
            [device],
        )
    with conn.cursor() as cursor, conn.transaction():
        cursor.executemany(
            "insert into series (id, device, quantity) overriding system value values (%s, %s, %s)",
            [(number, device, f"q{number}") for number, device in enumerate(owners, start=1)],
        )


def _owners(series: int) -> list[str]:
    """The device of each series id, in order."""
    sizes = [4] * _KINDS["dormitory"] + [8] * (_KINDS["classroom"] + _KINDS["industrial"])
    owners = [f"m{number}" for number, size in enumerate(sizes) for _ in range(size)]
    return [*owners, *["year"] * (series - len(owners))]


def _load(conn: Connection, given: Rows) -> None:
    for part in np.array_split(np.arange(len(given)), 200):
        columns = (column[part] for column in (given.series_id, given.measured_at_ms, given.value, given.quality))
        copy_in(conn, b"copy reading (series_id, measured_at, value, quality) from stdin (format binary)", pack(Rows(*columns)))


def _obvious(conn: Connection, given: Rows) -> float:
    conn.execute("create table obvious (point bigint, time timestamptz, value float8, primary key (point, time))")
    part = given.where(np.arange(len(given)) < _OBVIOUS)
    _load(conn, part)
    conn.execute("insert into obvious select series_id, measured_at, value / 1000.0 from reading")
    conn.execute("truncate reading")
    conn.execute("vacuum obvious")
    (size,) = conn.execute("select pg_total_relation_size('obvious')").fetchone()
    conn.execute("drop table obvious")
    return int(size) / len(part)


def _hot_bytes(conn: Connection) -> int:
    hyper = conn.execute("select 1 from pg_extension where extname = 'timescaledb'").fetchone()
    (size,) = conn.execute("select hypertable_size('reading')" if hyper else "select pg_total_relation_size('reading')").fetchone()
    return int(size)


class _Unavailable(Exception):
    """There is no TimescaleDB here."""


@contextmanager
def _timescale() -> Iterator[str]:
    sys.path.insert(0, str(_SCRIPTS))
    import timescale
    from steps import SetupError

    try:
        with timescale.server(timescale.root_tree()) as dsn:
            yield dsn
    except SetupError as error:
        raise _Unavailable(str(error).splitlines()[0]) from error
    finally:
        sys.path.remove(str(_SCRIPTS))


if __name__ == "__main__":
    for figure in run():
        print(figure)
