"""Meters that report from now on: in turn, through failures, and as they were after a restart."""

from __future__ import annotations

import json
import random

import pytest

from protocol.errors import ConfigError, ProgramFailed
from provisioning.virtual.iot import HOUR_S, IotMeter
from provisioning.virtual.iot_live import Awakening, live, recall, remember
from provisioning.virtual.iot_play import Mischief, Sleeper, by_webhook
from provisioning.virtual.iot_ways import Webhook

NOW_S = 1_800_000_000.0
SHUT = {"id": 1, "kind": "valve_close", "arguments": {}, "expires_at_ms": int(NOW_S * 1000) + 3_600_000}
HISTORY = {
    "id": 2,
    "kind": "read_history",
    "arguments": {"from_ms": int(NOW_S - 40 * HOUR_S) * 1000, "to_ms": int(NOW_S - 30 * HOUR_S) * 1000},
    "expires_at_ms": SHUT["expires_at_ms"],
}


class Over(Exception):  # ends a play that has no end
    pass


class Time:
    """A clock that stands still but for waiting; raises Over after some seconds."""

    def __init__(self, lasts_s: float) -> None:
        self.now_s, self.end_s = NOW_S, NOW_S + lasts_s

    def clock(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        if self.now_s >= self.end_s:
            raise Over


def meter(number: int = 1) -> IotMeter:
    return IotMeter(f"86800000000001{number}", f"2026000000100{number}", seed=number)


def test_meters_report_in_turn_each_once_a_period():
    time, heard = Time(180), []
    plays = [Awakening(name, meter(), lambda at_s, name=name: heard.append((name, at_s - NOW_S)) or 1) for name in "ab"]

    with pytest.raises(Over):
        live(plays, 60, None, time.clock, time.wait)

    assert heard == [("a", 0), ("b", 30), ("a", 60), ("b", 90), ("a", 120), ("b", 150)]


def test_a_failure_is_told_once_and_does_not_end_the_play(capsys):
    time = Time(240)
    answers = iter([ProgramFailed("away"), OSError("away"), 1, 1])

    def deliver(_at_s: float) -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(Over):
        live([Awakening("a by mqtt", meter(), deliver)], 60, None, time.clock, time.wait)

    said = [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines()]
    assert said == ["a by mqtt: not delivered, next time again: away", "a by mqtt: 1 reports", "a by mqtt: 1 reports"]


def test_what_could_not_be_delivered_goes_with_the_next_report():
    class Away(Webhook):
        def post(self, reports, now_s, nonce=None):
            raise ProgramFailed("503")

    sleeper = Sleeper(meter(), random.Random(1), Mischief())
    sleeper.meter.obey([SHUT], NOW_S)

    with pytest.raises(ProgramFailed):
        by_webhook(Away("http://central", "acme", b"x"), lambda: NOW_S)(sleeper, NOW_S)

    assert [len(said["results"]) for said in sleeper.wake(NOW_S + 60)] == [1, 0]


def test_a_meter_is_after_a_restart_what_it_was(tmp_path):
    one, again, other = meter(), meter(), meter(2)
    one.obey([SHUT, HISTORY], NOW_S)
    remember(tmp_path / "state" / "meters.json", [one])

    recall(tmp_path / "state" / "meters.json", [again, other])

    assert again.volume_l(NOW_S + 9 * HOUR_S) == one.volume_l(NOW_S)
    assert other == meter(2)
    again.obey([SHUT, HISTORY], NOW_S)
    said = again.report(NOW_S + 60)
    assert (len(said["results"]), len(said["freezes"])) == (2, 34)


@pytest.mark.parametrize("text", ["", "[]", json.dumps({meter().imei: {"valve": "open"}})])
def test_a_state_file_that_cannot_be_read_is_named(tmp_path, text):
    path = tmp_path / "meters.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match="remove it and the meters begin anew"):
        recall(path, [meter()])
