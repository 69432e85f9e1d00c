"""Storing groups: exactly once, in any order, with conflicts told and receipts that never claim too much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.db.pool import Connection, DatabaseError
from central.ingest.receipts import ack
from central.ingest.series import SeriesIds
from central.ingest.store import Stored, store
from central.ingest.verify import verify
from central.mqtt.session import Message
from protocol.messages import BatchId, Event, encode_events
from protocol.reading import Reading, SeriesKey
from protocol.topics import Up

NOW_MS = 1_800_000_000_000
Make = Callable[..., Message]
MakeReadings = Callable[..., list[Reading]]


def put(conn: Connection, messages: Iterable[Message], series: SeriesIds | None = None) -> Stored:
    return store(conn, series or SeriesIds(), [verify(message, NOW_MS) for message in messages])


def table(conn: Connection) -> list[Any]:
    """The reading table with names for ids."""
    rows = conn.execute(
        "select s.device, s.quantity, (extract(epoch from r.measured_at) * 1000)::bigint, r.value, r.quality "
        "from reading as r join series as s on s.id = r.series_id order by 1, 2, 3"
    ).fetchall()
    conn.rollback()
    return rows


def count(conn: Connection, name: str) -> int:
    row = conn.execute(f"select count(*) from {name}").fetchone()
    conn.rollback()
    return int(row[0])


def test_readings_arrive_as_they_were_sent(site: Connection, make_message: Make):
    rows = [Reading(SeriesKey("m1", "energy_active_forward"), NOW_MS, 2**62), Reading(SeriesKey("m2", "voltage_a"), NOW_MS - 1, -1)]

    stored = put(site, [make_message(1, rows)])

    assert table(site) == [("m1", "energy_active_forward", NOW_MS, 2**62, 0), ("m2", "voltage_a", NOW_MS - 1, -1, 0)]
    assert stored.readings == 2
    assert stored.latest_ms == {"m1": NOW_MS, "m2": NOW_MS - 1}


def test_batch_sent_again_is_stored_once_and_acknowledged_again(site: Connection, make_message: Make, make_readings: MakeReadings):
    message = make_message(1, make_readings(1, 2))
    first = put(site, [message, message])
    again = put(site, [message])

    assert count(site, "reading") == 2
    assert (first.duplicates, again.duplicates, again.readings) == (1, 1, 0)
    assert [ack(receipt).seq for receipt in again.receipts] == [1]


def test_receipt_stops_at_the_first_gap_and_names_what_lies_above(site: Connection, make_message: Make, make_readings: MakeReadings):
    stored = put(site, [make_message(seq, make_readings(seq, at_ms=NOW_MS + seq)) for seq in (1, 2, 5, 6, 9)])

    assert [(ack(one).seq, ack(one).also) for one in stored.receipts] == [(2, ((5, 6), (9, 9)))]


def test_receipt_of_an_epoch_that_lacks_its_first_batch_covers_nothing(site: Connection, make_message: Make, make_readings: MakeReadings):
    stored = put(site, [make_message(2, make_readings(1))])

    assert [(ack(one).seq, ack(one).also) for one in stored.receipts] == [(0, ((2, 2),))]


def test_known_reading_with_another_value_is_kept_and_told(site: Connection, make_message: Make, make_readings: MakeReadings):
    put(site, [make_message(1, make_readings(10, 20))])

    stored = put(site, [make_message(2, make_readings(10, 99, 30))])

    assert [row[3] for row in table(site)] == [10, 20, 30]
    assert stored.conflicts == 1
    event = site.execute("select code, device, data from event").fetchone()
    assert event == ("reading.conflict", "m1", {"quantity": "energy_active_forward", "measured_at_ms": NOW_MS + 60_000, "kept": 20, "refused": 99})


def test_two_values_for_one_moment_inside_a_group_keep_one_and_tell(site: Connection, make_message: Make, make_readings: MakeReadings):
    stored = put(site, [make_message(1, make_readings(10)), make_message(2, make_readings(11))])

    assert count(site, "reading") == 1
    assert stored.conflicts == 1
    assert count(site, "event") == 1


def test_events_are_stored_once(site: Connection, wrap: Callable[..., Message]):
    batch = BatchId("gw-1", 1, 1, 1)
    event = Event(code="line.port_unavailable", at_ms=NOW_MS, severity="error", line="l1", message="拔掉了", data={"tries": 3})
    message = wrap(encode_events(batch, [event, event]), batch, channel=Up.EVENT)

    put(site, [message])
    put(site, [message])

    rows = site.execute("select position, code, (extract(epoch from at) * 1000)::bigint, line, message, data from event order by 1").fetchall()
    assert rows == [(n, "line.port_unavailable", NOW_MS, "l1", "拔掉了", {"tries": 3}) for n in (0, 1)]


def test_failure_before_commit_leaves_no_trace_and_the_next_try_stores_all(site: Connection, make_message: Make, make_readings: MakeReadings):
    series = SeriesIds()
    message = make_message(1, make_readings(1, 2))
    site.execute("alter table ack_cursor rename to gone")
    site.commit()
    with pytest.raises(DatabaseError):
        put(site, [message], series)
    site.rollback()
    assert (count(site, "reading"), count(site, "batch")) == (0, 0)

    site.execute("alter table gone rename to ack_cursor")
    site.commit()
    put(site, [message], series)

    assert (count(site, "reading"), count(site, "batch")) == (2, 1)


def test_touched_devices_are_notified_with_the_commit(site: Connection, make_message: Make, make_readings: MakeReadings):
    site.execute("listen ce_reading")
    site.commit()

    put(site, [make_message(1, [*make_readings(1), *make_readings(1, device="m2")])])

    assert [notice.payload for notice in site.notifies(timeout=5, stop_after=1)] == ["m1,m2"]


def test_any_order_and_repetition_gives_the_same_table(site: Connection, make_message: Make, make_readings: MakeReadings):
    messages = [make_message(seq, make_readings(seq, seq + 1, seq + 2, device=f"m{1 + seq % 2}", at_ms=NOW_MS + seq * 60_000)) for seq in range(1, 7)]

    def run(groups: Sequence[Sequence[int]]) -> tuple[list[Any], list[Any]]:
        site.execute("truncate reading, batch, ack_cursor, event")
        site.commit()
        for group in groups:
            put(site, [messages[number] for number in group])
        return table(site), site.execute("select received from ack_cursor").fetchall()

    clean = run([list(range(6))])

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(order=st.permutations([0, 1, 2, 3, 4, 5, 0, 2, 4, 4]), cuts=st.sets(st.integers(1, 9)))
    def same(order: list[int], cuts: set[int]) -> None:
        bounds = [0, *sorted(cuts), len(order)]
        found = run([order[start:end] for start, end in pairwise(bounds)])
        assert found == clean

    same()
