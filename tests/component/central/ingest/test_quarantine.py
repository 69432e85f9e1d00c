"""What cannot be stored: kept with its reason, acknowledged where its identity is readable, no obstacle to the rest."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import orjson
import pytest

from central.db.pool import Connection
from central.ingest.quarantine import list_quarantined
from central.ingest.receipts import ack
from central.ingest.replay import replay
from central.ingest.series import SeriesIds
from central.ingest.store import Stored, store
from central.ingest.verify import verify
from central.metering.model import PlanDiff
from central.mqtt.session import Message
from protocol import messages
from protocol.messages import CRC_PROPERTY, MAX_PACKED_BYTES, MAX_UNPACKED_BYTES, BatchId, columns, encode_readings
from protocol.reading import Reading

NOW_MS = 1_800_000_000_000
BATCH = BatchId("gw-1", 1, 1, 1)
Make = Callable[..., Message]
MakeReadings = Callable[..., list[Reading]]


def put(conn: Connection, *messages: Message) -> Stored:
    return store(conn, SeriesIds(), [verify(message, NOW_MS) for message in messages])


def envelope(**changes: object) -> bytes:
    """A sound readings envelope with some keys changed."""
    sound = {"schema": 1, "gateway": "gw-1", "generation": 1, "epoch": 1, "seq": 1, "kind": "readings", "base_ms": NOW_MS}
    columns = {"series": [["m1", "voltage_a"]], "s": [0], "t": [0], "v": [1]}
    return zlib.compress(orjson.dumps({key: value for key, value in (sound | columns | changes).items() if value is not ...}))


POISON = {
    "unknown schema": (envelope(schema=9), "message.unknown_schema"),
    "wrong types": (envelope(v=["1"]), "message.invalid"),
    "columns of different length": (envelope(t=[0, 1]), "message.invalid"),
    "number beyond 64 bits": (envelope(v=[1 << 63]), "message.invalid"),
    "unknown kind": (envelope(kind="songs"), "message.unknown_schema"),
    "not compressed": (b"hello", "message.corrupt"),
    "not JSON": (zlib.compress(b"hello"), "message.corrupt"),
    "zip bomb": (zlib.compress(bytes(MAX_UNPACKED_BYTES + 1)), "message.corrupt"),
    "truncated": (envelope()[:-5], "message.corrupt"),
    "larger than allowed": (bytes(MAX_PACKED_BYTES + 1), "message.corrupt"),
    "empty": (b"", "message.corrupt"),
    "reading from the far future": (envelope(base_ms=NOW_MS + 10**9), "message.future"),
}


@pytest.mark.parametrize(("payload", "reason"), POISON.values(), ids=POISON)
def test_poison_is_kept_and_acknowledged_and_stops_nobody(
    site: Connection, wrap: Make, make_message: Make, make_readings: MakeReadings, payload: bytes, reason: str
):
    stored = put(site, wrap(payload, BATCH), make_message(2, make_readings(7)))

    entries, total = list_quarantined(site)
    assert [(entry.reason, entry.gateway, entry.seq) for entry in entries] == [(reason, "gw-1", 1)]
    assert (total, stored.readings, stored.quarantined) == (1, 1, 1)
    assert [ack(receipt).seq for receipt in stored.receipts] == [2]
    assert site.execute("select outcome from batch order by seq").fetchall() == [("quarantined",), ("stored",)]


def test_wrong_checksum_is_poison(site: Connection, wrap: Make):
    message = wrap(envelope(), BATCH)
    put(site, Message(message.topic, message.payload, {**message.properties, CRC_PROPERTY: "00000000"}))

    assert list_quarantined(site)[0][0].reason == "message.corrupt"


def test_identity_is_read_from_the_envelope_when_no_property_tells_it(site: Connection):
    stored = put(site, Message("ce/v1/gw-1/up/data", envelope(schema=9), {}))

    assert [ack(receipt).seq for receipt in stored.receipts] == [1]


def test_poison_without_identity_is_kept_once_however_often_it_comes(site: Connection):
    message = Message("ce/v1/gw-1/up/data", b"noise", {})
    stored = [put(site, message) for _ in range(3)]

    entries, total = list_quarantined(site)
    assert (total, entries[0].times, entries[0].seq) == (1, 3, None)
    assert [one.receipts for one in stored] == [[], [], []]


def test_batch_on_a_foreign_topic_is_poison(site: Connection, wrap: Make):
    put(site, wrap(envelope(gateway="gw-2"), BATCH))

    entries, _ = list_quarantined(site)
    assert [(entry.reason, entry.gateway) for entry in entries] == [("message.wrong_gateway", "gw-1")]


def test_topic_outside_the_contract_is_poison(site: Connection):
    put(site, Message("ce/v1/gw-1/up/song\0", envelope(), {"a\0b": "c\0d"}))

    assert list_quarantined(site)[0][0].reason == "message.topic"


def test_replaced_box_is_quarantined_and_gets_no_receipt(site: Connection, make_message: Make, make_readings: MakeReadings):
    put(site, make_message(1, make_readings(1), generation=2))

    stored = put(site, make_message(1, make_readings(5, at_ms=NOW_MS + 1), generation=1))

    assert (stored.readings, stored.receipts) == (0, [])
    assert list_quarantined(site)[0][0].reason == "batch.old_generation"


def test_readings_of_an_unknown_device_wait_and_the_rest_is_stored(site: Connection, make_message: Make, make_readings: MakeReadings):
    stored = put(site, make_message(1, [*make_readings(1, 2), *make_readings(3, device="nobody")]))

    assert (stored.readings, stored.quarantined) == (2, 1)
    assert site.execute("select outcome from batch").fetchall() == [("stored",)]
    assert "1 readings of nobody" in list_quarantined(site, reason="device.unknown")[0][0].message


def test_unknown_quantity_waits_for_a_newer_central(site: Connection, make_message: Make, make_readings: MakeReadings):
    put(site, make_message(1, make_readings(1, quantity="happiness")))

    assert list_quarantined(site)[0][0].reason == "quantity.unknown"


def test_one_bad_value_is_kept_as_evidence_and_its_neighbours_are_stored(site: Connection, wrap: Make):
    payload = envelope(s=[0, 0, 0], t=[0, 1, 2], v=[1, 1 << 63, 3])

    stored = put(site, wrap(payload, BATCH))

    entries, _ = list_quarantined(site)
    assert [(entry.reason, entry.seq) for entry in entries] == [("reading.unusable", 1)]
    assert bytes(site.execute("select payload from quarantine").fetchall()[0][0]) == payload
    assert (stored.readings, [ack(receipt).seq for receipt in stored.receipts]) == (2, [1])
    assert site.execute("select value from reading order by measured_at").fetchall() == [(1,), (3,)]


def test_reading_from_the_far_future_does_not_hold_up_its_neighbours(site: Connection, make_message: Make, make_readings: MakeReadings):
    stored = put(site, make_message(1, [*make_readings(1), *make_readings(2, device="m2", at_ms=NOW_MS + 2 * 86_400_000)]))

    entries, _ = list_quarantined(site)
    assert [entry.reason for entry in entries] == ["message.future"]
    assert "1 readings measured up to" in entries[0].message
    assert (stored.readings, stored.quarantined) == (1, 1)
    assert site.execute("select device from series join reading on id = series_id").fetchall() == [("m1",)]


def test_message_of_a_newer_schema_is_kept_whole_and_stored_after_the_upgrade(site: Connection, monkeypatch: pytest.MonkeyPatch):
    newer = envelope(schema=messages.READINGS_SCHEMA + 1, series=..., s=..., devices=["m1"], quantities=["voltage_a"], d=[0], k=[0], colour="blue")
    put(site, Message("ce/v1/gw-1/up/data", newer, {}))
    assert replay(site, NOW_MS) == 0

    monkeypatch.setattr(messages, "READABLE_BATCHES", range(1, messages.READINGS_SCHEMA + 2))

    assert replay(site, NOW_MS) == 1
    assert site.execute("select value from reading").fetchall() == [(1,)]
    assert replay(site, NOW_MS) == 0


def test_replay_stores_what_the_new_plan_knows(
    site: Connection, import_plan: Callable[..., PlanDiff], plan: str, make_message: Make, make_readings: MakeReadings
):
    put(site, make_message(1, [*make_readings(1, device="m9"), *make_readings(2, device="nobody")]))
    put(site, make_message(1, make_readings(4), gateway="gw-9"))
    assert replay(site, NOW_MS) == 0
    import_plan(site, plan.replace("id: m2", "id: m9").replace("id: gw-2", "id: gw-9"))
    site.commit()

    assert replay(site, NOW_MS) == 2

    rows = site.execute("select device, value from reading join series on id = series_id order by 1").fetchall()
    assert rows == [("m1", 4), ("m9", 1)]
    waiting = site.execute("select reason, message from quarantine where replayed_at is null").fetchall()
    assert waiting == [("device.unknown", "1 readings of nobody: device.unknown; the rest of the batch is stored")]
    site.rollback()
    assert replay(site, NOW_MS) == 0


def test_device_that_cannot_be_text_is_unknown(site: Connection, wrap: Make, make_readings: MakeReadings):
    put(site, wrap(encode_readings(BATCH, columns(make_readings(1, device="m\0"))), BATCH))

    assert list_quarantined(site)[0][0].reason == "device.unknown"
