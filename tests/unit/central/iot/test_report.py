"""Reports: what is taken, what is refused, what makes two the same, what readings are in one."""

from __future__ import annotations

import pytest

from central.iot.report import ALARMS, digest, measured, parse_report, readings, retold, told
from protocol.errors import MessageError
from protocol.quantities import QUANTITIES
from protocol.reading import Quality

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
WHOLE = {
    "imei": "868000000000011",
    "meter": "00001234",
    "reported_at": "2027-01-15T16:00:05+08:00",
    "meter_time": NOW_MS,
    "volume_l": 1000,
    "reverse_l": 1,
    "flow_lph": -2,
    "valve": "closed",
    "battery_mv": 3600,
    "rsrp_dbm": -97,
    "snr_tenth_db": -15,
    "csq": 18,
    "retries": 1,
    "alarms": ["magnetic"],
    "firmware": "1.0",
    "report_every_h": 24,
    "freezes": [{"at": NOW_MS - 3_600_000, "volume_l": 990}],
    "results": [{"command": 7, "ok": False, "text": "no"}],
    "vendor_field": {"kept": "in raw"},
}


def test_every_field_becomes_a_quantity_of_the_vocabulary():
    report = parse_report(WHOLE)

    assert (report.imei, report.number, report.reported_at_ms, report.meter_time_ms) == ("868000000000011", "1234", NOW_MS + 5000, NOW_MS)
    assert report.values == {
        "water_volume": 1000, "water_volume_reverse": 1, "water_flow": -2, "valve_state": 1, "battery_voltage": 3600, "signal_rsrp": -97,
        "signal_snr": -15, "signal_csq": 18, "report_retries": 1, "battery_low": 0, "magnetic_tamper": 1, "reverse_flow": 0, "leak": 0, "burst": 0,
        "cover_open": 0,
    }  # fmt: skip
    assert set(report.values) <= set(QUANTITIES)
    assert report.freezes == ((NOW_MS - 3_600_000, 990),)


def test_a_report_survives_being_stored():
    report = parse_report(WHOLE)

    assert retold(told(report)) == report


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("imei", "86800000000001"),
        ("imei", 868000000000011),
        ("meter", "12a"),
        ("volume_l", -1),
        ("volume_l", 1.5),
        ("volume_l", "1000"),
        ("volume_l", True),
        ("volume_l", 10**12 + 1),
        ("meter_time", "2027-01-15T16:00:05"),
        ("meter_time", "yesterday"),
        ("meter_time", -1),
        ("meter_time", 1 << 43),
        ("valve", "ajar"),
        ("alarms", ["smoke"]),
        ("alarms", ["leak"] * 7),
        ("freezes", [{"at": NOW_MS}]),
        ("freezes", [{"at": NOW_MS, "volume_l": 1}] * 201),
        ("firmware", "a\0b"),
        ("results", [{"command": 0, "ok": True}]),
        ("results", [{"command": 1, "ok": "yes"}]),
    ],
)
def test_what_is_not_a_report_is_refused_by_its_field(field, value):
    with pytest.raises(MessageError, match=field):
        parse_report(WHOLE | {field: value})


@pytest.mark.parametrize("document", [None, [], "x", {}, {"volume_l": 1}, {"imei": "868000000000011"}, {"imei": "868000000000011", "valve": None}])
def test_what_says_nothing_or_of_nobody_is_refused(document):
    with pytest.raises(MessageError, match="not a report"):
        parse_report(document)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"rsrp_dbm": -80, "retries": 5, "reported_at": NOW_MS, "vendor_field": 1}, True),
        ({"volume_l": 1001}, False),
        ({"meter_time": NOW_MS + 1}, False),
        ({"freezes": []}, False),
        ({"results": []}, False),
        ({"alarms": []}, False),
    ],
)
def test_a_repetition_is_what_says_the_same_whatever_the_signal_was(change, same):
    assert (digest(parse_report(WHOLE), NOW_MS) == digest(parse_report(WHOLE | change), NOW_MS + 60_000)) is same


def test_without_any_time_the_same_again_tomorrow_is_another_report():
    report = parse_report({"imei": "868000000000011", "volume_l": 1})

    assert digest(report, NOW_MS) == digest(report, NOW_MS + 60_000)
    assert digest(report, NOW_MS) != digest(report, NOW_MS + DAY_MS)


@pytest.mark.parametrize(
    ("meter_time", "reported_at", "expected"),
    [
        (NOW_MS - DAY_MS, NOW_MS, (NOW_MS - DAY_MS, Quality.GOOD)),
        (None, NOW_MS - 5, (NOW_MS - 5, Quality.GOOD)),
        (None, None, (NOW_MS, Quality.GOOD)),
        (NOW_MS + DAY_MS, None, (NOW_MS + DAY_MS, Quality.GOOD)),
        (NOW_MS + DAY_MS + 1, None, (NOW_MS, Quality.CLOCK_UNSURE)),
        (NOW_MS - 401 * DAY_MS, NOW_MS - 5, (NOW_MS - 5, Quality.CLOCK_UNSURE)),
        (0, 0, (NOW_MS, Quality.CLOCK_UNSURE)),
    ],
)
def test_values_are_filed_by_the_best_time_there_is(meter_time, reported_at, expected):
    said = {"imei": "868000000000011", "volume_l": 1, "meter_time": meter_time, "reported_at": reported_at}

    assert measured(parse_report(said), NOW_MS) == expected


def test_freezes_of_a_clock_that_cannot_be_right_are_no_readings():
    freezes = [{"at": at_ms, "volume_l": 1} for at_ms in (NOW_MS - 1, NOW_MS - 401 * DAY_MS, NOW_MS + 2 * DAY_MS)]
    said = {"imei": "868000000000011", "volume_l": 2, "freezes": freezes}

    right = readings("i1", parse_report(said | {"meter_time": NOW_MS}), NOW_MS)
    wrong = readings("i1", parse_report(said | {"meter_time": 0}), NOW_MS)

    assert [(one.measured_at_ms, one.value, one.quality) for one in right] == [(NOW_MS, 2, Quality.GOOD), (NOW_MS - 1, 1, Quality.GOOD)]
    assert [(one.measured_at_ms, one.value, one.quality) for one in wrong] == [(NOW_MS, 2, Quality.CLOCK_UNSURE)]


def test_alarms_are_quantities():
    assert set(ALARMS.values()) <= set(QUANTITIES)
