"""The live stream over a real connection, fed by real commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest

from central.db.pool import connect
from central.web import live

Browser = Callable[..., httpx.Client]


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict]]:
    """(event, data) pairs; keep-alive comments as ('alive', {})."""
    name = ""
    for line in lines:
        if line.startswith(":"):
            yield "alive", {}
        elif line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, orjson.loads(line[6:])


def text_of(data: dict, quantity: str) -> str:
    return next(value["text"] for value in data["values"] if value["quantity"] == quantity)


def test_stream_starts_with_a_snapshot_of_every_device(browser: Browser) -> None:
    with browser("viewer").stream("GET", "/live?devices=m2,m1") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        found = events(stream.iter_lines())
        first, second = next(found), next(found)
    assert [first[1]["device"], second[1]["device"]] == ["m1", "m2"]
    assert text_of(first[1], "energy_active_forward") == "1,234.57"


def test_commit_reaches_the_stream(browser: Browser, web: Any, database: str, insert_reading: Callable[..., Any]) -> None:
    with browser("viewer").stream("GET", "/live?devices=m3") as stream, connect(database, autocommit=True) as conn:
        found = events(stream.iter_lines())
        assert next(found)[1]["values"] == []
        insert_reading(conn, "m3", "voltage_a", web.clock.now, 230_787)
        assert text_of(next(found)[1], "voltage_a") == "230.8"


def test_quiet_stream_is_kept_alive_and_ends_with_its_session(browser: Browser, web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "KEEPALIVE_S", 0.02)
    client = browser("viewer")
    with client.stream("GET", "/live?devices=m1") as stream:
        found = events(stream.iter_lines())
        assert next(found)[0] == "values"
        assert next(found)[0] == "alive"
        with web.pool.connection() as conn:
            conn.execute("delete from web_session")
        assert [name for name, _ in found][-1] == "bye"


@pytest.mark.parametrize(
    ("query", "status"),
    [("devices=nope", 404), ("devices=m1,nope", 404), ("devices=", 422), ("devices=" + ",".join(f"x{n}" for n in range(101)), 422)],
)
def test_stream_is_refused_for_devices_that_cannot_be_watched(browser: Browser, query: str, status: int) -> None:
    assert browser("viewer").get(f"/live?{query}").status_code == status


def test_two_hundred_streams_at_once(browser: Browser, web: Any, database: str, insert_reading: Callable[..., Any]) -> None:
    client = browser("viewer")
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=web.url, cookies=client.cookies, limits=limits, timeout=60) as many, connect(database, autocommit=True) as conn:
        streams = [many.send(many.build_request("GET", "/live?devices=m2"), stream=True) for _ in range(200)]
        found = [events(stream.iter_lines()) for stream in streams]
        assert all(text_of(next(one)[1], "energy_active_forward") == "5.00" for one in found)
        insert_reading(conn, "m2", "energy_active_forward", web.clock.now, 7_000)
        assert all(text_of(next(one)[1], "energy_active_forward") == "7.00" for one in found)
        for stream in streams:
            stream.close()
