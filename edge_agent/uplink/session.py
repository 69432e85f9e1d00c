"""One MQTT 5 connection, and the only place that knows paho.

A session is opened once and thrown away when it ends, so certificates and passwords are read anew and no library state outlives a connection. All
methods but `wake` belong to one thread: `step` waits for the network and returns what happened; nothing happens inside callbacks.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from protocol.errors import ConfigError

_LOG = logging.getLogger(__name__)
_CONNECT_TIMEOUT_S = 5.0
_CONNACK_TIMEOUT_S = 10.0
_RECEIVE_MAXIMUM = 20  # messages the broker may send before we acknowledge one; bounds what waits in memory
_MISC_EVERY_S = 1.0
TAKEN_OVER = 0x8E
_DISCONNECT_WITH_WILL = 0x04
NO_SUBSCRIBERS = 0x10


@dataclass(frozen=True, slots=True)
class Options:
    """Where and as whom to connect. Files are read at each opening. `username` defaults to none: the certificate tells who we are."""

    gateway: str
    host: str
    port: int = 8883
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    keepalive_s: int = 30
    session_expiry_s: int = 3600
    will_delay_s: int = 30


@dataclass(frozen=True, slots=True)
class Message:
    """What the broker says: a retained or live message addressed to us. Acknowledge it once it is dealt with.

    `expiry_s`: how long it was still valid when the broker sent it, None for one without an end.
    """

    topic: str
    payload: bytes
    retained: bool
    mid: int
    qos: int
    expiry_s: int | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted us. `resumed`: it still had our session."""

    resumed: bool


@dataclass(frozen=True, slots=True)
class Published:
    """PUBACK for a message of ours. `code` 0 is success; from 0x80 on, and for NO_SUBSCRIBERS, nobody got it."""

    mid: int
    code: int
    name: str

    @property
    def passed_on(self) -> bool:
        """Whether somebody who subscribes will get it."""
        return self.code < 0x80 and self.code != NO_SUBSCRIBERS


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is over and why."""

    code: int
    reason: str


Incident = Connected | Published | Message | Closed


class Session:
    """A connection from `open` to the Closed it returns from `step`, or to `close`."""

    def __init__(self, options: Options, will_topic: str, will: bytes) -> None:
        self._options = options
        self._will = (will_topic, will)
        self._client: mqtt.Client | None = None
        self._incidents: list[Incident] = []
        self._connected = False
        self._over = False
        self._opened_s = self._misc_s = 0.0
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._registered: socket.socket | None = None

    def open(self) -> None:
        """Connect and send CONNECT; `step` tells the answer. Raises OSError (also TLS) or ConfigError (files)."""
        options = self._options
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=options.gateway, protocol=mqtt.MQTTv5, reconnect_on_failure=False, manual_ack=True
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.on_socket_open = _no_delay
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        _authenticate(client, options)
        topic, will = self._will
        client.will_set(topic, will, qos=1, retain=True, properties=_properties(PacketTypes.WILLMESSAGE, WillDelayInterval=options.will_delay_s))
        self._client = client
        self._opened_s = time.monotonic()
        connect = _properties(PacketTypes.CONNECT, SessionExpiryInterval=options.session_expiry_s, ReceiveMaximum=_RECEIVE_MAXIMUM)
        client.connect(options.host, options.port, keepalive=options.keepalive_s, clean_start=False, properties=connect)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for topics at QoS 1; retained messages come again each time."""
        self._opened_client().subscribe([(topic, SubscribeOptions(qos=1)) for topic in topics])

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        content_type: str | None = None,
        user: Sequence[tuple[str, str]] = (),
        expiry_s: int | None = None,
    ) -> int:
        """Hand a message over and return its mid; Published tells the broker's answer. Raises ConnectionError if the connection is gone."""
        properties = _properties(
            PacketTypes.PUBLISH, ContentType=content_type, MessageExpiryInterval=expiry_s, UserProperty=list(user) if user else None
        )
        info = self._opened_client().publish(topic, payload, qos=qos, retain=retain, properties=properties)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ConnectionError(mqtt.error_string(info.rc))
        return info.mid

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message has been dealt with."""
        if message.qos:
            self._opened_client().ack(message.mid, message.qos)

    def step(self, timeout_s: float) -> list[Incident]:
        """Wait up to `timeout_s` for the network or `wake`, move bytes, and return what happened in order."""
        if not self._over:
            self._move(timeout_s)
        if not self._connected and not self._over and time.monotonic() - self._opened_s > _CONNACK_TIMEOUT_S:
            self._end(0, f"no CONNACK within {_CONNACK_TIMEOUT_S:.0f} s")
        incidents, self._incidents = self._incidents, []
        return incidents

    def wake(self) -> None:
        """End a waiting `step` early. May be called from any thread, also after `close`."""
        with contextlib.suppress(OSError):
            self._wake_out.send(b"!")

    def close(self) -> None:
        """Leave. The broker publishes the will after its delay unless we are back by then, so a restart does not look like an outage."""
        client = self._client
        if client is not None and client.socket() is not None:
            with contextlib.suppress(OSError, ValueError):
                client.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=_DISCONNECT_WITH_WILL))
                client.loop_write()
        self._end(0, "closed by us")
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def _move(self, timeout_s: float) -> None:
        client = self._opened_client()
        connection = client.socket()
        if not isinstance(connection, socket.socket):
            self._end(0, "connection lost")
            return
        self._watch(connection, client.want_write())
        pending = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0
        ready = self._selector.select(0 if pending else max(0.0, min(timeout_s, _MISC_EVERY_S)))
        codes = []
        for key, events in ready:
            if key.fileobj is self._wake_in:
                self._drain_wake()
            elif events & selectors.EVENT_WRITE:
                codes.append(client.loop_write())
        if pending or any(key.fileobj is connection and events & selectors.EVENT_READ for key, events in ready):
            codes.append(client.loop_read())
        if time.monotonic() - self._misc_s >= _MISC_EVERY_S:
            self._misc_s = time.monotonic()
            codes.append(client.loop_misc())
        failed = [code for code in codes if code not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_AGAIN)]
        if failed:
            self._end(0, mqtt.error_string(failed[0]))

    def _watch(self, connection: socket.socket, writing: bool) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
        if self._registered is None:
            self._selector.register(connection, events)
            self._registered = connection
        else:
            self._selector.modify(connection, events)

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_in.recv(4096):
                pass

    def _end(self, code: int, reason: str) -> None:
        """Close the socket and tell the end once."""
        if self._registered is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(self._registered)
            self._registered = None
        if self._client is not None and (connection := self._client.socket()) is not None:
            with contextlib.suppress(OSError):
                connection.close()
        if not self._over:
            self._over = True
            self._incidents.append(Closed(code, reason))

    def _opened_client(self) -> mqtt.Client:
        if self._client is None or self._over:
            raise ConnectionError("the session is not open")
        return self._client

    # paho calls these from loop_read and loop_write, in our own thread

    def _on_connect(self, _client: mqtt.Client, _data: Any, flags: mqtt.ConnectFlags, code: ReasonCode, _properties: Any) -> None:
        if code.is_failure:
            self._end(code.value, f"refused: {code}")
        else:
            self._connected = True
            self._incidents.append(Connected(flags.session_present))

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, code: ReasonCode, _properties: Any) -> None:
        self._incidents.append(Published(mid, code.value, str(code)))

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        expiry_s = getattr(message.properties, "MessageExpiryInterval", None)
        self._incidents.append(Message(message.topic, bytes(message.payload), message.retain, message.mid, message.qos, expiry_s))

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        self._end(code.value, str(code))


def _authenticate(client: mqtt.Client, options: Options) -> None:
    try:
        if options.ca_file is not None:
            context = ssl.create_default_context(cafile=str(options.ca_file))
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if options.cert_file is not None:
                context.load_cert_chain(str(options.cert_file), str(options.key_file) if options.key_file else None)
            client.tls_set_context(context)
        if options.username is not None:
            password = options.password_file.read_text(encoding="utf-8").strip() if options.password_file else None
            client.username_pw_set(options.username, password)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the uplink's ca, certificate, key or password file cannot be used: {error}") from error


def _no_delay(_client: mqtt.Client, _data: Any, connection: Any) -> None:
    """Without this on both ends a QoS 1 round trip takes 40 ms (Nagle against delayed acknowledgements)."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _properties(packet: int, **values: Any) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]  # paho leaves this one function without types
    for name, value in values.items():
        if value is not None:
            setattr(properties, name, value)
    return properties
