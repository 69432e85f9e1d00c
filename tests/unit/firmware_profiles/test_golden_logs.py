"""Every shipped profile has a golden wire log, every log its profile. What is in the logs is replayed in the component tier."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_profiles.loader import load_profiles
from protocol.wire.wirelog import Comment, Received, Sent, parse

GOLDEN = Path(__file__).parents[2] / "golden" / "profiles"
LOG_NAMES = {key: f"{key.replace('/', '_')}.log" for key in load_profiles(strict=True)}


def test_every_profile_has_its_own_log_and_every_log_its_profile() -> None:
    assert len(set(LOG_NAMES.values())) == len(LOG_NAMES)

    assert {path.name for path in GOLDEN.iterdir()} == set(LOG_NAMES.values()), "run tests/golden/capture.py for a new profile"


@pytest.mark.parametrize("key", LOG_NAMES)
def test_log_names_profile_and_source_and_holds_an_exchange(key: str) -> None:
    entries = parse((GOLDEN / LOG_NAMES[key]).read_text(encoding="utf-8"), LOG_NAMES[key])

    comments = [entry.text for entry in entries if isinstance(entry, Comment)]
    assert comments[0].startswith(f"{key}: ")
    assert comments[1].startswith("source: ")
    assert {Sent, Received} <= {type(entry) for entry in entries}
