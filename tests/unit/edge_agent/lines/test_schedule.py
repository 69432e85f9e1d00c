"""The scheduler in virtual time: who is asked when, and what silence costs.

Size: one virtual line plays every rule of the schedule.
"""

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


# --- urgent asks ---------------------------------------------------------------------------------------------------------


def with_dead(name: str = "m00", count: int = 2) -> Schedule[str]:
    """A line at 30 s on which this device is in quarantine."""
    schedule = make(meters(count))
    run(schedule, until=30.0, dead=frozenset({name}))
    assert schedule.quarantined() == (name,)
    return schedule


def test_port_failure_gives_up_the_ask_it_met_and_no_other() -> None:
    schedule = make({"a": {"energy": 60.0}})
    schedule.ask(1, Priority.CONTROL, "a", ["off"])
    schedule.ask(2, Priority.CONTROL, "a", ["on"])

    assert schedule.finished(job(schedule), Outcome.NOT_SENT, 0.5).over
    assert job(schedule, 0.5).ticket == 2


def test_outcome_of_an_ask_given_up_meanwhile_touches_no_other() -> None:
    schedule = make({"a": {"energy": 60.0}})
    schedule.ask(1, Priority.CONTROL, "a", ["off"])
    stale = job(schedule)
    schedule.drop_asks()

    assert schedule.finished(stale, Outcome.OK, 0.5) == Finished(over=True)
    schedule.ask(2, Priority.CONTROL, "a", ["on"])
    assert schedule.finished(stale, Outcome.OK, 0.5) == Finished(over=True)
    assert schedule.finished(stale, Outcome.NOT_SENT, 0.5).over
    assert job(schedule, 0.5).ticket == 2


def test_ask_is_tried_as_often_as_it_says() -> None:
    schedule = make({})
    schedule.ask(1, Priority.ON_DEMAND, "a", ["read"], retries=2)
    schedule.ask(2, Priority.ON_DEMAND, "a", ["once"])

    assert [request for _, request, _ in run(schedule, until=5.0, dead=frozenset({"a"}))] == ["read"] * 3 + ["once"]


def test_refused_request_of_an_ask_is_replaced_by_its_parts() -> None:
    schedule = make({})
    schedule.ask(1, Priority.ON_DEMAND, "a", ["block", "more"])

    assert not schedule.finished(job(schedule), Outcome.REFUSED, 0.5, then=["part/1", "part/2"]).over
    assert [request for _, request, _ in run(schedule, until=5.0, now=0.5)] == ["part/1", "part/2", "more"]


@pytest.mark.parametrize(("outcome", "revives"), [(Outcome.OK, True), (Outcome.REFUSED, True), (Outcome.SILENT, False), (Outcome.GARBLED, False)])
def test_only_an_answered_ask_takes_a_device_out_of_quarantine(outcome: Outcome, revives: bool) -> None:
    schedule = with_dead("m00")
    schedule.ask(1, Priority.ON_DEMAND, "m00", ["read"])

    assert schedule.finished(job(schedule, 30.0), outcome, 31.0).revived is revives
    assert schedule.quarantined() == (() if revives else ("m00",))


def test_answered_ask_leaves_a_retry_that_waits_its_turn() -> None:
    schedule = make({"a": {"energy": 60.0}})
    schedule.finished(job(schedule), Outcome.SILENT, 1.0)
    schedule.ask(1, Priority.ON_DEMAND, "a", ["read"])
    schedule.finished(job(schedule, 1.0), Outcome.OK, 2.0)

    assert job(schedule, 2.0).request == "a/energy/0"


def test_only_the_first_poll_of_a_request_has_another_try_behind_it() -> None:
    schedule = make({"a": {"energy": 60.0}})
    first = job(schedule)
    schedule.finished(first, Outcome.SILENT, 1.0)
    retry = job(schedule, 1.0)
    schedule.ask(1, Priority.CONTROL, "a", ["off"])

    assert (first.last_try, retry.last_try, job(schedule, 1.0).last_try) == (False, True, True)


# --- silence and damage ----------------------------------------------------------------------------------------------------


def test_device_silent_once_is_not_quarantined() -> None:
    schedule = make(meters(2))
    schedule.finished(job(schedule), Outcome.SILENT, 1.0)

    assert schedule.quarantined() == ()


def test_port_failure_says_nothing_about_the_device() -> None:
    schedule = make({"a": {"energy": 60.0}})
    for now in (1.0, 2.0, 3.0):
        schedule.finished(job(schedule, now), Outcome.NOT_SENT, now)

    assert not job(schedule, 4.0).last_try
    assert schedule.quarantined() == ()


def test_reply_damaged_twice_counts_as_silence() -> None:
    schedule = make({"a": {"energy": 60.0}, "b": {"energy": 60.0}}, reads=2)

    assert schedule.finished(job(schedule), Outcome.GARBLED, 0.5) == Finished(over=False)
    schedule.finished(job(schedule, 0.5), Outcome.GARBLED, 1.0)

    assert [request for _, request, _ in run(schedule, until=3.0, now=1.0)] == ["b/energy/0", "b/energy/1", "a/energy/0", "a/energy/1"]


def test_each_request_of_a_set_may_be_damaged_once() -> None:
    schedule = make({"a": {"energy": 60.0}, "b": {"energy": 60.0}}, reads=2)
    for outcome in (Outcome.GARBLED, Outcome.OK, Outcome.GARBLED):
        schedule.finished(job(schedule), outcome, 0.5)

    assert job(schedule, 0.5).request == "a/energy/1"


def test_device_that_falls_silent_within_its_set_is_retried_behind_the_others_from_what_it_answered() -> None:
    schedule = make({"a": {"energy": 60.0}, "b": {"energy": 60.0}}, reads=3)
    assert not schedule.finished(job(schedule), Outcome.OK, 0.5).over

    assert schedule.finished(job(schedule), Outcome.SILENT, 1.0) == Finished(over=True)
    order = [request for _, request, _ in run(schedule, until=4.5, now=1.0)]

    assert order == [f"b/energy/{n}" for n in range(3)] + ["a/energy/0", "a/energy/1", "a/energy/2"]


def test_parts_are_tried_at_the_retry_where_a_block_met_silence() -> None:
    schedule = make({"a": {"energy": 60.0}})
    schedule.finished(job(schedule), Outcome.SILENT, 1.0, then=["part/1", "part/2"])

    assert [request for _, request, _ in run(schedule, until=3.0, now=1.0)] == ["part/1", "part/2"]


def mute(reads: int) -> tuple[Schedule[str], Job[str], Finished]:
    """A living device that has been silent to its second request twice."""
    schedule = make({"m": {"energy": 60.0}}, reads=reads)
    for outcome in (Outcome.OK, Outcome.SILENT, Outcome.OK):
        schedule.finished(job(schedule, 1.0), outcome, 1.0)
    step = job(schedule, 1.0)
    return schedule, step, schedule.finished(step, Outcome.SILENT, 1.0)


@pytest.mark.parametrize(("reads", "over"), [(2, True), (3, False)])
def test_parts_of_what_a_living_device_is_mute_to_are_read_next(reads: int, over: bool) -> None:
    schedule, step, finished = mute(reads)
    schedule.instead(step, ["part/1", "part/2"])

    assert finished == Finished(mute=True, over=over)
    rest = [f"m/energy/{n}" for n in range(2, reads)]
    assert [request for _, request, _ in run(schedule, until=5.0, now=1.0)] == ["part/1", "part/2", *rest]


def test_device_mute_to_the_only_request_of_a_set_proves_that_it_lives_by_another() -> None:
    schedule = make({"m": {"energy": 60.0, "load": 90.0}})
    run(schedule, until=10.0)  # a group of one request each
    silent = job(schedule, 60.0)
    assert not schedule.finished(silent, Outcome.SILENT, 61.0, then=[silent.request]).died

    assert job(schedule, 61.0).request == "m/load/0"
    schedule.finished(job(schedule, 61.0), Outcome.OK, 61.5)
    assert schedule.finished(job(schedule, 61.5), Outcome.SILENT, 62.0).mute
    assert schedule.quarantined() == ()


def test_request_that_was_answered_last_is_no_proof_for_itself() -> None:
    schedule = make({"m": {"energy": 60.0}})
    run(schedule, until=10.0)
    schedule.finished(job(schedule, 60.0), Outcome.SILENT, 61.0)

    assert schedule.finished(job(schedule, 61.0), Outcome.OK, 62.0).over
    schedule.finished(job(schedule, 120.0), Outcome.SILENT, 121.0)
    assert schedule.finished(job(schedule, 121.0), Outcome.SILENT, 122.0).died


def test_probe_reads_what_is_due() -> None:
    schedule = make({"m": {"energy": 900.0, "load": 60.0}, "n": {"energy": 900.0}})
    run(schedule, until=10.0, dead=frozenset({"m"}))

    assert job(schedule, 75.0).request == "m/load/0"


def test_probes_ask_for_one_thing_after_the_other() -> None:
    schedule = make({"m": {"energy": 10_000.0}, "n": {"energy": 10_000.0}}, reads=3)
    asked = [request for _, request, answered in run(schedule, until=600.0, dead=frozenset({"m"})) if not answered]

    assert set(asked[2:]) == {"m/energy/0", "m/energy/1", "m/energy/2"}


def test_dead_device_with_nothing_left_to_ask_does_not_hold_the_line() -> None:
    plans = {"m": ["read"], "n": ["read"]}
    schedule: Schedule[str] = Schedule(lambda device, groups: plans[device], 0.0)
    schedule.configure({"m": {"energy": 60.0}, "n": {"energy": 1000.0}}, 0.0)
    run(schedule, until=30.0, dead=frozenset({"m"}))
    plans["m"] = []

    assert schedule.next_job(100.0) == Wait(160.0)


def test_probe_and_living_work_go_in_the_order_in_which_they_have_waited() -> None:
    schedule = make({"m": {"energy": 20.0}, "n": {"energy": 20.0}})
    run(schedule, until=5.0, dead=frozenset({"n"}))

    assert [request for _, request, _ in run(schedule, until=1001.0, now=1000.0)] == ["m/energy/0", "n/energy/0"]


def test_device_dead_for_long_is_probed_at_once_when_a_dead_line_comes_back() -> None:
    schedule = make(meters(2))
    run(schedule, until=2000.0, dead=frozenset({"m00"}))
    run(schedule, until=2150.0, dead=frozenset({"m00", "m01"}), now=2000.0)
    assert schedule.quarantined() == ("m00", "m01")

    log = run(schedule, until=2220.0, now=2150.0)

    assert {request.partition("/")[0] for _, request, _ in log[:2]} == {"m00", "m01"}


def test_device_that_comes_back_to_a_living_line_leaves_the_back_off_of_others() -> None:
    schedule = make(meters(3, period_s=1000.0))
    run(schedule, until=500.0, dead=frozenset({"m00", "m01"}))  # both probed at about 1, 3 and 8 min
    schedule.ask(1, Priority.ON_DEMAND, "m01", ["read"])
    schedule.finished(job(schedule, 500.0), Outcome.OK, 501.0)

    assert "m00" not in {request.partition("/")[0] for _, request, _ in run(schedule, until=800.0, now=501.0)}


# --- when, and changes of plan -----------------------------------------------------------------------------------------------


def test_second_reading_is_half_a_period_to_one_and_a_half_behind_the_first() -> None:
    log = run(make(meters(10, period_s=100.0)), until=200.0)

    times: dict[str, list[float]] = {}
    for time, request, _ in log:
        times.setdefault(request, []).append(time)
    distances = [later - earlier for earlier, later, *_ in times.values()]
    assert min(distances) >= 50.0
    assert max(distances) <= 151.0


def test_new_period_is_obeyed_at_once() -> None:
    schedule = make({"m": {"energy": 900.0}})
    run(schedule, until=10.0)
    schedule.configure({"m": {"energy": 10.0}}, 10.0)

    assert len(run(schedule, until=60.0, now=10.0)) >= 5


def test_devices_that_wait_alike_are_asked_in_the_order_of_the_plan_in_force() -> None:
    schedule = make(meters(3))
    schedule.configure(dict(reversed(meters(3).items())), 0.0)

    assert [request.partition("/")[0] for _, request, _ in run(schedule, until=1.5)] == ["m02", "m01", "m00"]


def test_device_taken_off_the_plan_is_not_asked_for_the_rest_of_its_set() -> None:
    schedule = make(meters(2), reads=3)
    running = job(schedule)
    schedule.configure({"m01": {"energy": 60.0}}, 0.2)

    assert schedule.finished(running, Outcome.OK, 0.5) == Finished(over=True)
    schedule.instead(running, ["part"])
    assert [request for _, request, _ in run(schedule, until=2.0, now=0.5)] == ["m01/energy/0", "m01/energy/1", "m01/energy/2"]


def test_outcome_of_a_set_begun_anew_is_not_taken_for_its_new_requests() -> None:
    schedule = make(meters(2), reads=2)
    stale = job(schedule)
    schedule.configure(meters(2), 0.2, changed=frozenset({"m00"}))
    job(schedule, 0.5)

    assert schedule.finished(stale, Outcome.SILENT, 0.5) == Finished(over=True)
    schedule.abandon(stale)
    assert schedule.quarantined() == ()
    assert [request for _, request, _ in run(schedule, until=2.6, now=0.5)] == [f"m0{n}/energy/{part}" for n in (1, 0) for part in (0, 1)]


def test_other_devices_set_goes_on_when_one_is_taken_off() -> None:
    schedule = make(meters(2), reads=3)
    schedule.finished(job(schedule), Outcome.OK, 0.5)
    schedule.configure({"m00": {"energy": 60.0}}, 0.5)

    assert job(schedule, 0.5).request == "m00/energy/1"
