"""Commands on a real line worker: read, switched with read-back, refused, repeated, interrupted."""

from __future__ import annotations

import uuid

from protocol.command import Command
from protocol.messages import encode_record
from protocol.site_plan import VirtualFault

ON, OFF = "relay_1_on", "relay_1_off"


def relay_writes(desk) -> int:
    """Write frames (function 5) to the relay since the lines came up."""
    return sum(one.device == "relay" and one.direction == ">" and one.data[1] == 5 for one in desk.lines.worker("l1").raw_frames())


def test_read_answers_with_values_and_their_raw_exchanges(desk, settled):
    result = settled(desk.ask("read", "meter", quantities=("energy_active_forward", "voltage_a")))

    assert (result.state, result.code) == ("done", "")
    assert {one.quantity for one in result.readings} == {"energy_active_forward", "voltage_a"}
    assert {one.device for one in result.frames} == {"meter"}
    assert [one.verdict for one in result.frames][:2] == ["sent", "ok"]
    assert all(bytes.fromhex(one.hex) for one in result.frames)


def test_values_read_now_are_published_as_readings_too(desk, settled, eventually):
    result = settled(desk.ask("read", "meter", quantities=("voltage_a",)))

    wanted = (result.readings[0].at_ms, result.readings[0].value)
    eventually(lambda: wanted in [(one.measured_at_ms, one.value) for one in list(desk.readings)], "the reading is published")


def test_switch_is_proved_by_its_reading(desk, settled):
    command = desk.ask("switch", command=ON)

    result = settled(command)

    assert (result.state, result.quantity, result.seen, result.already) == ("done", "relay_1", 1, False)
    assert [one.state for one in desk.results(command, final=False)] == ["running", "done"]


def test_repeated_command_is_answered_and_not_carried_out_again(desk, settled):
    command = desk.ask("switch", command=ON)
    first, sent = settled(command), relay_writes(desk)

    desk.ask("switch", again=command)
    desk.ask("switch", again=command)
    settled(desk.ask("read"))

    assert desk.results(command) == [first, first, first]
    assert relay_writes(desk) == sent == 1


def test_output_needs_its_rest_between_two_switchings(desk, settled):
    settled(desk.ask("switch", command=ON))

    result = settled(desk.ask("switch", command=OFF))

    assert (result.state, result.code) == ("refused", "too_soon")


def test_other_outputs_of_the_box_need_not_wait(desk, settled):
    settled(desk.ask("switch", command="relay_2_on"))

    assert settled(desk.ask("switch", command="relay_3_on")).state == "done"


def test_late_command_is_refused_as_expired_and_nothing_is_sent(desk, settled):
    now_ms = desk.clock.wall_ms()
    by_clock = desk.ask("switch", command=ON, issued_at_ms=now_ms - 9_000, expires_at_ms=now_ms - 1)
    by_broker = desk.ask("switch", expiry_s=0, command=ON)

    assert [settled(one).state for one in (by_clock, by_broker)] == ["expired", "expired"]
    assert relay_writes(desk) == 0


def test_without_a_trusted_clock_the_broker_s_word_counts(desk, settled):
    desk.clock.is_trusted = False
    late = desk.clock.wall_ms() - 1_000_000

    known = desk.ask("read", "meter", quantities=("voltage_a",), issued_at_ms=late, expires_at_ms=late + 1_000)
    unknown = desk.ask("read", "meter", expiry_s=None)

    assert (settled(known).state, settled(known).clock_unsure) == ("done", True)
    assert (settled(unknown).state, settled(unknown).code) == ("expired", "clock_unsure")


def test_switch_that_needs_a_password_is_refused_with_the_reason(desk, settled):
    result = settled(desk.ask("switch", "meter", command="meter_disconnect"))

    assert (result.state, result.code) == ("refused", "password_needed")


def test_unknown_device_quantity_command_and_kind_are_refused_by_name(desk, settled):
    asked = [desk.ask("read", "nobody"), desk.ask("read", "meter", quantities=("colour",)), desk.ask("switch", command="explode"), desk.ask("dance")]

    assert [(settled(one).state, settled(one).code) for one in asked] == [
        ("refused", "unknown_device"),
        ("refused", "request.not_found"),
        ("refused", "unknown_command"),
        ("refused", "unknown_kind"),
    ]


def test_dead_device_is_an_honest_failure_with_its_silence_as_evidence(desk, settled, site):
    site.set_fault("relay", VirtualFault(kind="dead"))
    try:
        read, switched = settled(desk.ask("read")), settled(desk.ask("switch", command=ON))
    finally:
        site.set_fault("relay", None)

    assert [(one.state, one.code) for one in (read, switched)] == [("failed", "device.no_reply")] * 2
    assert switched.frames[-1].verdict == "silence"


def test_frames_shows_the_last_exchanges_of_a_device_or_of_the_line(desk, settled):
    settled(desk.ask("read", "meter", quantities=("voltage_a",)))
    settled(desk.ask("read", "relay"))

    of_device, of_line = settled(desk.ask("frames", "relay")), settled(desk.ask("frames", None, line="l1"))

    assert {one.device for one in of_device.frames} == {"relay"}
    assert {"relay", "meter"} <= {one.device for one in of_line.frames}


def interrupted(desk, command: Command) -> None:
    """Leave the inbox as a crash behind the first byte does."""
    desk.close()
    desk.open()
    desk.inbox.add(command)
    desk.inbox.begin(command.id)
    desk.close()


def test_interrupted_switch_is_read_back_and_never_sent_again(desk, settled):
    command = desk.command("switch", command=OFF)
    interrupted(desk, command)
    desk.open()

    result = settled(command)

    assert (result.state, result.code, result.quantity) == ("unknown", "interrupted", "relay_1")
    assert result.seen in (0, 1)
    assert relay_writes(desk) == 0


def test_waiting_read_of_an_earlier_run_is_made(desk, settled):
    command = desk.command("read", "meter", quantities=("voltage_a",))
    desk.inbox.add(command)
    desk.close()
    desk.open()

    assert settled(command).state == "done"


def test_result_the_outbox_refuses_is_told_later(desk, settled, eventually):
    desk.full = True
    command = desk.ask("read", "meter", quantities=("voltage_a",))
    eventually(lambda: desk.inbox.result(command.id), "the result is in the inbox")
    desk.full = False

    assert settled(command).state == "done"


def test_inbox_that_lost_its_memory_refuses_to_switch(desk, settled):
    desk.close()
    (desk.folder / "inbox.db").write_bytes(b"not a database at all" * 400)
    desk.open()
    desk.ask("read", "meter", quantities=("voltage_a",))  # meets the damage; central sends it again

    assert settled(desk.ask("switch", command=ON)).code == "forgetful"
    assert settled(desk.ask("read", "meter", quantities=("voltage_a",))).state == "done"


def test_command_of_a_newer_gateway_program_is_read_as_far_as_it_is_known(desk, settled):
    command = desk.command("read", "meter", quantities=("voltage_a",), id=str(uuid.uuid4()))
    body = encode_record(command).replace(b"{", b'{"colour":"blue",', 1)

    desk.executor.receive(body, 30)

    assert settled(command).state == "done"
