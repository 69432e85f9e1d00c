"""The wall clock of a gateway jumps: 1970 at boot, right, two hours ahead, a day back, right again.

What is exercised: a whole `edge-agent run` process that polls two virtual meters over a virtual line and sends through a real mosquitto, under a
preload library that shifts CLOCK_REALTIME alone; it is restarted once in the middle of the day that is a day back. Central is played: it counts
every delivery and receipts it. The quality must tell the times that cannot be believed, and only those the box can know of: two hours ahead looks
like any correction, so those readings are GOOD with a wrong time, and what follows is CLOCK_UNSURE until real time has caught up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware_profiles.loader import load_profiles
from protocol.messages import Ack, BatchId, Columns, LinesDocument, decode_stored, encode_record
from protocol.reading import Quality
from protocol.site_plan import parse_site_plan
from protocol.topics import UP_STORED, parse_up
from provisioning.virtual.site import VirtualSite
from tests.faults.broker import Broker
from tests.faults.recorder import library
from tests.faults.scenario import Outcome, Size

TITLE = "the gateway's clock jumps"
NEEDS = ("linux", "cc", "mosquitto")
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_GATEWAY = "gw-1"
_WAIT_S = 30.0
_PLAN = """
schema: 1
site: {id: test, name: {zh: 测试, en: Test}}
places: [{id: campus, kind: campus, name: {zh: 校园, en: Campus}}]
gateways:
  - id: gw-1
    name: {zh: 网关, en: Gateway}
    place: campus
    lines:
      - {id: l1, port: {kind: serial, path: /dev/ttyS1}, baud: 9600, devices: [
          {id: m-1, profile: generic/dlt645_2007_single_phase, address: "000000000001", place: campus,
           poll_s: {energy: 1, electrical: 1, status: 1}},
          {id: m-2, profile: generic/dlt645_2007_single_phase, address: "000000000002", place: campus,
           poll_s: {energy: 1, electrical: 1, status: 1}}]}
"""


@dataclass
class _Central:
    """Hears everything and receipts it at once."""

    broker: Broker
    deliveries: Counter[BatchId] = field(default_factory=Counter)
    readings: list[tuple[BatchId, int, Quality]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="central", protocol=mqtt.MQTTv5)
        self.client.username_pw_set("central", self.broker.passwords["central"])
        self.client.on_connect = lambda client, *_: client.subscribe("ce/v1/+/up/#", qos=1)
        self.client.on_message = lambda _client, _data, message: self._hear(message)
        self.client.connect(self.broker.host, self.broker.port)
        self.client.loop_start()

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def newest(self) -> int:
        """How many readings have come so far."""
        with self.lock:
            return len(self.readings)

    def _hear(self, message: mqtt.MQTTMessage) -> None:
        if parse_up(message.topic)[1] not in UP_STORED:
            return
        batch, content = decode_stored(bytes(message.payload))
        with self.lock:
            self.deliveries[batch] += 1
            if isinstance(content, Columns) and self.deliveries[batch] == 1:
                self.readings += [(batch, one.measured_at_ms, one.quality) for one in content.readings()]
        ack = Ack(generation=batch.generation, epoch=batch.epoch, seq=0, also=((batch.seq, batch.seq),))
        self.client.publish(f"ce/v1/{_GATEWAY}/down/ack", encode_record(ack), qos=1, retain=True)


def run(chance: Random, size: Size) -> Outcome:
    """Play the day; with more than one round the jumps in the middle come again in another order."""
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="clock-") as name:
        folder = Path(name)
        broker = Broker(folder / "broker", "127.0.0.1", False, None)
        broker.start()
        central = _Central(broker)
        site = VirtualSite(parse_site_plan(_PLAN, "plan.yaml"), load_profiles(), folder / "site")
        site.start()
        try:
            _write_files(folder, site, broker)
            _play(folder, central, chance, 1 if size is Size.SLICE else 6, failures)
        finally:
            site.stop()
            central.stop()
            broker.kill()
    seqs = sorted({(batch.epoch, batch.seq) for batch in central.deliveries})
    lost = seqs[-1][1] - len(seqs) if seqs else 0
    repeats = sum(central.deliveries.values()) - len(central.deliveries)
    if len({epoch for epoch, _ in seqs}) != 1:
        failures.append("a jump of the clock began a new epoch")
    if repeats > len(central.deliveries) // 4:
        failures.append(f"{repeats} of {len(central.deliveries)} batches were sent again")
    unsure = sum(quality is Quality.CLOCK_UNSURE for _, _, quality in central.readings)
    return Outcome(len(central.readings), lost, 0, 0, tuple(failures), (f"{unsure} readings marked unsure", f"{repeats} batches sent again"))


def _play(folder: Path, central: _Central, chance: Random, rounds: int, failures: list[str]) -> None:
    """Each phase: (what it is, the shift, the quality it must have)."""
    boot_ms = -int(time.time() * 1000) + chance.randrange(600_000)
    phases = [("1970 at boot", boot_ms, Quality.CLOCK_UNSURE), ("right", 0, Quality.GOOD)]
    ahead_ms = 0
    for _ in range(rounds):
        ahead_ms += 2 * _HOUR_MS
        phases += [
            ("ahead", ahead_ms, Quality.GOOD),
            ("a day back", -_DAY_MS + chance.randrange(_HOUR_MS), Quality.CLOCK_UNSURE),
            ("restart", -_DAY_MS, Quality.CLOCK_UNSURE),
            ("right, but behind", 0, Quality.CLOCK_UNSURE),
        ]
    phases.append(("caught up", ahead_ms + _HOUR_MS, Quality.GOOD))
    agent = None
    try:
        for what, shift_ms, quality in phases:
            _shift(folder, shift_ms)
            if agent is None or what == "restart":
                _end(agent)
                agent = _start(folder)
            failures += _phase(agent, central, what, shift_ms, quality)
    finally:
        _end(agent)


def _phase(agent: subprocess.Popen[bytes], central: _Central, what: str, shift_ms: int, quality: Quality) -> Iterator[str]:
    """Wait for readings that were surely measured in this phase; yield what is wrong with them."""
    now_ms = time.time_ns() // 1_000_000 + shift_ms
    before, deadline = central.newest(), time.monotonic() + _WAIT_S
    while True:
        with central.lock:
            fresh = [one for one in central.readings[before:] if abs(one[1] - now_ms) <= 2 * _WAIT_S * 1000 and one[1] >= now_ms + 300]
        if len(fresh) >= 6:
            break
        if agent.poll() is not None:
            yield f"{what}: the agent ended with {agent.returncode}"
            return
        if time.monotonic() > deadline:
            yield f"{what}: {len(fresh)} readings in {_WAIT_S:.0f} s, so the polling or the sending stands still"
            return
        time.sleep(0.05)
    if wrong := {one[2].name for one in fresh if one[2] is not quality}:
        yield f"{what}: readings marked {', '.join(sorted(wrong))}, expected {quality.name}"


def _shift(folder: Path, shift_ms: int) -> None:
    draft = folder / "shift.new"
    draft.write_text(f"{shift_ms}\n", encoding="ascii")
    draft.replace(folder / "shift")


def _write_files(folder: Path, site: VirtualSite, broker: Broker) -> None:
    document = LinesDocument(gateway=_GATEWAY, version=1, lines=site.rewritten_plan().gateways[0].lines)
    (folder / "lines.json").write_bytes(encode_record(document))
    (folder / "password").write_text(broker.passwords[_GATEWAY], encoding="ascii")
    (folder / "edge.toml").write_text(
        f'gateway = "{_GATEWAY}"\nstate_dir = "state"\n[lines]\nfile = "lines.json"\n[uplink]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        f'username = "{_GATEWAY}"\npassword_file = "password"\nreconnect_max_s = 1\n',
        encoding="utf-8",
    )


def _start(folder: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"LD_PRELOAD": str(library("clock")), "CE_CLOCK_FILE": str(folder / "shift")}
    command = [sys.executable, "-m", "edge_agent", "--config", str(folder / "edge.toml"), "run"]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _end(agent: subprocess.Popen[bytes] | None) -> None:
    if agent is not None:
        agent.kill()
        agent.wait()
