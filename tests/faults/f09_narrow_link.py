"""A link of 64 kbit/s while a backlog drains over it.

What is exercised: a proxy that passes 8,000 bytes a second each way. Beside the backlog, central sends small desired documents (commands are not
built yet; both are retained or queued messages of the same size on the same session) and the gateway answers each. Judged: documents are at the
gateway within a second (99th percentile). The way back waits behind the batches that are on the wire, so its time is noted, not judged. All that was
accepted is stored in the end. Not covered: delay of the link itself, and a queue in a router that is deeper than a socket's buffers.
"""

from __future__ import annotations

import json
import threading
import time
from random import Random

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from protocol.topics import Down, Up, down, up
from tests.faults.book import latencies, percentile, settle
from tests.faults.chain import Chain, chain
from tests.faults.gateway import Box
from tests.faults.proxy import Proxy
from tests.faults.scenario import Outcome, Size
from tests.faults.wait import wait

TITLE = "64 kbit/s"
NEEDS = ("linux", "mosquitto")
_RATE_BYTES_S = 8_000
_DOWN_S = 1.0


def run(chance: Random, size: Size) -> Outcome:
    """Drain over a narrow link and talk to the gateway meanwhile."""
    batches, documents = (26, 4) if size is Size.SLICE else (1_500, 60)
    with chain() as bed:
        proxy = Proxy((bed.broker.host, bed.broker.port), rate_bytes_s=_RATE_BYTES_S)
        try:
            box = bed.box(port=proxy.port, connect=False)
            for _ in range(batches):
                box.append()
            box.connect()
            wait(lambda: box.connected, 30, "the gateway connects")
            wait(bed.ledger, 30, "the backlog drains")
            begun_s = time.time()
            with bed.feeding(1.0):
                downs, rounds = _documents(bed, box, documents, chance)
            left = bed.missing()
            failures = bed.drained(600)
        finally:
            proxy.close()
        p99, round_p99 = percentile(downs, 0.99), percentile(rounds, 0.99)
        if p99 > _DOWN_S:
            failures.append(f"documents took {p99:.2f} s to the gateway (p99), at most {_DOWN_S:.0f} s are allowed")
        if not left:
            failures.append("the backlog was drained before the last document, so nothing was measured")
        live = percentile([took for entry, took in latencies(bed.book, bed.dsn) if entry.at_s >= begun_s], 0.99)
        notes = [
            f"document p99 {p99 * 1000:.0f} ms, with its answer {round_p99 * 1000:.0f} ms",
            f"live batch p99 {live:.1f} s",
            f"{left} batches left",
        ]
        return settle(bed.book, bed.dsn, failures, notes)


def _documents(bed: Chain, box: Box, number: int, chance: Random) -> tuple[list[float], list[float]]:
    """Publish documents one by one; returns the seconds until the gateway had each, and until its answer was back."""
    answers: dict[int, float] = {}
    ready = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="documents", protocol=paho.MQTTv5)
    client.username_pw_set("central", bed.broker.passwords["central"])

    def hear(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        answers.setdefault(json.loads(message.payload)["documents"]["lines"]["version"], time.monotonic())

    client.on_subscribe = lambda *_: ready.set()
    client.on_message = hear
    client.connect(bed.broker.host, bed.broker.port)
    client.loop_start()
    wait(client.is_connected, 10, "the other end connects")
    client.subscribe(up(box.gateway, Up.REPORTED), qos=1)
    sent: dict[int, float] = {}
    try:
        assert ready.wait(10)
        for version in range(1, number + 1):
            time.sleep(chance.uniform(0.05, 0.2))
            sent[version] = time.monotonic()
            client.publish(down(box.gateway, Down.DESIRED, "lines"), json.dumps({"schema": 1, "version": version}), qos=1, retain=True)
            wait(lambda version=version: version in answers, 30, "the gateway answers a document")  # type: ignore[misc]
    finally:
        client.disconnect()
        client.loop_stop()
    arrived = dict(box.documents)
    return [arrived[version] - at for version, at in sent.items()], [answers[version] - at for version, at in sent.items()]
