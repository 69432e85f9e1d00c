"""Fan-out to live streams: nobody misses the newest value, nobody's backlog grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from central.metering.model import LatestValue
from central.web import hub as hub_module
from central.web.hub import Hub, Snapshot
from protocol.errors import StorageError


class Database:
    """Values by device, and the notifications of its commits."""

    def __init__(self) -> None:
        self.values = {"a": 1, "b": 1}
        self.asked: list[str] = []
        self.notices: asyncio.Queue[str | StorageError] = asyncio.Queue()

    def fetch(self, codes: Sequence[str]) -> Snapshot:
        self.asked += codes
        return {code: [LatestValue("voltage_a", self.values[code], 0, 0)] for code in codes}

    def commit(self, code: str, value: int, payload: str | None = None) -> None:
        self.values[code] = value
        self.notices.put_nowait(payload or code)

    async def notifications(self, dsn: str, channel: str) -> AsyncIterator[str]:
        yield ""
        while True:
            notice = await self.notices.get()
            if isinstance(notice, StorageError):
                raise notice
            yield notice


def play(monkeypatch: pytest.MonkeyPatch, scene: Callable[[Hub, Database], Awaitable[None]]) -> None:
    """Run a scene with a listening hub whose waits are short."""

    async def run() -> None:
        database = Database()
        monkeypatch.setattr(hub_module, "notifications", database.notifications)
        monkeypatch.setattr(hub_module, "_COALESCE_S", 0.001)
        monkeypatch.setattr(hub_module, "_RETRY_S", 0.001)
        hub = Hub("", database.fetch)
        listening = asyncio.create_task(hub.run())
        await asyncio.wait_for(scene(hub, database), 10)
        listening.cancel()

    asyncio.run(run())


def value(snapshot: Snapshot, code: str) -> int:
    return snapshot[code][0].value


def test_stream_begins_with_everything_it_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hub: Hub, database: Database) -> None:
        async with hub.stream(frozenset({"a", "b"})) as stream:
            assert set(hub.take(stream)) == {"a", "b"}
            assert hub.take(stream) == {}

    play(monkeypatch, scene)


def test_slow_stream_gets_only_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hub: Hub, database: Database) -> None:
        async with hub.stream(frozenset({"a"})) as slow, hub.stream(frozenset({"a"})) as fast:
            hub.take(slow), hub.take(fast)
            for number in range(2, 6):
                database.commit("a", number)
                await fast.woken.wait()
                assert value(hub.take(fast), "a") == number
            assert slow.pending == {"a"}
            assert value(hub.take(slow), "a") == 5

    play(monkeypatch, scene)


@pytest.mark.parametrize("payload", ["*", "x,a,y"])
def test_commit_that_names_many_devices_reaches_the_watched_one(monkeypatch: pytest.MonkeyPatch, payload: str) -> None:
    async def scene(hub: Hub, database: Database) -> None:
        async with hub.stream(frozenset({"a"})) as stream:
            hub.take(stream)
            database.commit("a", 7, payload)
            await stream.woken.wait()
            assert value(hub.take(stream), "a") == 7

    play(monkeypatch, scene)


def test_commits_missed_while_the_connection_was_lost_are_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hub: Hub, database: Database) -> None:
        async with hub.stream(frozenset({"a"})) as stream:
            hub.take(stream)
            database.values["a"] = 9
            database.notices.put_nowait(StorageError("connection lost"))
            await stream.woken.wait()
            assert value(hub.take(stream), "a") == 9

    play(monkeypatch, scene)


def test_device_nobody_watches_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hub: Hub, database: Database) -> None:
        async with hub.stream(frozenset({"a"})) as stream:
            hub.take(stream)
            database.commit("b", 5)
            database.commit("a", 2)
            await stream.woken.wait()
        assert "b" not in database.asked

    play(monkeypatch, scene)


def test_many_streams_of_one_device_cost_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hub: Hub, database: Database) -> None:
        async with hub.stream(frozenset({"a"})) as first:
            before = database.asked.count("a")
            async with hub.stream(frozenset({"a"})) as second:
                assert value(hub.take(second), "a") == 1
            assert database.asked.count("a") == before
            assert value(hub.take(first), "a") == 1

    play(monkeypatch, scene)
