"""The newest reading of each series, filled from the outbox."""

from __future__ import annotations

from edge_agent.buffer.inspect import inspect
from edge_agent.buffer.latest import Latest
from protocol.reading import Reading, SeriesKey

VOLTAGE = SeriesKey("m-1", "voltage_a")


def test_late_reading_does_not_replace_a_newer_one():
    latest = Latest()
    latest.update([Reading(VOLTAGE, 2000, 230_000)])

    latest.update([Reading(VOLTAGE, 1000, 1)])

    assert latest.get(VOLTAGE) == Reading(VOLTAGE, 2000, 230_000)


def test_series_updated_longest_ago_goes_first_when_there_are_too_many():
    latest = Latest(max_series=2)
    for device in ("a", "b", "a", "c"):
        latest.update([Reading(SeriesKey(device, "q"), 1, 1)])

    assert [reading.series.device for reading in latest.all()] == ["a", "c"]


def test_values_come_back_from_the_outbox_after_a_restart(open_outbox, readings):
    outbox, latest = open_outbox(), Latest()
    for start in range(3):
        outbox.append_readings(readings(1, start))

    latest.fill(outbox.newest(2))

    assert [reading.value for reading in latest.all()] == [2]


def test_buffer_can_be_looked_into_while_it_is_in_use(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    for start in range(3):
        outbox.acknowledge(1, outbox.epoch, 1)  # is on the disk with the commit after it
        outbox.append_readings(readings(1, start))

    summary = inspect(tmp_path, 10)

    assert (summary.gateway, summary.epoch, summary.acked, summary.last, summary.backlog_batches) == ("gw-1", outbox.epoch, 1, 3, 2)
    assert summary.running
    assert [reading.value for reading in summary.readings] == [2]
