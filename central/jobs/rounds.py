"""The leader's rounds: hear the fleet, hand out documents, replay what waited for a plan, pack old readings, throw away old bookkeeping."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from central.analytics.rounds import AnalyticsRounds
from central.completeness.expected import expectations
from central.completeness.rounds import CompletenessRounds
from central.context import Central
from central.db.pool import DatabaseError, Pool, PoolBusy
from central.db.statements import load_statements, run
from central.fleet.gateways import fleet_filters
from central.fleet.line_history import purge_hours
from central.fleet.listener import Listener
from central.identity.audit_seal import AuditRounds
from central.ingest.replay import replay
from central.iot.rounds import IotRounds
from central.mqtt.session import Session
from central.settings import JobsSettings
from central.storage.rounds import StorageRounds
from firmware_profiles.loader import load_profiles

log = logging.getLogger(__name__)

_SQL = load_statements("central.jobs")
_WAIT_S = 0.5
_PURGE_EVERY_S = 3600.0
_GAPS_EVERY_S = 5.0


def lead_rounds(central: Central, owner: Pool, client_id: str, stop: threading.Event, still_leader: Callable[[], None]) -> None:
    """Work until `stop`; raises DatabaseError when the leadership is lost.

    `owner`: a connection of the tables' owner, for storage only: it removes readings, locks them and drops chunks, which no database role may do.
    """
    session = Session(central.settings.broker, client_id, fleet_filters(), window=500)
    session.start()
    try:
        _rounds(central, owner, Listener(session), stop, still_leader)
    finally:
        session.stop()


def _rounds(central: Central, owner: Pool, listener: Listener, stop: threading.Event, still_leader: Callable[[], None]) -> None:
    replayed_plan = 0
    storage = StorageRounds(central.settings.storage, central.clock)
    iot = IotRounds(central.settings.iot.keep_report_days, central.clock)
    completeness = CompletenessRounds(expectations(load_profiles()), central.clock)
    seals = AuditRounds(central.clock)
    analytics = AnalyticsRounds(central.clock)
    purged_at = minded_at = -_PURGE_EVERY_S
    while not stop.is_set():
        still_leader()
        try:
            listener.hear(central.pool, _WAIT_S)
            listener.tell(central.pool)
            replayed_plan = _replay_after_import(central, replayed_plan)
            completeness.turn(central.pool)
            iot.turn(central.pool)
            seals.turn(central.pool)
            analytics.turn(central.pool)
            if time.monotonic() - minded_at >= _GAPS_EVERY_S:
                minded_at = time.monotonic()
                listener.ask_again(central.pool, int(central.clock() * 1000))
            if time.monotonic() - purged_at >= _PURGE_EVERY_S:
                purged_at = time.monotonic()
                purge(central.pool, central.settings.jobs)
            storage.turn(owner)
        except (DatabaseError, PoolBusy) as error:
            log.warning("a round of the leader failed, next one follows: %s", error)
            stop.wait(_WAIT_S)


def _replay_after_import(central: Central, done: int) -> int:
    """Replay once for every new plan version (and once after becoming leader)."""
    with central.pool.connection() as conn:
        row = conn.execute(_SQL["newest_plan"]).fetchone()
        newest = int(row[0]) if row and row[0] else 0
        if newest != done and (stored := replay(conn, int(central.clock() * 1000))):
            log.info("%d quarantined batches stored after plan version %d", stored, newest)
    return newest


def purge(pool: Pool, settings: JobsSettings) -> None:
    """Delete ledger rows that the cursor has taken over and quarantine entries nobody asked for in a long time; both are counted in the log."""
    with pool.connection() as conn:
        ledger = run(conn, _SQL["purge_ledger"], days=settings.ledger_keep_days)
        quarantine = run(conn, _SQL["purge_quarantine"], days=settings.quarantine_keep_days)
        purge_hours(conn)
    if ledger or quarantine:
        log.info("purged %d ledger rows and %d quarantine entries", ledger, quarantine)
