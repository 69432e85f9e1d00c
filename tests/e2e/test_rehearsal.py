"""The demo keeps going: whatever is killed comes back by itself, and a second start continues with the same data."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timeout(400)]
RECOVERY_S = 120.0
DEVICE, VALVE = "lab-1-main", "lab-1-n1"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("gw-lab", "edge_agent"),
        ("broker", "mosquitto"),
        ("central", "-m central"),
        ("virtual-site", "provisioning.virtual "),
        ("iot-meters", "provisioning.virtual.iot"),
    ],
)
def test_values_flow_again_after_a_kill(demo, wait_until, program, words):
    (pid,) = [pid for pid in demo.pids(words) if program != "gw-lab" or pid in demo.pids("gateways/gw-lab")]
    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: any(f"{program} was ended by SIGKILL; starting again" in line for line in demo.lines), 20)
    _newer_value(demo, wait_until)


def test_meters_report_by_themselves_and_obey_when_they_wake(demo, wait_until):
    wait_until(lambda: [meter["state"] for meter in demo.api("/api/v1/iot/meters")["items"]] == ["reporting"] * 4, RECOVERY_S)
    order = {"key": f"e2e-{time.time_ns()}", "kind": "valve_close", "reason": "rehearsal"}
    sent = httpx.post(f"{demo.address}/api/v1/iot/meters/{VALVE}/commands", json=order, headers=_operator(demo), timeout=10, trust_env=False)

    assert sent.raise_for_status().json()["state"] == "queued"
    wait_until(lambda: demo.api(f"/api/v1/iot/commands?device={VALVE}")[0]["state"] == "confirmed", 2 * RECOVERY_S)
    device = demo.api(f"/api/v1/devices/{VALVE}")
    assert {"water_volume", "valve_state"} <= set(device["quantities"])
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    day = f"/api/v1/points/{VALVE}/consumption?from={today}&to={today + timedelta(days=1)}"
    wait_until(lambda: any(item["value"] is not None for item in demo.api(day)["items"]), RECOVERY_S)


def test_a_second_start_continues_with_the_same_data(demo, wait_until):
    devices = demo.api("/api/v1/devices")["total"]
    assert demo.stop() == 0
    assert demo.pids() == []

    demo.start()

    assert demo.api("/api/v1/devices")["total"] == devices == 68
    _newer_value(demo, wait_until)


def test_a_killed_supervisor_takes_its_programs_along(demo, wait_until):
    demo.kill()

    wait_until(lambda: demo.pids() == [], 60, lambda: f"still running: {demo.pids()}")
    demo.start()


def test_a_second_rehearsal_in_the_same_folder_is_refused(demo):
    command = [sys.executable, "-m", "provisioning", "rehearse", "--data", str(demo.folder)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert "is in use by process" in done.stderr
    assert "Traceback" not in done.stderr


def _operator(demo) -> dict[str, str]:
    """A token that may command devices; the rehearsal's own may not."""
    token = demo.folder / "secrets" / f"operator-{time.time_ns()}"
    command = [sys.executable, "-m", "central", "--config", str(demo.folder / "central.toml"), "token", "create", "--name", token.name]
    subprocess.run([*command, "--permissions", "control.operate", "--out", str(token)], capture_output=True, timeout=60, check=True)
    return {"Authorization": f"Bearer {token.read_text(encoding='utf-8').strip()}"}


def _newer_value(demo, wait_until) -> None:
    """Wait until central shows a reading of the device that was made after now."""
    now_ms = int(time.time() * 1000)
    wait_until(lambda: _measured_at_ms(demo) > now_ms, RECOVERY_S, lambda: "".join(demo.lines[-10:]))


def _measured_at_ms(demo) -> int:
    try:
        return demo.api(f"/api/v1/devices/{DEVICE}")["last_measured_at_ms"] or 0
    except httpx.HTTPError:
        return 0
