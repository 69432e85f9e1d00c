"""Health reports become hours in the database, and old hours go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from central.db.pool import Connection
from central.fleet.gateways import observe
from central.fleet.line_history import line_hours, purge_hours
from central.mqtt.session import Message
from protocol.messages import Health, LineHealth, encode_record
from protocol.topics import Up, up


def say(conn: Connection, uptime_s: int, exchanges: int, backlog: int = 0) -> None:
    counters = {"timeouts": exchanges // 10, "checksum_errors": 0, "noise_bytes": 0, "useful_bytes": 0, "busy_ms": 0, "utilisation_permille": 0}
    line = LineHealth(id="l1", state="open", exchanges=exchanges, **counters)
    health = Health(at_ms=1, uptime_s=uptime_s, backlog_batches=backlog, backlog_bytes=0, outbox_bytes=0, lines=(line,))
    observe(conn, Message(up("gw-1", Up.HEALTH), encode_record(health), {}, retained=False))


def test_reports_of_an_hour_add_up_over_a_restart(site: Connection) -> None:
    say(site, 60, 100, backlog=9)
    say(site, 120, 220)
    say(site, 30, 40)

    now = datetime.now(UTC)
    hours = line_hours(site, "gw-1", now - timedelta(hours=2), now + timedelta(hours=1))
    row = site.execute("select sum(reports), sum(restarts), max(backlog_max) from gateway_hour").fetchone()

    assert sum(hour.exchanges for hour in hours) == 220 + 40
    assert sum(hour.timeouts for hour in hours) == 22 + 4
    assert sum(hour.seconds for hour in hours) == 120 + 30
    assert row == (3, 1, 9)


def test_hours_go_after_their_time(site: Connection) -> None:
    say(site, 60, 100)
    site.execute("update line_hour set hour = now() - interval '401 days'")
    site.execute("update gateway_hour set hour = now() - interval '399 days'")

    assert purge_hours(site) == 1
