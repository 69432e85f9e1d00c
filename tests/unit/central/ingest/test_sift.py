"""Sifting: which readings go to the table, which wait, and when each device was heard last."""

from __future__ import annotations

import pytest

from central.ingest.sift import check_generation, sift
from central.ingest.verify import Sound
from central.mqtt.session import Message
from protocol.messages import BatchId, Columns, columns, decode_stored
from protocol.reading import Reading, SeriesKey

_MESSAGE = Message("ce/v1/gw-1/up/data", b"", {})
_BATCH = BatchId("gw-1", 2, 1, 1)
_A, _B = SeriesKey("m1", "voltage_a"), SeriesKey("m2", "voltage_a")


def sound(*readings: Reading) -> Sound:
    return Sound(_MESSAGE, _BATCH, columns(readings))


def test_known_readings_become_rows_with_their_series_ids():
    sifted = sift(sound(Reading(_B, 2, 20), Reading(_A, 1, 10), Reading(_B, 3, 30)), [7, 5])

    assert sifted.rows is not None
    assert (sifted.rows.series_id.tolist(), sifted.rows.value.tolist()) == ([7, 5, 7], [20, 10, 30])
    assert sifted.latest_ms == {"m1": 1, "m2": 3}


def test_one_poll_cycle_gives_every_device_its_time():
    assert sift(sound(Reading(_A, 9, 1), Reading(_B, 9, 2)), [5, 7]).latest_ms == {"m1": 9, "m2": 9}


def test_strays_are_a_batch_of_their_own_that_decodes():
    sifted = sift(sound(Reading(_A, 1, 10), Reading(_B, 2, 20)), [None, 7])

    (stray,) = sifted.strays
    batch, content = decode_stored(stray.message.payload)
    assert isinstance(content, Columns)
    assert (batch, content.readings()) == (_BATCH, [Reading(_A, 1, 10)])
    assert (stray.reason, sifted.latest_ms) == ("device.unknown", {"m2": 2})


def test_batch_of_strays_alone_has_no_rows():
    sifted = sift(sound(Reading(_A, 1, 10)), [None])

    assert (sifted.rows, sifted.latest_ms, len(sifted.strays)) == (None, {}, 1)


def test_empty_batch_is_sifted_to_nothing():
    assert (sift(sound(), []).rows, sift(sound(), []).strays) == (None, ())


@pytest.mark.parametrize(
    ("registered", "reason"),
    [({}, "gateway.unknown"), ({"gw-1": 3}, "batch.old_generation"), ({"gw-1": 1}, "batch.unknown_generation")],
)
def test_batch_that_must_not_be_stored_becomes_poison(registered: dict[str, int], reason: str):
    judged = check_generation(sound(), registered)

    assert judged is not None
    assert (judged.reason, judged.batch) == (reason, _BATCH)


@pytest.mark.parametrize("generation", [0, 2])
def test_first_box_and_the_present_one_pass(generation: int):
    assert check_generation(sound(), {"gw-1": generation}) is None
