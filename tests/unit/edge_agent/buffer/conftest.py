"""Readings and outboxes for the buffer's tests."""

from __future__ import annotations

import random

import pytest

from edge_agent.buffer.batches import Limits
from edge_agent.buffer.outbox import Outbox
from protocol.reading import Reading, SeriesKey

NOW_MS = 1_800_000_000_000


class Wall:
    """A wall clock tests can set."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture
def readings():
    def make(count: int, start: int = 0, device: str = "m-1") -> list[Reading]:
        return [Reading(SeriesKey(device, "energy_active_forward"), NOW_MS + n, n) for n in range(start, start + count)]

    return make


@pytest.fixture
def bulky():
    """2,000 readings that do not compress: about 20 KB."""
    chance = random.Random(7)
    return [Reading(SeriesKey("m-1", "energy_active_forward"), NOW_MS, chance.getrandbits(62)) for _ in range(2000)]


@pytest.fixture
def open_outbox(tmp_path, wall):
    opened = []

    def start(directory=tmp_path, gateway: str = "gw-1", generation: int = 1, limits: Limits | None = None) -> Outbox:
        outbox = Outbox(directory, gateway, generation, limits or Limits(min_free_bytes=0), now_ms=wall)
        opened.append(outbox)
        return outbox

    yield start
    for outbox in opened:
        outbox.close()
