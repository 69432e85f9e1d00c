"""Scores of the fleet from what stands in the database."""

from __future__ import annotations

import pytest

from central.db.pool import Connection
from central.fleet.gateways import observe
from central.fleet.wellness import fleet_wellness
from central.mqtt.session import Message
from protocol.messages import Birth, DeviceHealth, Health, LineHealth, LineStatus, Reported, ReportedDocument, State, encode_record
from protocol.record import Record
from protocol.topics import Up, up


def say(conn: Connection, channel: Up, record: Record) -> None:
    observe(conn, Message(up("gw-1", channel), encode_record(record), {}, retained=False))


@pytest.fixture
def told(site: Connection) -> Connection:
    """gw-1 says hello and reports; gw-2 was never seen."""
    version = site.execute("select version from desired_document where gateway = 'gw-1'").fetchone()
    assert version is not None
    say(
        site, Up.BIRTH, Birth(gateway="gw-1", generation=1, epoch=5, agent_version="1.2", started_at_ms=1000, lines=(LineStatus(id="l1", devices=2),))
    )
    say(site, Up.STATE, State(state="online", at_ms=1, epoch=5))
    say(site, Up.REPORTED, Reported(documents={"lines": ReportedDocument(version=version[0])}))
    return site


def report(conn: Connection, quarantined: tuple[str, ...] = (), **counters: int) -> None:
    values = {"exchanges": 1000, "timeouts": 0, "checksum_errors": 0, "noise_bytes": 0, "useful_bytes": 0, "busy_ms": 0, "utilisation_permille": 0}
    devices = (DeviceHealth(id="m1", exchanges=100, timeouts=0, damaged=counters.get("checksum_errors", 0)),)
    line = LineHealth(id="l1", state="open", quarantined=quarantined, devices=devices, **values | counters)
    say(conn, Up.HEALTH, Health(at_ms=1, uptime_s=60, backlog_batches=0, backlog_bytes=0, outbox_bytes=0, lines=(line,)))


def test_a_gateway_that_is_well_and_one_never_seen(told: Connection) -> None:
    report(told)

    found = {one.gateway: one for one in fleet_wellness(told)}

    assert found["gw-1"].score.points == 100, found["gw-1"].score
    assert [one.code for one in found["gw-2"].score.deductions] == ["never_seen"]
    assert [one.gateway for one in fleet_wellness(told)] == ["gw-2", "gw-1"], "worst first"


def test_silent_devices_time_outs_and_a_suspected_double_address(told: Connection) -> None:
    told.execute("insert into line_hour (gateway, line, hour, exchanges, timeouts) values ('gw-1', 'l1', now() - interval '1 day', 10000, 50)")
    report(told, ("m2",), timeouts=100, checksum_errors=40)

    [found] = fleet_wellness(told, gateway="gw-1")

    assert {(one.code, one.value) for one in found.score.deductions} == {("devices_silent", 1), ("timeouts", 100), ("checksums", 40)}
    assert [one.device for one in found.suspects["l1"]] == ["m1"]


def test_a_scope_shows_its_gateways_only(told: Connection) -> None:
    assert [one.gateway for one in fleet_wellness(told, ["b2"])] == ["gw-2"]
