"""docs/adding-a-meter.md is followed step by step: its example is a good profile, and its commands do what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from provisioning.__main__ import main

PAGE = (Path(__file__).parents[4] / "docs" / "adding-a-meter.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line.strip())[1:] for line in PAGE.splitlines() if line.startswith("    provision ")]
WIRE = Path(__file__).parents[3] / "golden" / "wire"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An engineer's folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _commands(*words: str) -> list[list[str]]:
    return [arguments for arguments in COMMANDS if all(word in arguments for word in words) and "--port" not in arguments]


def test_the_page_uses_every_tool() -> None:
    assert {tuple(arguments[: 1 + (arguments[0] == "profile")]) for arguments in COMMANDS} == {
        ("sniff",),
        ("profile", "list"),
        ("profile", "new"),
        ("profile", "check"),
        ("profile", "try"),
        ("profile", "golden"),
    }


def test_the_steps_work_as_written(desk: Path) -> None:
    for arguments in _commands("list"):
        assert main(arguments) == 0, arguments
    for arguments in _commands("new"):
        assert main(arguments) == 0, arguments
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    (desk / "my-profiles" / "meters" / "acme" / "dm1.yaml").write_text(example[1], encoding="utf-8")
    for arguments in [*_commands("check"), *_commands("try")]:
        assert main(arguments) == 0, arguments


def test_what_the_skeleton_leaves_open_is_told_until_it_is_filled_in(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in _commands("new"):
        main(arguments)

    [check] = _commands("check")
    assert main(check) == 1
    assert "FILL IN" in capsys.readouterr().out
