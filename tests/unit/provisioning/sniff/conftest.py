"""Support: a dissector that knows every shipped profile, and the frames of public captures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_profiles.loader import load_profiles
from protocol.profile import ProfileModbus
from provisioning.sniff.capture import Piece, load_capture
from provisioning.sniff.dissect import Dissector, Heard
from provisioning.sniff.meaning import meanings

WIRE = Path(__file__).parents[3] / "golden" / "wire"
PROFILES = load_profiles(strict=True)


@pytest.fixture
def hear() -> Callable[..., list[Heard]]:
    """Return the function that hears pieces of bytes, the line silent behind the last."""

    def heard(*pieces: bytes, units: dict[int, str] | None = None) -> list[Heard]:
        known = {unit: profile for unit, key in (units or {}).items() if isinstance(profile := PROFILES[key], ProfileModbus)}
        dissector = Dissector(meanings(PROFILES, known))
        found = [one for piece in pieces for one in dissector.hear(Piece(piece))]
        return found + dissector.silence()

    return heard


@pytest.fixture
def captured() -> Callable[[str], list[bytes]]:
    """Return the function that gives the bytes of a golden wire log, piece by piece."""
    return lambda name: [piece.data for piece in load_capture(WIRE / name)]
