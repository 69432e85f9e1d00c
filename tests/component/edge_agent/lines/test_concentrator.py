"""Lines behind a concentrator, over real sockets: a terminal that says what public captures say, and virtual ones with meters behind them.

Size: one virtual concentrator with its meters serves every case.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_agent.lines.clock import SystemClock
from edge_agent.lines.concentrator import ConcentratorLinePort, TerminalGuest
from edge_agent.lines.exchange import ExchangeTiming, Transaction
from edge_agent.lines.line import Line
from edge_agent.lines.reception import Receptions
from edge_agent.lines.worker import LineWorker
from firmware_profiles.loader import load_profiles
from protocol.errors import NoReply, PortBusy, PortUnavailable
from protocol.messages import Event
from protocol.profile import AnyProfile
from protocol.reading import Reading
from protocol.site_plan import ConcentratorPort, SitePlan, VirtualFault
from protocol.site_plan import Line as LinePlan
from protocol.wire import dlt645
from provisioning.virtual.concentrator import Concentrator
from provisioning.virtual.site import VirtualSite

_PATIENCE_S = 60.0
# public captures (tests/golden/wire/gdw376_*): terminal 0200-04660 logs in, beats, is confirmed, answers through its port 31
LOGIN = bytes.fromhex("68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16")
HEARTBEAT = bytes.fromhex("68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 04 00 88 16")
CONFIRM = bytes.fromhex("68 32 00 32 00 68 0B 00 02 34 12 00 00 61 00 00 01 00 B5 16")
STRANGER = bytes.fromhex("68 32 00 32 00 68 C9 21 05 AA AA 00 02 79 00 00 01 00 BF 16")
METER_REPLY = bytes.fromhex("68 61 10 01 30 12 15 68 91 08 33 33 34 33 AB 39 33 33 49 16")
ASK = dlt645.read_request(dlt645.Version.V2007, "151230011061", "00010000")
TIMING = ExchangeTiming(0.03, 0.5, 0.1, 0.1)


def frame(control: int, afn: int, seq: int, data: str, station: int = 2) -> bytes:
    """A frame of terminal 0200-04660, made here and not by the codec under test."""
    user = bytes([control, 0x00, 0x02, 0x34, 0x12, station, afn, seq]) + bytes.fromhex(data)
    length = (len(user) * 4 + 2).to_bytes(2, "little")
    return b"\x68" + length * 2 + b"\x68" + user + bytes([sum(user) % 256, 0x16])


def eventually(check: Callable[[], object]) -> bool:
    until = time.monotonic() + _PATIENCE_S
    while not check():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


# --- one scripted terminal ---------------------------------------------------------------------------------------------


class Terminal:
    """What dials in. `answer(serial)` makes the bytes that follow a request."""

    def __init__(self, door: int, says: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", door), timeout=_PATIENCE_S)
        self.socket.sendall(says)
        self.requests: list[bytes] = []

    def hears(self, count: int) -> bytes:
        data = b""
        while len(data) < count and (more := self.socket.recv(count - len(data))):
            data += more
        return data

    def serve(self, answer: Callable[[int], list[bytes]]) -> threading.Thread:
        """Answer one request in the background."""

        def run() -> None:
            head = self.hears(6)
            rest = self.hears((int.from_bytes(head[1:3], "little") >> 2) + 2)
            self.requests.append(head + rest)
            for piece in answer(rest[7] & 0x0F):
                self.socket.sendall(piece)
                time.sleep(0.02)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread


@pytest.fixture
def door() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def port_for(door: int) -> Iterator[Callable[[int], ConcentratorLinePort]]:
    """Make the port of a channel; all are closed at the end."""
    receptions, ports = Receptions(), list[ConcentratorLinePort]()

    def make(channel: int = 31) -> ConcentratorLinePort:
        where = ConcentratorPort(kind="concentrator", host="127.0.0.1", port=door, region="0200", terminal=0x1234, channel=channel, delay_ms=300)
        ports.append(ConcentratorLinePort(where, LinePlan(id="l", port=where, baud=9600), receptions))
        opens(ports[-1])
        return ports[-1]

    yield make
    for port in ports:
        port.close()


def opens(port: ConcentratorLinePort) -> bool:
    try:
        port.open()
    except PortUnavailable:
        return False
    return True


@pytest.fixture
def port(port_for: Callable[..., ConcentratorLinePort]) -> ConcentratorLinePort:
    return port_for(31)


@pytest.fixture
def dial(door: int) -> Iterator[Callable[..., Terminal]]:
    terminals = []

    def make(says: bytes = LOGIN) -> Terminal:
        terminals.append(Terminal(door, says))
        return terminals[-1]

    yield make
    for one in terminals:
        one.socket.close()


@pytest.fixture
def terminal(dial: Callable[..., Terminal], port: ConcentratorLinePort) -> Terminal:
    """Logged in and confirmed; the port is open."""
    one = dial()
    assert one.hears(len(CONFIRM)) == CONFIRM
    assert eventually(lambda: opens(port))
    return one


def exchange(port: ConcentratorLinePort) -> dlt645.Frame:
    line = Line(port, SystemClock(), 11 / 9600, 0.03)
    reply = line.exchange(Transaction(ASK.to_bytes(), dlt645.Decoder(), lambda reply: dlt645.matches(dlt645.Version.V2007, ASK, reply)), TIMING)
    return reply.reply


def answered(serial: int, payload: bytes = METER_REPLY, control: int = 0x88, tail: str = "") -> bytes:
    return frame(control, 0x10, 0x60 | serial, f"00000100 1F {len(payload):02X}00 {payload.hex()} {tail}")


def guest_of(port: ConcentratorLinePort) -> TerminalGuest:
    guest = port._joined
    assert isinstance(guest, TerminalGuest)
    return guest


def test_request_travels_with_the_lines_settings_and_the_reply_comes_back(port: ConcentratorLinePort, terminal: Terminal) -> None:
    served = terminal.serve(lambda serial: [answered(serial)])

    assert exchange(port).to_bytes(0) == METER_REPLY
    served.join()
    sent, request = terminal.requests[0], ASK.to_bytes()
    assert sent[6:13] == bytes.fromhex("4B 00 02 34 12 02 10")
    assert sent[14:24] == bytes.fromhex("00 00 01 00 1F CB 82 0A") + len(request).to_bytes(2, "little")
    assert sent[24:-2] == request + bytes(16)


@pytest.mark.parametrize("cut", [3, 20, 30])
def test_heartbeat_and_event_around_a_reply_do_not_disturb_it(port: ConcentratorLinePort, terminal: Terminal, cut: int) -> None:
    event = frame(0xC4, 0x0E, 0x7A, "00000100 01 02 03")
    served = terminal.serve(lambda serial: [HEARTBEAT + event + answered(serial)[:cut], answered(serial)[cut:] + HEARTBEAT])

    assert exchange(port).to_bytes(0) == METER_REPLY
    served.join()
    confirms = terminal.hears(3 * len(CONFIRM))
    assert confirms.count(CONFIRM) == 2
    assert guest_of(port).counters["dropped"] == 1


def test_login_while_an_exchange_waits_is_confirmed_and_the_exchange_goes_on(port: ConcentratorLinePort, terminal: Terminal) -> None:
    served = terminal.serve(lambda serial: [LOGIN, answered(serial)])

    assert exchange(port).to_bytes(0) == METER_REPLY
    served.join()
    assert terminal.hears(len(CONFIRM)) == CONFIRM


def test_event_counters_and_time_tag_behind_a_reply_are_no_part_of_it(port: ConcentratorLinePort, terminal: Terminal) -> None:
    terminal.serve(lambda serial: [answered(serial, control=0xA8, tail="4F00 00 06 50 23 21 05")])

    assert exchange(port).to_bytes(0) == METER_REPLY


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda serial: [frame(0x89, 0x00, 0x60 | serial, "00000200")], "denied"),
        (lambda serial: [answered(serial, b"")], "empty"),
    ],
)
def test_refusal_and_empty_answer_end_the_exchange_at_once(port: ConcentratorLinePort, terminal: Terminal, answer: Any, word: str) -> None:
    terminal.serve(answer)
    port.write(ASK.to_bytes())

    with pytest.raises(NoReply):
        port.read(_PATIENCE_S)
    assert guest_of(port).counters[word] == 1


def test_half_a_reply_is_all_that_will_come(port: ConcentratorLinePort, terminal: Terminal) -> None:
    terminal.serve(lambda serial: [answered(serial, METER_REPLY[:12])])
    port.write(ASK.to_bytes())

    assert port.read(_PATIENCE_S) == METER_REPLY[:12]
    with pytest.raises(NoReply):
        port.read(_PATIENCE_S)


def test_answer_to_an_older_request_is_not_taken(port: ConcentratorLinePort, terminal: Terminal) -> None:
    late = METER_REPLY.replace(b"\xab\x39", b"\x33\x33").replace(b"\x49\x16", b"\xcb\x16")
    terminal.serve(lambda serial: [answered((serial - 1) % 16, late), answered(serial)])

    assert exchange(port).to_bytes(0) == METER_REPLY
    assert guest_of(port).counters["stale"] == 1


def test_speed_of_one_request_travels_with_it(port: ConcentratorLinePort, terminal: Terminal) -> None:
    port.set_speed(2400)
    served = terminal.serve(lambda serial: [])
    port.write(ASK.to_bytes())
    served.join()

    assert terminal.requests[0][19] == 0x6B


def test_logout_closes_and_the_line_learns_it(port: ConcentratorLinePort, terminal: Terminal) -> None:
    terminal.socket.sendall(frame(0xC9, 0x02, 0x75, "00000200", station=0))

    assert terminal.hears(100) == frame(0x0B, 0x00, 0x65, "00000100", station=0)
    with pytest.raises(PortUnavailable):
        port.read(_PATIENCE_S)


def test_terminal_nobody_expects_is_denied_and_hung_up_on(dial: Callable[..., Terminal], port: ConcentratorLinePort) -> None:
    told = dial(STRANGER).hears(100)

    assert told[12:18] == bytes.fromhex("00 69 00 00 02 00")
    assert not opens(port)


def test_terminal_that_dials_again_takes_over(dial: Callable[..., Terminal], port: ConcentratorLinePort, terminal: Terminal) -> None:
    served = terminal.serve(lambda serial: [])
    port.write(ASK.to_bytes())
    served.join()
    again = dial()

    with pytest.raises(NoReply):  # what was asked over the old connection is given up
        port.read(_PATIENCE_S)
    assert again.hears(len(CONFIRM)) == CONFIRM
    again.serve(lambda serial: [answered(serial)])
    assert exchange(port).to_bytes(0) == METER_REPLY


def test_two_ports_of_one_terminal_take_turns(port: ConcentratorLinePort, terminal: Terminal, port_for: Callable[..., ConcentratorLinePort]) -> None:
    other = port_for(2)
    assert eventually(lambda: opens(other))
    first = terminal.serve(lambda serial: [])
    port.write(ASK.to_bytes())
    first.join()

    with pytest.raises(PortBusy):
        other.write(ASK.to_bytes())
    second = terminal.serve(lambda serial: [frame(0x88, 0x10, 0x60 | serial, f"00000100 02 1400 {METER_REPLY.hex()}")])
    assert exchange(other).to_bytes(0) == METER_REPLY  # its turn comes when the terminal's time for the first is over
    second.join()


# --- virtual concentrators ---------------------------------------------------------------------------------------------

_TEXT = {"zh": "测试", "en": "Test"}
_METER, _ENERGY = "generic/dlt645_2007_single_phase", "energy_active_forward"


def site_plan() -> SitePlan:
    """One address: a concentrator with 20 meters on port 31 and 3 on port 2, and a DTU with one water meter."""
    door = {"host": "10.0.0.5", "port": 9800}
    terminal = {"kind": "concentrator", **door, "region": "3701", "terminal": 513}
    dtu = {"kind": "tcp_server", **door, "registration": "hex:44 54 55 00 07", "heartbeat": "@beat@"}
    many = [device(f"m{n}", _METER, f"{n:012d}", energy=1, electrical=1, status=60) for n in range(1, 21)]
    few = [device(f"f{n}", _METER, f"{n:012d}", energy=1, electrical=1, status=60) for n in range(1, 4)]
    water = [device("w1", "generic/cjt188_cold_water", "78330011223342", volume=1, status=60)]
    lines = [
        {"id": "many", "port": terminal, "baud": 19200, "devices": many},
        {"id": "few", "port": terminal | {"channel": 2}, "baud": 19200, "devices": few},
        {"id": "water", "port": dtu, "baud": 2400, "devices": water},
    ]
    return SitePlan.model_validate(
        {
            "schema": 1,
            "site": {"id": "s", "name": _TEXT},
            "places": [{"id": "room", "kind": "room", "name": _TEXT}],
            "gateways": [{"id": "g1", "name": _TEXT, "place": "room", "lines": lines}],
            "rehearsal": {"devices": [{"device": one["id"], "delay_ms": [20, 20]} for one in (*many, *few)]},
        }
    )


def device(name: str, profile: str, address: str, **poll_s: int) -> dict[str, object]:
    return {"id": name, "profile": profile, "address": address, "place": "room", "poll_s": poll_s}


@pytest.fixture(scope="module")
def profiles() -> Mapping[str, AnyProfile]:
    return load_profiles().profiles


@pytest.fixture
def site(profiles: Mapping[str, AnyProfile], tmp_path: Path) -> Iterator[VirtualSite]:
    site = VirtualSite(site_plan(), profiles, tmp_path)
    site.start()
    yield site
    site.stop()


@pytest.fixture
def concentrator(site: VirtualSite) -> Concentrator:
    (one,) = site.concentrators.values()
    return one


class Polling:
    """All lines of the site, polled."""

    def __init__(self, site: VirtualSite, profiles: Mapping[str, AnyProfile]) -> None:
        self.readings: list[Reading] = []
        self.events: list[Event] = []
        lines = site.rewritten_plan().gateways[0].lines
        self.workers = {line.id: LineWorker(line, profiles, self.readings.extend, self.events.append, SystemClock()) for line in lines}
        for worker in self.workers.values():
            worker.start()

    def heard_from(self, quantity: str) -> set[str]:
        return {reading.series.device for reading in list(self.readings) if reading.series.quantity == quantity}

    def codes(self) -> list[str]:
        return [event.code for event in list(self.events)]


@pytest.fixture
def polling(site: VirtualSite, profiles: Mapping[str, AnyProfile]) -> Iterator[Polling]:
    polling = Polling(site, profiles)
    yield polling
    for worker in polling.workers.values():
        worker.stop(10)


def test_every_meter_behind_concentrator_and_dtu_is_read_as_on_any_line(site: VirtualSite, polling: Polling, concentrator: Concentrator) -> None:
    assert eventually(lambda: all(worker.health().state == "open" for worker in polling.workers.values()))
    wanted = [("many", f"m{n}", _ENERGY) for n in range(1, 21)] + [("few", f"f{n}", _ENERGY) for n in range(1, 4)] + [("water", "w1", "water_volume")]
    asked = [(device, quantity, polling.workers[line].read_now(device, [quantity])) for line, device, quantity in wanted]

    for device, quantity, future in asked:
        (reading,) = future.result(_PATIENCE_S)
        assert reading.series == (device, quantity)
        assert abs(reading.value - site.truth(device, quantity)) < 100
    assert eventually(lambda: concentrator.counters.cut > 3 and concentrator.counters.merged > 0)
    assert {line: worker.health().timeouts for line, worker in polling.workers.items()} == {"many": 0, "few": 0, "water": 0}
    assert concentrator.counters.refused == 0


def test_heartbeats_between_exchanges_cost_nothing(polling: Polling, concentrator: Concentrator) -> None:
    assert eventually(lambda: len(polling.readings) > 5)
    for _ in range(10):
        concentrator.beat()
        time.sleep(0.05)

    assert eventually(lambda: concentrator.counters.heartbeats >= 5 and concentrator.counters.confirmed >= concentrator.counters.heartbeats)
    assert polling.workers["many"].health().timeouts == 0


def test_lost_link_is_told_and_polling_goes_on_when_the_concentrator_dials_again(polling: Polling, concentrator: Concentrator) -> None:
    assert eventually(lambda: len(polling.readings) > 5)
    concentrator.lose_link()

    assert eventually(lambda: concentrator.counters.logins == 2)
    seen = len(polling.readings)
    assert eventually(lambda: len(polling.readings) > seen + 10)
    assert "device.silent" not in polling.codes()


def test_dead_meter_is_quarantined_and_the_others_are_read(site: VirtualSite, polling: Polling, concentrator: Concentrator) -> None:
    site.set_fault("f2", VirtualFault(kind="dead"))

    assert eventually(lambda: polling.workers["few"].health().quarantined == ("f2",))
    assert concentrator.counters.silent >= 2
    assert eventually(lambda: polling.heard_from(_ENERGY) >= {"f1", "f3"})
