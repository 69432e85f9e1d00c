"""The demo keeps going: whatever is killed comes back by itself, and a second start continues with the same data."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timeout(400)]
RECOVERY_S = 120.0
DEVICE = "lab-1-main"


@pytest.mark.parametrize(
    ("program", "words"),
    [("gw-lab", "edge_agent"), ("broker", "mosquitto"), ("central", "-m central"), ("virtual-site", "provisioning.virtual")],
)
def test_values_flow_again_after_a_kill(demo, wait_until, program, words):
    (pid,) = [pid for pid in demo.pids(words) if program != "gw-lab" or pid in demo.pids("gateways/gw-lab")]
    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: any(f"{program} was ended by SIGKILL; starting again" in line for line in demo.lines), 20)
    _newer_value(demo, wait_until)


def test_a_second_start_continues_with_the_same_data(demo, wait_until):
    devices = demo.api("/api/v1/devices")["total"]
    assert demo.stop() == 0
    assert demo.pids() == []

    demo.start()

    assert demo.api("/api/v1/devices")["total"] == devices == 64
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


def _newer_value(demo, wait_until) -> None:
    """Wait until central shows a reading of the device that was made after now."""
    now_ms = int(time.time() * 1000)
    wait_until(lambda: _measured_at_ms(demo) > now_ms, RECOVERY_S, lambda: "".join(demo.lines[-10:]))


def _measured_at_ms(demo) -> int:
    try:
        return demo.api(f"/api/v1/devices/{DEVICE}")["last_measured_at_ms"] or 0
    except httpx.HTTPError:
        return 0
