"""A profile that extends another: what it takes over, replaces, adds and leaves out, and how a mistake in it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from firmware_profiles.loader import load_profile, load_profiles
from protocol.errors import ConfigError
from protocol.profile import AnyProfile, Profile2007, ProfileModbus, Verified

BASE = "generic/dlt645_2007_single_phase_prepaid"
SHIPPED = load_profiles(strict=True)
HEAD: dict[str, Any] = {
    "schema": 1,
    "profile": "acme/meter",
    "name": {"zh": "测试电能表", "en": "Test meter"},
    "maker": {"zh": "测试", "en": "Acme"},
    "model": "M1",
    "extends": BASE,
    "source": "Acme protocol description of 2026, chapters 1 to 4",
    "verified": "draft",
    "ask_maker": ["Does control word 1B or 1C close the relay?"],
}


def _write(tmp_path: Path, **own: Any) -> Path:
    path = tmp_path / "meters" / "acme" / "meter.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**HEAD, **own}, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def _load(tmp_path: Path, **own: Any) -> Profile2007:
    profile = load_profile(_write(tmp_path, **own), SHIPPED)
    assert isinstance(profile, Profile2007)
    return profile


def _base() -> Profile2007:
    base = SHIPPED[BASE]
    assert isinstance(base, Profile2007)
    return base


def test_child_takes_over_all_but_what_it_is_and_rests_on(tmp_path: Path) -> None:
    child, base = _load(tmp_path), _base()

    assert (child.items, child.blocks, child.freezes, child.events, child.facts) == (base.items, base.blocks, base.freezes, base.events, base.facts)
    assert (child.commands, child.settings, child.prepay, child.clock) == (base.commands, base.settings, base.prepay, base.clock)
    assert (child.groups, child.serial, child.timing, child.phases) == (base.groups, base.serial, base.timing, base.phases)
    assert (child.profile, child.maker.en, child.verified, child.notes) == ("acme/meter", "Acme", Verified.DRAFT, "")


def test_entry_about_the_same_is_replaced_in_its_place_and_others_follow(tmp_path: Path) -> None:
    voltage = {"di": "02010100", "quantity": "voltage_a", "unit": "V", "format": "XXXX", "group": "electrical"}
    energy = {"di": "00020000", "quantity": "energy_active_reverse", "unit": "kWh", "format": "XXXXXX.XX", "group": "energy"}

    child, base = _load(tmp_path, items=[energy, voltage]), _base()

    quantities = [item.quantity for item in child.items]
    assert quantities == [*(item.quantity for item in base.items), "energy_active_reverse"]
    assert child.items[quantities.index("voltage_a")].format == "XXXX"


@pytest.mark.parametrize(
    ("part", "entry"),
    [
        ("blocks", {"di": "0001FF00", "items": ["00010000", "00010100"]}),
        (
            "freezes",
            {
                "period": "month",
                "depth": 3,
                "items": [{"di": "00010001", "quantity": "energy_active_forward_monthly", "unit": "kWh", "format": "XXXXXX.XX"}],
            },
        ),
        ("events", {"event": "power_down", "count": "03110000", "record": "03110001", "depth": 5}),
        ("facts", {"name": "model", "di": "0400040B", "coding": "ascii", "size": 8}),
        ("commands", {"name": "meter_reconnect", "write": {"n1": "1B"}, "confirm": {"quantity": "meter_relay_open", "value": 0}}),
        ("settings", {"name": "set_overload_delay", "quantity": "overload_delay", "least": 0, "most": 5_000, "level": "02"}),
    ],
)
def test_every_list_is_joined_by_what_its_entries_are_about(tmp_path: Path, part: str, entry: dict[str, Any]) -> None:
    child, base = _load(tmp_path, **{part: [entry]}), _base()

    ours, theirs = getattr(child, part), getattr(base, part)
    changed = [place for place, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other]
    assert len(changed) == 1
    assert entry.items() <= ours[changed[0]].model_dump(mode="json", exclude_unset=True).items() or part == "blocks"


def test_groups_are_joined(tmp_path: Path) -> None:
    child = _load(tmp_path, groups={"energy": 1800})

    assert child.groups == {**_base().groups, "energy": 1800}


def test_without_leaves_out_items_and_the_groups_that_are_empty_then(tmp_path: Path) -> None:
    limits = ["alarm_1_energy", "alarm_2_energy", "hoarding_limit_energy", "overdraft_limit_energy", "overload_limit", "overload_delay"]

    child = _load(tmp_path, without=[*limits, "settings", "relay_opened", "0001FF00", "day"])

    assert {item.quantity for item in _base().items} - {item.quantity for item in child.items} == set(limits)
    assert "settings" not in child.groups
    assert child.settings == child.blocks == ()
    assert [freeze.period for freeze in child.freezes] == ["month"]
    assert "relay_opened" not in {log.event for log in child.events}


def test_without_leaves_out_single_values_and_whole_sections(tmp_path: Path) -> None:
    child = _load(tmp_path, without=["prepay", "clock", "facts"])

    assert (child.prepay, child.clock, child.facts) == (None, None, ())


def test_bench_test_of_the_base_is_not_the_child_s(tmp_path: Path) -> None:
    base = _base()
    assert base.prepay is not None
    tested = base.model_copy(update={"prepay": base.prepay.model_copy(update={"bench_log": "bench_1.log"}), "verified": Verified.BENCH})

    child = load_profile(_write(tmp_path), {BASE: tested})

    assert child.prepay is not None
    assert child.prepay.bench_log is None


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown base": (
        {"extends": "generic/dlt645_2007_singel_phase"},
        "extends",
        "there is no good profile 'generic/dlt645_2007_singel_phase'; near: generic/",
    ),
    "no text": ({"extends": 7}, "extends", "there is no good profile 7"),
    "chain": (
        {"extends": "changgong/dorm_prepaid"},
        "extends",
        "changgong/dorm_prepaid itself extends generic/dlt645_2007_single_phase_prepaid; extend that",
    ),
    "another protocol": ({"protocol": "modbus_rtu"}, "protocol", f"{BASE} speaks dlt645_2007, this profile modbus_rtu"),
    "unknown without": ({"without": ["voltage_a", "voltage_b"]}, "- voltage_b", f"'voltage_b' is nothing that {BASE} has"),
    "without of what is the child's own": ({"without": ["notes"]}, "- notes", "'notes' is nothing that"),
    "without as text": ({"without": "voltage_a"}, "without", "expected a list of quantities, identifiers or names"),
    "broken rule of an added item": (
        {"items": [{"di": "02010200", "quantity": "voltage_b", "unit": "V", "format": "XXX.X", "group": "electrical"}]},
        "quantity: voltage_b",
        "voltage_b in a single-phase profile",
    ),
    "broken rule of a replaced event": (
        {"events": [{"event": "power_down", "count": "03110000", "record": "03110002"}]},
        "- event: power_down",
        "03110002 is number 02",
    ),
    "unknown key of a replaced item": (
        {"items": [{"di": "02010100", "quantity": "voltage_a", "unit": "V", "format": "XXX.X", "scale": "1"}]},
        "scale: '1'",
        "scale: unknown key",
    ),
    "item nobody can confirm by": ({"without": ["meter_relay_open"]}, "extends", "which no item of this profile reads"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_mistake_is_told_at_the_child_s_own_line(tmp_path: Path, case: str) -> None:
    own, at, expected = REFUSED[case]
    path = _write(tmp_path, **own)

    with pytest.raises(ConfigError) as caught:
        load_profile(path, SHIPPED)

    told = caught.value.message.splitlines()[0]
    assert expected in told
    number = int(told.removeprefix(f"{path}:").split(":")[0])
    assert at in path.read_text(encoding="utf-8").splitlines()[number - 1] or at == "extends"


def test_child_loads_whatever_order_the_files_have(tmp_path: Path) -> None:
    folder = tmp_path / "profiles"
    base = yaml.safe_load((Path(load_profiles.__code__.co_filename).parent / f"meters/{BASE}.yaml").read_text(encoding="utf-8"))
    for key, data in ((BASE, base), ("acme/meter", HEAD)):  # acme comes first in the alphabet
        path = folder / "meters" / f"{key}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")

    assert sorted(load_profiles(folder, strict=True)) == ["acme/meter", BASE]


@pytest.mark.parametrize("key", [key for key, profile in SHIPPED.items() if profile.extends])
def test_shipped_profile_extends_a_tested_one(key: str) -> None:
    profile: AnyProfile = SHIPPED[key]

    assert SHIPPED[profile.extends or ""].verified is not Verified.DRAFT


def test_a_modbus_childs_block_takes_the_place_of_the_bases_that_begins_there(tmp_path: Path) -> None:
    shorter = {"function": 3, "first": 0x2000, "last": 0x200B}

    child = load_profile(_write(tmp_path, extends="chint/ddsu666", without=["frequency"], blocks=[shorter]), SHIPPED)

    assert isinstance(child, ProfileModbus)
    assert [(block.first, block.last) for block in child.blocks] == [(0x2000, 0x200B), (0x4000, 0x400B)]
