"""The uplink against a real broker."""

from __future__ import annotations

import json
import time

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from protocol.messages import Event, Reported, ReportedDocument, Resend, encode_record
from protocol.reading import Reading, SeriesKey

pytestmark = pytest.mark.needs_mosquitto


def reading(value: int) -> list[Reading]:
    return [Reading(SeriesKey("m-1", "energy_active_forward"), 1_800_000_000_000 + value, value)]


def test_stored_while_connected_arrives_live_and_the_receipt_comes_back(central, box, until):
    gateway = box().start()

    gateway.outbox.append_readings(reading(1))
    until(lambda: gateway.waits() == 0, "the receipt")

    [(channel, batch, columns)] = central.batches
    assert (channel, batch.seq, columns.readings()) == ("data", 1, reading(1))


def test_stored_before_the_connection_arrives_as_history_and_events_in_their_channel(central, box, until):
    gateway = box()
    for value in range(20):
        gateway.outbox.append_readings(reading(value))
    gateway.outbox.append_events([Event(code="door.open", at_ms=1, severity="info", message="open")])

    gateway.start()
    until(lambda: gateway.waits() == 0, "all receipts")

    assert [channel for channel, _, _ in central.batches] == ["backfill"] * 20 + ["event"]
    assert central.seqs() == list(range(1, 22))


def test_nothing_leaves_the_outbox_without_a_receipt(central, box, until):
    central.acking = False
    gateway = box().start()
    for value in range(3):
        gateway.outbox.append_readings(reading(value))
    until(lambda: len(central.batches) >= 3, "delivery")

    assert gateway.waits() == 3

    central.ack("gw-1", 1, gateway.outbox.epoch, 3)
    until(lambda: gateway.waits() == 0, "the receipt")


def test_missing_receipt_brings_the_same_batch_again(central, box, until):
    central.acking = False
    gateway = box().start()
    gateway.outbox.append_readings(reading(1))

    until(lambda: len(central.batches) >= 2, "the second try")

    assert set(central.seqs()) == {1}


def test_identity_is_announced_at_each_connect(central, box, until):
    gateway = box().start()
    gateway.sender.report(Reported(documents={"lines": ReportedDocument(version=3)}))

    until(lambda: {"birth", "state", "reported", "health"} <= {channel for channel, _ in central.heard}, "all four messages")

    heard = dict(central.heard)
    assert json.loads(heard["birth"])["epoch"] == gateway.outbox.epoch
    assert json.loads(heard["state"])["state"] == "online"
    assert json.loads(heard["reported"])["documents"]["lines"]["version"] == 3


def test_broker_restart_loses_nothing(central, box, broker, until):
    gateway = box().start()
    for value in range(10):
        gateway.outbox.append_readings(reading(value))
    broker.kill()
    for value in range(10, 20):
        gateway.outbox.append_readings(reading(value))
    broker.start()

    until(lambda: gateway.waits() == 0, "everything after the restart")

    assert set(central.seqs()) == set(range(1, 21))


def test_history_does_not_wait_in_the_broker_for_nobody(box, broker, until):
    gateway = box().start()
    for value in range(30):
        gateway.outbox.append_readings(reading(value))

    until(lambda: gateway.sender._window.paused, "the broker says that nobody listens")

    assert gateway.waits() == 30


def test_refused_write_pauses_and_keeps_everything(box, broker, until, caplog):
    gateway = box(gateway="gw-2").start()
    gateway.outbox.gateway = "gw-1"  # its topics belong to another box: the broker answers "not authorized"
    gateway.outbox.append_readings(reading(1))

    until(lambda: "does not pass batches on: Not authorized; waiting" in caplog.text, "the refusal")

    assert gateway.waits() == 1


def test_taken_over_session_comes_back(central, box, broker, until):
    gateway = box().start()
    rival = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="gw-1", protocol=mqtt.MQTTv5, reconnect_on_failure=False)
    rival.username_pw_set("gw-1", broker.passwords["gw-1"])
    rival.connect(broker.host, broker.port)
    rival.loop_start()
    until(lambda: sum(channel == "birth" for channel, _ in central.heard) == 2, "the session that follows the takeover")
    rival.disconnect()
    rival.loop_stop()

    gateway.outbox.append_readings(reading(1))
    until(lambda: gateway.waits() == 0, "delivery after the takeover")

    states = [json.loads(payload)["state"] for channel, payload in central.heard if channel == "state"]
    assert set(states) == {"online"}


def test_restart_within_the_will_delay_is_no_outage(central, box, until):
    first = box(will_delay_s=2).start()
    first.stop()

    box(will_delay_s=2).start()
    time.sleep(2.5)  # the delay the broker was given, and some

    states = [json.loads(payload)["state"] for channel, payload in central.heard if channel == "state"]
    assert states == ["online", "online"]


def test_box_that_stays_away_is_reported_offline(central, box, until):
    gateway = box(will_delay_s=1).start()

    gateway.stop()

    until(lambda: any(channel == "state" and b"offline" in payload for channel, payload in central.heard), "the will")


def test_range_asked_for_again_is_sent_again_although_acked(central, box, until):
    gateway = box().start()
    for value in range(5):
        gateway.outbox.append_readings(reading(value))
    until(lambda: gateway.waits() == 0, "all receipts")
    central.batches.clear()

    central.publish("ce/v1/gw-1/down/resend", encode_record(Resend(epoch=gateway.outbox.epoch, first=2, last=4)))
    until(lambda: len(central.batches) >= 3, "the range")

    assert [(channel, batch.seq) for channel, batch, _ in central.batches] == [("backfill", 2), ("backfill", 3), ("backfill", 4)]


def test_retained_receipt_spares_a_resend_after_a_restart(central, box, until):
    central.acking = False
    first = box().start()
    for value in range(5):
        first.outbox.append_readings(reading(value))
    until(lambda: len(set(central.seqs())) == 5, "delivery")
    first.stop()
    central.ack("gw-1", 1, central.batches[0][1].epoch, 5)
    central.batches.clear()

    second = box().start()
    second.outbox.append_readings(reading(6))
    until(lambda: 6 in central.seqs(), "the new batch")

    assert set(central.seqs()) == {6}
    assert second.waits() == 1


def test_receipts_of_other_epochs_and_generations_are_ignored(central, box, until):
    central.acking = False
    gateway = box().start()
    gateway.outbox.append_readings(reading(1))
    until(lambda: central.batches, "delivery")

    central.ack("gw-1", 1, gateway.outbox.epoch + 1, 1)
    central.ack("gw-1", 2, gateway.outbox.epoch, 1)
    central.publish("ce/v1/gw-1/down/cmd", b"marker")
    until(lambda: gateway.commands, "the message behind the receipts")

    assert gateway.waits() == 1


def test_receipt_beyond_what_was_stored_begins_a_new_epoch_and_keeps_all(central, box, until):
    central.acking = False
    gateway = box().start()
    old_epoch = gateway.outbox.epoch
    gateway.outbox.append_readings(reading(1))

    central.ack("gw-1", 1, old_epoch, 500)
    until(lambda: gateway.outbox.epoch != old_epoch, "the new epoch")
    central.acking = True
    until(lambda: gateway.waits() == 0, "delivery under new numbers")

    contents = [content for _, batch, content in central.batches if batch.epoch == gateway.outbox.epoch]
    assert any(hasattr(content, "readings") and content.readings() == reading(1) for content in contents)


def test_desired_documents_and_commands_are_handed_over(central, box, until):
    central.publish("ce/v1/gw-1/down/desired/lines", b'{"version": 1}', retain=True)
    gateway = box().start()
    central.publish("ce/v1/gw-1/down/cmd", b"off")

    until(lambda: gateway.documents and gateway.commands, "both")

    assert (gateway.documents, gateway.commands) == ([("lines", b'{"version": 1}')], [b"off"])


def test_unusable_message_is_told_and_does_not_end_the_session(central, box, until):
    gateway = box().start()
    for _ in range(3):
        central.publish("ce/v1/gw-1/down/ack", b"{not json")

    until(lambda: any(channel == "event" for channel, _, _ in central.batches), "the event")
    gateway.outbox.append_readings(reading(1))
    until(lambda: gateway.waits() == 0, "delivery")

    assert [content[0].code for channel, _, content in central.batches if channel == "event"] == ["uplink.bad_message"]


def test_wrong_password_is_retried_until_it_is_right(central, box, broker, until, tmp_path):
    gateway = box()
    (tmp_path / "box" / "password").write_text("guess")
    gateway.sender.start()
    gateway.outbox.append_readings(reading(1))
    until(lambda: "not authori" in broker.log().lower() or "bad user" in broker.log().lower(), "the broker's refusal")

    (tmp_path / "box" / "password").write_text(broker.passwords["gw-1"])

    until(lambda: gateway.waits() == 0, "delivery")
