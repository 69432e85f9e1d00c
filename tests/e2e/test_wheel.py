"""The wheel carries everything an installation needs and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> set[str]:
    if not any((ROOT / "central" / "web" / "static" / "vendor").glob("*")):
        pytest.skip("web assets are not set up here: run 'make test'")
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("campus_energy-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("suffixes", [(".yaml",), (".sql",), (".html",), (".css", ".js", ".mo", ".po", ".svg")])
def test_every_data_file_of_the_packages_is_inside(names, suffixes):
    packages = ("protocol", "firmware_profiles", "edge_agent", "central", "provisioning")
    wanted = {str(path.relative_to(ROOT)) for package in packages for path in (ROOT / package).rglob("*") if path.suffix in suffixes}

    assert wanted
    assert wanted - names == set()


def test_the_browser_libraries_are_inside(names):
    assert any("vendor" in name and "echarts" in name for name in names)
    assert any("vendor" in name and "htmx" in name for name in names)


def test_licence_and_commands_are_inside(names):
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("entry_points.txt") for name in names)


def test_tests_and_tools_are_not_inside(names):
    assert {name.split("/")[0] for name in names if not name.startswith("campus_energy-")} <= {
        "protocol",
        "firmware_profiles",
        "edge_agent",
        "central",
        "provisioning",
    }
