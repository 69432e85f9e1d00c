"""What a kill, a second process and a full disk do to an outbox."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from edge_agent.buffer.batches import Limits
from edge_agent.buffer.outbox import Outbox
from protocol.errors import StorageError
from protocol.messages import Columns, decode_stored
from protocol.reading import Reading, SeriesKey

KILLS = 20

APPENDER = """
import os, sys, time
from pathlib import Path
from edge_agent.buffer.batches import Limits
from edge_agent.buffer.outbox import Outbox
from protocol.reading import Reading, SeriesKey

outbox = Outbox(Path(sys.argv[1]), "gw-1", 1, Limits(min_free_bytes=0), now_ms=lambda: time.time_ns() // 1_000_000)
ledger = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
first = int(sys.argv[3])
for number in range(first, first + 1_000_000):
    seq = outbox.append_readings([Reading(SeriesKey("m-1", "energy_active_forward"), 1_800_000_000_000, number)])
    os.write(ledger, f"{outbox.epoch} {seq} {number}\\n".encode())
    if number % 7 == 0:
        outbox.acknowledge(1, outbox.epoch, seq - 1)
"""


def open_outbox(directory: Path, **limits: int) -> Outbox:
    return Outbox(directory, "gw-1", 1, Limits(**{"min_free_bytes": 0, **limits}), now_ms=lambda: time.time_ns() // 1_000_000)


def append_until_refused(outbox: Outbox, readings: list[Reading]) -> int:
    """Append until storage refuses; return how many appends were accepted."""
    for accepted in range(1000):
        try:
            outbox.append_readings(readings)
        except StorageError:
            return accepted
    pytest.fail("storage never refused")


def run(program: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_no_accepted_batch_is_lost_over_twenty_kills(tmp_path):
    ledger, chance, first = tmp_path / "ledger", random.Random(11), 0
    ledger.touch()
    for _ in range(KILLS):
        before = ledger.stat().st_size
        appender = run(APPENDER, tmp_path / "box", ledger, first)
        while ledger.stat().st_size == before and appender.poll() is None:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        appender.kill()
        error = appender.communicate()[1]
        assert appender.returncode == -9, error.decode()
        first += 1_000_000

    accepted = [tuple(map(int, line.split())) for line in ledger.read_text().splitlines(keepends=True) if line.endswith("\n")]
    outbox = open_outbox(tmp_path / "box")
    stored = {}
    for epoch, seq, number in accepted:
        position = outbox.position(epoch, seq)
        [batch] = outbox.range(position, position)
        stored[epoch, seq] = number, decode_stored(batch.payload, batch.crc32c)[1]
    outbox.close()
    assert len(stored) == len(accepted) > KILLS
    assert all(isinstance(content, Columns) and content.value == [number] for number, content in stored.values())


def test_second_process_is_refused_at_once(tmp_path):
    outbox = open_outbox(tmp_path)
    program = APPENDER.replace("outbox = Outbox", "from protocol.errors import StorageBusy\ntry:\n    Outbox").replace(
        "// 1_000_000)\nledger", "// 1_000_000)\nexcept StorageBusy:\n    sys.exit(75)\nledger"
    )

    second = run(program, tmp_path, tmp_path, 0)

    assert second.wait(30) == 75, second.communicate()[1]
    second.communicate()
    outbox.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(directory)], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield directory
    subprocess.run(["umount", str(directory)], check=True)


def test_full_disk_refuses_and_storing_goes_on_without_a_restart(small_disk):
    chance = random.Random(5)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    outbox = open_outbox(small_disk / "box", quota_bytes=1 << 30)
    bulky = [Reading(SeriesKey("m-1", "energy_active_forward"), 1_800_000_000_000, chance.getrandbits(62)) for _ in range(2000)]
    accepted = append_until_refused(outbox, bulky)

    ballast.unlink()
    outbox.append_readings(bulky)

    batches = outbox.pending(limit=1000)
    assert sum(batch.kind == "readings" for batch in batches) == accepted + 1
    assert any(decode_stored(batch.payload)[1][0].code == "outbox.gap" for batch in batches if batch.kind == "events")
    outbox.close()
    reopened = open_outbox(small_disk / "box", quota_bytes=1 << 30)
    assert len(reopened.pending(limit=1000)) == len(batches)
    reopened.close()


def test_start_on_a_full_disk_works_again_when_space_returns(small_disk):
    open_outbox(small_disk / "box").close()
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.tell() < 8 << 20:
            file.write(bytes(4096))
    assert ballast.stat().st_size < 8 << 20
    try:
        outbox = open_outbox(small_disk / "box")
    except StorageError:
        ballast.unlink()
        outbox = open_outbox(small_disk / "box")
    ballast.unlink(missing_ok=True)

    assert outbox.append_readings([Reading(SeriesKey("m-1", "q"), 1, 1)]) >= 1
    outbox.close()
