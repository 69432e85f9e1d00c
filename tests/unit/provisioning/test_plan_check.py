from __future__ import annotations

from pathlib import Path

import pytest

from firmware_profiles.loader import load_profiles
from protocol.plan_text import plan_text
from protocol.profile_items import Protocol
from protocol.site_plan import parse_site_plan
from provisioning.plan_check import check_plan, plan_doubts

DEMO = Path(__file__).resolve().parents[3] / "provisioning" / "sites" / "demo.yaml"
PLAN = """\
schema: 1
site: {id: s, name: {zh: 站, en: Site}}
places:
  - {id: room, kind: room, name: {zh: 室, en: Room}}
gateways:
  - id: gw
    name: {zh: 网关, en: Gateway}
    place: room
    lines:
      - id: l1
        port: {kind: serial, path: /dev/ttyS1}
        baud: 2400
        parity: E
        devices:
          - {id: m1, profile: generic/dlt645_2007_single_phase, address: "000000000001", place: room}
          - {id: w1, profile: generic/cjt188_cold_water, address: "00000000000002", place: room}
rehearsal:
  devices:
    - {device: m1, registers: {"00010000": "42061200"}}
"""


@pytest.fixture(scope="module")
def profiles():
    return load_profiles()


def test_a_good_plan_has_no_findings(profiles):
    report = check_plan(PLAN, "plan.yaml", profiles)

    assert report.plan is not None, report.mistakes
    assert plan_doubts(PLAN, "plan.yaml", profiles) == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("generic/dlt645_2007_single_phase,", "generic/dlt645_2007_singel_phase,", 15, "near: generic/dlt645_2007_single_phase"),
        ('"000000000001"', '"00000001"', 15, "expects 12 digits"),
        ('"00000000000002"', '"2"', 16, "expects 14 digits"),
        ("generic/dlt645_2007_single_phase,", "chint/ddsu666,", 15, "expects 1 to 247"),
        ('"000000000001", place: room', '"000000000001", place: room, poll_s: {energie: 5}', 15, "no poll group 'energie'"),
        ('"000000000001", place: room', '"000000000001", place: room, poll_s: {energy: 0}', 15, "outside 1..86400"),
        ('"000000000001", place: room', '"000000000001", place: room, poll_s: {clock: -1}', 15, "outside 0..86400"),
        ("place: room}\n          - {id: w1", "place: cellar}\n          - {id: w1", 15, "'cellar' does not exist"),
        ('"00010000"', '"9010"', 19, "expects 8 hexadecimal digits"),
        ('"42061200"', '"4206120"', 19, "bytes in hexadecimal"),
        ("baud: 2400", "baud: 2401", 12, "gateways.0.lines.0.baud"),
    ],
)
def test_a_mistake_is_named_with_its_line(profiles, old, new, line, words):
    assert old in PLAN

    report = check_plan(PLAN.replace(old, new), "plan.yaml", profiles)

    assert report.plan is None
    assert report.mistakes[0].startswith(f"plan.yaml:{line}: ")
    assert words in report.mistakes[0]


@pytest.mark.parametrize(
    ("profile", "address", "words"),
    [
        ("generic/mbus_cold_water", "10020380", ""),
        ("generic/mbus_cold_water", "123456", "expects 8 digits"),
        ("generic/mbus_cold_water_primary", "250", ""),
        ("generic/mbus_cold_water_primary", "251", "expects 1 to 250"),
        ("generic/mbus_cold_water_primary", "10020380", "expects 1 to 250"),
    ],
)
def test_mbus_address_is_the_kind_its_profile_asks_by(profiles, profile, address, words):
    old = 'generic/cjt188_cold_water, address: "00000000000002"'
    assert old in PLAN

    mistakes = check_plan(PLAN.replace(old, f'{profile}, address: "{address}"'), "plan.yaml", profiles).mistakes

    assert len(mistakes) == bool(words)
    assert words in "".join(mistakes)


def test_serial_settings_unlike_the_shipped_ones_are_a_doubt(profiles):
    text = PLAN.replace("baud: 2400", "baud: 9600")

    doubts = plan_doubts(text, "plan.yaml", profiles)

    assert check_plan(text, "plan.yaml", profiles).mistakes == ()
    assert [doubt.split(": ")[0] for doubt in doubts] == ["plan.yaml:15", "plan.yaml:16"]


def test_a_line_with_more_to_read_than_time_is_a_doubt(profiles):
    quick = "place: room, poll_s: {electrical: 1}}"
    text = PLAN.replace("place: room}\n          - {id: w1", f"{quick}\n          - {{id: w1", 1)

    [doubt] = plan_doubts(text, "plan.yaml", profiles)

    assert doubt.startswith("plan.yaml:10: ")
    assert "devices of gw/l1 takes 1" in doubt


def test_the_demo_site_is_right_and_covers_every_protocol(profiles):
    text = DEMO.read_text(encoding="utf-8")

    report = check_plan(text, "demo.yaml", profiles)

    assert report.plan is not None, report.mistakes
    assert plan_doubts(text, "demo.yaml", profiles) == ()
    assert {profiles[device.profile].protocol for _, _, device in report.plan.devices()} == set(Protocol)


def test_a_plan_written_as_text_reads_as_the_same_plan():
    plan = parse_site_plan(DEMO.read_text(encoding="utf-8"), "demo.yaml")

    assert parse_site_plan(plan_text(plan), "again.yaml") == plan


def test_what_a_device_remembers_has_periods_of_its_own_or_none(profiles):
    given = PLAN.replace('"000000000001", place: room', '"000000000001", place: room, poll_s: {freeze: 0, events: 0, clock: 600}')

    assert check_plan(given, "plan.yaml", profiles).mistakes == ()
