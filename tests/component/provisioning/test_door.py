"""A rehearsal's past through a real broker: published as the gateway, done when the receipt says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from protocol.errors import ProgramFailed
from protocol.messages import Ack, BatchId, Columns, decode_stored, encode_readings, encode_record
from protocol.reading import SeriesKey
from protocol.topics import Down, Up, down
from provisioning.rehearse import door
from provisioning.rehearse.door import Letter, hand_in
from provisioning.rehearse.settings_files import BrokerAccess

pytestmark = pytest.mark.needs_mosquitto
EPOCH = 7 << 20


def letter(seq: int) -> Letter:
    data = Columns((SeriesKey("m1", "energy_active_forward"),), [0], [1_795_392_000_000 + seq], [seq], [0])
    return Letter(Up.BACKFILL, seq, encode_readings(BatchId("gw-1", 1, EPOCH, seq), data))


@pytest.fixture(scope="module")
def broker(mosquitto):
    return mosquitto(users=("central", "gw-1"))


@pytest.fixture
def access(broker, tmp_path) -> BrokerAccess:
    (tmp_path / "password").write_text(broker.passwords["gw-1"] + "\n")
    return BrokerAccess(broker.host, broker.port, "gw-1", tmp_path / "password")


@pytest.fixture
def central(broker) -> Iterator[Callable[[int], list[BatchId]]]:
    """`central(most)`: from now on batches are taken and acked (retained), up to that seq; returns the list they are put into."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="central", protocol=mqtt.MQTTv5)
    client.username_pw_set("central", broker.passwords["central"])
    client.connect(broker.host, broker.port)

    def begin(most: int) -> list[BatchId]:
        taken: list[BatchId] = []

        def take(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
            batch, _ = decode_stored(message.payload)
            taken.append(batch)
            ack = Ack(generation=1, epoch=EPOCH, seq=min(most, len({one.seq for one in taken})))
            client.publish(down("gw-1", Down.ACK), encode_record(ack), qos=1, retain=True)

        client.on_message = take
        client.subscribe("ce/v1/+/up/backfill", qos=1)
        client.loop_start()
        return taken

    yield begin
    client.loop_stop()
    client.disconnect()


def test_every_batch_arrives_and_is_receipted_also_the_second_time(access, central):
    taken = central(3)

    hand_in(access, EPOCH, [letter(seq) for seq in (1, 2, 3)])
    hand_in(access, EPOCH, [letter(seq) for seq in (1, 2, 3)])

    assert [batch.seq for batch in taken[:3]] == [1, 2, 3]


def test_batches_that_are_not_stored_are_told(access, central, monkeypatch):
    monkeypatch.setattr(door, "_PATIENCE_S", 0.5)
    central(1)

    with pytest.raises(ProgramFailed, match=r"central stored [0-3] of 4 messages of gw-1"):
        hand_in(access, EPOCH, [letter(seq) for seq in (1, 2, 3, 4)])
