"""Completeness and gaps over the API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from central.context import Central
from central.db.pool import Connection, Pool
from central.fleet.gaps import mind_gaps
from central.identity.tokens import create_token
from central.settings import Settings
from central.web.app import create_app

FROM_MS = 1_773_072_000_000  # 2026-03-10 00:00 in Shanghai
Q = 900_000
NOW_MS = FROM_MS + 25 * 4 * Q
Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(standing: Connection, pool: Pool, fresh_database: str, tmp_path: Path) -> Ask:
    """`ask(path, permission)`: a GET below /api/v1."""
    app = create_app(Central(Settings(data_dir=tmp_path), pool, lambda: NOW_MS / 1000, fresh_database))
    names = iter(range(100))

    def request(path: str, permission: str = "metering.read", **params: Any) -> httpx.Response:
        token = create_token(standing, f"t{next(names)}", [permission], time.time())
        standing.commit()

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as client:
                return await client.get(path, params=params, headers={"authorization": f"Bearer {token}"})

        return asyncio.run(send())

    return request


def test_a_day_by_site_and_by_device(ask: Ask, read: Callable[..., None], count: Callable[..., None]):
    read("m1", [FROM_MS + n * Q + 5 for n in range(90)])
    count(NOW_MS)

    (site,) = ask("/completeness", day="2026-03-10").json()
    devices = ask("/completeness", day="2026-03-10", by="device", within="gw-1").json()

    assert (site["due"], site["measured"], site["missing"]) == (216, 90, 126)
    assert [(row["code"], row["measured_bp"]) for row in devices] == [("m2", 0), ("m1", 9375)]
    assert ask("/completeness", by="planet").status_code == 422
    assert ask("/completeness", "fleet.read").status_code == 403


def test_the_hours_of_a_device(ask: Ask, read: Callable[..., None]):
    read("m1", [FROM_MS + n * Q + 5 for n in range(90)])

    found = ask("/devices/m1/gaps", from_ms=FROM_MS, to_ms=FROM_MS + 96 * Q).json()

    assert (found["quantity"], found["period_s"]) == ("energy_active_forward", 900)
    assert found["hours"][22] == {"from_ms": FROM_MS + 22 * 4 * Q, "due": 4, "measured": 2, "made_up": 0}
    assert ask("/devices/m9/gaps").status_code == 404


def test_what_is_missing_of_a_gateway(ask: Ask, standing: Connection):
    standing.execute("update gateway set generation = 1")
    standing.execute("insert into ack_cursor (gateway, generation, epoch, received) values ('gw-1', 1, 5, '{[1,3],[6,9]}')")
    mind_gaps(standing, NOW_MS)
    standing.commit()

    sequence = ask("/gateways/gw-1/sequence", "fleet.read").json()
    gaps = ask("/gaps", "fleet.read", state="open").json()

    assert (sequence["epochs"][0]["missing"], sequence["epochs"][0]["holes"]) == (2, [[4, 5]])
    assert (gaps["total"], gaps["items"][0]["first"], gaps["items"][0]["state"]) == (1, 4, "open")
    assert ask("/gateways/gw-2/sequence", "fleet.read").json()["epochs"] == []
    assert ask("/gateways/gw-9/sequence", "fleet.read").status_code == 404
    assert ask("/gaps").status_code == 403
