"""A client with a gateway's password that publishes whatever bytes it is given: a gateway gone wrong, or one of another version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.faults.chain import Chain
from tests.faults.wait import wait

_WAIT_S = 60.0


class Publisher:
    """Context manager. `publish` hands over, leaving the context waits until the broker has everything."""

    def __init__(self, bed: Chain, gateway: str) -> None:
        self._handed: list[paho.MQTTMessageInfo] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=gateway, protocol=paho.MQTTv5)
        self._client.username_pw_set(gateway, bed.broker.passwords[gateway])
        self._client.max_inflight_messages_set(100)
        self._client.connect(bed.broker.host, bed.broker.port)
        self._client.loop_start()

    def __enter__(self) -> Publisher:
        wait(self._client.is_connected, _WAIT_S, "the publisher connects")
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if kind is None:
            self.flush()
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, properties: Mapping[str, str] | None = None) -> None:
        """Publish at QoS 1 with these user properties."""
        told = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if properties:
            told.UserProperty = list(properties.items())
        self._handed.append(self._client.publish(topic, payload, qos=1, properties=told))

    def publish_all(self, messages: Iterable[tuple[str, bytes, Mapping[str, str]]]) -> int:
        """Publish (topic, payload, properties); returns how many."""
        before = len(self._handed)
        for message in messages:
            self.publish(*message)
        return len(self._handed) - before

    def forget(self) -> None:
        """Wait for nothing of what was handed over."""
        self._handed.clear()

    def flush(self) -> None:
        """Wait until the broker has everything."""
        for one in self._handed:
            one.wait_for_publish(_WAIT_S)
