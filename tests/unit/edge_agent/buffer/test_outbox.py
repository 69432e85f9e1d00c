"""What the outbox promises about batches, receipts and numbers.

Size: appending, receipts and room are promises about one file.
"""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.buffer import outbox as outbox_module
from edge_agent.buffer.batches import Limits, Receipt
from edge_agent.buffer.inspect import inspect
from protocol.command import CommandResult, Results
from protocol.errors import QuotaExceeded, StorageBusy, StorageError
from protocol.messages import MAX_READINGS, Event, checksum, decode_stored
from protocol.reading import Reading, SeriesKey

DAY_MS = 86_400_000
SMALL = Limits(quota_bytes=2 << 20, min_free_bytes=0)


def append_on_a_full_disk(outbox, readings, monkeypatch):
    def fail(_):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as full_disk:
        full_disk.setattr(outbox_module, "checksum", fail)
        outbox.append_readings(readings)


def contents(outbox):
    return [decode_stored(batch.payload, batch.crc32c) for batch in outbox.pending(limit=1000)]


def fill(outbox, readings):
    """Append until the quota refuses; return how many were accepted."""
    for accepted in range(1000):
        try:
            outbox.append_readings(readings)
        except QuotaExceeded:
            return accepted
    pytest.fail("the quota never refused")


def codes(outbox):
    return [event.code for batch in outbox.pending(limit=1000) if batch.kind == "events" for event in decode_stored(batch.payload)[1]]


def test_appended_batch_carries_its_own_identity(open_outbox, readings):
    outbox = open_outbox()

    seq = outbox.append_readings(readings(3))

    [(batch, columns)] = contents(outbox)
    assert (batch.gateway, batch.generation, batch.epoch, batch.seq) == ("gw-1", 1, outbox.epoch, seq)
    assert columns.readings() == readings(3)


def test_long_append_is_split_and_returns_last_seq(open_outbox, readings):
    outbox = open_outbox()

    seq = outbox.append_readings(readings(2 * MAX_READINGS + 1))

    assert seq == 3
    assert [len(columns) for _, columns in contents(outbox)] == [MAX_READINGS, MAX_READINGS, 1]


def test_reopened_outbox_goes_on_counting_in_the_same_epoch(open_outbox, readings):
    first = open_outbox()
    first.append_readings(readings(1))
    epoch = first.epoch
    first.close()

    second = open_outbox()

    assert second.append_readings(readings(1)) == 2
    assert second.epoch == epoch < 1 << 53


def test_receipt_hides_a_prefix_and_deletes_nothing(open_outbox, readings):
    outbox = open_outbox()
    for _ in range(3):
        outbox.append_readings(readings(1))

    assert outbox.acknowledge(1, outbox.epoch, 2) is Receipt.ADVANCED

    first = outbox.position(outbox.epoch, 1)
    assert [batch.seq for batch in outbox.pending()] == [3]
    assert [(batch.seq, batch.kind) for batch in outbox.range(first, first + 2)] == [(1, "readings"), (2, "readings"), (3, "readings")]
    assert [(batch.seq, batch.kind) for batch in outbox.range(first + 1, first + 1)] == [(2, "readings")]


@pytest.mark.parametrize(
    ("generation", "epoch_shift", "seq", "expected"),
    [(1, 0, 1, Receipt.STALE), (1, 1, 5, Receipt.FOREIGN), (2, 0, 5, Receipt.FOREIGN), (1, 0, 99, Receipt.BEYOND)],
)
def test_useless_receipt_changes_nothing(open_outbox, readings, generation, epoch_shift, seq, expected):
    outbox = open_outbox()
    for _ in range(3):
        outbox.append_readings(readings(1))
    outbox.acknowledge(1, outbox.epoch, 1)

    assert outbox.acknowledge(generation, outbox.epoch + epoch_shift, seq) is expected
    assert [batch.seq for batch in outbox.pending()] == [2, 3]


@pytest.mark.parametrize(
    ("acked", "seq", "also", "waiting"),
    [
        (0, 2, ((4, 5),), [3, 4, 5, 6]),
        (0, 0, ((2, 6),), [1, 2, 3, 4, 5, 6]),
        (3, 1, ((4, 5),), [6]),
        (3, 1, ((3, 4), (5, 5)), [6]),
        (3, 1, ((5, 6),), [4, 5, 6]),
    ],
)
def test_ranges_beside_the_receipt_count_where_they_continue_what_is_acked(open_outbox, readings, acked, seq, also, waiting):
    outbox = open_outbox()
    for _ in range(6):
        outbox.append_readings(readings(1))
    outbox.acknowledge(1, outbox.epoch, acked)

    outbox.acknowledge(1, outbox.epoch, seq, also)

    assert [batch.seq for batch in outbox.pending()] == waiting


def test_seq_is_never_used_twice_after_everything_was_purged(open_outbox, readings, wall):
    outbox = open_outbox()
    for _ in range(5):
        outbox.append_readings(readings(1))
    outbox.acknowledge(1, outbox.epoch, 5)
    wall.now_ms += 8 * DAY_MS
    assert outbox.purge() == 5
    outbox.close()

    assert open_outbox().append_readings(readings(1)) == 6


def test_acked_batches_stay_seven_days(open_outbox, readings, wall):
    outbox = open_outbox()
    outbox.append_readings(readings(1))
    outbox.acknowledge(1, outbox.epoch, 1)
    wall.now_ms += 7 * DAY_MS - 1

    assert outbox.purge() == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(st.integers(1, 4).map(lambda n: ("append", n)), st.integers(0, 12).map(lambda n: ("ack", n)), st.just(("reopen", 0))), max_size=20
    )
)
def test_pending_is_always_what_was_appended_above_the_receipt(tmp_path_factory, open_outbox, readings, steps):
    directory = tmp_path_factory.mktemp("outbox")
    outbox, last, acked = open_outbox(directory), 0, 0

    for step, number in steps:
        if step == "append":
            outbox.append_readings(readings(number))
            last += 1
        elif step == "ack":
            outbox.acknowledge(1, outbox.epoch, number)
            acked = max(acked, number) if number <= last else acked
        else:
            outbox.close()
            outbox = open_outbox(directory)
    assert [batch.seq for batch in outbox.pending(limit=100)] == list(range(acked + 1, last + 1))
    outbox.close()


def test_new_generation_begins_new_epoch_and_keeps_the_old_batches(open_outbox, readings):
    old = open_outbox(generation=1)
    old.append_readings(readings(1))
    old_epoch = old.epoch
    old.close()

    new = open_outbox(generation=2)
    new.append_readings(readings(1))

    assert [(batch.generation, batch.epoch) for batch in new.pending()] == [(1, old_epoch), (2, new.epoch)]
    assert new.acknowledge(1, old_epoch, 1) is Receipt.ADVANCED
    assert [batch.generation for batch in new.pending()] == [2]


def test_outbox_of_another_gateway_is_set_aside(open_outbox, readings, tmp_path):
    other = open_outbox(gateway="gw-9")
    other.append_readings(readings(1))
    other.close()

    outbox = open_outbox(gateway="gw-1")

    assert codes(outbox) == ["outbox.foreign"]
    assert len(list(tmp_path.glob("outbox.aside-*.db"))) == 1


def test_second_owner_is_refused(open_outbox):
    open_outbox()

    with pytest.raises(StorageBusy):
        open_outbox()


def test_closed_outbox_refuses_instead_of_losing(open_outbox, readings):
    outbox = open_outbox()
    outbox.close()

    with pytest.raises(StorageError):
        outbox.append_readings(readings(1))


def test_quota_drops_oldest_acked_first(open_outbox, bulky):
    outbox = open_outbox(limits=SMALL)

    for seq in range(1, 301):
        outbox.append_readings(bulky)
        outbox.acknowledge(1, outbox.epoch, seq)

    assert outbox.backlog().outbox_bytes <= 2 << 20
    assert 1 < outbox.newest(1000)[0].seq < outbox.newest(1)[0].seq == 300


def test_quota_refuses_rather_than_drop_unacked_and_tells_the_gap(open_outbox, bulky):
    outbox = open_outbox(limits=SMALL)
    accepted = fill(outbox, bulky)
    with pytest.raises(QuotaExceeded):
        outbox.append_readings(bulky[:7])

    assert sum(batch.kind == "readings" for batch in outbox.pending(limit=10_000)) == accepted
    outbox.acknowledge(1, outbox.epoch, accepted)
    outbox.append_readings(bulky)
    outbox.append_readings(bulky)
    assert codes(outbox) == ["outbox.full", "outbox.gap"]
    gap = decode_stored(outbox.pending()[1].payload)[1][0]
    assert (gap.data["calls"], gap.data["readings"]) == (2, len(bulky) + 7)


def test_events_may_use_the_reserve_behind_the_quota(open_outbox, bulky):
    outbox = open_outbox(limits=SMALL)
    fill(outbox, bulky)

    outbox.append_events([Event(code="door.open", at_ms=1, severity="info", message="still told")])

    assert "door.open" in codes(outbox)


def test_nearly_full_file_system_refuses_before_the_disk_does(open_outbox, readings, monkeypatch):
    outbox = open_outbox(limits=Limits(min_free_bytes=1 << 20))
    monkeypatch.setattr(outbox_module, "_free_bytes", lambda directory: 1000)
    with pytest.raises(QuotaExceeded):
        outbox.append_readings(readings(1))

    monkeypatch.setattr(outbox_module, "_free_bytes", lambda directory: 1 << 30)
    outbox.append_readings(readings(1))

    assert codes(outbox) == ["outbox.full", "outbox.gap"]


def test_reading_the_format_cannot_carry_leaves_an_event_and_stops_nobody(open_outbox, readings):
    outbox = open_outbox()
    bad = Reading(SeriesKey("m-1", "energy"), 1, 1 << 63)

    outbox.append_readings([*readings(2), bad])

    assert [len(content) for _, content in contents(outbox)] == [2, 1]
    assert codes(outbox) == ["outbox.reading_unusable"]
    [event] = contents(outbox)[1][1]
    assert (event.device, event.data["count"], event.data["value"]) == ("m-1", 1, str(1 << 63))


def test_renumbering_carries_unacked_batches_to_a_new_epoch(open_outbox, readings):
    outbox = open_outbox()
    for start in range(120):
        outbox.append_readings(readings(1, start))
    outbox.acknowledge(1, outbox.epoch, 10)
    old_epoch = outbox.epoch

    assert outbox.renumber() == 110

    found = contents(outbox)
    assert {batch.epoch for batch, _ in found} == {outbox.epoch} != {old_epoch}
    assert [columns.value[0] for _, columns in found] == list(range(10, 120))


def test_receipt_is_on_the_disk_with_the_next_commit_even_if_the_one_before_failed(open_outbox, readings, tmp_path, monkeypatch):
    outbox = open_outbox()
    outbox.append_readings(readings(1))
    outbox.acknowledge(1, outbox.epoch, 1)
    with pytest.raises(StorageError):
        append_on_a_full_disk(outbox, readings(1), monkeypatch)
    assert inspect(tmp_path, 1).acked == 0

    outbox.append_readings(readings(1))

    assert inspect(tmp_path, 1).acked == 1


def test_range_answers_for_batches_that_are_gone(open_outbox, readings, wall):
    outbox = open_outbox()
    for _ in range(2):
        outbox.append_readings(readings(1))
    outbox.acknowledge(1, outbox.epoch, 2)
    wall.now_ms += 8 * DAY_MS
    outbox.purge()
    outbox.append_readings(readings(1))

    first = outbox.position(outbox.epoch, 1)
    rows = outbox.range(first, first + 99)

    assert [(row.seq, row.kind) for row in rows] == [(1, "events"), (2, "events"), (3, "readings")]
    assert [row.count for row in rows] == [1, 1, 1]
    assert all(checksum(row.payload) == row.crc32c for row in rows)
    assert decode_stored(rows[0].payload)[1][0].code == "outbox.batch_lost"


def test_range_of_an_epoch_not_held_is_empty(open_outbox, readings):
    outbox = open_outbox()
    outbox.append_readings(readings(1))

    assert outbox.range(1 << 62, (1 << 62) + 5) == []


def test_batches_waiting_are_given_between_two_positions(open_outbox, readings):
    outbox = open_outbox()
    for _ in range(5):
        outbox.append_readings(readings(1))
    first = outbox.position(outbox.epoch, 1)

    assert [batch.seq for batch in outbox.pending(after=first, upto=first + 2)] == [2, 3]
    assert [batch.seq for batch in outbox.pending(limit=2)] == [1, 2]


def test_backlog_counts_what_waits_in_all_epochs_and_nothing_acked(open_outbox, readings):
    old = open_outbox(generation=1)
    for count in (1, 500, 20):
        old.append_readings(readings(count))
    old.acknowledge(1, old.epoch, 2)
    old.close()
    outbox = open_outbox(generation=2)
    outbox.append_readings(readings(300))

    waiting = outbox.pending(limit=10)

    assert [batch.count for batch in waiting] == [20, 300]
    assert outbox.backlog().batches == 2
    assert outbox.backlog().payload_bytes == sum(len(batch.payload) for batch in waiting)


def test_renumbering_tells_that_positions_have_lost_their_meaning(open_outbox, readings):
    outbox = open_outbox()
    before = outbox.incarnation
    outbox.append_readings(readings(1))
    assert outbox.incarnation == before

    outbox.renumber()

    assert outbox.incarnation > before


def test_batch_acked_within_an_hour_stays_seven_whole_days(open_outbox, readings, wall):
    wall.now_ms += DAY_MS // 48
    outbox = open_outbox()
    outbox.append_readings(readings(1))
    outbox.acknowledge(1, outbox.epoch, 1)
    wall.now_ms += 7 * DAY_MS - 1

    assert outbox.purge() == 0


def test_receipt_that_could_not_be_written_is_before_its_rows_are_deleted(open_outbox, readings, monkeypatch):
    outbox = open_outbox()
    for _ in range(3):
        outbox.append_readings(readings(1))
    outbox.acknowledge(1, outbox.epoch, 3)
    with pytest.raises(StorageError):
        append_on_a_full_disk(outbox, readings(1), monkeypatch)
    assert outbox._delete_acked(None) == 3
    outbox.close()

    assert open_outbox().append_readings(readings(1)) == 4


def test_room_inside_the_file_counts_on_a_nearly_full_file_system(open_outbox, bulky, monkeypatch, wall):
    outbox = open_outbox(limits=Limits(min_free_bytes=1 << 20))
    for seq in range(1, 51):
        outbox.append_readings(bulky)
        outbox.acknowledge(1, outbox.epoch, seq)
    wall.now_ms += 8 * DAY_MS
    while outbox.purge():
        pass
    monkeypatch.setattr(outbox_module, "_free_bytes", lambda directory: (1 << 20) - 4096)

    assert outbox.append_readings(bulky) == 51


def test_listener_hears_every_commit(open_outbox, readings):
    outbox, heard = open_outbox(), []
    outbox.listen(lambda: heard.append(outbox.last_position))

    outbox.append_readings(readings(1))

    assert heard == [outbox.position(outbox.epoch, 1)] == [outbox.last_position]


def test_nothing_to_store_stores_nothing(open_outbox, readings):
    outbox = open_outbox()
    outbox.append_readings(readings(1))

    assert outbox.append_readings([]) == 1
    assert len(outbox.pending()) == 1


def test_receipt_for_the_rest_of_a_closed_epoch_counts_though_part_of_it_was_lost(open_outbox, readings):
    old = open_outbox(generation=1)
    old.append_readings(readings(1))
    old_epoch = old.epoch
    old.close()
    outbox = open_outbox(generation=2)

    assert outbox.acknowledge(1, old_epoch, 7) is Receipt.ADVANCED
    assert outbox.pending() == []


def test_results_are_stored_one_a_batch_and_carried_over_like_the_rest(open_outbox):
    outbox = open_outbox()
    results = [CommandResult(id=f"00000000-0000-4000-8000-{number:012}", state="done", at_ms=number) for number in (1, 2)]
    outbox.append_results(results)
    assert [batch.kind for batch in outbox.pending()] == ["results", "results"]

    outbox.renumber()

    assert [content for _, content in contents(outbox)] == [Results((one,)) for one in results]
