"""The command line: help for everything, and mistakes that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.__main__ import main


@pytest.mark.parametrize("command", [[], ["run"], ["migrate"], ["admin-link"], ["token"], ["token", "create"], ["status"]])
def test_every_command_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])

    assert ended.value.code == 0
    assert "usage: central" in capsys.readouterr().out


def test_unknown_role_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["run", "--roles", "web,kitchen"])

    assert "unknown role 'kitchen'; known are web, ingest, jobs" in capsys.readouterr().err


def test_wrong_settings_end_with_status_2_and_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = tmp_path / "central.toml"
    config.write_text("[web]\nprot = 1\n")

    assert main(["--config", str(config), "status"]) == 2
    assert "central.toml:2: web.prot: unknown key" in capsys.readouterr().err


def test_status_of_a_central_that_never_ran_is_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = tmp_path / "central.toml"
    config.write_text("")

    assert main(["--config", str(config), "status", "--json"]) == 3
    assert '"database": "stopped"' in capsys.readouterr().out


def test_token_file_that_exists_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "token"
    out.write_text("keep")

    assert main(["token", "create", "--name", "n", "--permissions", "metering.read", "--out", str(out)]) == 2
    assert out.read_text() == "keep"
    assert "name a file that does not exist yet" in capsys.readouterr().err
