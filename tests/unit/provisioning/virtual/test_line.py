"""The line in virtual time: transmission time, Td, gaps, collisions, scores."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from provisioning.virtual.line import Answer, Heard, LineModel, LineSettings, Release
from provisioning.virtual.line_stats import LineStats

BYTE_S = 11 / 2400
GAP_S = 0.030
REQUEST, REPLY = b"R" * 20, bytes(range(24))


class Devices:
    """Answers every complete run of 20 bytes; `by_silence` hears only what silence has ended."""

    def __init__(self, *answers: Answer, by_silence: bool = False, expects_reply: bool = True) -> None:
        self.answers, self.by_silence, self.expects_reply = answers, by_silence, expects_reply
        self.heard_count = 0

    def hear(self, burst: bytes, *, closed: bool) -> Heard | None:
        if len(burst) < len(REQUEST) or (self.by_silence and not closed):
            return None
        self.heard_count += 1
        return Heard(0, len(REQUEST), self.expects_reply, self.answers)

    def spontaneous(self, now_s: float) -> Sequence[Answer]:
        return ()

    def next_spontaneous_at(self) -> float | None:
        return None


def answer(delay_s: float = 0.05, data: bytes = REPLY, device: str = "m1") -> Answer:
    return Answer(device, delay_s, data, useful=len(data))


def line(devices: Devices, between_s: float = 0.1) -> tuple[LineModel, LineStats]:
    stats = LineStats(BYTE_S, GAP_S)
    return LineModel(LineSettings(2400, 11, GAP_S, 3.5 * BYTE_S, between_s), devices, stats), stats


def run(model: LineModel, until_s: float) -> list[Release]:
    releases: list[Release] = []
    while (at_s := model.next_at()) is not None and at_s <= until_s:
        releases += model.advance(at_s)
    return releases


def test_reply_ends_exactly_when_baud_arithmetic_says() -> None:
    model, _ = line(Devices(answer()))
    model.receive(1.0, REQUEST)

    releases = run(model, 10)

    assert b"".join(release.data for release in releases) == REPLY
    assert releases[-1].at_s == pytest.approx(1.0 + 20 * BYTE_S + 0.05 + 24 * BYTE_S, abs=1e-9)


def test_every_group_is_released_at_the_end_of_its_last_byte() -> None:
    model, _ = line(Devices(answer()))
    model.receive(0.0, REQUEST)

    sent = 0
    for release in run(model, 10):
        sent += len(release.data)
        assert release.at_s == pytest.approx(20 * BYTE_S + 0.05 + sent * BYTE_S, abs=1e-9)


def test_nothing_is_heard_before_the_last_byte_is_through() -> None:
    devices = Devices(answer())
    model, _ = line(devices)
    model.receive(0.0, REQUEST)

    model.advance(20 * BYTE_S - 0.0001)
    before = devices.heard_count
    model.advance(20 * BYTE_S + 0.0001)

    assert (before, devices.heard_count) == (0, 1)


def test_frame_in_two_writes_is_one_frame() -> None:
    model, stats = line(Devices(answer()))
    model.receive(0.0, REQUEST[:4])
    model.receive(0.001, REQUEST[4:])

    run(model, 10)

    assert stats.exchanges[0].request_end_s == pytest.approx(20 * BYTE_S)
    assert stats.violations.total() == 0


def test_silence_ends_a_modbus_frame_and_bounds_td_from_below() -> None:
    model, stats = line(Devices(answer(delay_s=0.001), by_silence=True), between_s=3.5 * BYTE_S)
    model.receive(0.0, REQUEST)

    run(model, 10)

    assert stats.exchanges[0].td_s == pytest.approx(3.5 * BYTE_S)


@pytest.mark.parametrize(("pause_s", "heard"), [(GAP_S - 0.001, 1), (GAP_S, 2), (GAP_S + 0.5, 2)])
def test_frame_before_the_gap_is_rejected_and_measured(pause_s: float, heard: int) -> None:
    devices = Devices(answer())
    model, stats = line(devices)
    model.receive(0.0, REQUEST)
    end_s = run(model, 1)[-1].at_s

    model.receive(end_s + pause_s, REQUEST)
    run(model, 10)

    assert devices.heard_count == heard
    assert stats.violations["gap"] == 2 - heard
    assert [violation.gap_s for violation in stats.violation_log] == pytest.approx([pause_s] * (2 - heard))


def test_two_answers_collide_into_bytes_nobody_sent() -> None:
    model, stats = line(Devices(answer(), answer(delay_s=0.055, device="m2")))
    model.receive(0.0, REQUEST)

    received = b"".join(release.data for release in run(model, 10))

    assert received[:1] == REPLY[:1]
    assert REPLY not in received
    assert stats.outcomes == {"damaged": 1}
    assert stats.damaged_transmissions == 2


def test_master_that_talks_into_a_reply_spoils_it_and_is_not_heard() -> None:
    devices = Devices(answer())
    model, stats = line(devices)
    model.receive(0.0, REQUEST)
    model.advance(20 * BYTE_S + 0.06)

    model.receive(20 * BYTE_S + 0.06, REQUEST)
    received = b"".join(release.data for release in run(model, 10))

    assert received != REPLY
    assert devices.heard_count == 1
    assert stats.violations["collision"] == 1
    assert stats.outcomes == {"damaged": 1}


def test_late_reply_into_the_next_request_spoils_both() -> None:
    devices = Devices(answer(delay_s=0.5))
    model, stats = line(devices)
    model.receive(0.0, REQUEST)
    next_s = 20 * BYTE_S + 0.49

    run(model, next_s)
    model.receive(next_s, REQUEST)
    run(model, 10)

    assert devices.heard_count == 1
    assert stats.violations["collision"] == 1
    assert stats.outcomes == {"damaged": 1}


def test_illegible_bytes_reach_no_device() -> None:
    devices = Devices(answer())
    model, stats = line(devices)

    model.receive(0.0, REQUEST, legible=False)

    assert run(model, 10) == []
    assert stats.violations["settings"] == 1


def test_garbage_is_counted_once_the_line_falls_silent() -> None:
    model, stats = line(Devices(answer()))

    model.receive(0.0, b"xyz")
    run(model, 10)

    assert stats.violations["garbage"] == 1


def test_request_hard_behind_another_is_a_gap_violation() -> None:
    model, stats = line(Devices(answer()))

    model.receive(0.0, REQUEST + b"more")
    run(model, 10)

    assert stats.violations["gap"] == 1


def test_echo_comes_before_the_reply_and_takes_no_line_time() -> None:
    model, stats = line(Devices(Answer("m1", 0.05, REPLY, len(REPLY), echo=REQUEST)))
    model.receive(0.0, REQUEST)

    releases = run(model, 10)

    assert releases[0] == Release(pytest.approx(20 * BYTE_S), REQUEST)
    assert releases[-1].at_s == pytest.approx(44 * BYTE_S + 0.05)
    assert stats.outcomes == {"answered": 1}


def test_perfect_poller_scores_one() -> None:
    model, stats = line(Devices(answer()))
    at_s = 0.0
    for _ in range(50):
        model.receive(at_s, REQUEST)
        at_s = run(model, at_s + 5)[-1].at_s + GAP_S

    assert stats.efficiency() == pytest.approx(1.0)
    assert stats.wire_s == pytest.approx(50 * 44 * BYTE_S)
    assert stats.as_dict()["ceiling"] == pytest.approx(44 * BYTE_S / (44 * BYTE_S + 0.05 + GAP_S), rel=0.01)


def test_poller_that_waits_longer_scores_less() -> None:
    model, stats = line(Devices(answer()))
    exchange_s = 44 * BYTE_S + 0.05
    for number in range(50):
        model.receive(number * (exchange_s + 0.1), REQUEST)
        run(model, (number + 1) * (exchange_s + 0.1) - 0.001)

    assert stats.efficiency() == pytest.approx((exchange_s + GAP_S) / (exchange_s + 0.1), rel=0.01)


def test_silent_device_costs_wall_time_and_earns_nothing() -> None:
    model, stats = line(Devices())
    model.receive(0.0, REQUEST)
    run(model, 1)
    model.receive(3.0, REQUEST)
    run(model, 10)

    assert stats.outcomes == {"silent": 2}
    assert stats.efficiency() == 0
    assert stats.idle_s == 0


def test_broadcast_counts_as_useful_without_a_reply() -> None:
    model, stats = line(Devices(expects_reply=False))
    model.receive(0.0, REQUEST)
    run(model, 1)

    assert stats.outcomes == {"broadcast": 1}
    assert stats.efficiency() == pytest.approx(1.0)


def test_pause_with_no_work_queued_can_be_left_out() -> None:
    model, stats = line(Devices(answer()))
    model.receive(0.0, REQUEST)
    end_s = run(model, 5)[-1].at_s
    model.receive(end_s + 60, REQUEST)
    run(model, 100)

    assert stats.efficiency() == pytest.approx(0.0, abs=0.02)
    assert stats.efficiency(count_idle=False) == pytest.approx(1.0)


def test_reset_opens_a_new_window() -> None:
    model, stats = line(Devices(answer()))
    model.receive(0.0, REQUEST)
    run(model, 5)

    stats.reset()

    assert stats.as_dict(detail=True)["log"] == []
    assert stats.efficiency() is None
