"""From clock errors of single reports to intervals in which a gateway's stamps are wrong."""

from __future__ import annotations

from central.consumption.clock import Offset
from central.fleet.clock_offset import AGREE_MS, CORRECT_FROM_MS, Change, Report, judge, settled

T = 1_800_000_000_000
MINUTE = 60_000


def reports(*offsets_ms: int, start_ms: int = T) -> list[Report]:
    """A report a minute of true time."""
    return [Report(start_ms + number * MINUTE + offset, offset) for number, offset in enumerate(offsets_ms)]


def test_three_reports_that_agree_settle_an_offset():
    assert settled(reports(420_000, 421_000, 419_000)) == 420_000
    assert settled(reports(420_000, 420_000 + AGREE_MS + 1, 420_000)) is None
    assert settled(reports(420_000, 420_000)) is None


def test_one_late_report_changes_nothing():
    assert judge(reports(0, 0, -90_000, 0), None) is None
    assert judge(reports(420_000, 420_000, 330_000, 420_000), Offset(T, None, 420_000)) is None


def test_a_clock_that_jumps_ahead_opens_an_interval_between_the_last_right_and_the_first_wrong_report():
    change = judge(reports(0, 420_000, 420_000, 420_000), None)

    assert change == Change(None, Offset(T + 420_000, None, 420_000))


def test_stamps_used_by_a_right_clock_are_left_alone_when_it_is_set_back():
    change = judge(reports(0, -420_000, -420_000, -420_000), None)

    assert change == Change(None, Offset(T + 1, None, -420_000))


def test_a_clock_set_right_closes_the_interval():
    change = judge(reports(-420_000, 0, 0, 0), Offset(T - 3_600_000, None, -420_000))

    assert change == Change(T - 420_000 + MINUTE, None)


def test_stamps_that_come_twice_when_a_fast_clock_is_set_right_are_not_corrected():
    change = judge(reports(420_000, 0, 0, 0), Offset(T - 3_600_000, None, 420_000))

    assert change == Change(T, None)


def test_a_clock_that_drifts_on_closes_one_interval_and_opens_the_next():
    change = judge(reports(80_000, 111_000, 112_000, 113_000), Offset(T, None, 80_000))

    assert change is not None
    assert change.opens is not None
    assert (change.opens.offset_ms, change.close_ms) == (112_000, T + 111_000)
    assert change.opens.from_ms >= (change.close_ms or 0)


def test_below_a_minute_nothing_is_corrected():
    assert judge(reports(0, CORRECT_FROM_MS - 1, CORRECT_FROM_MS - 1, CORRECT_FROM_MS - 1), None) is None
    assert judge(reports(0, CORRECT_FROM_MS, CORRECT_FROM_MS, CORRECT_FROM_MS), None) is not None


def test_an_offset_near_the_limit_does_not_flap():
    assert judge(reports(61_000, 58_000, 58_000, 58_000), Offset(T, None, 61_000)) is None
