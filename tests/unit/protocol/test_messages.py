from __future__ import annotations

import json
import random
import zlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import messages
from protocol.errors import CorruptMessage, MessageError, UnknownSchema
from protocol.messages import Ack, BatchId, Columns, Event, LinesDocument, Reported, ReportedDocument, columns, decode_record, decode_stored
from protocol.reading import Quality, Reading, SeriesKey

BATCH = BatchId("gw-01", 1, 2, 3)
NOON_MS = 1_790_000_000_000
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
KEYS = st.builds(SeriesKey, st.sampled_from(["m1", "m2", "m3"]), st.sampled_from(["voltage_a", "energy_active_forward"]))
READINGS = st.lists(st.builds(Reading, KEYS, st.integers(0, 1 << 42), INT64, st.sampled_from(Quality)), max_size=30)
ENVELOPE: dict[str, Any] = {
    "schema": 1,
    "gateway": "gw-01",
    "generation": 1,
    "epoch": 2,
    "seq": 3,
    "kind": "readings",
    "base_ms": NOON_MS,
    "series": [["m1", "voltage_a"]],
    "s": [0],
    "t": [0],
    "v": [229700],
}
STEPPED: dict[str, Any] = {
    **{name: value for name, value in ENVELOPE.items() if name not in ("series", "s")},
    "schema": 2,
    "devices": ["m1"],
    "quantities": ["voltage_a"],
    "d": [0],
    "k": [0],
}


def packed(**changes: Any) -> bytes:
    return squeezed({**ENVELOPE, **changes})


def squeezed(envelope: dict[str, Any]) -> bytes:
    return zlib.compress(orjson.dumps({key: value for key, value in envelope.items() if value is not ...}))


@given(READINGS)
def test_readings_come_back_as_they_went(readings: list[Reading]):
    payload = messages.encode_readings(BATCH, columns(readings))

    batch, data = decode_stored(payload, messages.checksum(payload))

    assert batch == BATCH
    assert isinstance(data, Columns)
    assert data.readings() == readings


def test_a_device_and_a_quantity_are_named_once():
    readings = [Reading(SeriesKey(device, "voltage_a"), NOON_MS + 60_000 * at, 230_000) for at in range(3) for device in ("m1", "m2")]

    envelope = orjson.loads(zlib.decompress(messages.encode_readings(BATCH, columns(readings))))

    assert (envelope["devices"], envelope["quantities"]) == (["m1", "m2"], ["voltage_a"])
    assert (envelope["d"], envelope["k"]) == ([0, 1, -1, 1, -1, 1], [0] * 6)
    assert envelope["t"] == [0, 0, 60_000, 0, 60_000, 0]
    assert "q" not in envelope  # all good


# Batches as they lie in the outboxes of boxes that are updated or cut off. Never to be changed: central must be able to read them.
GOLDEN_ROWS = [
    (("m1", "energy_active_forward"), 0, 123_456_780, 0),
    (("m1", "voltage_a"), 0, 229_700, 0),
    (("m2", "energy_active_forward"), 61, -5, 2),
    (("m2", "voltage_a"), 61, 230_100, 0),
    (("m1", "voltage_a"), 60_000, 229_800, 3),
]
GOLDEN = {
    1: (
        "789c7d8e418ec2300c45efe2b591120728f42aa8aa4c6b4234d31692a81542dc7ddc0c429acd44c9c22fffd97e42eaae3230d416c17396851f50835f"
        "36c682121925720ed35802729bba2bd48490e40eb543f80a63aff928dc87d12755ce9ca41d92e6aba3f99cd58841149f4e30acadd7cefed17297c32c"
        "ed658a0bc71e1a7c7fcfd377662f2dff22fadfa0bf46a3e37492418b840eadd6b9d406f7b6dc7527a5b3524b6ebbdb57078344c74a57ddec909cb1a6"
        "8043c9dddf36e973cdeb0751e158bf"
    ),
    2: (
        "789c3d8ed1aec2200c86dfa5d72c29e09cec558c59ead683c433a603b718e3bb5b76cc69d28b7e7c3fed0b527fe191a0350a3c655ee9092df8b5420d"
        "4238f24c394c115aad806f537fd9d4c47768ad826b8883f833d310a24f123953e26e4ce2370eff4bc1c04be859f811c6f2f568e0a4e0fea098430e7f"
        "0f659b7f76d4e7b070f733cd2bcd83b8cbf49bc973472522fb8ea85069e94a0bb86e406fa8ccf92bec0baa9db34ee022501bbbabf7cd019531ae91a3"
        "aa5a198b1a3770402c077dc346da9ede1f484f4fbc"
    ),
}


@pytest.mark.parametrize("schema", [1, 2])
def test_batches_of_both_schemas_say_the_same(schema: int):
    readings = [Reading(SeriesKey(*key), NOON_MS + at, value, Quality(quality)) for key, at, value, quality in GOLDEN_ROWS]

    batch, data = decode_stored(bytes.fromhex(GOLDEN[schema]))

    assert batch == BATCH
    assert isinstance(data, Columns)
    assert data.readings() == readings


def test_events_come_back_as_they_went():
    event = Event(code="line.port_unavailable", at_ms=NOON_MS, severity="error", line="l1", message="cannot open", data={"port": "/dev/ttyS1"})

    assert decode_stored(messages.encode_events(BATCH, [event])) == (BATCH, (event,))


def test_keys_of_a_newer_minor_version_are_ignored():
    assert len(decode_stored(packed(colour="blue"))[1]) == 1


@pytest.mark.parametrize("schema", [messages.READINGS_SCHEMA + 1, 0, "1", 1.0, None, True, ...])
def test_unknown_schema_is_refused(schema: object):
    with pytest.raises(UnknownSchema):
        decode_stored(packed(schema=schema))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"kind": "pictures"}, id="kind"),
        pytest.param({"gateway": 7}, id="gateway no text"),
        pytest.param({"seq": 0}, id="seq below one"),
        pytest.param({"epoch": 1.5}, id="epoch no integer"),
        pytest.param({"generation": ...}, id="no generation"),
        pytest.param({"v": [1.5]}, id="float value"),
        pytest.param({"v": [True]}, id="boolean value"),
        pytest.param({"v": [1 << 63]}, id="value beyond 64 bits"),
        pytest.param({"v": [1, 2]}, id="columns of different length"),
        pytest.param({"v": ...}, id="no values"),
        pytest.param({"s": [1]}, id="index outside series"),
        pytest.param({"s": [-1]}, id="negative index"),
        pytest.param({"s": [0, 1], "t": [0, 0], "v": [1, 2]}, id="one index of several outside series"),
        pytest.param({"series": ["ab"]}, id="series entry a text of two letters"),
        pytest.param({"series": [["m1", ""]]}, id="empty quantity"),
        pytest.param({"base_ms": 1 << 53}, id="base beyond exact numbers"),
        pytest.param({"base_ms": True}, id="base a boolean"),
        pytest.param({"seq": 1 << 63}, id="seq beyond 64 bits"),
        pytest.param({"t": [-1]}, id="negative offset"),
        pytest.param({"t": [1 << 43]}, id="offset out of this century"),
        pytest.param({"q": [9]}, id="unknown quality"),
        pytest.param({"q": None}, id="quality null"),
        pytest.param({"base_ms": -1}, id="negative base"),
        pytest.param({"base_ms": "now"}, id="base no integer"),
        pytest.param({"series": [["m1"]]}, id="series without quantity"),
        pytest.param({"series": [["", "voltage_a"]]}, id="empty device"),
        pytest.param({"series": [["m" * 65, "voltage_a"]]}, id="device too long"),
        pytest.param({"series": "m1"}, id="series no list"),
        pytest.param({"kind": "events", "events": [{"code": "x"}]}, id="event incomplete"),
        pytest.param({"kind": "events"}, id="no events"),
    ],
)
def test_wrong_structure_is_quarantined_not_half_read(changes: dict[str, Any]):
    with pytest.raises(MessageError):
        decode_stored(packed(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"d": [1]}, id="device outside devices"),
        pytest.param({"d": [-1]}, id="negative device"),
        pytest.param({"d": [0, 1], "k": [0, 0], "t": [0, 0], "v": [1, 2]}, id="one step of several leads outside devices"),
        pytest.param({"k": [1]}, id="quantity outside quantities"),
        pytest.param({"k": [-1]}, id="negative quantity"),
        pytest.param({"d": [0, 0]}, id="more devices than quantities"),
        pytest.param({"d": [0, 0], "k": [0, 0]}, id="fewer values than devices"),
        pytest.param({"d": ...}, id="no devices column"),
        pytest.param({"d": [0.5]}, id="half a step"),
        pytest.param({"k": "0"}, id="quantities column a text"),
        pytest.param({"devices": "m1"}, id="devices no list"),
        pytest.param({"devices": [7]}, id="device no text"),
        pytest.param({"devices": [""]}, id="device without name"),
        pytest.param({"devices": ["m" * 65]}, id="device too long"),
        pytest.param({"quantities": [["voltage_a"]]}, id="quantity no text"),
        pytest.param({"t": [-1]}, id="before base"),
        pytest.param({"schema": 1}, id="columns of the other schema"),
    ],
)
def test_wrong_steps_are_quarantined_not_half_read(changes: dict[str, Any]):
    assert len(decode_stored(squeezed(STEPPED))[1]) == 1
    with pytest.raises(MessageError):
        decode_stored(squeezed({**STEPPED, **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"t": [0, 1 << 43, 9]}, id="offset out of this century"),
        pytest.param({"t": [0, -1, 9]}, id="negative offset"),
        pytest.param({"v": [1, 1 << 63, 3]}, id="value beyond 64 bits"),
        pytest.param({"v": [1, -(1 << 63) - 1, 3]}, id="value below 64 bits"),
        pytest.param({"v": [1, 1 << 70, 3]}, id="value that JSON readers turn into a float"),
        pytest.param({"v": [1, None, 3]}, id="no value"),
        pytest.param({"v": [1, "2", 3]}, id="value a text"),
        pytest.param({"v": [1, True, 3]}, id="value a boolean"),
        pytest.param({"q": [0, 9, 1]}, id="unknown quality"),
        pytest.param({"q": [0, [], 1]}, id="quality a list"),
    ],
)
def test_one_bad_reading_leaves_its_neighbours_whole(changes: dict[str, Any]):
    columns = {"s": [0, 0, 0], "t": [0, 5, 9], "v": [1, 2, 3], "q": [0, 0, 1]}

    _, data = decode_stored(squeezed_by_hand({**ENVELOPE, **columns, **changes}))

    good = [Reading(SeriesKey("m1", "voltage_a"), NOON_MS, 1), Reading(SeriesKey("m1", "voltage_a"), NOON_MS + 9, 3, Quality.CLOCK_UNSURE)]
    assert isinstance(data, Columns)
    assert (data.readings(), data.unusable) == (good, 1)


def test_one_bad_time_between_steps_leaves_its_neighbours_whole():
    columns = {"d": [0, 0, 0], "k": [0, 0, 0], "t": [0, -6, 15], "v": [1, 2, 3]}

    _, data = decode_stored(squeezed({**STEPPED, **columns}))

    assert isinstance(data, Columns)
    assert ([reading.value for reading in data.readings()], data.measured_at_ms[1] - data.measured_at_ms[0], data.unusable) == ([1, 3], 9, 1)


def squeezed_by_hand(envelope: dict[str, Any]) -> bytes:
    """As another program might write it: orjson refuses numbers beyond 64 bits."""
    return zlib.compress(json.dumps(envelope).encode())


def test_unknown_kind_waits_for_a_newer_reader():
    with pytest.raises(UnknownSchema):
        decode_stored(packed(kind="pictures"))


def test_more_readings_than_a_batch_may_hold_are_refused():
    many = [0] * (messages.MAX_READINGS + 1)

    with pytest.raises(MessageError):
        decode_stored(packed(s=many, t=many, v=many))
    with pytest.raises(MessageError):
        decode_stored(squeezed({**STEPPED, "d": many, "k": many, "t": many, "v": many}))


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not zlib", id="not compressed"),
        pytest.param(packed()[:-3], id="truncated"),
        pytest.param(packed() + b"x", id="bytes behind"),
        pytest.param(zlib.compress(b"{not json"), id="not JSON"),
        pytest.param(zlib.compress(bytes(messages.MAX_UNPACKED_BYTES + 1)), id="bomb"),
        pytest.param(bytes(messages.MAX_PACKED_BYTES + 1), id="too large"),
    ],
)
def test_damaged_payload_is_corrupt(payload: bytes):
    with pytest.raises(CorruptMessage):
        decode_stored(payload)


def test_json_that_is_no_object_is_refused():
    with pytest.raises(MessageError):
        decode_stored(zlib.compress(b"[1]"))


@given(st.data())
def test_any_flipped_bit_is_caught_by_the_checksum(data: st.DataObject):
    payload = bytearray(packed())
    crc = messages.checksum(bytes(payload))
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(CorruptMessage):
        decode_stored(bytes(payload), crc)


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_raise_a_message_error(payload: bytes):
    for content in (payload, zlib.compress(payload)):
        with pytest.raises(MessageError):
            decode_stored(content)


def test_checksum_is_crc32c():
    assert messages.checksum(b"123456789") == 0xE3069283  # the check value of CRC-32C (Castagnoli)


# --- small records ---


@pytest.mark.parametrize(
    "record",
    [
        Ack(generation=1, epoch=2, seq=3, also=((5, 7), (9, 9))),
        Reported(documents={"lines": ReportedDocument(version=4, refused_version=5, error="lines.yaml:3: wrong")}),
        LinesDocument(gateway="gw-01", version=1, lines=()),
        LinesDocument(gateway="gw-01", version=1, timezone="Asia/Urumqi", lines=()),
    ],
)
def test_records_come_back_as_they_went(record):
    assert decode_record(type(record), messages.encode_record(record)) == record


def test_usual_time_zone_is_left_out_so_that_older_agents_read_the_document():
    assert b"timezone" not in messages.encode_record(LinesDocument(gateway="gw-01", version=1, lines=()))


def test_record_keys_of_a_newer_version_are_ignored():
    assert decode_record(Ack, b'{"schema":1,"generation":1,"epoch":2,"seq":3,"colour":"blue"}') == Ack(generation=1, epoch=2, seq=3)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", CorruptMessage),
        (b"{", CorruptMessage),
        (b"\xff", CorruptMessage),
        (b" " * (messages.MAX_UNPACKED_BYTES + 1), CorruptMessage),
        (b"[]", MessageError),
        (b'{"schema":99,"generation":1,"epoch":2,"seq":3}', UnknownSchema),
        (b'{"generation":1,"epoch":2,"seq":3}', UnknownSchema),
        (b'{"schema":1,"epoch":2,"seq":3}', MessageError),
        (b'{"schema":1,"generation":1,"epoch":2,"seq":-1}', MessageError),
    ],
)
def test_wrong_record_is_refused(payload: bytes, error: type[MessageError]):
    with pytest.raises(error):
        decode_record(Ack, payload)


def test_wrong_record_names_the_key():
    with pytest.raises(MessageError, match=r"Ack: seq: "):
        decode_record(Ack, b'{"schema":1,"generation":1,"epoch":2,"seq":"x"}')


def test_numbers_may_reach_their_limits():
    readings = [Reading(SeriesKey("m", "v"), at, value) for at, value in ((0, -(1 << 63)), ((1 << 43) - 1, (1 << 63) - 1))]

    _, data = decode_stored(messages.encode_readings(BatchId("g", 1, 1, (1 << 63) - 1), columns(readings)))

    assert isinstance(data, Columns)
    assert data.readings() == readings


def test_payload_with_the_checksum_of_another_is_corrupt():
    with pytest.raises(CorruptMessage, match="CRC"):
        decode_stored(packed(), messages.checksum(packed(seq=4)))


def test_payload_beyond_the_cap_is_not_even_unpacked():
    chance = random.Random(5)
    noise = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(700_000))
    payload = packed(noise=noise)
    assert len(payload) > messages.MAX_PACKED_BYTES

    with pytest.raises(CorruptMessage, match=f"at most {messages.MAX_PACKED_BYTES} "):
        decode_stored(payload)


def test_record_beyond_the_cap_is_not_even_parsed():
    with pytest.raises(CorruptMessage, match=f"at most {messages.MAX_UNPACKED_BYTES} "):
        decode_record(Ack, b'{"schema":1,"generation":1,"epoch":1,"seq":1}'.ljust(messages.MAX_UNPACKED_BYTES + 1))


@pytest.mark.parametrize(("first", "last", "fits"), [(1, 1, True), (0, 1, False), (1, 0, False)])
def test_range_to_send_again_counts_from_one(first: int, last: int, fits: bool):
    document = orjson.dumps({"schema": 1, "epoch": 7, "first": first, "last": last})
    if fits:
        assert decode_record(messages.Resend, document).last == last
        return
    with pytest.raises(MessageError):
        decode_record(messages.Resend, document)
