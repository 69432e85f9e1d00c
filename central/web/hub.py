"""Fan-out of fresh values to live streams: one LISTEN connection a process, one look at the database a touched device, any number of streams.

A stream has no queue that could grow: it holds the set of its own devices that changed since it last sent (at most MAX_DEVICES), and reads the
newest snapshot when its browser is ready. A slow browser therefore skips what it was too slow for and always gets the latest.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from central.db.listen import notifications
from central.metering.model import LatestValue
from protocol.errors import StorageError

log = logging.getLogger(__name__)

CHANNEL = "ce_reading"
MAX_DEVICES = 100  # a stream; a page of the device table shows 50
MAX_STREAMS = 2000  # a process; one more is refused
_COALESCE_S = 0.5  # commits come faster than people read
_RETRY_S = 3.0

Snapshot = Mapping[str, list[LatestValue]]
Fetch = Callable[[Sequence[str]], Snapshot]


class Stream:
    """One browser's view on the hub."""

    def __init__(self, devices: frozenset[str]) -> None:
        self.devices = devices
        self.pending: set[str] = set()
        self.woken = asyncio.Event()

    def touch(self, code: str) -> None:
        """Note that a device of this stream has newer values."""
        self.pending.add(code)
        self.woken.set()


class Hub:
    """Owns the streams of one process and the newest snapshot of every device somebody watches. Lives on the event loop only."""

    def __init__(self, dsn: str, fetch: Fetch) -> None:
        self._dsn = dsn
        self._fetch = fetch
        self._streams: dict[str, set[Stream]] = defaultdict(set)
        self._snapshots: dict[str, list[LatestValue]] = {}
        self._dirty: set[str] = set()
        self._count = 0

    @property
    def full(self) -> bool:
        """Whether another stream must be refused."""
        return self._count >= MAX_STREAMS

    @asynccontextmanager
    async def stream(self, devices: frozenset[str]) -> AsyncIterator[Stream]:
        """A registered stream; what it watches alone is forgotten when it ends. It registers before the first fetch: no commit falls between."""
        stream = Stream(devices)
        for code in devices:
            self._streams[code].add(stream)
        self._count += 1
        try:
            await self._fill(devices)
            stream.pending.update(devices)
            yield stream
        finally:
            self._count -= 1
            for code in devices:
                self._leave(code, stream)

    def take(self, stream: Stream) -> Snapshot:
        """The newest values of what changed since the last call; of everything at the first."""
        codes, stream.pending = stream.pending, set()
        stream.woken.clear()
        return {code: self._snapshots.get(code, []) for code in sorted(codes)}

    async def run(self) -> None:
        """Listen for ever; a lost database connection is retried, and everything watched is fetched again, because commits were missed."""
        pump = asyncio.create_task(self._pump())
        try:
            while True:
                await self._listen_once()
                await asyncio.sleep(_RETRY_S)
        finally:
            pump.cancel()

    async def _listen_once(self) -> None:
        try:
            async for payload in notifications(self._dsn, CHANNEL):
                self._dirty.update(self._touched(payload))
        except StorageError as error:
            log.warning("live values: connection to the database lost, trying again: %s", error)

    def _touched(self, payload: str) -> set[str]:
        """Which watched devices a notification names; `*` and the first, empty one mean all."""
        watched = self._streams.keys()
        return set(watched) if payload in {"", "*"} else {code for code in payload.split(",") if code in watched}

    async def _pump(self) -> None:
        while True:
            await asyncio.sleep(_COALESCE_S)
            codes = sorted(self._dirty & self._streams.keys())
            self._dirty.clear()
            if codes:
                await self._refresh(codes)

    async def _refresh(self, codes: Sequence[str]) -> None:
        try:
            fresh = await asyncio.to_thread(self._fetch, codes)
        except Exception:  # the pump must outlive any one failure
            log.exception("live values of %d devices could not be read; trying again with the next commit", len(codes))
            self._dirty.update(codes)
            await asyncio.sleep(_RETRY_S)
            return
        for code, values in fresh.items():
            if code in self._streams and values != self._snapshots.get(code):
                self._snapshots[code] = values
                for stream in self._streams[code]:
                    stream.touch(code)

    async def _fill(self, devices: frozenset[str]) -> None:
        """Read what nobody watched so far. A snapshot that appeared meanwhile came from a later commit and stays."""
        missing = sorted(code for code in devices if code not in self._snapshots)
        if missing:
            for code, values in (await asyncio.to_thread(self._fetch, missing)).items():
                self._snapshots.setdefault(code, values)

    def _leave(self, code: str, stream: Stream) -> None:
        self._streams[code].discard(stream)
        if not self._streams[code]:
            del self._streams[code]
            self._snapshots.pop(code, None)
