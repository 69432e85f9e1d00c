"""Central's MQTT session when more arrives than its queue holds."""

from __future__ import annotations

import time
from collections.abc import Iterator

import paho.mqtt.client as paho
import pytest

from central.mqtt.session import Session
from central.settings import BrokerSettings
from protocol.topics import Up, up, up_filter

pytestmark = pytest.mark.needs_mosquitto
WINDOW, MANY = 1, 400  # the queue holds the window and 100 more


@pytest.fixture
def session(mosquitto, tmp_path) -> Iterator[Session]:
    broker = mosquitto(users=["central", "gw-1"])
    (tmp_path / "password").write_text(broker.passwords["central"])
    settings = BrokerSettings(host=broker.host, port=broker.port, username="central", password_file=tmp_path / "password")
    session = Session(settings, "central-test", [up_filter(Up.HEALTH)], WINDOW)
    session.start()
    _until(lambda: session.connected)
    time.sleep(0.3)  # subscribed
    _flood(broker)
    _until(lambda: session.held_up > 0)
    yield session
    session.stop()


def test_what_does_not_fit_waits_and_nothing_is_dropped(session):
    taken: list[bytes] = []

    _until(lambda: bool(taken.extend(message.payload for message in session.take(50, 1 << 20, 0.1, 0.0)) or len(taken) == MANY))

    assert taken == [b"%d" % n for n in range(MANY)]


def test_a_session_that_is_held_up_stops(session):
    session.stop()

    assert len(session.take(MANY, 1 << 20, 0.0, 0.0)) < MANY


def _flood(broker) -> None:
    """QoS 0 does not count against the window, so it shows the same as a broker that overshoots."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="gw-1", protocol=paho.MQTTv5)
    client.username_pw_set("gw-1", broker.passwords["gw-1"])
    client.connect(broker.host, broker.port)
    client.loop_start()
    for n in range(MANY):
        client.publish(up("gw-1", Up.HEALTH), b"%d" % n, qos=0).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def _until(condition) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
