"""Loading: what ships is good, a broken file says where and stops no other."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from firmware_profiles.loader import KIND_FOLDERS, MAX_FILE_BYTES, PROFILES_FOLDER, load_profile, load_profiles
from protocol.errors import ConfigError, NotFound

SHIPPED = sorted(path for path in PROFILES_FOLDER.rglob("*.yaml"))
ADL400 = (PROFILES_FOLDER / "meters/acrel/adl400.yaml").read_text(encoding="utf-8")
SINGLE_PHASE = (PROFILES_FOLDER / "meters/generic/dlt645_2007_single_phase.yaml").read_text(encoding="utf-8")
RELAY = (PROFILES_FOLDER / "relays/waveshare/modbus_rtu_relay_8ch.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_shipped_profile_loads(path: Path) -> None:
    profile = load_profile(path)

    assert profile.profile == f"{path.parent.name}/{path.stem}"
    assert profile.kind is KIND_FOLDERS[path.parent.parent.name]


def test_registry_holds_every_shipped_file_and_no_problem() -> None:
    registry = load_profiles(strict=True)

    assert registry.problems == ()
    assert len(registry) == len(SHIPPED) > 0
    assert registry["acrel/adl400"].maker.en == "Acrel"


def test_registry_names_near_keys_for_an_unknown_one() -> None:
    with pytest.raises(NotFound, match="acrel/adl400"):
        load_profiles().find("acrel/adl40")


def test_registry_finds_a_known_key() -> None:
    registry = load_profiles()

    assert registry.find("acrel/adl400") is registry["acrel/adl400"]


def _swap(text: str, old: str, new: str) -> bytes:
    assert old in text
    return text.replace(old, new, 1).encode()


BROKEN = {
    "unknown key": (_swap(ADL400, "phases: 3", "phase: 3"), r":7: phase: unknown key"),
    "unknown key of an item": (_swap(ADL400, 'scale: "0.01", quantity', 'scaling: "0.01", quantity'), r":15: items\.0\.scaling: unknown key"),
    "missing key": (_swap(ADL400, "model: ADL400\n", ""), r":1: model: this key is required"),
    "unknown unit": (_swap(ADL400, "unit: kWh", "unit: kilowatthours"), r":15: .*'kilowatthours' does not convert to 'Wh'"),
    "wrong unit": (_swap(ADL400, "unit: kWh", "unit: kW"), r":15: .*'kW' does not convert to 'Wh'"),
    "unquoted identifier": (_swap(SINGLE_PHASE, 'di: "00010000"', "di: 00010000"), r":15: items\.0\.di: .*must be quoted.*got 4096"),
    "unquoted scale": (_swap(ADL400, 'scale: "0.01"', "scale: 0.01"), r":15: items\.0\.scale: .*quoted decimal text.*got 0\.01"),
    "zero scale": (_swap(ADL400, 'scale: "0.01"', 'scale: "0.00"'), r":15: items\.0\.scale: "),
    "duplicate key": (_swap(ADL400, "phases: 3", "phases: 3\nphases: 1"), r":8: key 'phases' stands twice"),
    "unknown quantity": (_swap(ADL400, "energy_active_total", "energy_aktive"), r":15: items\.0\.quantity: unknown quantity 'energy_aktive'"),
    "unknown protocol": (_swap(ADL400, "modbus_rtu", "modbus_ascii"), r":1: .*modbus_ascii.*dlt645_2007"),
    "unknown schema": (_swap(ADL400, "schema: 1", "schema: 7"), r":1: schema: "),
    "format of odd digits": (_swap(SINGLE_PHASE, "XXXXXX.XX", "XXXXX.XX"), r":15: items\.0\.format: .*even number of X digits"),
    "register out of range": (_swap(ADL400, "address: 0x0000", "address: 0xFFFF"), r":15: .*beyond register 0xFFFF"),
    "block too long": (_swap(ADL400, "last: 0x0015", "last: 0x00FF"), r":44: blocks\.0: .*at most 125"),
    "write with a wrong key": (_swap(RELAY, "value: 0xFF00", "values: 0xFF00"), r":25: commands\.0\.write\.value: this key is required"),
    "yes instead of text": (_swap(ADL400, "model: ADL400", "model: yes"), r":5: model: .*got True"),
    "rollover as number": (_swap(ADL400, 'scale: "0.01"', 'scale: "0.01", rollover_raw: 100'), r":15: items\.0\.rollover_raw: .*quoted whole-number"),
    "tabs": (b"schema: 1\n\tprofile: a/b\n", r":2: not valid YAML"),
    "not closed": (b"schema: 1\nitems: [1, 2\n", r":\d: not valid YAML"),
    "two documents": (b"schema: 1\n---\nschema: 1\n", r":2: not valid YAML"),
    "a list": (b"- schema: 1\n", r":1: document: "),
    "prose": (b"This is not a profile.\n", r":1: document: "),
    "only a comment": (b"# nothing yet\n", r":1: document: "),
    "empty": (b"", r":1: the file is empty"),
    "blank": (b"\n \n", r":1: the file is empty"),
    "binary": (b"schema: 1\n\xff\xfe\x00\x80", r":2: expected UTF-8 text, got byte 0xFF at position 10"),
    "null bytes": (b"schema: 1\nprofile: a\x00b\n", r":2: not valid YAML: .*control characters|:2: not valid YAML: .*special characters"),
    "ten megabytes": (b"# x\n" * 2_621_440, r":1: file of 10485760 bytes; expected a profile of at most"),
    "alias to itself": (b"&a [*a]\n", r":1: anchors and aliases"),
    "many aliases": (
        b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(b"%c: &%c [%s]\n" % (c + 1, c + 1, b",".join([b"*%c" % c] * 10)) for c in range(97, 107)),
        r":1: anchors and aliases",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_file_is_one_clear_problem_and_stops_no_other(folder: Path, case: str) -> None:
    content, expected = BROKEN[case]
    (folder / "meters/acrel/broken.yaml").write_bytes(content)

    registry = load_profiles(folder)

    assert sorted(registry) == ["acrel/adl400", "generic/xy_md02"]
    [problem] = registry.problems
    assert re.match(r"profiles/meters/acrel/broken\.yaml" + expected, problem.message)
    assert all(re.match(r"profiles/meters/acrel/broken\.yaml:\d+: \S", line) for line in problem.message.splitlines())


def test_strict_raises_every_problem_at_once(folder: Path) -> None:
    (folder / "meters/acrel/one.yaml").write_text("")
    (folder / "meters/acrel/two.yaml").write_text("a: [")

    with pytest.raises(ConfigError) as caught:
        load_profiles(folder, strict=True)

    assert "one.yaml:1: " in caught.value.message
    assert "two.yaml:" in caught.value.message


def test_every_mistake_of_a_file_is_told(folder: Path) -> None:
    path = folder / "meters/acrel/adl400.yaml"
    path.write_bytes(_swap(_swap(ADL400, "unit: kWh", "unit: kW").decode(), "phases: 3", "phases: 2"))

    with pytest.raises(ConfigError) as caught:
        load_profile(path)

    assert [line.removeprefix(f"{path}:").split(":")[0] for line in caught.value.message.splitlines()] == ["7", "15"]


MISPLACED = {
    "another maker": ("meters/chint/adl400.yaml", "expected 'chint/adl400', got 'acrel/adl400'"),
    "another model": ("meters/acrel/adl300.yaml", "expected 'acrel/adl300', got 'acrel/adl400'"),
    "another kind": ("relays/acrel/adl400.yaml", "folder relays/ holds relay profiles, got 'electricity_meter'"),
    "no maker folder": ("meters/adl400.yaml", "expected 'meters/adl400'"),
    "unknown kind folder": ("meter/acrel/adl400.yaml", "the file lies in the wrong place"),
    "wrong suffix": ("meters/acrel/adl400.yml", "expected the suffix .yaml"),
}


@pytest.mark.parametrize("case", MISPLACED)
def test_misplaced_file_is_told_and_not_passed_over(tmp_path: Path, case: str) -> None:
    place, expected = MISPLACED[case]
    path = tmp_path / "profiles" / place
    path.parent.mkdir(parents=True)
    path.write_text(ADL400, encoding="utf-8")

    registry = load_profiles(tmp_path / "profiles")

    assert len(registry) == 0
    assert expected in registry.problems[0].message


def test_key_taken_in_another_kind_folder_names_the_first_file(folder: Path) -> None:
    sensor = (PROFILES_FOLDER / "sensors/generic/xy_md02.yaml").read_text(encoding="utf-8")
    (folder / "water/generic").mkdir(parents=True)
    (folder / "water/generic/xy_md02.yaml").write_text(sensor, encoding="utf-8")

    [problem] = load_profiles(folder).problems

    assert "key 'generic/xy_md02' is already taken by profiles/sensors/generic/xy_md02.yaml" in problem.message


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_profiles(tmp_path / "nowhere")


def test_folder_with_too_many_files_is_no_profile_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_profiles.loader.MAX_FILES", 1)

    with pytest.raises(ConfigError, match="2 YAML files; expected at most 1"):
        load_profiles(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list any folder")
def test_folder_that_cannot_be_listed_is_told(folder: Path) -> None:
    (folder / "meters/acrel").chmod(0)

    with pytest.raises(ConfigError, match="cannot be listed"):
        load_profiles(folder)


def test_dangling_link_is_told(folder: Path) -> None:
    (folder / "meters/acrel/gone.yaml").symlink_to("nowhere.yaml")

    assert "gone.yaml:1: cannot be read" in load_profiles(folder).problems[0].message


def test_pipe_is_told_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "meters/acrel/pipe.yaml")

    assert "pipe.yaml:1: expected a plain file" in load_profiles(folder).problems[0].message


def test_file_at_the_size_limit_loads(folder: Path) -> None:
    path = folder / "meters/acrel/adl400.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "#" * (MAX_FILE_BYTES - len(text.encode())), encoding="utf-8")

    assert load_profile(path).profile == "acrel/adl400"


def test_profiles_load_in_a_stable_order(tmp_path: Path, folder: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy" / "profiles"))

    assert list(load_profiles(folder)) == list(load_profiles(copy)) == ["acrel/adl400", "generic/xy_md02"]
