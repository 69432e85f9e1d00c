"""The copy step of the JavaScript libraries, and that their lock file is fit to be committed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from central.web.vendor import LIBRARIES, copy_vendor, main, missing

ROOT = Path(__file__).parents[4]


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A node_modules folder as npm leaves it."""
    for library in LIBRARIES:
        folder = tmp_path / "node_modules" / library.package
        for name in (*library.licences, *([library.file] if library.file else [])):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"{library.package} {name}")
        (folder / "package.json").write_text('{"version": "1.2.3"}')
    return tmp_path / "node_modules"


def test_copies_libraries_and_licences_with_a_manifest(modules: Path, tmp_path: Path) -> None:
    manifest = copy_vendor(modules, tmp_path / "vendor")
    assert set(manifest) == {"htmx.min.js", "echarts.min.js"}
    assert missing(tmp_path / "vendor") == []
    assert (tmp_path / "vendor" / "echarts.NOTICE.txt").exists()


def test_missing_library_is_named_with_the_next_step(modules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (modules / "echarts" / "dist" / "echarts.min.js").unlink()
    assert main(["--modules", str(modules), "--into", str(tmp_path / "vendor")]) == 1
    assert "npm ci --ignore-scripts" in capsys.readouterr().err
    assert missing(tmp_path / "vendor") == ["echarts.min.js"]


def test_lock_file_pins_and_holds_no_download_address() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert not re.search(r'"resolved"|https?:', json.dumps(lock))
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_versions_are_pinned_exactly() -> None:
    assert json.loads((ROOT / "package.json").read_text())["dependencies"] == {"echarts": "6.1.0", "htmx.org": "2.0.11"}
