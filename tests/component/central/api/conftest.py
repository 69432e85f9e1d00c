"""Requests to the whole application, each by a token with just the permissions it is told."""

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

Ask = Callable[..., httpx.Response]


@pytest.fixture
def asking(site: Connection) -> Callable[[FastAPI, list[str]], Ask]:
    """`asking(app, permissions)` -> `ask(method, path, permissions=those)` below /api/v1."""

    def make(app: FastAPI, usual: list[str]) -> Ask:
        names = iter(range(100))

        def request(method: str, path: str, permissions: list[str] = usual, **more: Any) -> httpx.Response:
            token = create_token(site, f"t{next(names)}", permissions, time.time())
            site.commit()

            async def send() -> httpx.Response:
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as client:
                    return await client.request(method, path, headers={"authorization": f"Bearer {token}"}, **more)

            return asyncio.run(send())

        return request

    return make
