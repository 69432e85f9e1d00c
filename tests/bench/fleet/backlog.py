"""Gateways with a backlog, as real outboxes and senders in one process: `python -m tests.bench.fleet.backlog FOLDER PORT COUNT DAYS`.

Writes the outboxes of `d0`..`d(COUNT-1)` (accounts' passwords in FOLDER/passwords.json), each with DAYS of a campus gateway's readings in batches of
200, prints `filled BATCHES`, waits for a line on standard input, connects and drains. Prints `drained SECONDS` when central's receipts cover all.
"""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from edge_agent.buffer import database
from edge_agent.buffer.batches import Limits
from edge_agent.buffer.outbox import Outbox
from edge_agent.uplink.sender import Announcer, Clock, Reconnect, Sender
from edge_agent.uplink.session import Options, Session
from edge_agent.uplink.window import Limits as WindowLimits
from edge_agent.uplink.window import Window
from protocol.messages import BatchId, Birth, Columns, Health, checksum, encode_readings
from protocol.reading import SeriesKey
from tests.bench.fleet.gateways import START_MS, meter
from tests.bench.fleet.meters import QUANTITIES

METERS, READINGS_PER_DAY = 25, 54_144  # a campus of 119 readings/s on 190 gateways
_PER_BATCH = METERS * len(QUANTITIES)


def main(folder: Path, port: int, count: int, days: float) -> None:
    """Fill, wait for the word, drain."""
    passwords = json.loads((folder / "passwords.json").read_text(encoding="utf-8"))
    batches = int(READINGS_PER_DAY * days / _PER_BATCH)
    outboxes = [_filled(folder / f"d{number}", f"d{number}", batches) for number in range(count)]
    print(f"filled {batches}", flush=True)
    sys.stdin.readline()
    started = time.monotonic()
    senders = [_sender(outbox, folder, port, passwords[outbox.gateway]) for outbox in outboxes]
    for sender in senders:
        sender.start()
    while any(outbox.backlog().batches for outbox in outboxes):
        time.sleep(0.05)
    print(f"drained {time.monotonic() - started:.3f}", flush=True)
    sys.stdin.readline()


def _filled(folder: Path, gateway: str, batches: int) -> Outbox:
    """An outbox with a backlog, written by SQL: going through `append` would be a benchmark of its own."""
    outbox = _outbox(folder, gateway)
    epoch = outbox.epoch
    outbox.close()
    with closing(sqlite3.connect(folder / database.FILE_NAME, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("BEGIN")
        db.executemany(f"INSERT INTO batch VALUES (?, 'readings', ?, {_PER_BATCH}, ?, ?)", _rows(gateway, epoch, batches))
        db.execute("COMMIT")
    return _outbox(folder, gateway)


def _rows(gateway: str, epoch: int, batches: int) -> Iterator[tuple[int, int, int, bytes]]:
    series = tuple(SeriesKey(meter(gateway, n), quantity) for n in range(METERS) for quantity in QUANTITIES)
    for seq in range(1, batches + 1):
        values = [seq * 1_000 + position for position in range(_PER_BATCH)]
        data = Columns(series, range(_PER_BATCH), [START_MS + seq * 900_000 // 64] * _PER_BATCH, values, [0] * _PER_BATCH)
        payload = encode_readings(BatchId(gateway, 1, epoch, seq), data)
        yield 1 << database.EPOCH_SHIFT | seq, START_MS, checksum(payload), payload


def _outbox(folder: Path, gateway: str) -> Outbox:
    return Outbox(folder, gateway, 1, Limits(quota_bytes=4 << 30), now_ms=lambda: time.time_ns() // 1_000_000)


def _sender(outbox: Outbox, folder: Path, port: int, password: str) -> Sender:
    secret = folder / f"{outbox.gateway}.password"
    secret.write_text(password, encoding="utf-8")
    options = Options(outbox.gateway, "127.0.0.1", port, username=outbox.gateway, password_file=secret)
    announcer = Announcer(partial(_birth, outbox), _health)
    return Sender(
        outbox,
        partial(Session, options),
        Window(WindowLimits()),
        announcer,
        Clock(time.monotonic, lambda: time.time_ns() // 1_000_000, random.uniform),
        on_document=lambda name, payload: None,
        on_command=lambda payload, expiry_s: None,
        reconnect=Reconnect(0.05, 1.0),
    )


def _birth(outbox: Outbox) -> Birth:
    return Birth(gateway=outbox.gateway, generation=1, epoch=outbox.epoch, agent_version="bench", started_at_ms=START_MS, lines=())


def _health() -> Health:
    return Health(at_ms=time.time_ns() // 1_000_000, uptime_s=1, backlog_batches=0, backlog_bytes=0, outbox_bytes=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
