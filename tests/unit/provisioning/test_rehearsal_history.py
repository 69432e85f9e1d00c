"""The past of a rehearsal as it goes to central: once a folder, rising up to what the meters show, and said to be made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from firmware_profiles.loader import load_profiles
from protocol.messages import Columns, decode_stored
from protocol.site_plan import SitePlan, parse_site_plan
from provisioning.rehearse.folder import Folder
from provisioning.rehearse.history import History, Meter, dated, history_of, letters_of, live_through, meters_of, note_stored, readings_of
from provisioning.virtual.folder import SiteFolder
from provisioning.virtual.past import DAY_S
from provisioning.virtual.site import build_unit, site_facts

DEMO = Path(__file__).resolve().parents[3] / "provisioning" / "sites" / "demo.yaml"
GATEWAYS = ("gw-dorm", "gw-lab")
NOW_S = 1_795_392_642.0  # 2026-11-23 08:10:42 in Shanghai


@pytest.fixture(scope="module")
def site() -> SitePlan:
    return parse_site_plan(DEMO.read_text(encoding="utf-8"), "demo.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def history(folder: Folder, site: SitePlan) -> History:
    made = history_of(folder, site, 14, NOW_S)
    assert made is not None
    return made


@pytest.fixture
def meters(history: History, site: SitePlan) -> list[Meter]:
    return meters_of(history, site, load_profiles().profiles, GATEWAYS)


def named(meters: list[Meter], device: str) -> Meter:
    return next(meter for meter in meters if meter.device.id == device)


def registers(history: History, meters: list[Meter], device: str) -> list[int]:
    return [value for _, _, _, value in readings_of(history.past, named(meters, device), meters)]


def test_a_folder_gets_its_past_once(folder: Folder, site: SitePlan, history: History):
    assert history_of(folder, site, 35, NOW_S + 999) == history

    note_stored(folder, history)

    assert history_of(folder, site, 0, NOW_S + 9 * DAY_S) == replace(history, stored=True)


def test_a_folder_that_was_lived_in_gets_none(folder: Folder, site: SitePlan):
    (folder.root / "virtual").mkdir()
    (folder.root / "virtual" / "epoch").write_text("1.0")

    assert history_of(folder, site, 35, NOW_S) is None


def test_none_is_asked_for_none_is_made(folder: Folder, site: SitePlan):
    assert history_of(folder, site, 0, NOW_S) is None
    assert list(folder.root.iterdir()) == []


def test_every_meter_rises_up_to_what_it_shows_when_it_is_first_asked(folder: Folder, history: History, site: SitePlan, meters: list[Meter]):
    live_through(folder, history, meters)
    kept = SiteFolder(folder.root / "virtual")
    facts, behaviour = site_facts(site, NOW_S, kept.epoch_s(NOW_S)), {one.device: one for one in site.rehearsal.devices}

    assert len(meters) == 60
    for meter in meters:
        rising = registers(history, meters, meter.device.id)
        assert rising == sorted(rising)
        if meter.device.id not in ("dorm-1-m102", "dorm-1-m303"):  # one shows captured bytes, one is dead
            started = build_unit(meter.device, meter.profile, behaviour.get(meter.device.id), facts).responder.instrument
            kept.recall(started)
            assert 0 <= started.value(meter.register, history.past.until_s) // meter.divisor - rising[-1] < 10


def test_a_meter_that_shows_captured_bytes_stands_still(history: History, meters: list[Meter]):
    assert set(registers(history, meters, "dorm-1-m102")) == {1_206_420}


def test_a_dead_meter_fell_silent_two_days_ago_and_another_missed_a_day(history: History, meters: list[Meter]):
    assert max(at_ms for at_ms, *_ in readings_of(history.past, named(meters, "dorm-1-m303"), meters)) // 1000 == history.past.today_s - 34 * 3_600
    counts = sorted(len(registers(history, meters, meter.device.id)) for meter in meters if not meter.dead)
    whole = 12 * 24 + 2 * 96 + 33
    assert (counts[0], set(counts[1:])) == (whole - 23, {whole})


def test_a_leak_and_a_rise_befall_one_meter_each(meters: list[Meter]):
    told = [(one.name, meter.register) for meter in meters for one in meter.responder.instrument.supply.appliances if one.until_s is None]

    assert sorted(told) == [("forgotten", "energy_active_forward"), ("leak", "water_volume")]


def test_central_is_told_that_it_is_made_up_before_the_first_reading(history: History, meters: list[Meter]):
    letters, readings = letters_of(history, "gw-lab", meters)

    batches = [decode_stored(letter.payload) for letter in letters]
    assert [(batch.generation, batch.epoch, batch.seq) for batch, _ in batches] == [(1, history.epoch, seq) for seq in range(1, len(letters) + 1)]
    (_, (event,)), *rest = batches
    assert (event.code, event.severity) == ("rehearsal.history", "info")
    assert "made up" in event.message
    assert sum(len(content) for _, content in rest if isinstance(content, Columns)) == readings > 10_000


def test_its_epoch_lies_below_every_agents(history: History):
    assert history.epoch < int(NOW_S) << 20


def test_the_plan_says_since_when_the_meters_stand_there(history: History, site: SitePlan):
    plan = dated(site, history)

    assert {device.installed for _, device in plan.placed()} == {history.first_day}
    assert {device.installed for _, device in site.placed()} == {None}
    assert str(history.first_day) == "2026-11-09"
