"""The `provision` command as a person types it: output, JSON and exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioning.__main__ import main

DEMO = Path(__file__).resolve().parents[3] / "provisioning" / "sites" / "demo.yaml"


def test_checking_a_good_plan_counts_it(capsys):
    assert main(["plan", "check", str(DEMO)]) == 0

    assert capsys.readouterr().out == f"{DEMO}: 46 places, 2 gateways, 5 lines, 64 devices, 4 reporting devices; 0 doubts\n"


def test_checking_a_bad_plan_lists_every_mistake(capsys, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(DEMO.read_text(encoding="utf-8").replace("acrel/adl400", "acrel/adl401").replace("baud: 1200", "baud: 1201"), encoding="utf-8")

    assert main(["plan", "check", "--json", str(plan)]) == 1

    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert all(mistake.startswith(f"{plan}:") for mistake in answer["mistakes"])


def test_doubts_fail_only_when_asked_to(capsys, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(DEMO.read_text(encoding="utf-8").replace("baud: 1200", "baud: 2400"), encoding="utf-8")

    assert main(["plan", "check", str(plan)]) == 0
    assert "(doubt)" in capsys.readouterr().out
    assert main(["plan", "check", "--strict", str(plan)]) == 1


def test_the_reference_site_is_written(capsys, tmp_path):
    file = tmp_path / "reference.yaml"

    assert main(["plan", "reference", "--out", str(file), "--json"]) == 0

    counts = json.loads(capsys.readouterr().out)["counts"]
    assert (counts["gateways"], counts["lines"]) == (183, 129 * 4 + 54 * 2)
    assert file.read_text(encoding="utf-8").startswith("schema: 1\n")


def test_a_missing_file_is_one_line_and_no_trace(capsys, tmp_path):
    assert main(["plan", "check", str(tmp_path / "none.yaml")]) == 1

    assert capsys.readouterr().err == f"{tmp_path}/none.yaml: cannot be read: No such file or directory; check the path and its permissions\n"


@pytest.mark.parametrize("arguments", [[], ["plan"], ["rehearse", "--port", "0"], ["rehearse", "--gateways", "none"]])
def test_a_wrong_command_line_is_status_2(arguments):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
