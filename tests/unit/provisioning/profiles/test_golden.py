"""A capture becomes a section of a golden log, values filled in by the profile."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from firmware_profiles.loader import load_profiles
from protocol.errors import ConfigError
from protocol.wire.wirelog import Received, Sent, Value, parse
from provisioning.__main__ import main
from provisioning.profiles.golden import of_capture

LIBRARY = load_profiles(strict=True)
WIRE = Path(__file__).parents[3] / "golden" / "wire"


def _pairs(name: str) -> list[tuple[bytes, bytes]]:
    data = [entry.data for entry in parse((WIRE / name).read_text(encoding="utf-8")) if isinstance(entry, Sent | Received)]
    return list(pairwise(data))


@pytest.mark.parametrize(
    ("profile", "log", "address", "value"),
    [
        ("generic/dlt645_2007_single_phase", "dlt645_06_voltage.log", "003411001043", Value("voltage_a", "229700")),
        ("generic/dlt645_1997_single_phase", "dlt645_17_voltage_1997.log", "000000000003", Value("voltage_a", "100000")),
        ("generic/cjt188_cold_water", "cjt188_01_read_low_first.log", "78330011223344", Value("water_volume", "556677000")),
        ("eastron/sdm120", "modbus_float_total_energy.log", "1", Value("energy_active_total", "230200")),
    ],
)
def test_public_captures_become_sections(profile: str, log: str, address: str, value: Value) -> None:
    section = parse(of_capture(LIBRARY[profile], _pairs(log), "public capture: as in the log"))

    assert Value("address", address) in section
    assert value in section


def test_frames_of_another_device_are_left_out() -> None:
    with pytest.raises(ConfigError, match="nothing in the capture"):
        of_capture(LIBRARY["acrel/adl400"], _pairs("dlt645_06_voltage.log"), "public capture")


def test_the_command_appends_and_asks_to_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "golden.log"
    log.write_text("# what was there\n", encoding="utf-8")

    told = main(
        [
            "profile",
            "golden",
            "generic/dlt645_2007_single_phase",
            str(WIRE / "dlt645_06_voltage.log"),
            "--source",
            "public capture",
            "--out",
            str(log),
        ]
    )

    assert told == 0
    text = log.read_text(encoding="utf-8")
    assert text.startswith("# what was there\n\n# public capture\n")
    assert "= voltage_a 229700" in text
    assert "look at every value" in capsys.readouterr().out
