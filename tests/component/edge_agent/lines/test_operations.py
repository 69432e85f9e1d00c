"""Operations against virtual meters, which share no code with them: over a pseudo terminal, by a worker or on a line of one's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge_agent.drivers.access import Access
from edge_agent.drivers.address import write_address
from edge_agent.drivers.baud import change_baud
from edge_agent.drivers.clock import read_clock
from edge_agent.drivers.events import read_events
from edge_agent.drivers.freezes import read_freezes
from edge_agent.drivers.identity import read_identity
from edge_agent.drivers.load_records import read_load_records
from edge_agent.drivers.settings_write import write_setting
from edge_agent.drivers.switching import switch
from edge_agent.lines.clock import SystemClock
from edge_agent.lines.exchange import ExchangeTiming
from edge_agent.lines.line import Line
from edge_agent.lines.port import open_port
from edge_agent.lines.run_on import run_on
from edge_agent.lines.site_time import SiteTime
from edge_agent.lines.worker import LineWorker
from firmware_profiles.loader import load_profiles
from protocol.errors import NoReply, UnexpectedReply, WireError
from protocol.messages import Event
from protocol.profile import AnyProfile
from protocol.profile_logs import LoadRecords2007
from protocol.reading import Reading
from protocol.site_plan import Device, SitePlan
from protocol.site_plan import Line as LinePlan
from provisioning.virtual.site import VirtualSite

_PATIENCE_S = 30.0
_METER = "generic/dlt645_2007_single_phase"
_TEXT = {"zh": "测试", "en": "Test"}
_TIMING = ExchangeTiming(0.02, 0.6, 0.2, 0.3)
FACTORY = Access("000000", "00000007")


@pytest.fixture(scope="module")
def profiles() -> Mapping[str, AnyProfile]:
    """The shipped ones; the meter here keeps load records as well."""
    shipped = load_profiles().profiles
    return {**shipped, _METER: shipped[_METER].model_copy(update={"load_records": LoadRecords2007()})}


@pytest.fixture
def site(tmp_path: Path, profiles: Mapping[str, AnyProfile]) -> Iterator[VirtualSite]:
    devices = [
        {"id": "meter", "profile": _METER, "address": "000102030425", "place": "room"},
        {"id": "other", "profile": _METER, "address": "000000000002", "place": "room"},
    ]
    line = {"id": "m", "port": {"kind": "serial", "path": "/dev/ttyS1"}, "baud": 9600, "parity": "E", "devices": devices}
    gateway = {"id": "g1", "name": _TEXT, "place": "room", "lines": [line]}
    places = [{"id": "room", "kind": "room", "name": _TEXT}]
    plan = {"schema": 1, "site": {"id": "s", "name": _TEXT}, "places": places, "gateways": [gateway]}
    one = VirtualSite(SitePlan.model_validate(plan), profiles, tmp_path / "virtual")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def plan(site: VirtualSite) -> LinePlan:
    return site.rewritten_plan().gateways[0].lines[0]


@pytest.fixture
def meter(plan: LinePlan) -> Device:
    return plan.devices[0]


@pytest.fixture
def profile(profiles: Mapping[str, AnyProfile]) -> Any:
    return profiles[_METER]


@pytest.fixture
def carry_out(plan: LinePlan) -> Iterator[Callable[[Any], Any]]:
    """`carry_out(procedure)` on a line of one's own."""
    port = open_port(plan)
    line = Line(port, SystemClock(), plan.bits_per_byte / plan.baud, 0.03)
    yield lambda procedure: run_on(line, procedure, _TIMING)
    line.close()


def now() -> datetime:
    return SiteTime(SystemClock()).now()


def test_relay_is_switched_and_read_back(carry_out: Any, site: VirtualSite, profile: Any, meter: Device) -> None:
    off = carry_out(switch(profile, meter, "meter_disconnect", FACTORY, now))
    assert (off.outcome, site.truth("meter", "meter_relay_open")) == ("done", 1)
    assert carry_out(switch(profile, meter, "meter_disconnect", FACTORY, now)).outcome == "already"
    on = carry_out(switch(profile, meter, "meter_reconnect", FACTORY, now))

    assert (on.outcome, site.truth("meter", "meter_relay_open")) == ("done", 0)


def test_two_meters_that_answer_for_their_address_at_once_are_noticed_and_none_is_changed(carry_out: Any, profile: Any, meter: Device) -> None:
    with pytest.raises((WireError, NoReply, UnexpectedReply)):
        carry_out(write_address(profile, meter.address, "201600000017"))

    assert carry_out(read_identity(profile, meter))["communication_address"] == meter.address


def test_wrong_password_is_refused_and_nothing_moves(carry_out: Any, site: VirtualSite, profile: Any, meter: Device) -> None:
    known = profile.commands[0]
    quick = profile.model_copy(update={"commands": (known.model_copy(update={"confirm": known.confirm.model_copy(update={"within_s": 1})}),)})
    told = carry_out(switch(quick, meter, known.name, Access("123456"), now))

    assert (told.outcome, told.seen) == ("refused", 0)
    assert "password" in told.refusal.details["reason"]
    assert site.truth("meter", "meter_relay_open") == 0


def test_setting_is_written_and_stays(carry_out: Any, profile: Any, meter: Device) -> None:
    assert carry_out(write_setting(profile, meter, "set_overload_limit", 1_500_000, FACTORY)).outcome in ("done", "already")
    told = carry_out(write_setting(profile, meter, "set_overload_limit", 2_200_000, FACTORY))

    assert (told.outcome, told.seen) == ("done", 2_200_000)


def test_meter_tells_who_it_is_and_what_time_it_has(carry_out: Any, profile: Any, meter: Device) -> None:
    facts = carry_out(read_identity(profile, meter))

    assert facts["communication_address"] == meter.address
    assert abs(carry_out(read_clock(profile, meter, now))) <= 2_000


def test_freezes_are_midnights_and_registers_that_never_fall(carry_out: Any, site: VirtualSite, profile: Any, meter: Device) -> None:
    found = carry_out(read_freezes(profile, meter, profile.freezes[0], lambda at: False, 5, now()))

    assert [one.at.time() for one in found] == [datetime.min.time()] * len(found)
    values = [dict(one.values)["energy_active_forward_daily"] for one in found]
    assert len(found) == 5
    assert values == sorted(values, reverse=True)
    assert values[0] <= site.truth("meter", "energy_active_forward") + 10


def test_switching_leaves_an_event_in_the_meter(carry_out: Any, profile: Any, meter: Device) -> None:
    log = next(one for one in profile.events if one.event == "relay_opened")
    before, _ = carry_out(read_events(profile, meter, log, None))
    carry_out(switch(profile, meter, "meter_disconnect", FACTORY, now))
    count, (event,) = carry_out(read_events(profile, meter, log, before))

    assert count == before + 1
    assert event.operator == FACTORY.operator
    assert abs(event.begin - now()) < timedelta(minutes=1)


def test_load_records_follow_each_other(carry_out: Any, profile: Any, meter: Device) -> None:
    found = carry_out(read_load_records(profile, meter, now() - timedelta(hours=3), 6))

    assert len(found) == 6
    assert {later.at - earlier.at for earlier, later in pairwise(found)} == {timedelta(minutes=15)}
    assert all(one.good and "energy_active_forward" in one.values for one in found)


def test_baud_is_changed_there_and_back(carry_out: Any, profile: Any, meter: Device) -> None:
    assert carry_out(change_baud(profile, meter, 9600, 2400)).baud == 2400
    assert carry_out(change_baud(profile, meter, 2400, 9600)).baud == 9600
    assert carry_out(read_identity(profile, meter))


def test_worker_switches_one_meter_while_the_other_is_polled_and_brings_out_what_they_remember(
    plan: LinePlan, site: VirtualSite, profiles: Mapping[str, AnyProfile], profile: Any, meter: Device
) -> None:
    readings: list[Reading] = []
    events: list[Event] = []
    worker = LineWorker(plan, profiles, readings.extend, events.append, SystemClock())
    worker.start()
    try:
        assert eventually(lambda: worker.health().state == "open")
        told = worker.run("meter", lambda: switch(profile, meter, "meter_disconnect", FACTORY, now)).result(_PATIENCE_S)
        assert (told.outcome, site.truth("meter", "meter_relay_open")) == ("done", 1)
        seen = {"energy_active_forward", "energy_active_forward_daily", "clock_offset"}
        assert eventually(lambda: {one.series.quantity for one in readings if one.series.device == "meter"} >= seen)
        assert eventually(lambda: any(one.series.device == "other" for one in readings))
    finally:
        worker.stop()
    assert not [event for event in events if event.severity == "error"]


def eventually(check: Callable[[], bool]) -> bool:
    until = time.monotonic() + _PATIENCE_S
    while not check():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
