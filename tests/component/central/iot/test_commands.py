"""Commands to sleeping meters: queued, handed over at the next report, confirmed only by what a later report shows."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from central.iot.commands import MAX_OPEN, CommandRequest, cancel_command, create_command, get_command
from central.iot.rounds import mind
from protocol.errors import Conflict, NotFound, Refused

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


@pytest.fixture
def order(iot_site):
    """`order("valve_close", device="i1", key=None, ...)`: a queued command's number."""
    numbers = iter(range(1000))

    def make(kind: str = "valve_close", device: str = "i1", key: str | None = None, now_ms: int = NOW_MS, **fields: object) -> int:
        request = CommandRequest(key=key or f"test-key-{next(numbers)}", kind=kind, reason="leak at night", **fields)
        created = create_command(iot_site, device, request, "wang", now_ms)
        iot_site.commit()
        return created.id

    return make


def test_a_valve_command_is_confirmed_by_a_later_report_only(iot_site, order, say, sql):
    number = order("valve_close")

    handed = say("i1", volume_l=1, valve="open", meter_time=NOW_MS, now_ms=NOW_MS)
    assert [(one.id, one.kind) for one in handed.commands] == [(number, "valve_close")]

    say("i1", volume_l=1, valve="closed", meter_time=NOW_MS - HOUR_MS, now_ms=NOW_MS + 1000)  # from before: it was closed then, too
    say("i1", results=[{"command": number, "ok": True, "text": "accepted"}], meter_time=NOW_MS + 2000, now_ms=NOW_MS + 2000)
    assert (get_command(iot_site, number).state, get_command(iot_site, number).answer) == ("sent", "accepted")

    done = say("i1", volume_l=1, valve="closed", meter_time=NOW_MS + HOUR_MS, now_ms=NOW_MS + HOUR_MS)
    command = get_command(iot_site, number)
    assert (command.state, command.attempts, command.settled_at_ms, done.commands) == ("confirmed", 3, NOW_MS + HOUR_MS, ())
    assert sql("select code, severity from event where device = 'i1'") == [("iot.command_confirmed", "info")]
    assert sql("select actor, action, target from audit") == [("wang", "iot.command_queued", "i1")]


def test_a_refused_command_is_not_given_again(iot_site, order, say):
    number = order("valve_open")
    say("i1", volume_l=1)
    taken = say("i1", results=[{"command": number, "ok": False, "text": "valve blocked"}], meter_time=NOW_MS + 1, now_ms=NOW_MS + 1)

    assert (get_command(iot_site, number).state, get_command(iot_site, number).answer, taken.commands) == ("refused", "valve blocked", ())


def test_what_nobody_confirms_expires_with_an_event(iot_site, order, say, sql):
    number = order("valve_close", expires_in_h=1)
    say("i1", volume_l=1, valve="open")

    mind(iot_site, NOW_MS + HOUR_MS, 400)

    assert get_command(iot_site, number).state == "expired"
    assert "iot.command_expired" in {row[0] for row in sql("select code from event where device = 'i1'")}
    assert say("i1", volume_l=2, meter_time=NOW_MS + 2 * HOUR_MS, now_ms=NOW_MS + 2 * HOUR_MS).commands == ()


def test_an_expired_command_is_not_handed_out_before_anybody_noticed(order, say):
    order("valve_close", expires_in_h=1)

    assert say("i1", volume_l=1, now_ms=NOW_MS + HOUR_MS).commands == ()


def test_history_and_period_are_confirmed_by_what_they_bring(iot_site, order, say):
    history = order("read_history", from_ms=NOW_MS - 10 * HOUR_MS, to_ms=NOW_MS - 5 * HOUR_MS)
    period = order("set_report_period", every_h=12)
    handed = say("i1", volume_l=1)
    say("i1", freezes=[{"at": NOW_MS - 5 * HOUR_MS, "volume_l": 1}], meter_time=NOW_MS + 1, now_ms=NOW_MS + 1, report_every_h=24)
    before = (get_command(iot_site, history).state, get_command(iot_site, period).state)
    say("i1", freezes=[{"at": NOW_MS - 6 * HOUR_MS, "volume_l": 1}], meter_time=NOW_MS + 2, now_ms=NOW_MS + 2, report_every_h=12)

    assert [dict(one.arguments) for one in handed.commands] == [{"from_ms": NOW_MS - 10 * HOUR_MS, "to_ms": NOW_MS - 5 * HOUR_MS}, {"every_h": 12}]
    assert before == ("sent", "sent")
    assert (get_command(iot_site, history).state, get_command(iot_site, period).state) == ("confirmed", "confirmed")


def test_the_same_key_is_the_same_command(iot_site, order):
    number = order("valve_close", key="door-key-1")

    assert order("valve_close", key="door-key-1") == number
    with pytest.raises(Conflict, match="another command"):
        order("valve_close", device="i2", key="door-key-1")


def test_one_valve_command_at_a_time(order):
    first = order("valve_close")

    with pytest.raises(Conflict, match=str(first)):
        order("valve_open")


def test_a_command_is_taken_back_only_before_it_went(iot_site, order, say, sql):
    number = order("valve_close")
    assert cancel_command(iot_site, number, "li", NOW_MS).state == "cancelled"
    assert say("i1", volume_l=1).commands == ()
    assert ("li", "iot.command_cancelled") in sql("select actor, action from audit")

    again = order("valve_close")
    say("i1", volume_l=2, meter_time=NOW_MS + 1)
    with pytest.raises(Conflict, match="sent"):
        cancel_command(iot_site, again, "li", NOW_MS)


def test_what_cannot_be_done_is_refused(iot_site, order):
    with pytest.raises(NotFound):
        order(device="m1")
    with pytest.raises(Refused, match="frames"):
        order("set_report_period", device="i3", every_h=6)
    for _ in range(MAX_OPEN):
        order("set_report_period", every_h=6)
    with pytest.raises(Conflict, match="wait"):
        order("set_report_period", every_h=6)


@pytest.mark.parametrize("fields", [{"kind": "read_history"}, {"kind": "valve_open", "every_h": 3}, {"kind": "set_report_period"}])
def test_a_command_has_its_own_arguments_and_no_others(fields):
    with pytest.raises(ValidationError):
        CommandRequest(key="test-key-1", reason="because", **fields)
