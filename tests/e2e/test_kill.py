"""Agents, broker, central and its database are killed at random moments while the campus runs; afterwards the books must agree.

Oracle: the gateways' outboxes keep acked batches for days, so they are a complete record of what was ever accepted. Every reading in them that
central has receipted must stand in central's table with its value, nothing else may stand there, and no batch may be counted twice.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from central.database import database
from central.db.pool import connect
from central.settings import load_settings
from protocol.messages import Columns, decode_stored

ROOT = Path(__file__).resolve().parents[2]
GATEWAYS = ("gw-dorm", "gw-lab")
SEED = int(os.environ.get("CE_TEST_SEED", "20261122"))
KILLS = int(os.environ.get("CE_TEST_KILLS", "12"))
VICTIMS = ("mosquitto", "central", "postgres", *(f"gateways/{gateway}/" for gateway in GATEWAYS))


class Campus:
    """A rehearsal of the demonstration plan as a child process; its events are read as they come."""

    def __init__(self, data: Path) -> None:
        self.data = data
        command = [sys.executable, "-m", "provisioning", "rehearse", "--site", "provisioning/sites/demo.yaml", "--data", str(data), "--unattended"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, event: str, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while not any(f'"event": "{event}"' in line for line in self.lines):
            assert self.process.poll() is None, "".join(self.lines)
            assert time.monotonic() < deadline, f"no {event}:\n" + "".join(self.lines)
            time.sleep(0.1)

    def victim(self, which: str) -> int | None:
        """Process id of a child that runs now: by its program, its module or a folder it was given."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            except FileNotFoundError:
                continue
            if Path(words[0]).name == which or words[1:3] == ["-m", which] or (which.endswith("/") and any(which in word for word in words)):
                return int(pid)
        return None

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=90)
        self._reader.join(timeout=5)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.lines += iter(lines.readline, "")


@pytest.fixture
def campus() -> Iterator[Campus]:
    folder = Path(tempfile.mkdtemp(prefix="ce-kill-"))
    folder.chmod(0o711)  # as root the database has an account of its own, which must be able to pass
    campus = Campus(folder / "data")
    yield campus
    if campus.process.poll() is None:
        campus.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.needs_mosquitto
@pytest.mark.timeout(400)
def test_killed_at_any_moment_nothing_is_lost_and_nothing_is_double(campus):
    chance = random.Random(SEED)
    campus.wait_for("ready", 150)

    killed = [_kill_one(campus, chance) for _ in range(KILLS)]
    mark = {gateway: _head(campus, gateway) for gateway in GATEWAYS}
    _wait_until(
        lambda: all(_receipted(campus, gateway) > mark[gateway] for gateway in GATEWAYS), 120, "everything accepted before the last kill is receipted"
    )
    campus.stop()

    assert set(killed) == set(VICTIMS), f"seed {SEED} did not reach every kind of process"
    assert '"event": "stopped"' in "".join(campus.lines)
    _books_agree(campus.data)


def _kill_one(campus: Campus, chance: random.Random) -> str:
    which = chance.choice(VICTIMS)
    _wait_until(lambda: campus.victim(which) is not None, 60, f"{which} runs again")
    time.sleep(chance.uniform(0.2, 2.5))
    pid = campus.victim(which)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    return which


def _books_agree(data: Path) -> None:
    accepted, receipted = _accepted(data)
    stored, batches = _stored(data)

    lost = {key for key in receipted if key not in stored}
    wrong = {key for key, value in stored.items() if key in accepted and accepted[key] != value}
    invented = {key for key in stored if key not in accepted}
    assert (len(lost), len(wrong), len(invented)) == (0, 0, 0), f"seed {SEED}: lost {len(lost)}, wrong {len(wrong)}, invented {len(invented)}"
    assert len(set(batches)) == len(batches)
    assert len(stored) > 200
    print(f"\n{len(accepted)} readings accepted, {len(receipted)} receipted, {len(stored)} stored: 0 lost, 0 wrong, 0 invented, 0 batches double")


def _accepted(data: Path) -> tuple[dict[tuple[str, str, int], int], set[tuple[str, str, int]]]:
    """Every reading the outboxes ever accepted, and the keys of those central has receipted."""
    accepted: dict[tuple[str, str, int], int] = {}
    receipted: set[tuple[str, str, int]] = set()
    for gateway in GATEWAYS:
        with closing(sqlite3.connect(_outbox(data, gateway))) as db:
            acked = dict(db.execute("SELECT epoch, max(seq) FROM ack JOIN epoch USING (ordinal) GROUP BY epoch"))
            for payload, crc in db.execute("SELECT payload, crc32c FROM batch"):
                batch, content = decode_stored(payload, crc)
                if isinstance(content, Columns):
                    rows = {(one.series.device, one.series.quantity, one.measured_at_ms): one.value for one in content.readings()}
                    accepted.update(rows)
                    if batch.seq <= acked.get(batch.epoch, 0):
                        receipted.update(rows)
    return accepted, receipted


def _stored(data: Path) -> tuple[dict[tuple[str, str, int], int], list[tuple[object, ...]]]:
    query = """
        SELECT device, quantity, (extract(epoch FROM measured_at) * 1000)::bigint, value
        FROM readings_between((SELECT array_agg(id) FROM series), '2000-01-01', '2100-01-01') JOIN series ON series.id = series_id
        WHERE device NOT IN (SELECT device FROM iot_meter)"""  # those report by themselves, past every outbox; old freezes are packed already
    with database(load_settings(data / "central.toml", {})) as dsn, connect(dsn) as conn:
        found = conn.execute(query).fetchall()
        batches = conn.execute("SELECT gateway, generation, epoch, seq FROM batch").fetchall()
    assert len({row[:3] for row in found}) == len(found)
    return {(device, quantity, int(at)): int(value) for device, quantity, at, value in found}, batches


def _outbox(data: Path, gateway: str) -> Path:
    return next((data / "gateways" / gateway).rglob("outbox.db"))


def _head(campus: Campus, gateway: str) -> int:
    return _status(campus, gateway)["last_seq"]


def _receipted(campus: Campus, gateway: str) -> int:
    return _status(campus, gateway)["acked_seq"]


def _status(campus: Campus, gateway: str) -> dict[str, int]:
    config = campus.data / "gateways" / gateway / "agent.toml"
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent", "--config", str(config), "status", "--json"], capture_output=True, text=True, timeout=30, check=True
    )
    status: dict[str, int] = json.loads(done.stdout)
    return status


def _wait_until(ready, limit_s: float, what: str) -> None:
    deadline = time.monotonic() + limit_s
    while not ready():
        assert time.monotonic() < deadline, f"waited {limit_s:.0f} s: {what}"
        time.sleep(0.3)
