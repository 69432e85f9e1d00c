"""The roles of central (web, ingest, jobs), in one process or apart: builds them, runs them, stops them. It only wires."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from enum import StrEnum
from functools import partial

from central.alarms.rounds import evaluate_alarms
from central.batches.work import work_batches
from central.consumption.rounds import consume
from central.context import Central
from central.control.rounds import lead_commands
from central.database import database, ensure_schema, role_dsns
from central.db.grants import DatabaseRole
from central.db.pool import Pool, open_pool
from central.exports.work import work_exports
from central.ingest.worker import HISTORY, LIVE, Counters, filters, work
from central.iot.broker import SHARE, WINDOW, work_reports
from central.iot.listen import listen_tcp, listen_udp
from central.jobs.leader import ALARMS_LOCK, CONSUMPTION_LOCK, CONTROL_LOCK, lead
from central.jobs.rounds import lead_rounds
from central.mqtt.session import Session
from central.notify.rounds import notify
from central.settings import Settings
from protocol.topics import Up, iot_report_filter

log = logging.getLogger(__name__)

_OWNER_CONNECTIONS = 1  # the storage rounds', of the leader
_IOT_CONNECTIONS = 4
_JOBS_CONNECTIONS = 10  # one a thread, and some to spare
_JOIN_S = 4.0
_RESTART_S = 2.0
_SWITCH_S = 0.001  # a live batch must not wait Python's 5 ms at every turn of a thread that unpacks history


class Role(StrEnum):
    """What a process does."""

    WEB = "web"
    INGEST = "ingest"
    JOBS = "jobs"


def run_roles(settings: Settings, roles: Collection[Role]) -> None:
    """Run roles until SIGTERM or SIGINT. Raises CampusError where they cannot start."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with database(settings) as dsn, ExitStack() as pools:
        ensure_schema(settings, dsn, stop)
        dsns = role_dsns(settings, dsn, [DatabaseRole[role.name] for role in roles], stop)
        parts = {role: _part(settings, role, dsns[DatabaseRole[role.name]], pools) for role in roles}
        threads = _start(parts, dsn, stop)
        try:
            if Role.WEB in parts and not stop.is_set():
                _serve(parts[Role.WEB])
            else:
                stop.wait()
        finally:
            stop.set()
            _join(threads)
    log.info("central stopped")


def _part(settings: Settings, role: Role, dsn: str, pools: ExitStack) -> Central:
    """What the threads of one role are handed: connections of its own, which may do only what is the role's business."""
    ingest = settings.ingest.workers + settings.ingest.backfill_workers + _IOT_CONNECTIONS
    size = {Role.WEB: settings.database.pool_size, Role.INGEST: ingest, Role.JOBS: _JOBS_CONNECTIONS}[role]
    return Central(settings, pools.enter_context(_open(settings, dsn, size)), time.time, dsn)


def _open(settings: Settings, dsn: str, size: int) -> Pool:
    limits = settings.database
    return open_pool(dsn, max_size=size, statement_timeout_s=limits.statement_timeout_s, lock_timeout_s=limits.lock_timeout_s)


def _start(parts: Mapping[Role, Central], owner_dsn: str, stop: threading.Event) -> list[threading.Thread]:
    threads = []
    if central := parts.get(Role.INGEST):
        sys.setswitchinterval(_SWITCH_S)
        for lane, channels, count in (
            ("live", LIVE, central.settings.ingest.workers),
            ("backfill", HISTORY, central.settings.ingest.backfill_workers),
        ):
            names = [f"ingest-{lane}-{number}" for number in range(count)]
            threads += [_thread(name, stop, partial(_ingest, central, name, channels, stop)) for name in names]
        threads += [_thread(name, stop, target) for name, target in _iot(central, stop)]
    if central := parts.get(Role.JOBS):
        threads.append(_thread("jobs", stop, partial(_jobs, central, owner_dsn, stop)))
        threads.append(_thread("consumption", stop, partial(_consumption, central, stop)))
        threads.append(_thread("notify", stop, partial(notify, central, stop)))
        threads.append(_thread("exports", stop, partial(work_exports, central, stop)))
        threads.append(_thread("batches", stop, partial(work_batches, central, stop)))
        threads.append(_thread("alarms", stop, partial(_alarms, central, stop)))
        threads.append(_thread("control", stop, partial(_control, central, stop)))
    return threads


def _jobs(central: Central, owner_dsn: str, stop: threading.Event) -> None:
    with _open(central.settings, owner_dsn, _OWNER_CONNECTIONS) as owner:
        lead(central.dsn, stop, lambda still_leader, _epoch: lead_rounds(central, owner, _client("jobs"), stop, still_leader))


def _consumption(central: Central, stop: threading.Event) -> None:
    lead(central.dsn, stop, lambda still_leader, _epoch: consume(central, stop, still_leader), CONSUMPTION_LOCK)


def _control(central: Central, stop: threading.Event) -> None:
    lead(central.dsn, stop, lambda still_leader, _epoch: lead_commands(central, _client("control"), stop, still_leader), CONTROL_LOCK)


def _alarms(central: Central, stop: threading.Event) -> None:
    lead(central.dsn, stop, lambda still_leader, _epoch: evaluate_alarms(central, stop, still_leader), ALARMS_LOCK)


def _ingest(central: Central, name: str, channels: Collection[Up], stop: threading.Event) -> None:
    session = Session(central.settings.broker, _client(name), filters(channels), central.settings.ingest.window)
    session.start()
    try:
        work(session, central.pool, central.settings.ingest, central.clock, stop, Counters())
    finally:
        session.stop()


def _iot(central: Central, stop: threading.Event) -> Iterator[tuple[str, Callable[[], None]]]:
    """The ways in for meters that report by themselves, as far as the settings open them; the webhook belongs to the web role."""
    settings = central.settings.iot
    if settings.mqtt:
        yield "iot-mqtt", partial(_iot_broker, central, stop)
    if settings.tcp_port:
        yield "iot-tcp", partial(listen_tcp, settings, settings.tcp_port, central.pool, central.clock, stop)
    if settings.udp_port:
        yield "iot-udp", partial(listen_udp, settings, settings.udp_port, central.pool, central.clock, stop)


def _iot_broker(central: Central, stop: threading.Event) -> None:
    session = Session(central.settings.broker, _client("iot"), [iot_report_filter(SHARE)], WINDOW)
    session.start()
    try:
        work_reports(session, central.pool, central.clock, stop)
    finally:
        session.stop()


def _serve(central: Central) -> None:
    """The web server in the main thread; it handles the signals while it runs and passes them on when it ends."""
    import uvicorn

    from central.web.app import create_app

    web = central.settings.web
    uvicorn.Server(
        uvicorn.Config(
            create_app(central), host=web.host, port=web.port, log_config=None, access_log=False, timeout_graceful_shutdown=2, server_header=False
        )
    ).run()


def _client(name: str) -> str:
    """A client id nobody else uses: two clients of one id throw each other out for ever."""
    return f"central-{name}-{socket.gethostname()[:20]}-{os.getpid()}-{secrets.token_hex(3)}"


def _thread(name: str, stop: threading.Event, target: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        while not stop.is_set():
            try:
                target()
            except Exception:
                log.exception("role %s failed; starting it again", name)
                stop.wait(_RESTART_S)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def _join(threads: list[threading.Thread]) -> None:
    deadline = time.monotonic() + _JOIN_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            log.warning("role %s did not stop within %s s; nothing uncommitted is acknowledged, so nothing is lost", thread.name, _JOIN_S)
