"""Support: a folder of profiles made from the shipped ones, with one thing changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from firmware_profiles.loader import PROFILES_FOLDER

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A profile folder `profiles/` with two good files."""
    root = tmp_path / "profiles"
    for name in ("meters/acrel/adl400.yaml", "sensors/generic/xy_md02.yaml"):
        (root / name).parent.mkdir(parents=True)
        shutil.copy(PROFILES_FOLDER / name, root / name)
    return root


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[str, Edit], Path]:
    """Return the path of a shipped profile's copy after `edit` changed its data."""

    def make(name: str, edit: Edit) -> Path:
        data = yaml.safe_load((PROFILES_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
        edit(data)
        path = tmp_path / "profiles" / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return path

    return make
