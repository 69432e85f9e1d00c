"""LISTEN from async code: the one place where central needs a connection that waits instead of asking."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
from psycopg import sql

from protocol.errors import StorageError

_PROBE_S = 30.0  # a connection that died without a word is found by asking something


async def notifications(dsn: str, channel: str) -> AsyncIterator[str]:
    """Yield '' once listening (what was committed before may be looked at now), then each payload. Raise StorageError when that ends."""
    try:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True, connect_timeout=10, application_name="central-live") as conn:
            await conn.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
            yield ""
            while True:
                async for notice in conn.notifies(timeout=_PROBE_S):
                    yield notice.payload
                await conn.execute("select 1")
    except psycopg.Error as error:
        raise StorageError(f"listening on {channel} failed: {error}", channel=channel) from error
