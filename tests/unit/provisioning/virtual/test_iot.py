"""The virtual meter with an IoT card: the same seed says the same, its register only rises, it obeys once."""

from __future__ import annotations

import random

from central.iot.frames import frame_report
from central.iot.report import parse_report
from protocol.wire.cjt188 import Frame
from provisioning.virtual.iot import HOUR_S, IotMeter
from provisioning.virtual.iot_play import Mischief, Sleeper, wake_times

NOW_S = 1_800_000_000.0
LATER_MS = int(NOW_S * 1000) + 3_600_000


def meter(**facts: object) -> IotMeter:
    return IotMeter("868000000000011", "20260000001001", seed=7, **facts)


def test_what_it_says_is_a_report_with_a_course():
    said = parse_report(meter().report(NOW_S))

    assert (said.meter_time_ms, said.values["water_volume"], len(said.freezes)) == (NOW_S * 1000, meter().volume_l(NOW_S), 24)
    assert [value for _, value in said.freezes] == sorted(value for _, value in said.freezes)
    assert said.freezes[-1][1] <= said.values["water_volume"] < said.freezes[-1][1] + 61


def test_its_frame_says_the_same_to_our_codec():
    report = frame_report(Frame.from_bytes(meter(alarms=["battery_low"]).push(NOW_S)), None, "Asia/Shanghai")

    assert (report.number, report.meter_time_ms, report.values["battery_low"]) == ("20260000001001", NOW_S * 1000, 1)
    assert report.values["water_volume"] == meter().volume_l(NOW_S) // 10 * 10


def test_the_register_only_rises_and_a_shut_valve_stops_it():
    one = meter()
    course = [one.volume_l(NOW_S + 60 * minute) for minute in range(3000)]
    assert course == sorted(course)

    one.obey([{"id": 1, "kind": "valve_close", "arguments": {}, "expires_at_ms": LATER_MS}], NOW_S)
    shut = one.volume_l(NOW_S + 5 * HOUR_S)
    one.obey([{"id": 2, "kind": "valve_open", "arguments": {}, "expires_at_ms": LATER_MS * 2}], NOW_S + 5 * HOUR_S)
    assert shut == one.volume_l(NOW_S + 5 * HOUR_S) == course[0]
    assert one.volume_l(NOW_S + 6 * HOUR_S) > shut


def test_a_command_is_done_once_and_an_expired_one_never():
    one = meter()
    shut = {"id": 1, "kind": "valve_close", "arguments": {}, "expires_at_ms": LATER_MS}
    one.obey([shut, shut, {"id": 2, "kind": "valve_open", "arguments": {}, "expires_at_ms": 1}], NOW_S)

    done = [(result["command"], result["ok"], result["text"]) for result in one.report(NOW_S)["results"]]
    assert (one.valve, done) == ("closed", [(1, True, ""), (2, False, "expired")])
    assert one.report(NOW_S + 1)["results"] == []


def test_the_same_seed_plays_the_same_and_mischief_loses_nothing():
    def played() -> list[dict]:
        one = meter()
        chance = random.Random(3)
        sleeper = Sleeper(one, chance, Mischief(0.5, 0.3, 1.0))
        return [said for at_s in wake_times(one, chance, NOW_S, NOW_S + 40 * 24 * HOUR_S) for said in sleeper.wake(at_s)] + sleeper.held

    times = [said["meter_time"] for said in played()]

    assert played() == played()
    assert len(set(times)) == 40
    assert len(times) > 40
    assert times != sorted(times)
