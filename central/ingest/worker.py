"""One ingest worker: takes messages, stores them as a group, then acknowledges to the broker and to the gateways. In this order, always."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential
from tenacity.nap import sleep_using_event

from central.db.pool import CONTENT_ERRORS, DatabaseError, Pool, PoolBusy
from central.db.statements import load_statements, run
from central.ingest.receipts import Receipt, ack
from central.ingest.series import SeriesIds
from central.ingest.store import Stored, store
from central.ingest.verify import Poison, Sound, verify
from central.mqtt.session import Message
from central.settings import IngestSettings
from protocol.messages import encode_record
from protocol.topics import UP_STORED, Down, Up, down, up_filter

log = logging.getLogger(__name__)

SHARE = "ingest"
LIVE = UP_STORED - {Up.BACKFILL}
HISTORY = frozenset({Up.BACKFILL})  # has workers and sessions of its own: in one queue with it, what happens now would wait behind last week
_STATUS_EVERY_S = 2.0
_IDLE_S = 0.5
_BACKOFF_MAX_S = 3.0  # all data waits for us


class Stream(Protocol):
    """What a worker needs of an MQTT session."""

    def take(self, messages: int, size: int, wait_s: float, gather_s: float) -> list[Message]:
        """Messages that wait."""

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """These are done."""

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Send; False when it could not be handed over."""


@dataclass(slots=True)
class Counters:
    """What a worker has done since it started."""

    messages: int = 0
    readings: int = 0
    duplicates: int = 0
    quarantined: int = 0
    conflicts: int = 0
    commits: int = 0
    database_errors: int = 0


def filters(channels: Collection[Up] = UP_STORED) -> list[str]:
    """The shared subscriptions of a worker: of all stored channels, or of some."""
    return [up_filter(channel, SHARE) for channel in sorted(channels)]


def work(stream: Stream, pool: Pool, settings: IngestSettings, clock: Callable[[], float], stop: threading.Event, counters: Counters) -> None:
    """Run until `stop`. Whatever is not committed by then stays unacknowledged and comes again."""
    series = SeriesIds()
    latest_ms: dict[str, int] = {}
    touched_at = clock()
    while not stop.is_set():
        messages = stream.take(settings.commit_messages, settings.commit_bytes, _IDLE_S, settings.commit_wait_ms / 1000)
        if messages and not _handle(messages, stream, pool, series, clock, stop, counters, latest_ms):
            break
        if latest_ms and not 0 <= clock() - touched_at < _STATUS_EVERY_S:
            touched_at = clock()
            _touch(pool, latest_ms)
    if latest_ms:
        _touch(pool, latest_ms)
    log.info("ingest worker stopped: %s", " ".join(f"{field.name}={getattr(counters, field.name)}" for field in fields(counters)))


def _handle(
    messages: list[Message],
    stream: Stream,
    pool: Pool,
    series: SeriesIds,
    clock: Callable[[], float],
    stop: threading.Event,
    counters: Counters,
    latest_ms: dict[str, int],
) -> bool:
    """Store one group and acknowledge it; False when we were told to stop before that was possible."""
    now_ms = int(clock() * 1000)
    arrivals = [verify(message, now_ms) for message in messages]
    try:
        done = _store_until_done(pool, series, arrivals, stop, counters)
    except RetryError:
        return False
    stream.acknowledge(messages)
    for stored in done:
        for receipt in stored.receipts:
            _send(stream, receipt)
        for device, at in stored.latest_ms.items():
            latest_ms[device] = max(at, latest_ms.get(device, at))
        _count(counters, stored)
    counters.messages += len(messages)
    return True


def _store_until_done(pool: Pool, series: SeriesIds, arrivals: list[Sound | Poison], stop: threading.Event, counters: Counters) -> list[Stored]:
    """Try until the database takes the group. Only the group is held meanwhile: the window keeps the broker from sending more."""

    def note(state: object) -> None:
        counters.database_errors += 1
        if getattr(state, "attempt_number", 0) == 1:
            log.warning("database does not take readings, trying again: %s", getattr(state, "outcome", None) and state.outcome.exception())  # type: ignore[attr-defined]

    retrying = Retrying(
        retry=retry_if_exception_type((DatabaseError, PoolBusy)),
        wait=wait_random_exponential(multiplier=0.2, max=_BACKOFF_MAX_S),
        stop=stop_when_event_set(stop),
        sleep=sleep_using_event(stop),
        before_sleep=note,
    )
    done = retrying(_store_group, pool, series, arrivals)
    if retrying.statistics.get("attempt_number", 1) > 1:
        log.info("database takes readings again after %s attempts", retrying.statistics["attempt_number"])
    return done


def _store_group(pool: Pool, series: SeriesIds, arrivals: list[Sound | Poison]) -> list[Stored]:
    """Store the group; where its content upsets the database, each message alone, and the culprit goes to quarantine."""
    try:
        with pool.connection() as conn:
            return [store(conn, series, arrivals)]
    except CONTENT_ERRORS as error:
        if len(arrivals) > 1:
            return [stored for item in arrivals for stored in _store_group(pool, series, [item])]
        culprit = Poison(arrivals[0].message, arrivals[0].batch, "storage.refused", f"the database refused the content: {error}")
        if arrivals[0] == culprit or isinstance(arrivals[0], Poison):
            raise
        return _store_group(pool, series, [culprit])


def _send(stream: Stream, receipt: Receipt) -> None:
    """The cumulative ack, retained. If it is lost the edge sends again and gets it anew."""
    if not stream.publish(down(receipt.gateway, Down.ACK), encode_record(ack(receipt)), retain=True):
        log.debug("receipt for %s not sent; it will ask again", receipt.gateway)


def _count(counters: Counters, stored: Stored) -> None:
    counters.commits += 1
    counters.readings += stored.readings
    counters.duplicates += stored.duplicates
    counters.quarantined += stored.quarantined
    counters.conflicts += stored.conflicts


_SQL = load_statements("central.ingest")


def _touch(pool: Pool, latest_ms: dict[str, int]) -> None:
    """Write when devices were last heard. Derived data: on failure it is kept for the next round."""
    try:
        with pool.connection() as conn:
            run(conn, _SQL["touch_devices"], devices=list(latest_ms), at_ms=list(latest_ms.values()))
    except (DatabaseError, PoolBusy) as error:
        log.debug("device status not written, next round: %s", error)
    else:
        latest_ms.clear()
