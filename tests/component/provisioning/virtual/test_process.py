"""`python -m provisioning.virtual` as a process: ready line, control socket, clean exit, a foreign client as peer."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.site_plan import SitePlan, parse_site_plan


class Running:
    """A started process and its ready line."""

    def __init__(self, plan: SitePlan, folder: Path) -> None:
        file = folder.parent / "plan.json"
        file.write_text(plan.model_dump_json(by_alias=True))
        self.rewritten = folder.parent / "rewritten.json"
        command = [sys.executable, "-m", "provisioning.virtual", "--plan", str(file), "--folder", str(folder), "--write-plan", str(self.rewritten)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.ready: dict[str, Any] = json.loads(self.process.stdout.readline())

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(timeout=10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def running(plan: SitePlan, folder: Path) -> Iterator[Running]:
    one = Running(plan, folder)
    yield one
    if one.process.poll() is None:
        one.stop()


def test_ready_line_names_every_line_and_the_plan_is_written(running: Running) -> None:
    rewritten = parse_site_plan(running.rewritten.read_text(), "rewritten.json")

    assert running.ready["ready"] is True
    assert set(running.ready["lines"]) == {"g1/m", "g1/r", "g1/w"}
    assert rewritten.gateways[0].lines[0].port.path == running.ready["lines"]["g1/m"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly(running: Running, folder: Path, number: signal.Signals) -> None:
    assert running.stop(number) == 0
    assert not (folder / "g1-m").is_symlink()


def test_control_socket_sets_faults_and_reads_truth(running: Running, control_client: Any) -> None:
    client = control_client(running.ready["control"])

    set_answer = client.order(do="set_fault", device="meter-2", fault={"kind": "slow", "delay_ms": 50})
    faults = client.order(do="faults")
    truth = client.order(do="truth", device="meter-2", quantity="voltage_a")
    client.close()

    assert set_answer == {"ok": True, "result": None}
    assert faults["result"] == {"meter-2": [{"kind": "slow", "share": 1.0, "delay_ms": 50}]}
    assert 220_000 < truth["result"] < 235_000


def test_control_socket_refuses_and_stays_open(running: Running, control_client: Any) -> None:
    client = control_client(running.ready["control"])
    bad: list[dict[str, Any]] = [{"do": "dance"}, {"do": "set_fault", "device": "meter-9", "fault": None}, {"do": "truth"}, {}]

    refused = [client.order(**request) for request in bad]
    after = client.order(do="ping")
    client.close()

    assert [answer["ok"] for answer in refused] == [False] * 4
    assert all(answer["error"] for answer in refused)
    assert after == {"ok": True, "result": "here"}


def test_plan_with_a_mistake_stops_with_its_line(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("schema: 1\nsite: {id: s}\n")

    done = subprocess.run(
        [sys.executable, "-m", "provisioning.virtual", "--plan", str(plan), "--folder", str(tmp_path / "v")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert f"{plan}:" in done.stderr
