"""The publishing side of `bench_ingest`, a process of its own: takes batches on standard input, publishes them on `go`."""

from __future__ import annotations

import sys

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def main(port: int, password: str) -> None:
    """Loop until standard input ends: [u32 length, 8 bytes crc, payload]..., u32 0, then `go`."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="gw-1", protocol=paho.MQTTv5)
    client.username_pw_set("gw-1", password)
    client.max_inflight_messages_set(100)
    client.connect("127.0.0.1", port)
    client.loop_start()
    source = sys.stdin.buffer
    while batches := _read(source):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if not source.readline():
            return
        for properties, payload in batches:
            client.publish("ce/v1/gw-1/up/data", payload, qos=1, properties=properties)


def _read(source: object) -> list[tuple[Properties, bytes]]:
    batches = []
    while size := int.from_bytes(source.read(4), "big"):
        properties = Properties(PacketTypes.PUBLISH)
        properties.UserProperty = [("crc32c", source.read(8).decode())]
        batches.append((properties, source.read(size)))
    return batches


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
