"""Commands and results on the wire."""

from __future__ import annotations

import zlib

import orjson
import pytest
from pydantic import ValidationError

from protocol.command import MAX_LIFE_S, Command, CommandResult, Results
from protocol.errors import MessageError
from protocol.messages import BatchId, decode_record, decode_stored, encode_record, encode_results

ID = "00000000-0000-4000-8000-000000000001"
BATCH = BatchId("gw-1", 1, 2, 3)
RESULT = CommandResult.model_validate(
    {
        "id": ID,
        "state": "done",
        "at_ms": 5,
        "took_ms": 12,
        "readings": [{"quantity": "voltage_a", "value": 230_100, "at_ms": 4}],
        "frames": [{"at_ms": 3, "direction": ">", "hex": "68 01", "verdict": "sent", "device": "m1"}],
    }
)


def command(**more: object) -> Command:
    facts = {"id": ID, "kind": "read", "key": "k", "device": "m1", "requested_by": "anna", "issued_at_ms": 1000, "expires_at_ms": 31_000}
    return Command.model_validate({**facts, **more})


def packed(results: object) -> bytes:
    head = {"schema": 1, "gateway": "gw-1", "generation": 1, "epoch": 2, "seq": 3, "kind": "results", "results": results}
    return zlib.compress(orjson.dumps(head))


def test_command_survives_the_wire():
    assert decode_record(Command, encode_record(command(quantities=("voltage_a",)))) == command(quantities=("voltage_a",))


@pytest.mark.parametrize(
    "wrong", [{"id": "1"}, {"expires_at_ms": 1000}, {"expires_at_ms": 1000 + MAX_LIFE_S * 1000 + 1}, {"kind": "Read"}, {"device": "no device"}]
)
def test_command_that_makes_no_sense_is_none(wrong):
    with pytest.raises(ValidationError):
        command(**wrong)


def test_results_survive_the_wire():
    refused = CommandResult(id=ID, state="refused", code="too_soon", message="wait", at_ms=6)

    assert decode_stored(encode_results(BATCH, [RESULT, refused])) == (BATCH, Results((RESULT, refused)))


def test_keys_of_a_newer_gateway_are_ignored():
    one = {"id": ID, "state": "done", "at_ms": 1, "colour": "blue"}

    assert decode_stored(packed([one]))[1] == Results((CommandResult(id=ID, state="done", at_ms=1),))


@pytest.mark.parametrize("results", [None, [1], [{"id": ID}], [{"id": ID, "state": "perhaps", "at_ms": 1}], {"id": ID}])
def test_results_that_are_none_are_a_message_error(results):
    with pytest.raises(MessageError):
        decode_stored(packed(results))


def test_only_running_is_not_the_end():
    states = ("running", "done", "refused", "failed", "expired", "unknown")

    assert [state for state in states if not CommandResult(id=ID, state=state, at_ms=1).final] == ["running"]
