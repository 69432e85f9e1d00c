"""Raw readings beside what counts of them; status words; names of events."""

from __future__ import annotations

from datetime import date

from central.consumption.judged import RegisterDay, RegisterReading
from central.metering.factors import Factor
from central.web.meter_registers import day_line, reading_lines
from central.web.meter_words import event_name
from central.web.status_flags import word_flags
from central.web.translations import Language

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def reading(at_h: int, value: int, verdict: str | None = None) -> RegisterReading:
    return RegisterReading("energy_active_forward", at_h * HOUR_MS, value, 0, verdict, None)


def stay(from_h: int, until_h: int | None, ct: int = 1) -> Factor:
    until = None if until_h is None else until_h * HOUR_MS
    return Factor(1, "p", "m", from_h * HOUR_MS, until, ct, 1, 1, 1, "energy_active_forward", None, None, 1)


def day(first_h: int, first: int, last_h: int, last: int) -> RegisterDay:
    return RegisterDay(date(1970, 1, 1), first_h * HOUR_MS, first, last_h * HOUR_MS, last, 0, 0, False, False, 1)


def test_step_leaps_over_a_reading_that_does_not_count():
    lines = reading_lines([reading(3, 130), reading(2, 9_999, "rejected"), reading(1, 100)])
    assert [line.step for line in lines] == [30, None, None]


def test_step_to_where_counting_starts_anew_is_unknown():
    lines = reading_lines([reading(3, 7), reading(2, 5, "baseline"), reading(1, 100)])
    assert [line.step for line in lines] == [2, None, None]


def test_registers_times_the_factor_of_their_stay():
    line = day_line(day(1, 100, 23, 150), [stay(0, None, ct=40)], 0, DAY_MS, DAY_MS)
    assert (line.rise, line.factor, line.by_register, line.due_s) == (50, 40, 2_000, 86_400)


def test_registers_of_two_meters_are_not_subtracted():
    line = day_line(day(1, 100, 23, 7), [stay(12, None), stay(0, 12)], 0, DAY_MS, DAY_MS)
    assert (line.rise, line.by_register) == (None, None)


def test_due_of_a_day_is_what_has_passed_while_a_meter_stood_there():
    assert day_line(day(7, 100, 8, 101), [stay(6, None)], 0, DAY_MS, 12 * HOUR_MS).due_s == 6 * 3600


def test_status_words_are_named_bit_by_bit():
    assert [flag.code for flag in word_flags("status_word_1", 0b100) or ()] == ["clock_battery_low"]
    assert word_flags("status_word_188", 0) == ()
    assert word_flags("relay_1", 4) is None


def test_events_have_words_where_they_are_known():
    assert event_name("meter.meter_cover_open", Language.CHINESE) == ("开表盖", False)
    assert event_name("device.silent", Language.ENGLISH) == ("the device stopped answering", True)
    assert event_name("new.thing", Language.ENGLISH) == ("new.thing", False)
