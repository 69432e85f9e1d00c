"""`provision profile list` and `check` as an engineer uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware_profiles.loader import PROFILES_FOLDER
from provisioning.__main__ import main

GOOD = PROFILES_FOLDER / "meters" / "acrel" / "adl400.yaml"


def test_list_finds_by_any_word_in_either_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "list", "安科瑞", "modbus"]) == 0
    assert "acrel/adl400 " in capsys.readouterr().out

    assert main(["profile", "list", "no such maker"]) == 1


def test_check_says_what_is_read_and_what_it_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "check", str(GOOD)]) == 0

    said = capsys.readouterr().out
    assert "good" in said
    assert "% of the line for 32 devices" in said


def test_check_tells_every_mistake_with_its_line_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "meters" / "acrel" / "adl400.yaml"
    bad.parent.mkdir(parents=True)
    bad.write_text(GOOD.read_text(encoding="utf-8").replace("voltage_a", "voltage_x", 1), encoding="utf-8")

    assert main(["profile", "check", str(bad), str(GOOD)]) == 1

    said = capsys.readouterr().out
    assert "unknown quantity 'voltage_x'" in said
    assert f"{GOOD}: good" in said


def test_check_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    main(["profile", "check", str(GOOD), "--json"])

    [told] = json.loads(capsys.readouterr().out).values()
    assert told["ok"]
    assert told["costs"][0]["exchanges"] >= 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["acrel/adl400", "--port", "/dev/null"], "give --address"),
        (["acrel/adl4"], "near: acrel/adl400"),
        (["acrel/adl400", "--port", "/dev/null", "--address", "1", "--expect", "voltage_x=1"], "does not read"),
        (["acrel/adl400", "--port", "/dev/null", "--address", "1", "--expect", "voltage_a=high"], "expected a number"),
    ],
)
def test_try_with_wrong_arguments_says_what_to_do(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "try", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_the_whole_library_is_checked_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "check"]) == 0
    assert "good, 0 files are not" in capsys.readouterr().out


def test_a_folder_with_a_broken_file_is_told_with_its_line_and_the_good_ones_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, name in ((GOOD.read_text(encoding="utf-8"), "adl400"), ("schema: 1\n- 2\n", "broken")):
        path = tmp_path / "meters" / "acrel" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert main(["profile", "check", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "meters/acrel/broken.yaml:2: " in said
    assert "1 profiles are good, 1 files are not" in said

    assert main(["profile", "check", "--folder", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["good"] == ["acrel/adl400"]


def test_a_missing_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "check", "--folder", str(tmp_path / "nowhere")]) == 1
    assert "does not exist" in capsys.readouterr().err
