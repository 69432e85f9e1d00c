"""The access rules a rehearsal's broker enforces, asked from a real mosquitto."""

from __future__ import annotations

import queue
import stat

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

pytestmark = pytest.mark.needs_mosquitto
_WAIT_S = 5.0


@pytest.fixture(scope="module")
def broker(mosquitto):
    return mosquitto(users=("central", "gw-1", "gw-2"))


@pytest.fixture
def connect(broker):
    clients = []

    def start(user: str, password: str | None = None, at=broker) -> tuple[mqtt.Client, queue.Queue]:
        events: queue.Queue = queue.Queue()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user, protocol=mqtt.MQTTv5)
        client.username_pw_set(user, password or at.passwords[user])
        client.on_connect = lambda *args: events.put(("connected", str(args[3])))
        client.on_subscribe = lambda *args: events.put(("subscribed", ""))
        client.on_publish = lambda *args: events.put(("published", str(args[3])))
        client.on_message = lambda *args: events.put(("message", args[2].topic))
        client.connect(at.host, at.port)
        client.loop_start()
        clients.append(client)
        return client, events

    yield start
    for client in clients:
        client.disconnect()
        client.loop_stop()


def _publish(client: mqtt.Client, events: queue.Queue, topic: str) -> str:
    client.publish(topic, b"x", qos=1)
    while True:
        kind, value = events.get(timeout=_WAIT_S)
        if kind == "published":
            return value


def test_wrong_password_is_refused(connect):
    _, events = connect("gw-1", "guess")

    assert events.get(timeout=_WAIT_S) == ("connected", "Not authorized")


@pytest.mark.parametrize(
    ("topic", "answer"),
    [
        ("ce/v1/gw-1/up/data", {"Success", "No matching subscribers"}),
        ("ce/v1/gw-2/up/data", {"Not authorized"}),
        ("ce/v1/gw-1/down/cmd", {"Not authorized"}),
        ("ce/v1/all/down/time", {"Not authorized"}),
    ],
)
def test_gateway_writes_only_its_own_up_topics(connect, topic, answer):
    client, events = connect("gw-1")

    assert _publish(client, events, topic) in answer


def test_gateway_hears_only_its_own_commands_and_the_fleet_time(connect):
    gateway, heard = connect("gw-1")
    gateway.subscribe([("ce/v1/#", mqtt.SubscribeOptions(qos=1))])
    assert [heard.get(timeout=_WAIT_S)[0] for _ in range(2)] == ["connected", "subscribed"]
    central, events = connect("central")

    for topic in ("ce/v1/gw-2/down/cmd", "ce/v1/gw-2/up/data", "ce/v1/gw-1/down/cmd", "ce/v1/all/down/time"):
        _publish(central, events, topic)

    assert [heard.get(timeout=_WAIT_S) for _ in range(2)] == [("message", "ce/v1/gw-1/down/cmd"), ("message", "ce/v1/all/down/time")]


def test_secret_files_are_readable_by_their_owner_only(broker):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (broker.files.config, broker.files.folder / "passwords")}

    assert set(modes.values()) == {0o600}


def test_persistent_broker_keeps_retained_messages_over_a_restart(mosquitto, connect):
    kept = mosquitto(users=("central", "gw-1"), persistent=True)
    central, _ = connect("central", at=kept)
    central.publish("ce/v1/gw-1/down/ack", b"7", qos=1, retain=True).wait_for_publish(_WAIT_S)

    kept.restart()
    gateway, heard = connect("gw-1", at=kept)
    gateway.subscribe("ce/v1/gw-1/down/ack", qos=1)

    assert [heard.get(timeout=_WAIT_S)[0] for _ in range(3)] == ["connected", "subscribed", "message"]
