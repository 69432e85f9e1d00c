"""Secrets at rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.identity.sealed import ensure_key, key_path, seal, unseal
from central.settings import IdentitySettings, Settings
from protocol.errors import ConfigError, Refused

NOW = 1_763_769_600.0


def test_what_was_sealed_is_read_back_and_not_seen(tmp_path: Path) -> None:
    sealed = seal(tmp_path / "key", "open sesame", NOW)
    assert b"sesame" not in sealed
    assert unseal(tmp_path / "key", sealed, NOW) == "open sesame"


def test_key_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    key = tmp_path / "secrets" / "key"
    ensure_key(key)
    first = key.read_bytes()
    ensure_key(key)
    assert key.read_bytes() == first
    assert key.stat().st_mode & 0o777 == 0o600
    assert list(key.parent.iterdir()) == [key]


def test_another_key_a_changed_text_or_a_late_one_is_refused(tmp_path: Path) -> None:
    sealed = seal(tmp_path / "key", "x", NOW)
    for key, text, within in ((tmp_path / "other", sealed, None), (tmp_path / "key", sealed[:-4] + b"AAA=", None), (tmp_path / "key", sealed, 59)):
        with pytest.raises(Refused):
            unseal(key, text, NOW + 60, within)
    assert unseal(tmp_path / "key", sealed, NOW + 60, 61) == "x"


def test_key_others_may_read_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    ensure_key(key)
    key.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        seal(key, "x", NOW)


def test_broken_key_says_what_to_do(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(mode=0o600)
    with pytest.raises(ConfigError, match="backup"):
        seal(key, "x", NOW)


def test_key_stands_below_the_data_unless_told_otherwise(tmp_path: Path) -> None:
    assert key_path(Settings(data_dir=tmp_path)) == tmp_path / "secrets" / "identity.key"
    assert key_path(Settings(identity=IdentitySettings(key_file=tmp_path / "k"))) == tmp_path / "k"
