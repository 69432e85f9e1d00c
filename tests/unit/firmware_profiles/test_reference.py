"""The reference page: who made the devices of the reference site, what each profile rests on, and what to ask."""

from __future__ import annotations

import pytest

from firmware_profiles.evidence import Evidence, evidence_in, is_independent
from firmware_profiles.loader import load_profiles
from firmware_profiles.reference import PAGE, SCHEMA, documents, profiles_page

PROFILES = load_profiles(strict=True)
LOG = """# acme/meter: a meter
# source: virtual device
= address 1
# every item
= due all
> 68 01
< 68 02
= voltage_a 1

# below zero
= due power_active
> 68 03
< 68 04

# public capture (published frames): voltage
= due voltage_a
> 68 05
< 68 06

# manual: the example of chapter 8
= due voltage_a
> 68 05
< 68 06

# by hand: the frame of table A.1
= due voltage_a
> 68 05
< 68 06

# a remark without an exchange
"""


def _section(page: str, heading: str) -> str:
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_sections_of_a_log_are_counted_by_the_kind_of_their_bytes() -> None:
    assert evidence_in(LOG) == Evidence(captured=1, printed=1, computed=1, simulated=2)
    assert evidence_in(LOG).independent == 3
    assert evidence_in("") == Evidence()
    assert evidence_in("", "# a manual, chapter 8\nkind,address\nitem,0000\nitem,0002\n") == Evidence(printed=2)


@pytest.mark.parametrize(
    ("comment", "independent"), [("public capture (x): y", True), ("manual: x", True), ("by hand: x", True), ("below zero", False)]
)
def test_independent_section_is_known_by_its_first_words(comment: str, independent: bool) -> None:
    assert is_independent(comment) is independent


def test_site_is_shown_by_maker_the_largest_first() -> None:
    page = profiles_page(PROFILES, {}, {"changgong/dorm_prepaid": 6746, "changgong/three_phase": 1163, "shengfan/dorm_prepaid": 2733})

    rows = [line.split(" | ") for line in _section(page, "The reference site by maker").strip().splitlines()[2:]]
    assert [(row[0].strip("| "), row[1]) for row in rows] == [("Changgong 常工电子", "6,746"), ("", "1,163"), ("Shengfan 盛帆", "2,733")]


def test_catalogue_shows_state_and_evidence() -> None:
    evidence = {"generic/dlt645_2007_single_phase": Evidence(captured=4, computed=2, simulated=6)}

    catalogue = _section(profiles_page(PROFILES, evidence, {}), "Catalogue")

    [row] = [line for line in catalogue.splitlines() if line.startswith("| [generic/dlt645_2007_single_phase](")]
    assert row.endswith("| simulated | 4 | – | 2 | 6 | – |")
    assert "62 days, 12 months, 10 event logs, clock" in row
    assert len([line for line in catalogue.splitlines() if line.startswith("| [")]) == len(PROFILES)


def test_every_question_of_a_draft_stands_under_its_maker_once() -> None:
    asked = _section(profiles_page(PROFILES, {}, {}), "Questions to the makers")

    assert "**Changgong 常工电子**" in asked
    for profile in PROFILES.values():
        assert all(question in asked for question in profile.ask_maker)
    lines = [line.partition(" ([")[0] for line in asked.partition("**Changgong")[2].partition("\n**")[0].splitlines() if line.startswith("- ")]
    assert len(lines) == len(set(lines)) > 5


def test_section_of_a_child_shows_what_differs_only() -> None:
    section = _section(profiles_page(PROFILES, {}, {}), "huatong/pd194_dlt645")

    assert "Extends [generic/dlt645_2007_three_phase](#genericdlt645_2007_three_phase)" in section
    assert "Left out: " in section
    assert "| voltage_ab |" in section
    assert "| voltage_a |" not in section


def test_section_shows_freezes_events_facts_settings_and_prepay() -> None:
    section = _section(profiles_page(PROFILES, {}, {}), "generic/dlt645_2007_single_phase_prepaid")

    assert "| 62 days, 1 apart, dated by 05060001 | energy_active_forward_daily | " in section
    assert "| 合闸 · Relay closed | relay_closed | 1E000001 | 1E00FF01 | 10 | begin at 0, operator at 6 (YYMMDDhhmmss) |" in section
    assert "Clock: 04000101 and 04000102, set by broadcast. Facts: communication_address (04000401)" in section
    assert "| set_alarm_1_energy | alarm_1_energy | 0 .. 1,000,000 Wh | password level 04 |" in section
    assert "Prepaid in energy, style `plaintext_30`: writes stay off until a bench test." in section


@pytest.mark.parametrize("key", PROFILES)
def test_every_profile_has_its_section_and_tables_are_whole(key: str) -> None:
    page = documents(PROFILES, {}, {})[PAGE]

    section = _section(page, key)
    assert PROFILES[key].model in section
    for table in section.split("\n\n"):
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) <= 1, rows[0]


def test_schema_knows_the_sections() -> None:
    schema = documents(PROFILES, {}, {})[SCHEMA]

    assert all(f'"{name}"' in schema for name in ("freezes", "events", "load_records", "clock", "facts", "settings", "prepay", "extends"))
