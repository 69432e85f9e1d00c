"""`provision profile try` on a paced virtual line, and on one that stands for a real device's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware_profiles.loader import load_profiles
from protocol.site_plan import VirtualFault
from protocol.wire.wirelog import Value, parse
from provisioning.__main__ import main
from provisioning.profiles.virtual_line import virtual_line

LIBRARY = load_profiles(strict=True)
NOW = 1_790_000_000.0
KEY = "chint/ddsu666"


def test_a_virtual_device_is_read_whole_and_under_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, log = tmp_path / "report.html", tmp_path / "golden.log"

    assert main(["profile", "try", KEY, "--report", str(report), "--log", str(log)]) == 0

    said = capsys.readouterr().out
    assert "every value is what the device measures" in said
    assert ", 0 failed" in said
    page = report.read_text(encoding="utf-8")
    assert "nothing failed" in page
    assert all(item.quantity in page for item in LIBRARY[KEY].items)
    assert any(isinstance(entry, Value) and entry.name == "voltage_a" for entry in parse(log.read_text(encoding="utf-8")))


def test_a_device_on_a_port_is_compared_with_its_display(capsys: pytest.CaptureFixture[str]) -> None:
    with virtual_line(LIBRARY[KEY], "17", NOW) as played:
        port = ["--port", played.line.port.path, "--address", "17", "--json"]  # type: ignore[union-attr]
        right = f"voltage_a={played.truth('voltage_a') / 1000:.3f}"

        assert main(["profile", "try", KEY, *port, "--expect", right]) == 0
        assert json.loads(capsys.readouterr().out)["checks"][-1]["detail"] == "1 values agree"

        assert main(["profile", "try", KEY, *port, "--expect", "voltage_a=1.5"]) == 1
        told = json.loads(capsys.readouterr().out)

    assert "expected 1500" in told["checks"][-1]["detail"]
    assert told["values"]["device"].keys() == {item.quantity for item in LIBRARY[KEY].items}


def test_a_silent_device_is_told_and_not_asked_for_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with virtual_line(LIBRARY["eastron/sdm630"], "17", NOW) as played:
        played.play(VirtualFault(kind="dead"))
        status = main(["profile", "try", "eastron/sdm630", "--port", played.line.port.path, "--address", "17"])  # type: ignore[union-attr]

    said = capsys.readouterr().out
    assert status == 1
    assert said.count("no reply") == 2


def test_the_only_device_on_a_port_is_asked_for_its_address_and_the_report_shows_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, report = "generic/cjt188_cold_water_valve", tmp_path / "report.html"
    with virtual_line(LIBRARY[key], "00112233445566", NOW) as played:
        port = ["--port", played.line.port.path]  # type: ignore[union-attr]
        assert main(["profile", "try", key, *port, "--report", str(report)]) == 0

    assert "has the address 00112233445566" in capsys.readouterr().err
    page = report.read_text(encoding="utf-8")
    assert '<th class="num">device</th><th class="num">virtual</th>' in page


def test_a_command_is_carried_out_only_when_it_is_agreed_to(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    key = "generic/dlt645_2007_single_phase"
    with virtual_line(LIBRARY[key], "000102030425", NOW) as played:
        arguments = ["profile", "try", key, "--port", played.line.port.path, "--switch", "meter_disconnect"]  # type: ignore[union-attr]

        assert main(arguments) == 1
        assert "nothing was sent" in capsys.readouterr().err
        assert played.truth("meter_relay_open") == 0

        monkeypatch.setenv("CE_METER_PASSWORD", "000000")
        assert main([*arguments, "--yes"]) == 0
        assert "meter_disconnect: done, reads 1" in capsys.readouterr().out
        assert played.truth("meter_relay_open") == 1


def test_an_unknown_command_is_told_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with virtual_line(LIBRARY[KEY], "17", NOW) as played:
        port = ["--port", played.line.port.path, "--address", "17"]  # type: ignore[union-attr]
        assert main(["profile", "try", KEY, *port, "--switch", "meter_disconnect", "--yes"]) == 1

    assert "no commands" in capsys.readouterr().err
