"""Set-up steps run once, again when their inputs change, and stop at the first failure that matters."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.fixture
def steps(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("setup_steps", SCRIPTS / "steps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "setup_steps", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    return module


@pytest.fixture
def counted(steps, tmp_path):
    runs: list[str] = []

    def make(name: str = "thing", text: str = "v1", error: str | None = None, optional: bool = False):
        def run() -> str:
            runs.append(name)
            if error:
                raise steps.SetupError(error)
            return "ready"

        return steps.Step(name, run, (text,), lambda: True, optional)

    return make, runs


def test_a_step_that_is_done_is_not_run_again(steps, counted):
    make, runs = counted

    assert steps.run_steps([make()]) is True
    assert steps.run_steps([make()]) is True

    assert runs == ["thing"]


def test_a_step_runs_again_when_its_inputs_change_or_its_result_is_gone(steps, counted):
    make, runs = counted
    steps.run_steps([make()])

    steps.run_steps([make(text="v2")])
    gone = make(text="v2")
    steps.run_steps([steps.Step(gone.name, gone.run, gone.inputs, lambda: False)])

    assert len(runs) == 3


def test_a_failed_step_says_why_and_stops_the_rest(steps, counted, capsys):
    make, runs = counted

    assert steps.run_steps([make("first", error="no network\n  next step: plug it in"), make("second")]) is False

    assert runs == ["first"]
    assert "set-up 1/2 first: FAILED: no network\n  next step: plug it in" in capsys.readouterr().out


def test_a_failed_optional_step_lets_the_rest_go_on_and_is_tried_again(steps, counted):
    make, runs = counted

    assert steps.run_steps([make("extra", error="no browser", optional=True), make("second")]) is True
    steps.run_steps([make("extra", optional=True)])

    assert runs == ["extra", "second", "extra"]


def test_a_failed_command_shows_its_last_lines_and_the_next_step(steps, tmp_path):
    with pytest.raises(steps.SetupError, match=r"(?s)ended with 3:.*\| last words.*whole output: .*next step: ask a friend"):
        steps.run_command("log", ["sh", "-c", "echo last words; exit 3"], "ask a friend", cwd=tmp_path)


def test_a_missing_program_is_no_trace(steps, tmp_path):
    with pytest.raises(steps.SetupError, match="no-such-program"):
        steps.run_command("log", ["no-such-program"], "install it", cwd=tmp_path)
