"""Bytes that versions of this program once sent must be read for ever as what they meant: tests/golden/messages, one file a kind and schema.

Each file was written by the encoder of its time. A schema that is no longer written keeps its file; a new one gets a new file.
"""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import orjson
import pytest

from protocol import messages
from protocol.errors import UnknownSchema
from protocol.messages import BatchId, Columns, checksum, columns, decode_record, decode_stored, encode_events, encode_readings
from protocol.reading import Reading

_FOLDER = Path(__file__).parents[2] / "golden" / "messages"
_BATCHES = sorted(path.stem for path in _FOLDER.glob("*_[0-9].json") if not path.stem.startswith("records"))
_RECORDS = json.loads((_FOLDER / "records_1.json").read_text(encoding="utf-8"))


def golden(name: str) -> tuple[dict[str, Any], bytes]:
    told: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return told, base64.b64decode(told["payload"])


def plain(content: object) -> list[object]:
    if isinstance(content, Columns):
        return [[one.series.device, one.series.quantity, one.measured_at_ms, one.value, int(one.quality)] for one in content.readings()]
    assert isinstance(content, tuple)
    return [event.model_dump() for event in content]


def test_every_readable_schema_of_readings_has_a_golden_message():
    assert {f"readings_{schema}" for schema in messages.READABLE_BATCHES} <= set(_BATCHES)


@pytest.mark.parametrize("name", _BATCHES)
def test_golden_batch_means_what_it_meant(name: str):
    told, payload = golden(name)

    batch, content = decode_stored(payload, int(told["crc32c"], 16))

    assert (batch, plain(content)) == (BatchId(*told["batch"]), told["expect"])


@pytest.mark.parametrize("name", _BATCHES)
def test_fields_a_later_minor_version_adds_do_no_harm(name: str):
    told, payload = golden(name)
    envelope = orjson.loads(zlib.decompress(payload))

    _, content = decode_stored(zlib.compress(orjson.dumps(envelope | {"colour": "blue", "phase": [1, 2, 3]})))

    assert plain(content) == told["expect"]


@pytest.mark.parametrize("newer", [1, 2])
@pytest.mark.parametrize("name", _BATCHES)
def test_schema_of_a_later_version_is_never_guessed_at(name: str, newer: int):
    _, payload = golden(name)
    envelope = orjson.loads(zlib.decompress(payload))

    with pytest.raises(UnknownSchema):
        decode_stored(zlib.compress(orjson.dumps(envelope | {"schema": messages.READINGS_SCHEMA + newer})))


def test_what_is_written_now_is_the_golden_message_of_its_schema():
    told, payload = golden(f"readings_{messages.READINGS_SCHEMA}")
    batch, content = decode_stored(payload)
    events_told, events_payload = golden(f"events_{messages.SCHEMA}")
    events_batch, events = decode_stored(events_payload)
    assert isinstance(content, Columns)
    assert isinstance(events, tuple)

    readings: list[Reading] = content.readings()
    assert zlib.decompress(encode_readings(batch, columns(readings))) == zlib.decompress(payload)
    assert zlib.decompress(encode_events(events_batch, events)) == zlib.decompress(events_payload)
    assert (int(told["crc32c"], 16), int(events_told["crc32c"], 16)) == (checksum(payload), checksum(events_payload))


@pytest.mark.parametrize("told", _RECORDS, ids=[told["record"] for told in _RECORDS])
def test_golden_record_is_read_whole(told: dict[str, str]):
    kind = getattr(messages, told["record"])

    record = decode_record(kind, told["payload"].encode())

    written = json.loads(messages.encode_record(record))
    assert {key: written[key] for key in json.loads(told["payload"])} == json.loads(told["payload"])
