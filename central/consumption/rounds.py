"""The consumption thread: rounds while there is work, a look every second while there is none, and every night the proof."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from central.consumption.check import check, report_check
from central.consumption.fill_marks import mark_fills
from central.consumption.freeze_check import check_freezes
from central.consumption.load import site_zone
from central.consumption.work import run_round
from central.context import Central
from central.db.pool import DatabaseError, PoolBusy

log = logging.getLogger(__name__)

_WAIT_S = 1.0
_RETRY_S = 5.0
_CHECK_HOUR = 3  # local: after the late readings of the evening, before the office opens


def consume(central: Central, stop: threading.Event, still_leader: Callable[[], None]) -> None:
    """Work until `stop`; raises DatabaseError when the leadership is lost."""
    failed = 0
    checked = _local_night(central)
    while not stop.is_set():
        still_leader()
        try:
            with central.pool.connection() as conn:
                done = run_round(conn, still_leader)
            if failed:
                log.info("consumption works again after %d failed rounds", failed)
            failed = 0
            if done.points:
                log.debug("computed %d points, %d days changed, %d points failed", done.points, done.days, done.failed)
            night = _local_night(central)
            if night != checked and not done.taken:
                checked = night
                _night(central, night)
        except (DatabaseError, PoolBusy) as error:
            failed += 1
            log.log(logging.WARNING if failed == 1 else logging.DEBUG, "a round of consumption failed, trying again: %s", error)
            stop.wait(_RETRY_S)
            continue
        if not done.taken:
            stop.wait(_WAIT_S)


def _local_night(central: Central) -> date:
    """The day whose check is due: today from _CHECK_HOUR on, before that yesterday."""
    with central.pool.connection() as conn:
        zone = ZoneInfo(site_zone(conn))
    now = datetime.fromtimestamp(central.clock() - _CHECK_HOUR * 3600, UTC)
    return now.astimezone(zone).date()


def _night(central: Central, today: date) -> None:
    """What is done once a night: look for made-up readings, compare freezes, prove the figures."""
    settings = central.settings.consumption
    with central.pool.connection() as conn:
        zone = site_zone(conn)
        conn.commit()
        mark_fills(conn, zone, today)
        check_freezes(conn, zone, today - timedelta(days=1))
        result = check(conn, datetime.fromtimestamp(central.clock(), UTC), days=settings.check_days, sample=settings.check_points)
        report_check(conn, result, int(central.clock() * 1000))
