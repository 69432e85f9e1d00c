"""A paho client alone in a process: the limit that a link and MQTT set. For each line `BATCHES IN_FLIGHT` it publishes at QoS 1 and answers with
the seconds until the broker has acknowledged the last one. The topic is one that central does not store.
"""

from __future__ import annotations

import sys
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from protocol.messages import BatchId, columns, encode_readings
from protocol.topics import Up, up
from tests.faults.campus import cycle

_CONNECT_S, _LIMIT_S, _MOST_IN_FLIGHT = 60, 600, 100


def main(host: str, port: int, gateway: str, password: str) -> None:
    """Serve until standard input ends."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=gateway, protocol=paho.MQTTv5)
    client.username_pw_set(gateway, password)
    client.connect_timeout = _CONNECT_S
    client.max_inflight_messages_set(_MOST_IN_FLIGHT)
    client.connect(host, port)
    client.loop_start()
    while not client.is_connected():
        time.sleep(0.01)
    print("ready", flush=True)
    for line in sys.stdin:
        batches, in_flight = map(int, line.split())
        payloads = [encode_readings(BatchId(gateway, 1, 1, seq), columns(cycle(gateway, seq))) for seq in range(1, batches + 1)]
        begun = time.monotonic()
        handed: list[paho.MQTTMessageInfo] = []
        for number, payload in enumerate(payloads):
            if number >= in_flight:
                handed[number - in_flight].wait_for_publish(_LIMIT_S)
            handed.append(client.publish(up(gateway, Up.HEALTH), payload, qos=1))
        for one in handed:
            one.wait_for_publish(_LIMIT_S)
        print(time.monotonic() - begun, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
