"""A paho client alone in a process: the limit that a link and MQTT set. For each line with a number it publishes so many batches at QoS 1, a hundred
in flight, and answers with the seconds until the broker has acknowledged the last one. The topic is one that central does not store.
"""

from __future__ import annotations

import sys
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from protocol.messages import BatchId, columns, encode_readings
from protocol.topics import Up, up
from tests.faults.campus import cycle

_IN_FLIGHT = 100


def main(host: str, port: int, gateway: str, password: str) -> None:
    """Serve until standard input ends."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=gateway, protocol=paho.MQTTv5)
    client.username_pw_set(gateway, password)
    client.max_inflight_messages_set(_IN_FLIGHT)
    client.connect_timeout = 60
    client.connect(host, port)
    client.loop_start()
    while not client.is_connected():
        time.sleep(0.01)
    print("ready", flush=True)
    for line in sys.stdin:
        payloads = [encode_readings(BatchId(gateway, 1, 1, seq), columns(cycle(gateway, seq))) for seq in range(1, int(line) + 1)]
        begun = time.monotonic()
        handed = [client.publish(up(gateway, Up.HEALTH), payload, qos=1) for payload in payloads]
        for one in handed:
            one.wait_for_publish(600)
        print(time.monotonic() - begun, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
