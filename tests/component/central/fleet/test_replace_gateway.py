"""A box is replaced: the old one is shut out from the commit on, and what it had kept is stored once when a person says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from central.db.pool import Connection
from central.fleet.gateways import get_gateway, observe
from central.fleet.replace_gateway import BoxSwap, accept_old_box, replace_gateway
from central.ingest.quarantine import list_quarantined
from central.ingest.series import SeriesIds
from central.ingest.store import Stored, commit, prepare, store
from central.ingest.verify import verify
from central.mqtt.session import Message
from protocol.errors import Conflict, NotFound
from protocol.messages import CRC_PROPERTY, BatchId, Birth, checksum, columns, encode_readings, encode_record
from protocol.reading import Reading, SeriesKey
from protocol.topics import Up, up

NOW_MS = 1_800_000_000_000
SWAP = BoxSwap(key="box-gw-1-1", person="Li", reason="lightning")
Box = Callable[..., Stored]


def message(generation: int, seq: int, *readings: tuple[int, int]) -> Message:
    """A batch of gw-1 with (milliseconds before now, value) of m1."""
    batch = BatchId("gw-1", generation, generation, seq)
    rows = [Reading(SeriesKey("m1", "voltage_a"), NOW_MS - ago_ms, value) for ago_ms, value in readings]
    payload = encode_readings(batch, columns(rows))
    return Message(up("gw-1", Up.DATA), payload, {CRC_PROPERTY: f"{checksum(payload):08x}"})


@pytest.fixture
def send(site: Connection) -> Box:
    """`send(generation, seq, (ago_ms, value), ...)`: a batch of that box reaches central."""

    def deliver(generation: int, seq: int, *readings: tuple[int, int]) -> Stored:
        stored = store(site, SeriesIds(), [verify(message(generation, seq, *readings), NOW_MS)])
        site.commit()
        return stored

    return deliver


def values(conn: Connection) -> list[int]:
    return [row[0] for row in conn.execute("select value from reading order by measured_at")]


def test_new_box_gets_the_next_generation_and_what_its_settings_need(site: Connection, send: Box):
    send(1, 1, (9000, 1))

    answer = replace_gateway(site, "gw-1", SWAP, "wang", NOW_MS)

    assert (answer.old_generation, answer.new_generation, answer.certificate_name) == (1, 2, "gw-1")
    assert answer.agent_toml == 'gateway = "gw-1"\ngeneration = 2\n'
    assert get_gateway(site, "gw-1").generation == 2
    assert site.execute("select actor, target from audit where action = 'gateway.replaced'").fetchall() == [("wang", "gw-1")]


def test_box_that_was_never_heard_is_taken_for_the_first(site: Connection):
    assert replace_gateway(site, "gw-1", SWAP, "wang", NOW_MS).new_generation == 2


def test_preview_fences_nobody(site: Connection, send: Box):
    send(1, 1, (9000, 1))

    assert replace_gateway(site, "gw-1", SWAP, "wang", NOW_MS, preview=True).preview

    assert get_gateway(site, "gw-1").generation == 1


def test_same_key_replaces_once(site: Connection, send: Box):
    send(1, 1, (9000, 1))
    first = replace_gateway(site, "gw-1", SWAP, "wang", NOW_MS)

    assert replace_gateway(site, "gw-1", SWAP, "wang", NOW_MS) == first
    assert get_gateway(site, "gw-1").generation == 2
    with pytest.raises(Conflict, match="was used for another replacement"):
        replace_gateway(site, "gw-2", SWAP, "wang", NOW_MS)


def test_unknown_gateway_is_not_found(site: Connection):
    with pytest.raises(NotFound):
        replace_gateway(site, "gw-9", SWAP, "wang", NOW_MS)


def test_old_box_that_goes_on_sending_stores_nothing(site: Connection, send: Box):
    send(1, 1, (9000, 1))
    replace_gateway(site, "gw-1", SWAP, "wang", NOW_MS)

    late = send(1, 2, (8000, 2))
    fresh = send(2, 1, (5000, 5))

    assert (late.readings, late.receipts, fresh.readings) == (0, [], 1)
    assert values(site) == [1, 5]
    assert [entry.reason for entry in list_quarantined(site)[0]] == ["batch.old_generation"]


def test_batch_that_was_being_stored_when_the_box_was_replaced_is_shut_out_too(site: Connection, send: Box):
    send(1, 1, (9000, 1))
    prepared = prepare(site, SeriesIds(), [verify(message(1, 2, (8000, 2)), NOW_MS)])
    replace_gateway(site, "gw-1", SWAP, "wang", NOW_MS)

    stored = commit(site, prepared)

    assert (stored.readings, stored.quarantined, stored.receipts) == (0, 1, [])
    assert values(site) == [1]


def test_accepted_old_box_is_stored_once_and_doubles_nothing_of_the_new_one(site: Connection, send: Box):
    send(1, 1, (9000, 1))
    replace_gateway(site, "gw-1", SWAP, "wang", NOW_MS)
    send(2, 1, (7000, 7))
    send(1, 2, (8000, 2), (7000, 7))
    send(1, 2, (8000, 2), (7000, 7))

    first = accept_old_box(site, "gw-1", 1, "disk was read out", "wang", NOW_MS)
    second = accept_old_box(site, "gw-1", 1, "once more", "wang", NOW_MS)

    assert (first.stored, first.left, second.stored) == (1, 0, 0)
    assert values(site) == [1, 2, 7]
    assert site.execute("select batches, reason from old_box_acceptance order by id").fetchall() == [(1, "disk was read out"), (0, "once more")]


def test_what_comes_after_the_acceptance_waits_again(site: Connection, send: Box):
    send(1, 1, (9000, 1))
    replace_gateway(site, "gw-1", SWAP, "wang", NOW_MS)
    accept_old_box(site, "gw-1", 1, "disk was read out", "wang", NOW_MS)

    send(1, 3, (6000, 3))

    assert values(site) == [1]


@pytest.mark.parametrize("generation", [1, 2])
def test_only_a_replaced_box_can_be_accepted(site: Connection, send: Box, generation: int):
    send(1, 1, (9000, 1))

    with pytest.raises(Conflict, match=f"generation {generation} of gateway 'gw-1' was not replaced"):
        accept_old_box(site, "gw-1", generation, "why not", "wang", NOW_MS)


def test_box_cannot_shut_out_another_by_claiming_a_generation(site: Connection, send: Box):
    send(1, 1, (9000, 1))

    claimed = send(10**15, 1, (8000, 666))
    birth = Birth(gateway="gw-1", generation=10**15, epoch=5, agent_version="1.2", started_at_ms=1000, lines=())
    observe(site, Message(up("gw-1", Up.BIRTH), encode_record(birth), {}))
    own = send(1, 2, (7000, 2))

    assert (claimed.readings, claimed.receipts, own.readings) == (0, [], 1)
    assert get_gateway(site, "gw-1").generation == 1
    assert site.execute("select count(*) from gateway_status where generation = %s", [10**15]).fetchone() == (0,)
    assert [entry.reason for entry in list_quarantined(site)[0]] == ["batch.unknown_generation"]


def test_what_a_new_box_sent_before_it_was_enrolled_is_stored_then(site: Connection, send: Box):
    send(1, 1, (9000, 1))
    send(2, 1, (8000, 2))
    send(3, 1, (7000, 3))

    assert replace_gateway(site, "gw-1", SWAP, "wang", NOW_MS).waiting == 2

    assert values(site) == [1, 2]
    assert send(2, 1, (8000, 2)).receipts != []
