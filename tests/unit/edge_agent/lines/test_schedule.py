"""The scheduler in virtual time: who is asked when, and what silence costs."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping

import pytest

from edge_agent.lines.schedule import BACKOFF_S, MAX_ASKS, Finished, Job, Outcome, Priority, Schedule, Wait
from protocol.errors import Refused


def make(devices: Mapping[str, Mapping[str, float]], reads: int = 1) -> Schedule[str]:
    """A schedule whose set for a device is `reads` requests per due group."""
    schedule: Schedule[str] = Schedule(lambda device, groups: [f"{device}/{group}/{n}" for group in sorted(groups) for n in range(reads)], 0.0)
    schedule.configure(devices, 0.0)
    return schedule


def meters(count: int, period_s: float = 60.0) -> dict[str, dict[str, float]]:
    return {f"m{n:02}": {"energy": period_s} for n in range(count)}


def run(
    schedule: Schedule[str], until: float, dead: frozenset[str] = frozenset(), cost_s: float = 0.5, now: float = 0.0
) -> list[tuple[float, str, bool]]:
    """Play the line: every exchange costs time, dead devices stay silent. Returns (time, request, answered)."""
    log = []
    while now < until:
        step = schedule.next_job(now)
        if isinstance(step, Wait):
            now = min(until, max(step.until, now + 1e-6))
            continue
        now += cost_s
        alive = step.device not in dead
        schedule.finished(step, Outcome.OK if alive else Outcome.SILENT, now)
        log.append((now, step.request, alive))
    return log


def job(schedule: Schedule[str], now: float = 0.0) -> Job[str]:
    step = schedule.next_job(now)
    assert isinstance(step, Job)
    return step


def test_every_device_is_read_once_before_any_is_read_twice() -> None:
    log = run(make(meters(20, period_s=1.0)), until=10.0)

    assert [request.partition("/")[0] for _, request, _ in log] == [f"m{n:02}" for n in range(20)]


def test_a_full_line_serves_equal_devices_alike() -> None:
    served = Counter(request for _, request, _ in run(make(meters(10, period_s=1.0)), until=3600.0, cost_s=10.0))

    assert max(served.values()) - min(served.values()) <= 1


def test_a_device_with_a_short_period_does_not_starve_the_others() -> None:
    schedule = make({**meters(9, period_s=60.0), "fast": {"energy": 1.0}})

    times: dict[str, list[float]] = {}
    for time, request, _ in run(schedule, until=3600.0, cost_s=10.0):
        times.setdefault(request, []).append(time)

    longest = max(later - earlier for one in times.values() for earlier, later in itertools.pairwise(one))
    assert longest <= 60.0 + 10.0 + 10 * 10.0  # period, the exchange in progress, everybody once


def test_second_readings_are_spread_over_the_period() -> None:
    schedule = make(meters(30, period_s=300.0))
    run(schedule, until=60.0)

    later = [time for time, _, _ in run(schedule, until=900.0, now=60.0)]

    busiest = max(sum(start <= time < start + 15 for time in later) for start in range(60, 900))
    assert busiest <= 3


def test_periods_missed_are_skipped_not_made_up_for() -> None:
    schedule = make({"m": {"energy": 10.0}})
    run(schedule, until=1.0)

    log = run(schedule, until=1011.0, now=1001.0)

    assert len(log) == 2


def test_groups_of_a_device_follow_their_own_periods() -> None:
    schedule = make({"m": {"energy": 900.0, "load": 60.0}})

    counts = Counter(request.split("/")[1] for _, request, _ in run(schedule, until=7200.0))

    assert counts["load"] in range(119, 122)
    assert counts["energy"] in range(8, 10)


def test_nothing_due_waits_until_the_next_due_time() -> None:
    schedule = make({"m": {"energy": 100.0}})
    schedule.finished(job(schedule), Outcome.OK, 0.5)

    assert schedule.next_job(0.5) == Wait(100.0)


def test_a_line_without_devices_waits_for_ever() -> None:
    assert make({}).next_job(0.0) == Wait(math.inf)


def test_urgent_ask_waits_only_for_the_exchange_in_progress_and_the_set_goes_on() -> None:
    schedule = make({"a": {"energy": 60.0}, "b": {"energy": 60.0}}, reads=3)
    running = job(schedule)
    schedule.ask(1, Priority.CONTROL, "b", ["off", "verify"])
    schedule.finished(running, Outcome.OK, 0.5)

    order = [request for _, request, _ in run(schedule, until=3.0, now=0.5)]

    assert order == ["off", "verify", "a/energy/1", "a/energy/2", "b/energy/0"]


def test_asks_run_in_order_of_their_class() -> None:
    schedule = make({"a": {"energy": 60.0}})
    for ticket, priority in enumerate(reversed(Priority)):
        schedule.ask(ticket, priority, "a", [priority.name])

    order = [request for _, request, _ in run(schedule, until=3.0)]

    assert order == ["CONTROL", "RECHARGE", "ON_DEMAND", "TIME_SYNC", "FREEZE", "POLL"]


def test_a_class_of_asks_that_is_full_refuses() -> None:
    schedule = make({"a": {"energy": 60.0}})
    for ticket in range(MAX_ASKS):
        schedule.ask(ticket, Priority.ON_DEMAND, "a", ["read"])

    with pytest.raises(Refused):
        schedule.ask(MAX_ASKS, Priority.ON_DEMAND, "a", ["read"])
    schedule.ask(MAX_ASKS, Priority.CONTROL, "a", ["off"])


def test_failed_ask_is_over_after_its_retries() -> None:
    schedule = make({})
    schedule.ask(1, Priority.ON_DEMAND, "a", ["read", "more"], retries=1)

    assert not schedule.finished(job(schedule), Outcome.SILENT, 1.0).over
    assert schedule.finished(job(schedule), Outcome.SILENT, 2.0).over
    assert schedule.next_job(2.0) == Wait(math.inf)


def test_silent_device_loses_its_set_gets_one_retry_behind_the_others_then_quarantine() -> None:
    schedule = make(meters(4), reads=3)

    log = run(schedule, until=30.0, dead=frozenset({"m01"}))

    assert [request for _, request, answered in log if not answered] == ["m01/energy/0", "m01/energy/0"]
    assert log[-1][1] == "m01/energy/0"
    assert schedule.quarantined() == ("m01",)


def test_dead_device_is_probed_at_growing_distances() -> None:
    schedule = make(meters(2))

    log = run(schedule, until=10_000.0, dead=frozenset({"m01"}))

    probes = [time for time, _, answered in log if not answered][1:]
    distances = [round(later - earlier) for earlier, later in itertools.pairwise(probes)]
    assert distances[:5] == [round(step_s) for step_s in (*BACKOFF_S[:5],)]


def test_full_line_is_given_at_most_one_probe_a_cycle() -> None:
    schedule = make(meters(30, period_s=1.0))
    dead = frozenset({"m03", "m04", "m05"})

    log = run(schedule, until=4000.0, dead=dead)

    probes = [index for index, (_, _, answered) in enumerate(log) if not answered][6:]
    assert len(probes) > 6
    assert all(later - earlier >= 27 for earlier, later in itertools.pairwise(probes))


def test_ten_percent_dead_cost_at_most_a_tenth_of_the_line() -> None:
    schedule = make(meters(30, period_s=1.0), reads=3)
    dead = frozenset({"m07", "m17", "m27"})
    live_s, dead_s = 0.28, 1.1  # set A at 2400 baud; a whole second of silence

    now, wasted = 0.0, 0.0
    while now < 120.0:
        step = job(schedule, now)
        silent = step.device in dead
        now += dead_s if silent else live_s
        wasted += dead_s * silent
        schedule.finished(step, Outcome.SILENT if silent else Outcome.OK, now)

    assert wasted / now <= 0.10


def test_revived_device_is_polled_as_before() -> None:
    schedule = make(meters(2))
    run(schedule, until=30.0, dead=frozenset({"m01"}))

    log = run(schedule, until=400.0, now=30.0)

    assert schedule.quarantined() == ()
    assert sum(request.startswith("m01") for _, request, _ in log) >= 5


def test_death_and_revival_are_told_once() -> None:
    schedule = make({"m": {"energy": 60.0}})
    told = []
    for now, outcome in ((1.0, Outcome.SILENT), (2.0, Outcome.SILENT), (62.0, Outcome.SILENT), (200.0, Outcome.OK), (300.0, Outcome.OK)):
        told.append(schedule.finished(job(schedule, now), outcome, now))

    assert [one.died for one in told] == [False, True, False, False, False]
    assert [one.revived for one in told] == [False, False, False, True, False]


def test_line_that_is_wholly_dead_is_probed_every_minute_and_comes_back_together() -> None:
    schedule = make(meters(3))
    everybody = frozenset(meters(3))
    silent = run(schedule, until=4000.0, dead=everybody)
    assert 60 <= len([time for time, request, _ in silent if request.startswith("m00")]) <= 70

    log = run(schedule, until=4070.0, now=4000.0)

    first = {request.partition("/")[0]: time for time, request, _ in reversed(log)}
    assert max(first.values()) - min(first.values()) <= 2.0


def test_living_device_silent_to_one_request_is_not_declared_dead() -> None:
    schedule = make({"m": {"energy": 60.0}}, reads=3)
    finished: list[Finished] = []
    now = 0.0
    for _ in range(7):
        step = job(schedule, now)
        now += 0.1
        finished.append(schedule.finished(step, Outcome.SILENT if step.request.endswith("/1") else Outcome.OK, now))
        if finished[-1].mute:
            break

    assert finished[-1].mute
    assert job(schedule, now).request == "m/energy/2"
    assert schedule.quarantined() == ()


def test_damaged_reply_is_asked_for_again_at_once() -> None:
    schedule = make({"a": {"energy": 60.0}, "b": {"energy": 60.0}})
    first = job(schedule)
    schedule.finished(first, Outcome.GARBLED, 0.5)

    assert job(schedule, 0.5).request == first.request


def test_refused_request_is_replaced_in_place() -> None:
    schedule = make({"a": {"energy": 60.0}}, reads=2)
    schedule.finished(job(schedule), Outcome.REFUSED, 0.5, then=["part/1", "part/2"])

    assert [request for _, request, _ in run(schedule, until=2.5, now=0.5)] == ["part/1", "part/2", "a/energy/1"]


def test_port_failure_keeps_the_request_for_later() -> None:
    schedule = make({"a": {"energy": 60.0}})
    first = job(schedule)
    schedule.finished(first, Outcome.NOT_SENT, 0.5)

    assert job(schedule, 9.0).request == first.request


def test_reconfiguring_keeps_unchanged_devices_and_reads_new_ones_at_once() -> None:
    schedule = make(meters(2, period_s=900.0))
    run(schedule, until=10.0)

    lost = schedule.configure({"m00": {"energy": 900.0}, "new": {"energy": 900.0}}, 10.0)

    assert lost == []
    assert [request for _, request, _ in run(schedule, until=20.0, now=10.0)] == ["new/energy/0"]


def test_asks_of_a_removed_device_are_given_back() -> None:
    schedule = make(meters(2))
    schedule.ask(7, Priority.CONTROL, "m01", ["off"])

    assert schedule.configure(meters(1), 1.0) == [7]
    assert schedule.drop_asks() == []


def test_device_whose_items_are_all_refused_does_not_hold_up_the_line() -> None:
    schedule: Schedule[str] = Schedule(lambda device, groups: [] if device == "mute" else [device], 0.0)
    schedule.configure({"mute": {"energy": 60.0}, "m": {"energy": 60.0}}, 0.0)

    assert job(schedule).device == "m"
