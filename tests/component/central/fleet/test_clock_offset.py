"""Clock errors told by health reports: intervals, alarm, and what is computed again."""

from __future__ import annotations

from central.consumption.clock import Offset
from central.db.pool import Connection
from central.fleet.clock_offset import ALARM_MS, offsets_of
from central.fleet.gateways import get_gateway, observe
from central.mqtt.session import Message
from protocol.messages import Health, encode_record
from protocol.topics import Up, up

T = 1_800_000_000_000
MINUTE = 60_000
WEEK = 7 * 86_400_000


def report(conn: Connection, minute: int, offset_ms: int, gateway: str = "gw-1") -> None:
    """A health report of a clock that is `offset_ms` ahead, arriving in that minute."""
    body = encode_record(Health(at_ms=T + minute * MINUTE + offset_ms, uptime_s=1, backlog_batches=0, backlog_bytes=0, outbox_bytes=0))
    observe(conn, Message(up(gateway, Up.HEALTH), body, {}, 0, arrived_ms=T + minute * MINUTE))


def codes(conn: Connection) -> list[str]:
    return [row[0] for row in conn.execute("select code from event order by id")]


def test_a_wrong_clock_is_known_told_and_corrected_from_then_on(site: Connection):
    for minute, offset in enumerate((0, 420_000, 420_000, 420_000)):
        report(site, minute, offset)

    assert offsets_of(site, ["gw-1", "gw-2"], T, T + WEEK) == {"gw-1": (Offset(T + 420_000, None, 420_000),)}
    assert get_gateway(site, "gw-1").clock_offset_ms == 420_000
    assert get_gateway(site, "gw-1").clock_alarm_ms == T + 3 * MINUTE
    assert codes(site) == ["gateway.clock_drift"]


def test_what_was_computed_from_wrong_stamps_is_computed_again(site: Connection):
    for minute, offset in enumerate((0, 420_000, 420_000, 420_000)):
        report(site, minute, offset)

    noted = site.execute(
        "select m.code, extract(epoch from from_at) * 1000 from dirty join metering_point as m on m.id = point_id order by 1"
    ).fetchall()
    assert [(code, int(at)) for code, at in noted] == [("m2", T), ("p1", T)]


def test_a_clock_set_right_ends_interval_and_alarm(site: Connection):
    for minute, offset in enumerate((0, 420_000, 420_000, 420_000, 420_000, 420_000, 420_000, 420_000, 420_000, 420_000, 420_000, 0, 0, 0)):
        report(site, minute, offset)

    assert offsets_of(site, ["gw-1"], T, T + WEEK) == {"gw-1": (Offset(T + 420_000, T + 10 * MINUTE, 420_000),)}
    assert get_gateway(site, "gw-1").clock_alarm_ms is None
    assert codes(site) == ["gateway.clock_drift", "gateway.clock_right"]


def test_an_interval_without_a_stamp_of_its_own_vanishes(site: Connection):
    for minute, offset in enumerate((0, 420_000, 420_000, 420_000, 0, 0, 0)):
        report(site, minute, offset)

    assert offsets_of(site, ["gw-1"], T, T + WEEK) == {}


def test_up_to_five_minutes_is_corrected_without_an_alarm(site: Connection):
    for minute in range(3):
        report(site, minute, ALARM_MS)

    assert offsets_of(site, ["gw-1"], T, T + WEEK)["gw-1"][0].offset_ms == ALARM_MS
    assert codes(site) == []


def test_offsets_are_those_of_the_time_asked_for(site: Connection):
    for minute in range(3):
        report(site, minute, -120_000)

    assert offsets_of(site, ["gw-1"], T - WEEK, T - 4 * MINUTE) == {}
    assert offsets_of(site, ["gw-1"], T - WEEK, T) != {}


def test_a_report_that_came_out_of_a_store_says_nothing_about_the_clock(site: Connection):
    body = encode_record(Health(at_ms=1, uptime_s=1, backlog_batches=0, backlog_bytes=0, outbox_bytes=0))
    observe(site, Message(up("gw-1", Up.HEALTH), body, {}))

    assert get_gateway(site, "gw-1").clock_offset_ms is None
