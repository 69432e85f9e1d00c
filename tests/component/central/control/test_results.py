"""From sent to settled: what results change, what is kept of those that come late, twice or from the wrong gateway."""

from __future__ import annotations

import uuid

from central.control.rounds import purge
from protocol.topics import Down, down

NOW_MS = 1_800_000_000_000
AGAIN_MS, OVER_MS = 4_000, 30_000 + 5_000


def test_command_is_sent_with_the_time_left_and_again_until_it_is_answered(desk):
    command = desk.read(quantities=("voltage_a",))
    desk.send(NOW_MS + 10_000)
    desk.send(NOW_MS + 10_001)
    desk.send(NOW_MS + 10_000 + AGAIN_MS)
    desk.answer(command, "done")
    desk.send(NOW_MS + 25_000)

    assert [(topic, one.id, expiry_s) for topic, one, expiry_s in desk.wire.sent] == [
        (down("gw-1", Down.CMD), command.id, 20),
        (down("gw-1", Down.CMD), command.id, 16),
    ]
    assert desk.wire.sent[0][1].quantities == ("voltage_a",)
    assert [step.what for step in desk.state(command).steps] == ["asked", "sent", "settled"]


def test_without_a_broker_a_command_waits_and_then_expires_unsent(desk):
    command, desk.wire.down = desk.read(), True
    desk.send()

    assert desk.state(command).state == "queued"
    desk.give_up(NOW_MS + OVER_MS)
    assert (desk.state(command).state, desk.state(command).code) == ("expired", "not_sent")


def test_result_settles_with_evidence_and_audit(desk, sent):
    command = sent(desk.switch())
    frames = [{"at_ms": NOW_MS, "direction": ">", "hex": "05 05", "verdict": "sent", "device": "relay"}]
    desk.answer(command, "running")
    assert desk.state(command).state == "running"

    desk.answer(command, "done", quantity="relay_1", seen=1, took_ms=40, frames=frames)

    settled = desk.state(command)
    assert (settled.state, settled.late, settled.evidence.seen, settled.evidence.frames[0].hex) == ("done", False, 1, "05 05")
    actor, details = desk.rows("select actor, details from audit where action = 'control.settled' order by audit_id desc limit 1")[0]
    assert (actor, details["command"], details["requested_by"]) == ("gateway:gw-1", command.id, "anna")


def test_result_that_comes_again_changes_nothing(desk, sent):
    command = sent(desk.switch())
    desk.answer(command, "done", seen=1)
    desk.answer(command, "done", seen=0)
    desk.answer(command, "running")

    assert desk.state(command).evidence.seen == 1
    assert desk.rows("select repeats from command") == [(2,)]


def test_contradicting_result_is_kept_in_the_history(desk, sent):
    command = sent(desk.switch())
    desk.answer(command, "done", seen=1)
    desk.answer(command, "failed", code="device.no_reply")

    assert desk.state(command).state == "done"
    last = desk.state(command).steps[-1]
    assert (last.what, last.details["code"]) == ("contradicted", "device.no_reply")


def test_late_result_counts_more_than_having_given_up(desk, sent):
    command = sent(desk.switch())
    desk.give_up(NOW_MS + 60_000 + 5_000)
    assert (desk.state(command).state, desk.state(command).code) == ("expired", "no_answer")

    desk.answer(command, "done", seen=1)

    assert (desk.state(command).state, desk.state(command).late) == ("done", True)
    assert [step.what for step in desk.state(command).steps][-1] == "late"


def test_running_switch_is_not_given_up_at_its_expiry_but_unknown_in_the_end(desk, sent):
    command = sent(desk.switch())
    desk.answer(command, "running")

    assert desk.give_up(NOW_MS + 100_000) == 0
    assert desk.give_up(NOW_MS + 60_000 + 720_000) == 1
    assert (desk.state(command).state, desk.state(command).code) == ("unknown", "no_result")


def test_gateway_cannot_answer_for_another(desk, sent):
    command = sent(desk.switch())
    desk.answer(command, "done", gateway="gw-2", seen=1)

    assert desk.state(command).state == "sent"
    assert desk.rows("select reason, gateway from quarantine") == [("result.foreign_command", "gw-2")]


def test_result_nobody_asked_for_is_kept_and_counted(desk):
    nobody = str(uuid.uuid4())
    desk.answer(nobody, "done", seq=71)
    desk.answer(nobody, "done", seq=71)

    assert desk.rows("select reason, seq from quarantine") == [("result.unknown_command", 71)]
    assert desk.rows("select count(*) from batch where outcome = 'stored'") == [(1,)]


def test_old_reads_go_with_their_history_and_switches_stay(desk, sent):
    read, switch = sent(desk.read()), sent(desk.switch())
    for command in (read, switch):
        desk.answer(command, "done")
    now_ms = desk.rows("select (extract(epoch from now()) * 1000)::bigint")[0][0]

    assert purge(desk.conn, now_ms + 89 * 86_400_000) == 0
    assert purge(desk.conn, now_ms + 91 * 86_400_000) == 1
    assert desk.state(switch).state == "done"
