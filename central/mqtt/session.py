"""One MQTT 5 session with manual acknowledgement: messages wait in a bounded queue until their work is committed.

Callbacks only put messages into the queue; all work happens in the thread that takes them. Back-pressure is the receive maximum: the broker
should send no more than `window` messages ahead of our acknowledgements. mosquitto 2.0.11 overshoots it under load (a queue of 250 ran full with
a window of 150), so a full queue holds up the network thread, and TCP the broker: a message refused here would stay unacknowledged as long as
the connection.
"""

from __future__ import annotations

import logging
import queue
import random
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from central.settings import BrokerSettings
from protocol.errors import ConfigError

log = logging.getLogger(__name__)

_QUEUE_SLACK = 100  # QoS 0 messages do not count against the window
_HOLD_S = 0.2
_MAX_UNSENT = 1000  # publishes paho may hold; beyond it `publish` answers False


@dataclass(frozen=True, slots=True)
class Message:
    """One received publish. `receipt`: connection number and packet id; only a message of the present connection can be acknowledged.

    `arrived_ms`: when the network thread got it, None for one that did not come over the network.
    """

    topic: str
    payload: bytes
    properties: Mapping[str, str]
    qos: int = 1
    retained: bool = False
    receipt: tuple[int, int] = (0, 0)
    arrived_ms: int | None = None


class Session:
    """A session that reconnects by itself. `filters` are subscribed at QoS 1 on every connection; the session expires with it."""

    def __init__(self, broker: BrokerSettings, client_id: str, filters: Sequence[str], window: int) -> None:
        self.connections = 0  # how often we connected; a change means retained messages were sent anew
        self.held_up = 0  # messages that had to wait for room in the queue
        self._stopping = False
        self._broker = broker
        self._filters = filters
        self._window = window
        self._connected = False
        self._queue: queue.Queue[Message] = queue.Queue(window + _QUEUE_SLACK)
        self._client = self._build(client_id)

    def start(self) -> None:
        """Connect in the background and keep trying."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        properties.ReceiveMaximum = self._window
        self._stopping = False
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=self._broker.keepalive_s, clean_start=True, properties=properties)
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye and end the network thread. Messages taken and not acknowledged go back to the broker."""
        self._stopping = True
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def connected(self) -> bool:
        """Whether the broker accepted us and has not gone since."""
        return self._connected

    def take(self, messages: int, size: int, wait_s: float, gather_s: float) -> list[Message]:
        """Up to `messages` messages or about `size` bytes: waits `wait_s` for the first, then gathers for `gather_s`."""
        try:
            taken = [self._queue.get(timeout=wait_s)]
        except queue.Empty:
            return []
        total = len(taken[0].payload)
        deadline = time.monotonic() + gather_s
        while len(taken) < messages and total < size:
            try:
                message = self._queue.get(timeout=max(0.0, deadline - time.monotonic())) if gather_s else self._queue.get_nowait()
            except queue.Empty:
                break
            taken.append(message)
            total += len(message.payload)
        return taken

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """Tell the broker that these are done. Those of an earlier connection are skipped: their packet ids mean other messages now."""
        for message in messages:
            connection, packet = message.receipt
            if message.qos and self._connected and connection == self.connections:
                self._client.ack(packet, message.qos)

    def publish(self, topic: str, payload: bytes, *, retain: bool, expiry_s: int | None = None) -> bool:
        """Hand over a QoS 1 publish, worthless after `expiry_s`; False without a connection or when too much waits already (send it again later)."""
        if not self._connected:
            return False
        properties = None
        if expiry_s is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = expiry_s
        return self._client.publish(topic, payload, qos=1, retain=retain, properties=properties).rc == paho.MQTT_ERR_SUCCESS

    def _build(self, client_id: str) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5, manual_ack=True)
        client.max_inflight_messages_set(100)
        client.max_queued_messages_set(_MAX_UNSENT)
        client.reconnect_delay_set(min_delay=1, max_delay=random.randint(3, 6))  # all data waits for us; paho adds no jitter of its own
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, _password(self._broker))
        if context := _tls(self._broker):
            client.tls_set_context(context)
        client.on_socket_open = _no_delay
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: paho.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            log.warning("broker %s:%d refused us: %s", self._broker.host, self._broker.port, reason)
            return
        self.connections += 1
        self._connected = True
        if self._filters:
            client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in self._filters])
        log.info("connected to broker %s:%d", self._broker.host, self._broker.port)

    def _on_connect_fail(self, _client: paho.Client, _userdata: Any) -> None:
        log.debug("broker %s:%d does not answer; trying again", self._broker.host, self._broker.port)

    def _on_disconnect(self, _client: paho.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if self._connected:
            log.info("connection to broker %s:%d ended: %s", self._broker.host, self._broker.port, reason)
        self._connected = False

    def _on_message(self, _client: paho.Client, _userdata: Any, received: paho.MQTTMessage) -> None:
        pairs = getattr(received.properties, "UserProperty", None) or ()
        receipt, now_ms = (self.connections, received.mid), time.time_ns() // 1_000_000
        message = Message(received.topic, bytes(received.payload), dict(pairs), received.qos, received.retain, receipt, now_ms)
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self._hold_up(message)

    def _hold_up(self, message: Message) -> None:
        """Wait for room. Longer than the keepalive means a new connection, and the edge sends again what was not acknowledged."""
        self.held_up += 1
        if self.held_up == 1:
            log.info("broker sends beyond the window of %d; it has to wait", self._window)
        while not self._stopping:
            try:
                self._queue.put(message, timeout=_HOLD_S)
            except queue.Full:
                continue
            return


def _password(broker: BrokerSettings) -> str | None:
    return _read(broker.password_file).strip() if broker.password_file else None


def _read(path: Any) -> str:
    try:
        return str(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"[broker] password_file {path} cannot be read: {error}") from error


def _tls(broker: BrokerSettings) -> ssl.SSLContext | None:
    if broker.ca_file is None and broker.cert_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
        if broker.cert_file is not None:
            context.load_cert_chain(broker.cert_file, broker.key_file)
    except OSError as error:
        raise ConfigError(f"[broker] ca_file, cert_file or key_file cannot be used: {error}") from error
    return context


def _no_delay(_client: paho.Client, _userdata: Any, sock: Any) -> None:
    """Nagle's algorithm and delayed acks cost 38 ms a round trip; both sides must switch it off."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
