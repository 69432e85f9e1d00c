"""A worker between a stream and a database that fails: nothing acknowledged that is not committed, nothing lost, nobody blocked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from central.db.pool import Connection, Pool
from central.ingest.worker import Counters, work
from central.mqtt.session import Message
from central.settings import IngestSettings
from protocol.messages import Ack, BatchId, Event, decode_record, encode_events
from protocol.reading import Reading
from protocol.topics import Up

NOW_MS = 1_800_000_000_000
SETTINGS = IngestSettings(commit_messages=10, commit_wait_ms=0)
Make = Callable[..., Message]
MakeReadings = Callable[..., list[Reading]]


class Script:
    """A stream that hands out groups of messages, then stops the worker. `before(n)` runs before group n is taken."""

    def __init__(self, stop: threading.Event, groups: Sequence[list[Message]], before: Callable[[int], None] = lambda _n: None) -> None:
        self._stop, self._groups, self._before = stop, iter(enumerate(groups)), before
        self.acknowledged: list[Message] = []
        self.published: list[tuple[str, Ack, bool]] = []

    def take(self, messages: int, size: int, wait_s: float, gather_s: float) -> list[Message]:
        number, group = next(self._groups, (-1, []))
        if not group:
            self._stop.set()
        self._before(number)
        return group

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.acknowledged += messages

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        self.published.append((topic, decode_record(Ack, payload), retain))
        return True


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


def run(script: Script, pool: Pool, stop: threading.Event) -> Counters:
    counters = Counters()
    work(script, pool, SETTINGS, lambda: NOW_MS / 1000, stop, counters)
    return counters


def test_commit_then_broker_then_gateway(site: Connection, pool: Pool, stop: threading.Event, make_message: Make, make_readings: MakeReadings):
    message = make_message(1, make_readings(1, 2))
    script = Script(stop, [[message]])

    counters = run(script, pool, stop)

    assert script.acknowledged == [message]
    assert script.published == [("ce/v1/gw-1/down/ack", Ack(generation=1, epoch=1, seq=1), True)]
    assert (counters.messages, counters.readings, counters.commits) == (1, 2, 1)
    assert site.execute("select device from device_status").fetchall() == [("m1",)]


def test_database_failure_keeps_the_group_until_it_is_stored(
    site: Connection, pool: Pool, stop: threading.Event, make_message: Make, make_readings: MakeReadings
):
    site.execute("alter table batch rename to away")
    site.commit()
    script = Script(stop, [[make_message(1, make_readings(1))], [make_message(2, make_readings(2, at_ms=NOW_MS + 1))]])

    def heal() -> None:
        assert script.acknowledged == []
        site.execute("alter table away rename to batch")
        site.commit()

    healer = threading.Timer(0.5, heal)
    healer.start()
    counters = run(script, pool, stop)
    healer.join()

    assert counters.database_errors >= 1
    assert [ack.seq for _, ack, _ in script.published] == [1, 2]
    assert len(script.acknowledged) == 2


def test_stop_during_a_database_failure_leaves_the_group_unacknowledged(
    site: Connection, pool: Pool, stop: threading.Event, make_message: Make, make_readings: MakeReadings
):
    site.execute("alter table batch rename to away")
    site.commit()
    script = Script(stop, [[make_message(1, make_readings(1))]])
    threading.Timer(0.3, stop.set).start()

    run(script, pool, stop)

    assert (script.acknowledged, script.published) == ([], [])


def test_content_the_database_refuses_is_quarantined_alone(
    site: Connection, pool: Pool, stop: threading.Event, make_message: Make, make_readings: MakeReadings, wrap: Make
):
    batch = BatchId("gw-1", 1, 1, 2)
    poison = wrap(encode_events(batch, [Event(code="a.b", at_ms=NOW_MS, severity="info", message="nul \0 inside")]), batch, channel=Up.EVENT)
    group = [make_message(1, make_readings(1)), poison, make_message(3, make_readings(3, at_ms=NOW_MS + 1))]
    script = Script(stop, [group])

    counters = run(script, pool, stop)

    assert site.execute("select reason, seq from quarantine").fetchall() == [("storage.refused", 2)]
    assert (counters.readings, script.acknowledged) == (2, group)
    assert script.published[-1][1].seq == 3


def test_lost_connections_are_replaced(site: Connection, pool: Pool, stop: threading.Event, make_message: Make, make_readings: MakeReadings):
    def cut(number: int) -> None:
        if number == 1:
            site.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
            site.commit()

    script = Script(stop, [[make_message(seq, make_readings(seq, at_ms=NOW_MS + seq))] for seq in (1, 2)], cut)

    run(script, pool, stop)

    assert [ack.seq for _, ack, _ in script.published] == [1, 2]
