"""One leader for each kind of work among all processes with the jobs role: a session advisory lock, and an epoch that only rises as fencing token."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from central.db.pool import Connection, DatabaseError, connect
from central.db.statements import load_statements

log = logging.getLogger(__name__)

_SQL = load_statements("central.jobs")
_RETRY_S = 2.0
ROUNDS_LOCK = 1667563521
CONSUMPTION_LOCK = 1667563526
CONTROL_LOCK = 1667563527
ALARMS_LOCK = 1667563540
Lead = Callable[[Callable[[], None], int], None]


def lead(dsn: str, stop: threading.Event, work: Lead, lock: int = ROUNDS_LOCK) -> None:
    """Wait to become the leader (of what `lock` stands for), then run `work(still_leader, epoch)`; start over when the lock is lost.

    `still_leader()` raises DatabaseError once we are not: `work` calls it before every round and lets it pass.
    """
    while not stop.is_set():
        try:
            with connect(dsn, autocommit=True) as conn:
                if _taken(conn, lock):
                    epoch = _number(conn, "next_epoch")
                    log.info("leading (lock %d) with epoch %d", lock, epoch)
                    work(lambda: _beat(conn), epoch)
        except DatabaseError as error:
            log.warning("not leading: %s", error)
        stop.wait(_RETRY_S)


def _taken(conn: Connection, lock: int) -> bool:
    row = conn.execute(_SQL["try_lead"], {"lock": lock}).fetchone()
    return bool(row and row[0])


def _number(conn: Connection, statement: str) -> int:
    row = conn.execute(_SQL[statement]).fetchone()
    return int(row[0]) if row else 0


def _beat(conn: Connection) -> None:
    conn.execute(_SQL["heartbeat"])
