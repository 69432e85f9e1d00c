"""A new profile's first text: valid as soon as it is written, so that an engineer changes something that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_profiles.loader import load_profile, load_profiles
from protocol.errors import ConfigError
from protocol.profile import DeviceKind
from protocol.profile_items import Protocol
from provisioning.__main__ import main
from provisioning.profiles.skeleton import skeleton

LIBRARY = load_profiles(strict=True)
WIRED = [protocol for protocol in Protocol if protocol is not Protocol.MBUS]


@pytest.mark.parametrize("protocol", WIRED)
@pytest.mark.parametrize("kind", [DeviceKind.ELECTRICITY_METER, DeviceKind.WATER_METER])
def test_skeleton_names_everything_a_person_fills_in(protocol: Protocol, kind: DeviceKind) -> None:
    text = skeleton("acme/one", kind, protocol, None, LIBRARY)

    assert text.count("FILL IN") == 2
    assert f"protocol: {protocol.value}\n" in text
    assert "verified: draft" in text


def test_written_skeleton_is_a_profile_but_for_what_is_to_be_filled_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = "generic/dlt645_2007_single_phase"
    assert main(["profile", "new", "acme/one", "--extends", base, "--folder", str(tmp_path)]) == 0
    path = tmp_path / "meters" / "acme" / "one.yaml"
    filled = path.read_text(encoding="utf-8").replace(
        "FILL IN the manual (title, edition, chapter) this rests on", "Acme one manual, edition 2, chapter 5"
    )
    path.write_text(filled.replace("FILL IN what", "password, and what").replace("请填", "阿克米"), encoding="utf-8")

    profile = load_profile(path)

    assert [item.quantity for item in profile.items] == [item.quantity for item in LIBRARY[base].items]
    assert str(path) in capsys.readouterr().out


def test_an_existing_file_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["profile", "new", "acme/one", "--kind", "sensor", "--protocol", "modbus_rtu", "--folder", str(tmp_path)]
    main(arguments)

    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "kind", "protocol", "base", "said"),
    [
        ("acrel/adl400", DeviceKind.ELECTRICITY_METER, Protocol.MODBUS_RTU, None, "exists already"),
        ("acme/one", DeviceKind.ELECTRICITY_METER, Protocol.MODBUS_RTU, "generic/none", "no such profile"),
        ("acme/one", DeviceKind.WATER_METER, Protocol.CJT188, "acrel/adl400", "electricity_meter of modbus_rtu"),
    ],
)
def test_what_cannot_be_is_refused(key: str, kind: DeviceKind, protocol: Protocol, base: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        skeleton(key, kind, protocol, base, LIBRARY)
