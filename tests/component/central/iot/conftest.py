"""A small site with meters that report by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from central.db.pool import Connection
from central.identity.tokens import create_token
from central.iot.model import Report, Taken
from central.iot.report import parse_report
from central.iot.take import take
from central.metering.model import PlanDiff

REPORTING = """
reporting_devices:
  - {id: i1, profile: acme/water, address: "00000000001001", place: b1-101, imei: "868000000000011", via: webhook/acme}
  - {id: i2, profile: acme/water, address: "00000000001002", place: b2, point: p-i2, imei: "868000000000022", via: mqtt, expects_every_h: 6}
  - {id: i3, profile: acme/water, address: "00000000001003", place: b2, imei: "868000000000033", via: tcp}
  - {id: i4, profile: acme/water, address: "00000000001004", place: b2, imei: "868000000000044", via: udp}
"""
NOW_MS = 1_800_000_000_000
CARDS = {
    "i1": ("868000000000011", "webhook/acme"),
    "i2": ("868000000000022", "mqtt"),
    "i3": ("868000000000033", "tcp"),
    "i4": ("868000000000044", "udp"),
}
Say = Callable[..., Taken]


@pytest.fixture
def iot_plan(plan: str) -> str:
    """The small plan with four reporting meters, one a way."""
    return plan + REPORTING


@pytest.fixture
def iot_site(conn: Connection, import_plan: Callable[..., PlanDiff], iot_plan: str) -> Connection:
    """A connection to a database with that plan, imported a month before NOW_MS."""
    import_plan(conn, iot_plan)
    conn.execute("update installation set installed_at = to_timestamp(%s)", [NOW_MS / 1000 - 30 * 86_400])
    conn.execute("update iot_meter set registered_at = to_timestamp(%s)", [NOW_MS / 1000 - 30 * 86_400])
    conn.commit()
    return conn


@pytest.fixture
def report() -> Callable[..., Report]:
    """`report("i1", volume_l=5, ...)`: a report of that meter in our own shape, measured at NOW_MS unless told otherwise."""

    def make(device: str = "i1", **fields: Any) -> Report:
        return parse_report({"imei": CARDS[device][0], "meter_time": NOW_MS} | fields)

    return make


@pytest.fixture
def say(iot_site: Connection, report: Callable[..., Report]) -> Say:
    """`say("i1", volume_l=5, now_ms=...)`: that report taken and committed."""

    def send(device: str = "i1", now_ms: int = NOW_MS, via: str | None = None, **fields: Any) -> Taken:
        made = report(device, **fields)
        taken = take(iot_site, via or CARDS[device][1], made, repr(fields), now_ms)
        iot_site.commit()
        return taken

    return send


@pytest.fixture
def sql(iot_site: Connection) -> Callable[..., list[tuple]]:
    """`sql(statement, *parameters)` -> rows; commits."""

    def run(statement: str, *parameters: object) -> list[tuple]:
        cursor = iot_site.execute(statement, parameters)
        found = cursor.fetchall() if cursor.description else []
        iot_site.commit()
        return found

    return run


@pytest.fixture
def token(iot_site: Connection) -> Callable[[FastAPI], Callable[..., httpx.Response]]:
    """`token(app)` -> `ask(method, path, permissions=[...])` below /api/v1/iot, each request with a token of its own."""
    names = iter(range(100))

    def of(app: FastAPI) -> Callable[..., httpx.Response]:
        def request(method: str, path: str, permissions: tuple[str, ...] = ("metering.read", "control.operate"), **more: Any) -> httpx.Response:
            secret = create_token(iot_site, f"t{next(names)}", permissions, time.time())
            iot_site.commit()

            async def send() -> httpx.Response:
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1/iot") as client:
                    return await client.request(method, path, headers={"authorization": f"Bearer {secret}"}, **more)

            return asyncio.run(send())

        return request

    return of
