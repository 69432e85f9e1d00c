"""Many gateways without agents, a process of its own: `python -m tests.bench.fleet.gateways PORT PASSWORD_FILE NAME` speaks the MQTT contract for all
of them over one connection, as an account that central trusts.

Standard input, one JSON object a line; each is answered by one line of JSON:
    {"do": "make", "gateways": n, "meters": m, "prefix": p}      prepare to speak for p0..p(n-1), m meters of 8 quantities each; answers {}
    {"do": "each", "flight": k}                                  every gateway sends its next batch, at most k unanswered -> seconds, latencies
    {"do": "paced", "per_s": r, "seconds": s}                    batches of gateways in turn at a rate -> seconds, latencies
    {"do": "told"}                                               what central must hold: gateway -> [readings, sum of values]
A batch is answered when central's receipt covers it; `latencies_ms` are from publish to receipt.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from protocol.messages import CONTENT_TYPE, CRC_PROPERTY, BatchId, Birth, Columns, checksum, encode_readings, encode_record
from protocol.reading import SeriesKey
from protocol.topics import PREFIX, Up, up
from tests.bench.fleet.meters import QUANTITIES

START_MS = 1_780_000_000_000
_EPOCH = 7
_PATIENCE_S = 150.0


def meter(gateway: str, number: int) -> str:
    """Name of a gateway's meter."""
    return f"{gateway}-m{number}"


class _Fleet:
    """Gateways, what each has sent, and what waits for a receipt."""

    def __init__(self, port: int, password: str, name: str) -> None:
        self._names: list[str] = []
        self._series: dict[str, tuple[SeriesKey, ...]] = {}
        self._seq: dict[str, int] = {}
        self._told: dict[str, list[int]] = {}
        self._waiting: dict[tuple[str, int], float] = {}
        self._latencies_ms: list[float] = []
        self._room = threading.Condition()
        self._turn = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"fleet-{name}", protocol=paho.MQTTv5)
        self._client.username_pw_set("central", password)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.socket().setsockopt(6, 1, 1)  # type: ignore[union-attr]  # TCP_NODELAY
        self._client.loop_start()

    def make(self, gateways: int, meters: int, prefix: str) -> dict[str, Any]:
        self._names = [f"{prefix}{number}" for number in range(gateways)]
        keys = {name: tuple(SeriesKey(meter(name, n), quantity) for n in range(meters) for quantity in QUANTITIES) for name in self._names}
        self._series |= keys
        for name in self._names:
            self._seq[name], self._told[name] = 0, [0, 0]
            birth = Birth(gateway=name, generation=1, epoch=_EPOCH, agent_version="bench", started_at_ms=START_MS, lines=())
            self._client.publish(up(name, Up.BIRTH), encode_record(birth), qos=1, retain=True)
        self._client.subscribe(f"{PREFIX}/+/down/ack", qos=1)
        return {}

    def each(self, flight: int) -> dict[str, Any]:
        """Batches are made beforehand, so that time is the platform's and not ours."""
        batches = [self._batch(name) for name in self._names]
        return self._timed(lambda: [self._send(*batch, flight=flight) for batch in batches])

    def paced(self, per_s: float, seconds: float) -> dict[str, Any]:
        return self._timed(lambda: self._send_paced(per_s, seconds))

    def told(self) -> dict[str, Any]:
        return self._told

    def _send_paced(self, per_s: float, seconds: float) -> None:
        started = time.monotonic()
        for number in range(int(per_s * seconds)):
            time.sleep(max(0.0, started + number / per_s - time.monotonic()))
            self._turn = (self._turn + 1) % len(self._names)
            self._send(*self._batch(self._names[self._turn]), flight=1 << 30)

    def _timed(self, send: Any) -> dict[str, Any]:
        self._latencies_ms = []
        started = time.monotonic()
        send()
        with self._room:
            whole = self._room.wait_for(lambda: not self._waiting, _PATIENCE_S)
        return {"seconds": time.monotonic() - started, "latencies_ms": self._latencies_ms, "unanswered": 0 if whole else len(self._waiting)}

    def _batch(self, name: str) -> tuple[str, int, bytes, Properties]:
        seq = self._seq[name] = self._seq[name] + 1
        series = self._series[name]
        values = [seq * 1_000 + position for position in range(len(series))]
        told = self._told[name]
        told[0], told[1] = told[0] + len(values), told[1] + sum(values)
        data = Columns(series, range(len(series)), [START_MS + seq * 900_000] * len(series), values, [0] * len(series))
        payload = encode_readings(BatchId(name, 1, _EPOCH, seq), data)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = CONTENT_TYPE
        properties.UserProperty = [("generation", "1"), ("epoch", str(_EPOCH)), ("seq", str(seq)), (CRC_PROPERTY, f"{checksum(payload):08x}")]
        return name, seq, payload, properties

    def _send(self, name: str, seq: int, payload: bytes, properties: Properties, *, flight: int) -> None:
        with self._room:
            self._room.wait_for(lambda: len(self._waiting) < flight, _PATIENCE_S)
            self._waiting[name, seq] = time.monotonic()
        self._client.publish(up(name, Up.DATA), payload, qos=1, properties=properties)

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        now = time.monotonic()
        name, ack = message.topic.split("/")[2], orjson.loads(message.payload)
        if name not in self._seq:
            return
        with self._room:
            for seq in range(ack["seq"], 0, -1):
                if (sent := self._waiting.pop((name, seq), None)) is None:
                    break
                self._latencies_ms.append((now - sent) * 1000)
            for first, last in ack.get("also", ()):
                for seq in range(first, last + 1):
                    if (sent := self._waiting.pop((name, seq), None)) is not None:
                        self._latencies_ms.append((now - sent) * 1000)
            self._room.notify()


def main(port: int, password: str, name: str) -> None:
    """Answer until standard input ends."""
    fleet = _Fleet(port, password, name)
    for line in sys.stdin:
        order = json.loads(line)
        answer = getattr(fleet, order.pop("do"))(**order)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]).read_text(encoding="utf-8").strip(), sys.argv[3])
