"""`python -m firmware_profiles`: the check of an engineer's desk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware_profiles.__main__ import main
from firmware_profiles.loader import load_profiles


def test_check_lists_every_profile_in_aligned_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0

    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["profile", "maker", "protocol", "items", "verified"]
    assert [row.split()[0] for row in rows] == sorted(load_profiles())


def test_check_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["problems"] == []
    xy_md02 = {"profile": "generic/xy_md02", "maker": "Generic 通用", "protocol": "modbus_rtu", "items": 2, "verified": "simulated"}
    assert xy_md02 in document["profiles"]


def test_check_fails_with_file_and_line_and_still_lists_the_good_ones(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "meters/acrel/broken.yaml").write_text("schema: 1\n- 2\n")

    assert main(["--folder", str(folder)]) == 1

    output = capsys.readouterr()
    assert "acrel/adl400" in output.out
    assert output.err.startswith("profiles/meters/acrel/broken.yaml:2: ")
    assert output.err.endswith("2 profiles are good, 1 files are not\n")


def test_check_of_broken_profiles_prints_json_that_names_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "meters/acrel/broken.yaml").write_text("")

    assert main(["--folder", str(folder), "--json"]) == 1

    assert json.loads(capsys.readouterr().out)["problems"][0].startswith("profiles/meters/acrel/broken.yaml:1: ")


def test_missing_folder_fails_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--folder", str(tmp_path / "nowhere")]) == 1
    assert "does not exist" in capsys.readouterr().err
