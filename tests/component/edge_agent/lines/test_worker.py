"""A line worker on real threads: a bare pty with hand-made replies, and the virtual site with all protocols."""

from __future__ import annotations

import os
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_agent.lines.clock import SystemClock
from edge_agent.lines.worker import LineWorker
from firmware_profiles.loader import load_profiles
from protocol.errors import NoReply, Refused
from protocol.messages import Event
from protocol.profile import AnyProfile
from protocol.reading import Reading, SeriesKey
from protocol.site_plan import Line, SitePlan, VirtualFault
from protocol.wire.dlt645 import Frame
from provisioning.virtual.site import VirtualSite

_PATIENCE_S = 20.0
_METER = "generic/dlt645_2007_single_phase"
_METER_97 = "generic/dlt645_1997_single_phase"
_TEXT = {"zh": "测试", "en": "Test"}


def eventually(check: Callable[[], bool]) -> bool:
    until = time.monotonic() + _PATIENCE_S
    while not check():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(scope="module")
def profiles() -> Mapping[str, AnyProfile]:
    return load_profiles().profiles


class Sink:
    """Takes readings and events as the buffer would."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.events: list[Event] = []
        self.open = threading.Event()
        self.open.set()

    def publish(self, readings: Sequence[Reading]) -> None:
        assert self.open.wait(_PATIENCE_S)
        self.readings += readings

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def codes(self) -> list[str]:
        return [event.code for event in self.events]

    def value(self, device: str, quantity: str) -> int | None:
        return next((one.value for one in reversed(self.readings) if one.series == SeriesKey(device, quantity)), None)


class RawMeters:
    """A pty whose far end answers as `answer` says: (delay, bytes) chunks after each request."""

    def __init__(self, answer: Callable[[Frame], Sequence[tuple[float, bytes]]]) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave, self._answer, self._stop = slave, answer, threading.Event()
        self.asked: list[tuple[float, Frame]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due: list[tuple[float, bytes]] = []
        while not self._stop.is_set():
            if select.select([self._master], [], [], 0.005)[0]:
                request, now = Frame.from_bytes(os.read(self._master, 4096)), time.monotonic()
                self.asked.append((now, request))
                due += [(now + delay_s, chunk) for delay_s, chunk in self._answer(request)]
            for one in sorted(one for one in due if one[0] <= time.monotonic()):
                due.remove(one)
                os.write(self._master, one[1])

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)


def reply(asked: Frame, data: str) -> bytes:
    return Frame(asked.address, 0x91, asked.data + bytes.fromhex(data)).to_bytes()


def meter_line(path: str, count: int = 2, baud: int = 9600) -> Line:
    devices = [{"id": f"m{n}", "profile": _METER, "address": str(n), "place": "room"} for n in range(1, count + 1)]
    return Line.model_validate({"id": "l1", "port": {"kind": "serial", "path": path}, "baud": baud, "devices": devices})


@pytest.fixture
def sink() -> Sink:
    return Sink()


Start = Callable[..., LineWorker]


@pytest.fixture
def start(sink: Sink, profiles: Mapping[str, AnyProfile]) -> Iterator[Start]:
    workers: list[LineWorker] = []

    def begin(line: Line) -> LineWorker:
        worker = LineWorker(line, profiles, sink.publish, sink.emit, SystemClock())
        worker.start()
        workers.append(worker)
        return worker

    yield begin
    sink.open.set()
    for worker in workers:
        worker.stop()


@pytest.fixture
def raw() -> Iterator[Callable[..., RawMeters]]:
    opened: list[RawMeters] = []

    def make(answer: Callable[[Frame], Sequence[tuple[float, bytes]]]) -> RawMeters:
        opened.append(RawMeters(answer))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def test_echo_and_noise_do_not_reach_the_readings(raw: Any, start: Start, sink: Sink) -> None:
    meters = raw(
        lambda asked: [(0.0, asked.to_bytes()), (0.05, b"\x00\x68\x16"), (0.06, reply(asked, "97220000")[:9]), (0.07, reply(asked, "97220000")[9:])]
    )
    worker = start(meter_line(meters.path, count=1))
    future = worker.read_now("m1", ["energy_active_forward"])

    assert [one.value for one in future.result(_PATIENCE_S)] == [22_970]
    assert worker.health().noise_bytes >= 3


def test_late_reply_is_never_filed_under_the_next_device(raw: Any, start: Start, sink: Sink) -> None:
    def answer(asked: Frame) -> list[tuple[float, bytes]]:
        if asked.address.endswith("1"):
            return [(1.2, reply(asked, "11111111"))]  # behind every time-out
        return [(0.03, reply(asked, "22222222"))]

    worker = start(meter_line(raw(answer).path))
    asks = [worker.read_now(device, ["energy_active_forward"]) for device in ("m1", "m2", "m1", "m2")]

    assert all(future.exception(_PATIENCE_S) is None for future in asks[1::2])
    assert 111_111_110 not in {one.value for one in sink.readings if one.series.device == "m2"}
    assert 222_222_220 in {one.value for one in sink.readings if one.series.device == "m2"}


def test_idle_worker_shows_progress_and_stops_at_once(raw: Any, start: Start) -> None:
    worker = start(meter_line(raw(lambda asked: []).path, count=0))
    before = worker.last_progress()

    assert eventually(lambda: worker.last_progress() > before + 0.5)
    worker.stop(timeout_s=1.0)
    assert worker.health().state == "stopped"


def test_worker_waiting_for_a_dead_meter_stops_in_time(raw: Any, start: Start) -> None:
    meters = raw(lambda asked: [])
    worker = start(meter_line(meters.path))
    assert eventually(lambda: len(meters.asked) > 0)

    worker.stop(timeout_s=2.0)


def test_stuck_worker_shows_no_progress(raw: Any, start: Start, sink: Sink) -> None:
    sink.open.clear()
    worker = start(meter_line(raw(lambda asked: [(0.01, reply(asked, "97220000"))]).path, count=1))
    assert eventually(lambda: worker.last_progress() == (time.sleep(1.3), worker.last_progress())[1])


def test_stopped_worker_refuses_reads(raw: Any, start: Start) -> None:
    worker = start(meter_line(raw(lambda asked: []).path, count=1))
    worker.stop()

    assert isinstance(worker.read_now("m1").exception(0), Refused)


# --- the virtual site --------------------------------------------------------------------------------------------------


def site_plan() -> SitePlan:
    """Lines of all protocols: `m` pty 645 (2007 and 1997), `r` TCP Modbus, `w` dial-in CJ/T 188 with either identifier order."""
    serial = {"kind": "serial", "path": "/dev/ttyS1"}
    dtu = {"kind": "tcp_server", "host": "127.0.0.1", "port": 9700, "registration": "DTU-7", "heartbeat": "@"}
    lines = {
        "m": (serial, "E", {"m-07": (_METER, "1"), "m-3p": ("generic/dlt645_2007_three_phase", "2"), "m-97": (_METER_97, "3")}),
        "r": (serial, "N", {"relay": ("waveshare/modbus_rtu_relay_8ch", "3"), "sdm": ("eastron/sdm120", "4"), "adl": ("acrel/adl400", "5")}),
        "w": (dtu, "E", {"cold": ("generic/cjt188_cold_water", "9"), "high": ("generic/cjt188_cold_water_high_first", "10")}),
    }  # fmt: skip
    return SitePlan.model_validate(
        {
            "schema": 1,
            "site": {"id": "s", "name": _TEXT},
            "places": [{"id": "room", "kind": "room", "name": _TEXT}],
            "gateways": [
                {
                    "id": "g1",
                    "name": _TEXT,
                    "place": "room",
                    "lines": [
                        {
                            "id": name,
                            "port": port,
                            "baud": 19200,
                            "parity": parity,
                            "devices": [
                                {"id": device, "profile": profile, "address": address, "place": "room"}
                                for device, (profile, address) in devices.items()
                            ],
                        }
                        for name, (port, parity, devices) in lines.items()
                    ],
                }
            ],
            "rehearsal": {"tcp_lines": ["g1/r"]},
        }
    )


@pytest.fixture
def site(tmp_path: Path, profiles: Mapping[str, AnyProfile]) -> Iterator[VirtualSite]:
    one = VirtualSite(site_plan(), profiles, tmp_path / "virtual")
    one.start()
    yield one
    one.stop()


def line_of(site: VirtualSite, name: str) -> Line:
    return next(line for line in site.rewritten_plan().gateways[0].lines if line.id == name)


def violations(site: VirtualSite, name: str) -> dict[str, int]:
    found: Any = site.stats()[f"g1/{name}"]["violations"]
    return dict(found)


@pytest.mark.parametrize("name", ["m", "r", "w"])
def test_every_quantity_of_every_protocol_is_read_and_the_line_is_respected(
    site: VirtualSite, start: Start, sink: Sink, profiles: Mapping[str, AnyProfile], name: str
) -> None:
    line = line_of(site, name)
    start(line)

    expected = {SeriesKey(device.id, item.quantity) for device in line.devices for item in profiles[device.profile].items}
    assert eventually(lambda: {one.series for one in sink.readings} >= expected)
    assert not any(violations(site, name).values())
    assert sink.codes() in ([], ["line.port_unavailable", "line.port_available"])  # a DTU may call later than we look


@pytest.mark.parametrize(
    ("name", "device", "quantity", "slack"),
    [
        ("m", "m-07", "energy_active_forward", 50),
        ("m", "m-97", "energy_active_forward", 50),
        ("r", "adl", "energy_active_forward", 50),
        ("w", "cold", "water_volume", 20),
        ("w", "high", "water_volume", 20),
    ],
)
def test_register_read_is_what_the_device_measured(
    site: VirtualSite, start: Start, sink: Sink, name: str, device: str, quantity: str, slack: int
) -> None:
    worker = start(line_of(site, name))
    assert eventually(lambda: worker.health().state == "open")

    (reading,) = worker.read_now(device, [quantity]).result(_PATIENCE_S)

    assert reading.value == pytest.approx(site.truth(device, quantity), abs=slack)
    assert eventually(lambda: reading in sink.readings)


def test_relay_switched_at_the_device_shows(site: VirtualSite, start: Start) -> None:
    worker = start(line_of(site, "r"))
    assert eventually(lambda: worker.health().state == "open")
    site.set_state("relay", "relay_3", 1)

    (reading,) = worker.read_now("relay", ["relay_3"]).result(_PATIENCE_S)
    assert reading.value == 1


def test_dead_device_is_quarantined_while_the_others_are_read_and_comes_back(site: VirtualSite, start: Start, sink: Sink) -> None:
    site.set_fault("m-3p", VirtualFault(kind="dead"))
    worker = start(line_of(site, "m"))
    assert eventually(lambda: worker.health().quarantined == ("m-3p",))
    assert eventually(lambda: sink.value("m-97", "energy_active_forward") is not None)

    assert isinstance(worker.read_now("m-3p", ["frequency"]).exception(_PATIENCE_S), NoReply)
    site.set_fault("m-3p", None)
    assert worker.read_now("m-3p", ["frequency"]).result(_PATIENCE_S)
    assert worker.health().quarantined == ()
    assert sink.codes() == ["device.silent", "device.answering"]


@pytest.mark.parametrize(
    ("name", "device", "fault"),
    [
        ("m", "m-07", VirtualFault(kind="echoing")),
        ("m", "m-07", VirtualFault(kind="noisy", share=0.3)),
        ("m", "m-07", VirtualFault(kind="wrong_checksum", share=0.3)),
        ("m", "m-07", VirtualFault(kind="late_reply", share=0.3, delay_ms=300)),
        ("r", "relay", VirtualFault(kind="echoing")),
        ("r", "relay", VirtualFault(kind="wrong_checksum", share=0.3)),
    ],
)
def test_line_with_a_troublesome_device_is_read_completely(
    site: VirtualSite, start: Start, sink: Sink, profiles: Mapping[str, AnyProfile], name: str, device: str, fault: VirtualFault
) -> None:
    site.set_fault(device, fault)
    line = line_of(site, name)
    start(line)

    healthy = {SeriesKey(one.id, item.quantity) for one in line.devices if one.id != device for item in profiles[one.profile].items}
    assert eventually(lambda: {one.series for one in sink.readings} >= healthy and any(one.series.device == device for one in sink.readings))
    assert not violations(site, name)["gap"]


def test_reload_adds_a_device_without_touching_the_port(site: VirtualSite, start: Start, sink: Sink) -> None:
    line = line_of(site, "m")
    worker = start(line.model_copy(update={"devices": line.devices[:1]}))
    assert eventually(lambda: sink.value("m-07", "frequency") is not None)
    worker.reload(line)

    assert eventually(lambda: sink.value("m-97", "energy_active_forward") is not None)
    assert sink.events == []
