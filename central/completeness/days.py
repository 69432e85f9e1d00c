"""The days of every device: begun when a device stands, counted again while something is missing, summed when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
import orjson

from central.completeness.model import DEFAULT_PERIOD_S, GRACE_MS, Completeness, Expected
from central.completeness.tally import Integers, Windows, due_windows, tally
from central.consumption.days import bounds, day_of
from central.consumption.load import site_zone
from central.db.copy import copy_out
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.ingest.pack import unpack

_SQL = load_statements("central.completeness")
MAX_ROWS = 1000
FOLLOW_MS = 180 * 86_400_000  # how long something missing may still come
LOOK_EVERY_MS = 300_000
COUNT_AT_ONCE = 2000  # device days a transaction; some tenths of a second


class By(StrEnum):
    """What the answer has a row for."""

    SITE = "site"
    GATEWAY = "gateway"
    PLACE = "place"
    DEVICE = "device"


def begin_days(conn: Connection, expected: Sequence[Expected], now_ms: int, back: Sequence[int] = (0, 1, 2)) -> int:
    """Have the devices that stand today, and stood so many days `back`, counted. Returns how many device days were new or changed."""
    zone = site_zone(conn)
    today = day_of(now_ms, zone)
    days = [today - timedelta(days=number) for number in back]
    return run(
        conn,
        _SQL["begin_days"],
        expected=orjson.dumps([asdict(one) for one in expected]).decode(),
        days=days,
        starts_ms=[bounds(day, zone)[0] for day in days],
        ends_ms=[bounds(day, zone)[1] for day in days],
        default_s=DEFAULT_PERIOD_S,
        today=today,
        now_ms=now_ms,
    )


def count_days(conn: Connection, now_ms: int, limit: int = COUNT_AT_ONCE) -> int:
    """Count device days, of one day, whose turn it is; returns how many. Commit is the caller's.

    Today's turn comes every five minutes, that of a day with something missing after a 96th of its age.
    """
    turn = next(iter(rows(conn, _SQL["next_day"], _Day, now_ms=now_ms)), None)
    if turn is None:
        return 0
    day = bounds(turn.day, site_zone(conn))
    upto_ms = now_ms - GRACE_MS
    asked = {"day": turn.day, "start_ms": day[0], "end_ms": day[1], "now_ms": now_ms, "limit": limit}
    taken = rows(conn, _SQL["take_days"], _Taken, **asked)
    due, measured, made_up = _counted(conn, taken, day, upto_ms)
    over, old = day[1] <= upto_ms, now_ms - day[1] > FOLLOW_MS
    settled = [over and (old or there == wanted) for there, wanted in zip(measured, due, strict=True)]
    next_ms = now_ms + max(LOOK_EVERY_MS, (now_ms - day[1]) // 96)
    figures = {"due": due, "measured": measured, "made_up": made_up, "settled": settled}
    return run(conn, _SQL["write_days"], day=turn.day, now_ms=now_ms, next_ms=next_ms, devices=[one.device for one in taken], **figures)


def completeness(
    conn: Connection, day: date | None, by: By, now_ms: int, within: str | None = None, offset: int = 0, limit: int = MAX_ROWS
) -> list[Completeness]:
    """One local day (None: today, up to now). `within`: a gateway; for places, the parent (None: the roots); for devices, a gateway or place.

    Devices come worst first, the others in the plan's order.
    """
    wanted = day or day_of(now_ms, site_zone(conn))
    return rows(conn, _SQL[_STATEMENTS[by]], Completeness, day=wanted, within=within, offset=offset, limit=min(limit, MAX_ROWS))


def gateway_days(conn: Connection, gateway: str, now_ms: int) -> tuple[Completeness | None, Completeness | None]:
    """Today up to now, and yesterday, of one gateway's devices; None where none of them stood."""
    today = day_of(now_ms, site_zone(conn))
    found = [completeness(conn, day, By.GATEWAY, now_ms, gateway) for day in (today, today - timedelta(days=1))]
    return next(iter(found[0]), None), next(iter(found[1]), None)


_STATEMENTS = {By.SITE: "of_site", By.GATEWAY: "of_gateways", By.PLACE: "of_places", By.DEVICE: "of_devices"}


@dataclass(frozen=True, slots=True)
class _Day:
    day: date


@dataclass(frozen=True, slots=True)
class _Taken:
    """A device day to count. `series_id`: 0 while the device never sent its register; `stays`: [from, to] in ms, disjoint."""

    device: str
    period_s: int
    series_id: int
    stays: list[list[int]]


def _counted(conn: Connection, taken: Sequence[_Taken], day: tuple[int, int], upto_ms: int) -> tuple[list[int], list[int], list[int]]:
    """Due, measured and made up of each."""
    found = [
        (position, one.series_id, *window, one.period_s * 1000)
        for position, one in enumerate(taken)
        for window in due_windows(day, ((first, last) for first, last in one.stays), upto_ms, one.period_s * 1000)
    ]
    owner, *columns = np.array(found, np.int64).reshape(-1, 5).T
    windows = Windows(*columns)
    ids = sorted({one.series_id for one in taken} - {0})
    read = unpack(copy_out(conn, _SQL["copy_readings"], {"ids": ids, "from_ms": day[0], "to_ms": min(day[1], max(day[0], upto_ms))}))
    measured, made_up = tally(windows, read.series_id, read.measured_at_ms, read.quality)
    due, there, made = (_summed(owner, part, len(taken)) for part in (windows.due, windows.sums(measured), windows.sums(made_up)))
    return due, there, made


def _summed(owner: Integers, parts: Integers, length: int) -> list[int]:
    sums = np.zeros(length, np.int64)
    np.add.at(sums, owner, parts)
    found: list[int] = sums.tolist()
    return found
