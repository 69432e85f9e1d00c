"""A real broker, a real outbox and sender, and a small central that stores what it hears and acks when told."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.buffer.batches import Limits as OutboxLimits
from edge_agent.buffer.outbox import Outbox
from edge_agent.uplink.sender import Announcer, Clock, Reconnect, Sender
from edge_agent.uplink.session import Options, Session
from edge_agent.uplink.window import Limits, Window
from protocol import topics
from protocol.messages import CRC_PROPERTY, Ack, Birth, Health, decode_stored, encode_record

WAIT_S = 20.0
FAST = Limits(retry_s=1.0, refused_s=0.2, refused_max_s=1.0, ack_grace_s=0.2, backfill_per_s=1000, backfill_burst=100)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {WAIT_S:.0f} s: {what}")
        time.sleep(0.01)


class Central:
    """Hears everything gateways say. `acking`: answers each batch with a retained cumulative receipt."""

    def __init__(self, broker) -> None:
        self.acking = True
        self.batches: list[tuple[str, object, object]] = []
        self.retained: dict[str, bytes] = {}
        self.heard: list[tuple[str, bytes]] = []
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="central", protocol=mqtt.MQTTv5)
        self._client.username_pw_set("central", broker.passwords["central"])
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("ce/v1/+/up/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._hear
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(WAIT_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        properties = Properties(PacketTypes.PUBLISH)
        self._client.publish(topic, payload, qos=1, retain=retain, properties=properties).wait_for_publish(WAIT_S)

    def ack(self, gateway: str, generation: int, epoch: int, seq: int) -> None:
        self._send_ack(gateway, Ack(generation=generation, epoch=epoch, seq=seq)).wait_for_publish(WAIT_S)

    def seqs(self, epoch: int | None = None) -> list[int]:
        return [batch.seq for _, batch, _ in list(self.batches) if epoch in (None, batch.epoch)]

    def _send_ack(self, gateway: str, ack: Ack) -> mqtt.MQTTMessageInfo:
        return self._client.publish(topics.down(gateway, topics.Down.ACK), encode_record(ack), qos=1, retain=True)

    def _hear(self, _client, _data, message) -> None:
        gateway, channel = topics.parse_up(message.topic)
        self.heard.append((channel.value, message.payload))
        if channel not in topics.UP_STORED:
            return
        user = dict(message.properties.UserProperty)
        batch, content = decode_stored(message.payload, int(user[CRC_PROPERTY], 16))
        assert (user["generation"], user["epoch"], user["seq"]) == (str(batch.generation), str(batch.epoch), str(batch.seq))
        self.batches.append((channel.value, batch, content))
        if self.acking:
            self._send_ack(gateway, Ack(generation=batch.generation, epoch=batch.epoch, seq=self._prefix(batch.epoch)))

    def _prefix(self, epoch: int) -> int:
        have, seq = {batch.seq for _, batch, _ in self.batches if batch.epoch == epoch}, 0
        while seq + 1 in have:
            seq += 1
        return seq


@pytest.fixture(name="until")
def _until():
    return until


@pytest.fixture
def broker(mosquitto):
    return mosquitto()


@pytest.fixture
def central(broker):
    heard = Central(broker)
    yield heard
    heard.close()


@pytest.fixture
def box(broker, tmp_path):
    """`box(gateway="gw-1", folder="box", limits=...) -> Box`: an outbox with a running sender."""
    boxes = []

    def start(folder: str = "box", gateway: str = "gw-1", limits: Limits = FAST, will_delay_s: int = 30) -> Box:
        boxes.append(Box(broker, tmp_path / folder, gateway, limits, will_delay_s))
        return boxes[-1]

    yield start
    for one in boxes:
        one.stop()


class Box:
    """One gateway's outbox and sender."""

    def __init__(self, broker, directory, gateway: str, limits: Limits, will_delay_s: int) -> None:
        directory.mkdir(exist_ok=True)
        password = directory / "password"
        password.write_text(broker.passwords[gateway])
        self.outbox = Outbox(directory, gateway, 1, OutboxLimits(min_free_bytes=0), now_ms=lambda: time.time_ns() // 1_000_000)
        self.documents: list[tuple[str, bytes]] = []
        self.commands: list[bytes] = []
        options = Options(gateway, broker.host, broker.port, username=gateway, password_file=password, will_delay_s=will_delay_s)
        self.sender = Sender(
            self.outbox,
            lambda topic, will: Session(options, topic, will),
            Window(limits),
            Announcer(self._birth, lambda: Health(at_ms=1, uptime_s=1, backlog_batches=0, backlog_bytes=0, outbox_bytes=0)),
            Clock(time.monotonic, lambda: time.time_ns() // 1_000_000, random.uniform),
            on_document=lambda name, body: self.documents.append((name, body)),
            on_command=lambda payload, _expiry_s: self.commands.append(payload),
            reconnect=Reconnect(0.05, 0.5),
        )

    def start(self) -> Box:
        self.sender.start()
        until(lambda: self.sender.connected, "the box connects")
        return self

    def stop(self) -> None:
        self.sender.stop(5)
        self.outbox.close()

    def waits(self) -> int:
        return self.outbox.backlog().batches

    def _birth(self) -> Birth:
        return Birth(gateway=self.outbox.gateway, generation=1, epoch=self.outbox.epoch, agent_version="test", started_at_ms=1, lines=())
