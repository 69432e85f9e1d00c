"""M-Bus meters on a paced virtual line, read by a line worker: selection, primary addresses, CJ/T 188 behind a level converter, faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_agent.lines.clock import SystemClock
from edge_agent.lines.worker import LineWorker
from firmware_profiles.loader import load_profiles
from protocol.errors import CampusError
from protocol.profile import AnyProfile
from protocol.reading import Reading
from protocol.site_plan import Line, SitePlan, VirtualFault
from provisioning.virtual.site import VirtualSite

PATIENCE_S = 20.0
TEXT = {"zh": "测试", "en": "Test"}
DEVICES = {
    "s-1": ("generic/mbus_cold_water", "10020380"),
    "s-2": ("generic/mbus_cold_water", "70112345"),
    "p-1": ("generic/mbus_cold_water_primary", "1"),
    "p-2": ("generic/mbus_cold_water_primary", "250"),
    "converter": ("generic/cjt188_cold_water_mbus", "00112233445566"),
}
QUANTITIES = ["water_volume", "water_volume_settlement", "water_flow"]


@pytest.fixture(scope="module")
def profiles() -> Mapping[str, AnyProfile]:
    return load_profiles().profiles


@pytest.fixture
def site(tmp_path: Path, profiles: Mapping[str, AnyProfile]) -> Iterator[VirtualSite]:
    devices = [{"id": name, "profile": profile, "address": address, "place": "room"} for name, (profile, address) in DEVICES.items()]
    line = {"id": "w", "port": {"kind": "serial", "path": "/dev/ttyS1"}, "baud": 9600, "devices": devices}
    plan = {
        "schema": 1,
        "site": {"id": "s", "name": TEXT},
        "places": [{"id": "room", "kind": "room", "name": TEXT}],
        "gateways": [{"id": "g1", "name": TEXT, "place": "room", "lines": [line]}],
    }
    one = VirtualSite(SitePlan.model_validate(plan), profiles, tmp_path / "virtual")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def readings() -> list[Reading]:
    return []


@pytest.fixture
def worker(site: VirtualSite, profiles: Mapping[str, AnyProfile], readings: list[Reading]) -> Iterator[LineWorker]:
    line: Line = site.rewritten_plan().gateways[0].lines[0]
    one = LineWorker(line, profiles, readings.extend, lambda _event: None, SystemClock())
    one.start()
    assert eventually(lambda: one.health().state == "open")
    yield one
    one.stop()


def eventually(check: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_S
    while not check():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def violations(site: VirtualSite) -> Any:
    return site.stats()["g1/w"]["violations"]


@pytest.mark.parametrize("device", [name for name in DEVICES if name != "converter"])
def test_meter_is_read_by_its_own_address(site: VirtualSite, worker: LineWorker, device: str) -> None:
    found = worker.read_now(device).result(PATIENCE_S)

    assert [one.series.quantity for one in found] == QUANTITIES
    for one in found[:2]:
        assert one.value == pytest.approx(site.truth(device, one.series.quantity), abs=20)


def test_all_meters_of_the_pair_are_polled_and_the_line_is_respected(site: VirtualSite, worker: LineWorker, readings: list[Reading]) -> None:
    wanted = {(name, "water_volume") for name in DEVICES}

    assert eventually(lambda: {(one.series.device, one.series.quantity) for one in readings} >= wanted)
    assert worker.health().quarantined == ()
    assert violations(site) == {"gap": 0, "collision": 0, "garbage": 0, "settings": 0}


@pytest.mark.parametrize("kind", ["noisy", "wrong_checksum", "echoing"])
def test_troublesome_meter_never_gives_a_wrong_number(site: VirtualSite, worker: LineWorker, kind: Any) -> None:
    site.set_fault("s-1", VirtualFault(kind=kind, share=1.0 if kind == "echoing" else 0.4))
    seen: list[int] = []
    for _ in range(6):
        try:
            seen += [one.value for one in worker.read_now("s-1", ["water_volume"]).result(PATIENCE_S)]
        except CampusError:  # the engineer's ask has one retry; the next poll comes soon enough
            continue

    assert seen
    assert all(value == pytest.approx(site.truth("s-1", "water_volume"), abs=20) for value in seen)


def test_dead_meter_leaves_the_others_of_the_pair(site: VirtualSite, worker: LineWorker, readings: list[Reading]) -> None:
    site.set_fault("s-1", VirtualFault(kind="dead"))

    assert eventually(lambda: "s-1" in worker.health().quarantined)
    assert worker.read_now("s-2", ["water_volume"]).result(PATIENCE_S)
    site.set_fault("s-1", None)
    assert worker.read_now("s-1", ["water_volume"]).result(PATIENCE_S)
