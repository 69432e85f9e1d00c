"""The edge's buffer beside thingsboard-gateway's SQLite storage, and how many bytes a reading takes.

Cycle: a meter's eight readings in memory -> stored -> read back -> acknowledged -> deleted. Ours appends 200 readings at a time (a second of one
busy line) or 500 (the most a line hands over at once), encoded, with an fsync before `append` returns; 8 batches are read and acknowledged at once.
The peer gets the same messages one by one as its gateway hands them over: as texts (its storage alone) and as objects that it serialises; it promises
nothing at `put` and does not fsync. Rounds of 4,000 messages, interleaved in random order, each side one process; medians. File system: TMPDIR's.
Bytes: three-phase meters, 8 quantities; "objects": one JSON object a reading; "arrays": one JSON array a reading. Wire: MQTT PUBLISH whole.
"""

from __future__ import annotations

import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from edge_agent.buffer import database
from edge_agent.buffer.batches import Limits, Stored
from edge_agent.buffer.outbox import Outbox
from edge_agent.uplink.sender import _identity
from protocol.messages import CONTENT_TYPE
from protocol.reading import Reading
from protocol.topics import Up, up
from tests.bench.figure import Figure
from tests.bench.fleet.meters import Meters
from tests.bench.peers import thingsboard

_MESSAGES, _ROUNDS = 4_000, 12
_METERS, _START_MS, _HOUR_MS = 25, 1_760_000_000_000, 3_600_000
_PEER = Path(__file__).with_name("peers") / "thingsboard_storage.py"
_GATEWAY = "gw-north-07"


def run() -> list[Figure]:
    """Measure; about a minute."""
    meters = Meters([f"m{number:05}" for number in range(_METERS)], seed=7)
    cycles = [meters.poll(_START_MS + number * 60_000) for number in range(_MESSAGES // _METERS)]
    messages = [message for cycle in cycles for message in cycle]
    readings = [reading for message in messages for reading in message]
    gc.freeze()  # no agent holds so many readings that collecting garbage among them would count
    with tempfile.TemporaryDirectory(prefix="ce-") as name, _peer(Path(name), messages) as peer:
        outboxes = {str(size): _Ours(Path(name) / str(size), _cut(readings, size)) for size in (200, 500)}
        methods: dict[str, Callable[[], dict[str, _Cost]]] = {size: partial(_ours, size, outbox) for size, outbox in outboxes.items()}
        if peer is not None:
            methods["peer"] = peer
        costs: dict[str, list[_Cost]] = {}
        for number in range(_ROUNDS + 1):
            for method in random.sample(list(methods), len(methods)):
                for key, cost in methods[method]().items():
                    if number:  # the first round warms caches
                        costs.setdefault(key, []).append(cost)
        for outbox in outboxes.values():
            outbox.close()
    figures = [figure for size in ("200", "500") for figure in _cycle_figures(size, costs)]
    return figures + list(_size_figures(readings, messages, costs))


@dataclass(frozen=True, slots=True)
class _Cost:
    """What one round took."""

    seconds: float
    cpu_s: float
    disk_bytes: float = 0.0


@dataclass(slots=True)
class _Wall:
    now_ms: int = field(default=_START_MS)

    def __call__(self) -> int:
        return self.now_ms


def _ours(size: str, outbox: _Ours) -> dict[str, _Cost]:
    return {size: outbox.round()}


class _Ours:
    """An outbox that lives as long as the benchmark, as the peer's storage does; `round` appends, reads, acknowledges and deletes."""

    def __init__(self, folder: Path, parts: list[list[Reading]]) -> None:
        self._wall, self._parts = _Wall(), parts
        self._outbox = Outbox(folder, _GATEWAY, 1, Limits(keep_acked_ms=0), now_ms=self._wall)

    def round(self) -> _Cost:
        outbox, taken = self._outbox, 0
        started, cpu_s = time.perf_counter(), time.process_time()
        for number, part in enumerate(self._parts, start=1):
            outbox.append_readings(part)
            if number % 8 == 0 or number == len(self._parts):
                batches = outbox.pending(limit=8)
                taken += sum(batch.count for batch in batches)
                outbox.acknowledge(1, outbox.epoch, batches[-1].seq)
        self._wall.now_ms += 2 * _HOUR_MS
        while outbox.purge():
            """Step by step, as the agent does."""
        cost = _Cost(time.perf_counter() - started, time.process_time() - cpu_s)
        assert taken == sum(map(len, self._parts))
        assert outbox.range(1 << database.EPOCH_SHIFT | 1, 1 << database.EPOCH_SHIFT | 1)[0].kind == "events", "the first batch is still there"
        return cost

    def close(self) -> None:
        self._outbox.close()


def _cut(readings: list[Reading], size: int) -> list[list[Reading]]:
    return [readings[start : start + size] for start in range(0, len(readings), size)]


@contextmanager
def _peer(folder: Path, messages: list[list[Reading]]) -> Iterator[Callable[[], dict[str, _Cost]] | None]:
    """The peer's process; yields what runs a round, or None where it cannot be installed."""
    python = thingsboard.install()
    if python is None:
        yield None
        return
    (folder / "data").mkdir()
    source = folder / "messages"
    source.write_text("\n".join(json.dumps(_message(message), separators=(",", ":")) for message in messages), encoding="utf-8")
    env = os.environ | {"PYTHONPATH": ""}
    command = [str(python), str(_PEER), str(folder / "data")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder, env=env)
    try:
        assert process.stdin
        assert process.stdout
        _ask(process, None)
        yield lambda: _peer_costs(_ask(process, source))
    finally:
        process.kill()
        process.communicate()


def _ask(process: subprocess.Popen[str], source: Path | None) -> str:
    assert process.stdin
    assert process.stdout
    if source is not None:
        process.stdin.write(f"{source}\n")
        process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("thingsboard's storage ended; run tests/bench/peers/thingsboard_storage.py with its Python to see why")
    return line


def _peer_costs(line: str) -> dict[str, _Cost]:
    answer = json.loads(line)
    return {f"peer {kind}": _Cost(*answer[kind], answer["bytes"][0]) for kind in ("texts", "objects")}


def _message(readings: list[Reading]) -> dict[str, Any]:
    """Eight readings as the gateway's converted data."""
    values = {reading.series.quantity: reading.value for reading in readings}
    telemetry = [{"ts": readings[0].measured_at_ms, "values": values}]
    return {"deviceName": readings[0].series.device, "deviceType": "default", "telemetry": telemetry, "attributes": {}}


def _cycle_figures(size: str, costs: dict[str, list[_Cost]]) -> Iterator[Figure]:
    ours = _rate(costs[size])
    for kind, words, aim in (("texts", "storage alone", "≥ 3"), ("objects", "with its serialising", "–")):
        theirs = costs.get(f"peer {kind}")
        if theirs is None:
            yield Figure(f"durable cycle, {size} readings an append", _told(costs[size]), "thingsboard-gateway not installed", "–", aim)
            return
        yield Figure(
            f"durable cycle, {size} readings an append", _told(costs[size]), f"{_told(theirs)} ({words})", f"{ours / _rate(theirs):.2f}", aim
        )


def _rate(costs: list[_Cost]) -> float:
    return _MESSAGES / statistics.median(cost.seconds for cost in costs)


def _told(costs: list[_Cost]) -> str:
    return f"{_rate(costs):,.0f} messages/s, {statistics.median(cost.cpu_s for cost in costs) / _MESSAGES * 1e6:.1f} us CPU"


# --- bytes -------------------------------------------------------------------------------------------------------------


def _size_figures(readings: list[Reading], messages: list[list[Reading]], costs: dict[str, list[_Cost]]) -> Iterator[Figure]:
    objects = sum(len(orjson.dumps(_object(reading))) for reading in readings) / len(readings)
    arrays = sum(len(orjson.dumps(list(_object(reading).values()))) for reading in readings) / len(readings)
    for size in (200, 500, 50):
        wire, disk = _ours_bytes(readings, size)
        for words, count in (("on the wire", wire), ("on the edge's disk", disk)):
            aim = "≤ 0.05" if size >= 200 else "–"
            name = f"bytes a reading {words}, {size} a batch"
            yield Figure(name, f"{count:.2f} B", f"{objects:.1f} B JSON objects", f"{count / objects:.3f}", aim)
            yield Figure(name, f"{count:.2f} B", f"{arrays:.1f} B JSON arrays", f"{count / arrays:.3f}")
    if "peer texts" in costs:
        text = sum(len(orjson.dumps(_message(message))) for message in messages) / len(readings)
        wire = _ours_bytes(readings, 200)[0]
        yield Figure("bytes a reading on the wire, 200 a batch", f"{wire:.2f} B", f"{text:.1f} B thingsboard-gateway's message", f"{wire / text:.3f}")


def _object(reading: Reading) -> dict[str, Any]:
    return {
        "device": reading.series.device,
        "quantity": reading.series.quantity,
        "measured_at_ms": reading.measured_at_ms,
        "value": reading.value,
        "quality": reading.quality.name.lower(),
    }


def _ours_bytes(readings: list[Reading], size: int) -> tuple[float, float]:
    """Bytes a reading on the wire (all of the packet), and in the outbox file once the log is checkpointed."""
    with tempfile.TemporaryDirectory(prefix="ce-") as name:
        outbox = Outbox(Path(name), _GATEWAY, 1, Limits(), now_ms=_Wall())
        for part in _cut(readings, size):
            outbox.append_readings(part)
        wire = sum(_packet_bytes(batch) for batch in outbox.pending(limit=len(readings)))
        outbox.close()
        return wire / len(readings), (Path(name) / database.FILE_NAME).stat().st_size / len(readings)


def _packet_bytes(batch: Stored) -> int:
    """PUBLISH, QoS 1: fixed header, topic, packet id, properties, payload."""
    strings = sum(5 + len(key) + len(value) for key, value in _identity(batch)) + 3 + len(CONTENT_TYPE)
    return 3 + 2 + len(up(_GATEWAY, Up.DATA)) + 2 + 2 + strings + len(batch.payload)


if __name__ == "__main__":
    for figure in run():
        print(figure, file=sys.stdout)
