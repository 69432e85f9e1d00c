"""The agent: builds the workers, starts them, feeds the watchdog while they make progress, stops them in reverse. It only wires."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from importlib import metadata
from pathlib import Path

from edge_agent import watchdog
from edge_agent.buffer.batches import Limits as OutboxLimits
from edge_agent.buffer.inbox import Inbox
from edge_agent.buffer.latest import Latest
from edge_agent.buffer.marks import Marks
from edge_agent.buffer.outbox import Outbox
from edge_agent.buffer.settings_store import SettingsStore
from edge_agent.clock import GuardedClock
from edge_agent.control.executor import STALLED_AFTER_S, Executor
from edge_agent.documents import Documents
from edge_agent.line_set import LineSet
from edge_agent.lines.site_time import zone_of
from edge_agent.lines.worker import LineWorker
from edge_agent.settings import Settings, UplinkSettings
from edge_agent.uplink.sender import Announcer, Clock, Reconnect, Sender
from edge_agent.uplink.session import Options, Session
from edge_agent.uplink.window import Limits as WindowLimits
from edge_agent.uplink.window import Window
from firmware_profiles.loader import load_profiles
from protocol.errors import StorageError
from protocol.messages import Birth, Event, Health, LinesDocument
from protocol.profile import AnyProfile
from protocol.reading import Reading
from protocol.site_plan import Line

_LOG = logging.getLogger(__name__)
DOCUMENTS_FOLDER = "desired"
NEWEST_BATCHES = 200  # read back at the start for the latest values
_TURN_S = 1.0
_HOUSEKEEPING_S = 60.0
_PURGE_STEPS = 20
_UPLINK_STALLED_S = 60.0
_UPLINK_STOP_S = 2.0
_DAY_MS = 86_400_000


class Agent:
    """One gateway's program: `run` returns after `stop`, with everything stored and closed."""

    def __init__(self, settings: Settings, environment: Mapping[str, str], process_id: int) -> None:
        self._settings = settings
        self._started_s = time.monotonic()
        self._notifier = watchdog.Notifier(environment.get("NOTIFY_SOCKET"))
        self._feed_s = watchdog.feed_period_s(environment, process_id)
        self._stopping = False
        self._reload = False
        self._turn = threading.Event()
        self.latest = Latest()
        self.outbox = _outbox(settings)
        newest = self.outbox.newest(NEWEST_BATCHES)
        self.latest.fill(newest)
        self.marks = Marks(settings.state_dir)
        self._clock = GuardedClock(max((batch.created_ms for batch in newest), default=0))
        self._started_ms = self._clock.wall_ms()
        self._profiles: Mapping[str, AnyProfile] = load_profiles()
        self.lines = LineSet(self._line_worker)
        store = SettingsStore(settings.state_dir / DOCUMENTS_FOLDER)
        self.documents = Documents(store, settings.gateway, self._profiles, self._apply, settings.lines.file, self._turn.set)
        self.inbox = Inbox(settings.state_dir, self._clock.monotonic)
        self.control = Executor(self.inbox, self.outbox.append_results, self.lines, self._profiles, self._clock)
        self.sender = None if settings.uplink is None else self._sender(settings.uplink)

    def run(self) -> None:
        """Start everything, watch over it until `stop`, and stop it in reverse. Raises ConfigError if the local lines file is bad."""
        try:
            self.documents.start()
            self.control.start()
            if self.sender is not None:
                self.sender.report(self.documents.reported())
                self.sender.start()
            self._notifier.notify("READY=1", self._status())
            _LOG.info("gateway %s runs, epoch %d", self._settings.gateway, self.outbox.epoch)
            self._watch_over()
        finally:
            self._notifier.notify("STOPPING=1")
            self._close()

    def stop(self) -> None:
        """End `run` soon. May be called from a signal handler."""
        self._stopping = True
        self._turn.set()

    def reload(self) -> None:
        """Read the local lines file again soon. May be called from a signal handler."""
        self._reload = True
        self._turn.set()

    def publish(self, readings: Sequence[Reading]) -> None:
        """Store readings; returns after the durable commit or raises StorageError."""
        self.outbox.append_readings(readings)
        self.latest.update(readings)

    def emit(self, event: Event) -> None:
        """Store an event, as `publish` does."""
        self.outbox.append_events([event])

    def _watch_over(self) -> None:
        fed_s = kept_house_s = 0.0
        while not self._stopping:
            self._turn.clear()
            self._turn_once()
            now_s = time.monotonic()
            if self._feed_s is not None and now_s - fed_s >= self._feed_s and self._is_alive(now_s):
                fed_s = now_s
                self._notifier.notify("WATCHDOG=1")
            if now_s - kept_house_s >= _HOUSEKEEPING_S:
                kept_house_s = now_s
                self._keep_house()
            if not self._stopping:
                self._turn.wait(min(_TURN_S, self._feed_s or _TURN_S))

    def _turn_once(self) -> None:
        """Documents and signals."""
        if self._reload:
            self._reload = False
            self.documents.reload()
            self._report()
        if self.documents.process():
            self._report()

    def _report(self) -> None:
        if self.sender is not None:
            self.sender.report(self.documents.reported())

    def _is_alive(self, now_s: float) -> bool:
        """Whether every thread made progress; if not, the watchdog is left to bite."""
        progress = {**self.lines.progress(), "control": (self.control.last_progress(), STALLED_AFTER_S)}
        if self.sender is not None:
            progress["uplink"] = (self.sender.last_progress, _UPLINK_STALLED_S)
        silent = watchdog.stalled(progress, now_s)
        if silent:
            _LOG.error("no progress: %s; the watchdog is not fed", ", ".join(silent))
        return not silent

    def _keep_house(self) -> None:
        """Purge what was acked long ago, a few steps at a time, and tell the service manager how things are."""
        try:
            for _ in range(_PURGE_STEPS):
                if not self.outbox.purge():
                    break
            self._notifier.notify(self._status())
        except StorageError as error:
            _LOG.warning("housekeeping: %s", error)

    def _status(self) -> str:
        uplink = "no uplink" if self.sender is None else "connected" if self.sender.connected else "not connected"
        return f"STATUS={len(self.lines.statuses())} lines, {self.outbox.backlog().batches} batches wait, {uplink}"

    def _close(self) -> None:
        if not self.control.stop():
            _LOG.warning("the control thread does not end in time; it is left behind")
        self.lines.stop()
        if self.sender is not None and not self.sender.stop(_UPLINK_STOP_S):
            _LOG.warning("the uplink does not end in time; it is left behind")
        self.marks.close()
        self.inbox.close()
        self.outbox.close()

    def _apply(self, document: LinesDocument) -> None:
        self.lines.apply(document.lines, zone_of(document.timezone))

    def _line_worker(self, line: Line, zone: tzinfo) -> LineWorker:
        return LineWorker(line, self._profiles, self.publish, self.emit, self._clock, marks=self.marks, zone=zone)

    def _sender(self, uplink: UplinkSettings) -> Sender:
        settings = self._settings
        options = _options(settings.gateway, uplink)
        chosen = settings.sender
        limits = WindowLimits(
            window=chosen.window,
            backfill_per_s=chosen.backfill_per_s,
            retry_s=chosen.retry_s,
            retry_max_s=chosen.retry_max_s,
            refused_s=chosen.refused_s,
        )
        return Sender(
            self.outbox,
            lambda topic, will: Session(options, topic, will),
            Window(limits),
            Announcer(self._birth, self._health),
            Clock(time.monotonic, self._clock.wall_ms, random.uniform),
            on_document=self.documents.receive,
            on_command=self.control.receive,
            reconnect=Reconnect(uplink.reconnect_min_s, uplink.reconnect_max_s),
        )

    def _birth(self) -> Birth:
        return Birth(
            gateway=self._settings.gateway,
            generation=self._settings.generation,
            epoch=self.outbox.epoch,
            agent_version=version(),
            started_at_ms=self._started_ms,
            lines=self.lines.statuses(),
            documents=self.documents.versions(),
        )

    def _health(self) -> Health:
        backlog = self.outbox.backlog()
        return Health(
            at_ms=self._clock.wall_ms(),
            uptime_s=int(time.monotonic() - self._started_s),
            backlog_batches=backlog.batches,
            backlog_bytes=backlog.payload_bytes,
            outbox_bytes=backlog.outbox_bytes,
            lines=self.lines.healths(),
            epoch=backlog.epoch,
            last_seq=backlog.last_seq,
            acked_seq=backlog.acked_seq,
            first_held_seq=backlog.first_held_seq,
        )


def version() -> str:
    """Version of the installed program."""
    try:
        return metadata.version("campus-energy")
    except metadata.PackageNotFoundError:
        return "0+unpackaged"


def _outbox(settings: Settings) -> Outbox:
    chosen = settings.buffer
    limits = OutboxLimits(chosen.quota_mib << 20, chosen.min_free_mib << 20, chosen.keep_acked_days * _DAY_MS)
    return Outbox(Path(settings.state_dir), settings.gateway, settings.generation, limits, now_ms=lambda: time.time_ns() // 1_000_000)


def _options(gateway: str, uplink: UplinkSettings) -> Options:
    return Options(
        gateway=gateway,
        host=uplink.host,
        port=uplink.port,
        ca_file=uplink.ca_file,
        cert_file=uplink.cert_file,
        key_file=uplink.key_file,
        username=uplink.username,
        password_file=uplink.password_file,
        keepalive_s=uplink.keepalive_s,
        session_expiry_s=uplink.session_expiry_s,
        will_delay_s=uplink.will_delay_s,
    )
