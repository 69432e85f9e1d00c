"""A small site whose gateways and meters have been heard, and rounds of alarms over it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import pytest

from central.alarms.collect import WATCHES
from central.alarms.rounds import Round, run_round
from central.db.pool import Connection

MINUTE_MS = 60_000


@pytest.fixture
def now_ms() -> int:
    """When the test begins."""
    return int(time.time() * 1000)


@pytest.fixture
def heard(site: Connection, now_ms: int) -> Callable[..., None]:
    """`heard("gw-1", at_ms=..., devices=("m1",))`: the gateway reports health, its devices a reading."""

    def note(gateway: str, at_ms: int = now_ms, devices: Collection[str] = (), lines: str = "[]", backlog: int = 0) -> None:
        health = f'{{"backlog_batches": {backlog}, "backlog_bytes": {backlog * 4096}, "lines": {lines}}}'
        site.execute(
            "insert into gateway_status (gateway, state, last_seen_at, health_at, health, reported) values (%(g)s, 'online', "
            "to_timestamp(%(at)s / 1000.0), to_timestamp(%(at)s / 1000.0), %(h)s::jsonb, "
            "jsonb_build_object('documents', jsonb_build_object('lines', jsonb_build_object('version', "
            "(select version from desired_document where gateway = %(g)s and document = 'lines'))))) "
            "on conflict (gateway) do update set last_seen_at = excluded.last_seen_at, health_at = excluded.health_at, health = excluded.health",
            {"g": gateway, "at": at_ms, "h": health},
        )
        for device in devices:
            site.execute(
                "insert into device_status values (%s, to_timestamp(%s / 1000.0)) on conflict (device) do update "
                "set last_measured_at = excluded.last_measured_at",
                [device, at_ms],
            )

    return note


@pytest.fixture
def evaluate(site: Connection) -> Callable[..., Round]:
    """`evaluate(now_ms)`: one round with every watch."""

    def turn(at_ms: int, free: int | None = 50) -> Round:
        done = run_round(site, at_ms, tuple(WATCHES), lambda: free)
        site.commit()
        return done

    return turn
