"""The poller on a scripted port in virtual time: readings out, trouble told once, devices kept apart.

Size: one scripted port and clock serve every case of the poller.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import TypeAdapter

from edge_agent.drivers.driver import driver_for
from edge_agent.drivers.plan import Request
from edge_agent.drivers.procedure import Ask, Procedure
from edge_agent.lines.exchange import Transaction
from edge_agent.lines.outlet import Outlet
from edge_agent.lines.poller import Poller
from edge_agent.lines.schedule import Priority
from protocol.errors import DeviceRefused, EncodeError, NoReply, NotFound, PortUnavailable, StorageError
from protocol.messages import Event
from protocol.profile import AnyProfile, Profile
from protocol.reading import Quality, Reading, SeriesKey
from protocol.site_plan import Device, Line
from protocol.wire import dlt645
from protocol.wire.dlt645 import Frame

PROFILE: AnyProfile = TypeAdapter[AnyProfile](Profile).validate_python(
    {
        "schema": 1, "profile": "test/meter", "name": {"zh": "表", "en": "Meter"}, "maker": {"zh": "厂", "en": "Maker"}, "model": "M1",
        "kind": "electricity_meter", "source": "made for tests", "verified": "draft", "serial": {"baud": 2400, "parity": "E"},
        "groups": {"energy": 900, "load": 60}, "protocol": "dlt645_2007",
        "items": [
            {"quantity": "energy_active_forward", "unit": "kWh", "di": "00010000", "format": "XXXXXX.XX"},
            {"quantity": "voltage_a", "unit": "V", "di": "02010100", "format": "XXX.X", "group": "load"},
            {"quantity": "voltage_b", "unit": "V", "di": "02010200", "format": "XXX.X", "group": "load"},
        ],
        "blocks": [{"di": "0201FF00", "items": ["02010100", "02010200"]}],
    }
)  # fmt: skip
RELAYS: AnyProfile = TypeAdapter[AnyProfile](Profile).validate_python(
    {
        "schema": 1, "profile": "test/relays", "name": {"zh": "继电器", "en": "Relays"}, "maker": {"zh": "厂", "en": "Maker"}, "model": "M2",
        "kind": "relay", "source": "made for tests", "verified": "draft", "serial": {"baud": 9600, "parity": "N"},
        "groups": {"energy": 60}, "protocol": "modbus_rtu",
        "items": [{"quantity": f"relay_{n + 1}", "unit": "state", "function": 1, "address": n, "type": "bit"} for n in range(2)],
        "blocks": [{"function": 1, "first": 0, "last": 7}],
    }
)  # fmt: skip
REGISTERS = {"00010000": "42061200", "02010100": "9722", "02010200": "0123", "0201FF00": "97220123"}


def device(name: str, address: str, profile: str = "test/meter", **more: Any) -> Device:
    return Device(id=name, address=address, profile=profile, place="room", **more)


A, B = device("a", "000000000001"), device("b", "000000000002")


def line(*devices: Device, baud: Any = 2400) -> Line:
    return Line(id="line-1", port={"kind": "serial", "path": "/dev/null"}, baud=baud, devices=devices)  # type: ignore[arg-type]


@dataclass
class Bench:
    """A poller with meters behind its port. `dead`: addresses that stay silent; `registers`: what each DI holds, None is refused."""

    port: Any
    clock: Any
    dead: set[str] = field(default_factory=set)
    registers: dict[str, str | None] = field(default_factory=lambda: dict[str, str | None](REGISTERS))
    published: list[Reading] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)  # DIs no meter answers
    damaged: set[str] = field(default_factory=set)  # addresses whose replies arrive broken
    full: bool = False
    interrupted: bool = False

    def start(self, *devices: Device) -> Poller:
        self.port.answer = self.answer
        outlet = Outlet("line-1", self.publish, self.events.append, self.clock)
        return Poller(
            line(*devices),
            {"test/meter": PROFILE, "test/relays": RELAYS},
            outlet,
            self.clock,
            lambda plan: self.port,
            interrupted=lambda: self.interrupted,
        )

    def answer(self, request: bytes) -> list[tuple[float, bytes]]:
        asked = Frame.from_bytes(request)
        if asked.address in self.dead:
            return []
        di = asked.data[:4][::-1].hex().upper()
        if di in self.silent:
            return []
        data = self.registers[di]
        reply = Frame(asked.address, 0xD1, b"\x02") if data is None else Frame(asked.address, 0x91, asked.data[:4] + bytes.fromhex(data))
        raw = reply.to_bytes()
        return [(0.05, raw[:-2] + bytes([raw[-2] ^ 1]) + raw[-1:] if asked.address in self.damaged else raw)]

    def asked(self, di: str) -> list[float]:
        """When this identifier was asked for."""
        return [at for at, request in self.port.sent if Frame.from_bytes(request).data[:4][::-1].hex().upper() == di]

    def publish(self, readings: Sequence[Reading]) -> None:
        if self.full:
            raise StorageError("disk full")
        self.published += readings

    def run(self, poller: Poller, seconds: float) -> None:
        until = self.clock.now + seconds
        while self.clock.now < until:
            wait_until = poller.turn()
            self.clock.now = max(self.clock.now, min(until, wait_until))

    def codes(self) -> list[str]:
        return [event.code for event in self.events]


@pytest.fixture
def bench(port: Any, clock: Any) -> Bench:
    return Bench(port, clock)


def test_all_values_of_all_devices_are_published_once_a_period(bench: Bench) -> None:
    bench.run(bench.start(A, B), 10.0)

    values = {(one.series.device, one.series.quantity): one.value for one in bench.published}
    expected = {"energy_active_forward": 1_206_420, "voltage_a": 229_700, "voltage_b": 230_100}
    assert values == {(name, quantity): value for name in "ab" for quantity, value in expected.items()}
    assert len(bench.published) == 6


def test_reading_carries_the_time_of_the_replys_last_byte(bench: Bench) -> None:
    bench.run(bench.start(A), 3.0)

    sent_at, request = bench.port.sent[0]
    arrived = sent_at + len(request) * bench.port.byte_s + 0.05
    assert bench.published[0].measured_at_ms == pytest.approx(1_700_000_000_000 + arrived * 1000, abs=1)


@pytest.mark.parametrize(("trusted", "quality"), [(True, Quality.GOOD), (False, Quality.CLOCK_UNSURE)])
def test_quality_tells_whether_the_clock_was_trusted(bench: Bench, trusted: bool, quality: Quality) -> None:
    bench.clock.is_trusted = trusted
    bench.run(bench.start(A), 3.0)

    assert {one.quality for one in bench.published} == {quality}


def test_dead_device_is_told_once_and_the_other_is_polled_on(bench: Bench) -> None:
    bench.dead = {A.address}
    poller = bench.start(A, B)
    bench.run(poller, 600.0)

    assert bench.codes() == ["device.silent"]
    assert poller.quarantined() == ("a",)
    assert sum(one.series == SeriesKey("b", "voltage_a") for one in bench.published) >= 10


def test_revived_device_is_told_and_read(bench: Bench) -> None:
    bench.dead = {A.address}
    poller = bench.start(A)
    bench.run(poller, 10.0)
    bench.dead.clear()
    bench.run(poller, 120.0)

    assert bench.codes() == ["device.silent", "device.answering"]
    assert any(one.series.device == "a" for one in bench.published)


def test_refused_block_is_read_one_by_one_in_the_same_round(bench: Bench) -> None:
    bench.registers["0201FF00"] = None
    bench.run(bench.start(A), 5.0)

    assert {one.series.quantity for one in bench.published} == {"energy_active_forward", "voltage_a", "voltage_b"}


def test_value_that_is_no_bcd_is_told_once_and_counted_each_time(bench: Bench) -> None:
    bench.registers["0201FF00"] = "9A220123"
    poller = bench.start(A)
    bench.run(poller, 200.0)

    assert bench.codes() == ["device.bad_value"]
    assert poller._devices["a"].bad_values == len(bench.asked("0201FF00")) >= 3
    assert {one.series.quantity for one in bench.published} == {"energy_active_forward", "voltage_b"}


def test_value_that_was_good_meanwhile_is_told_again(bench: Bench) -> None:
    poller = bench.start(A)
    for data in ("9A220123", "97220123", "9A220123"):
        bench.registers["0201FF00"] = data
        bench.run(poller, 70.0)

    assert bench.codes() == ["device.bad_value", "device.bad_value"]


def test_device_whose_replies_arrive_damaged_holds_nobody_up(bench: Bench) -> None:
    bench.damaged = {A.address}
    poller = bench.start(A, B)
    bench.run(poller, 30.0)

    assert poller.quarantined() == ("a",)
    assert {one.series.device for one in bench.published} == {"b"}
    assert sum(Frame.from_bytes(request).address == A.address for _, request in bench.port.sent) == 4  # each try repeated once


def test_block_met_with_silence_is_read_one_by_one_in_the_same_round(bench: Bench) -> None:
    bench.silent = {"0201FF00"}
    poller = bench.start(A)
    bench.run(poller, 70.0)

    assert [one.series.quantity for one in bench.published].count("voltage_a") == 2
    assert len(bench.asked("0201FF00")) == 1
    assert poller.quarantined() == ()


def test_item_a_living_device_is_mute_to_is_left_out(bench: Bench) -> None:
    poller = bench.start(A)
    bench.run(poller, 5.0)
    bench.port.sent.clear()
    bench.silent = {"00010000"}
    bench.run(poller, 10_000.0)

    assert len(bench.asked("00010000")) == 4  # what was answered before is given up at the second silent round only
    assert [one.series.quantity for one in bench.published].count("voltage_a") >= 160
    assert bench.codes() == []


def test_block_that_was_answered_before_is_not_given_up_for_one_refusal(bench: Bench) -> None:
    poller = bench.start(A)
    bench.run(poller, 5.0)
    bench.registers["0201FF00"] = None
    bench.run(poller, 60.0)
    bench.registers["0201FF00"] = "97220123"
    bench.run(poller, 130.0)

    assert not bench.asked("02010100")
    assert len(bench.asked("0201FF00")) >= 4


def test_time_out_is_learned_and_the_try_after_a_silence_gets_the_profiles(bench: Bench) -> None:
    poller = bench.start(device("a", "000000000001", poll_s={"load": 1}))
    bench.run(poller, 20.0)
    bench.port.sent.clear()
    bench.dead = {A.address}
    bench.run(poller, 6.0)

    starts = [at for at, _ in bench.port.sent]
    request_s = len(bench.port.sent[-1][1]) * bench.port.byte_s
    assert starts[-1] - starts[-2] == pytest.approx(request_s + 0.5, abs=0.01)  # the bus must be quiet that long anyway
    assert poller.counters.timeouts == 2
    assert poller._devices["a"].timing().first_byte_s == PROFILE.timing.first_byte_ms / 1000


def exception(request: bytes, code: int) -> bytes:
    from pymodbus.framer import FramerRTU

    frame = bytes([request[0], request[1] | 0x80, code])
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


def test_gateway_that_answers_for_a_silent_device_does_not_keep_it_alive(bench: Bench) -> None:
    poller = bench.start(device("r", "7", profile="test/relays"))
    bench.port.answer = lambda request: [(0.05, exception(request, 11))]
    bench.run(poller, 30.0)

    assert poller.quarantined() == ("r",)
    assert bench.codes() == ["device.silent"]


@pytest.mark.parametrize(("code", "asked"), [(6, 5), (2, 3)])
def test_busy_device_is_asked_again_next_time_and_a_missing_register_tomorrow(bench: Bench, code: int, asked: int) -> None:
    poller = bench.start(device("r", "7", profile="test/relays"))
    bench.port.answer = lambda request: [(0.05, exception(request, code))]
    bench.run(poller, 300.0)

    assert len(bench.port.sent) in range(asked, asked + 2)
    assert poller.quarantined() == ()


def test_device_without_profile_is_told_and_leaves_the_others(bench: Bench) -> None:
    bench.run(bench.start(device("x", "000000000009", profile="no/such"), A), 5.0)

    assert [(event.code, event.device) for event in bench.events] == [("device.misconfigured", "x")]
    assert {one.series.device for one in bench.published} == {"a"}


def test_periods_of_a_device_override_the_profile(bench: Bench) -> None:
    bench.run(bench.start(device("a", "000000000001", poll_s={"load": 10})), 100.0)

    counts = [one.series.quantity for one in bench.published]
    assert 9 <= counts.count("voltage_a") <= 12
    assert counts.count("energy_active_forward") == 1


def test_storage_that_refuses_does_not_stop_polling_and_is_told_once(bench: Bench) -> None:
    poller = bench.start(A)
    bench.full = True
    bench.run(poller, 200.0)
    asked = len(bench.port.sent)
    bench.full = False
    bench.run(poller, 100.0)

    assert asked >= 4
    assert bench.codes() == ["line.readings_lost", "line.readings_stored_again"]


def test_broken_port_is_told_once_and_reopened_with_back_off(bench: Bench) -> None:
    poller = bench.start(A)
    bench.run(poller, 5.0)
    bench.port.broken = True
    bench.run(poller, 100.0)
    assert bench.codes() == ["line.port_unavailable"]
    tries, bench.port.broken = bench.port.opened, False
    bench.run(poller, 100.0)

    assert bench.codes() == ["line.port_unavailable", "line.port_available"]
    assert bench.port.opened == tries + 1
    assert bench.published[-1].measured_at_ms > 1_700_000_000_000 + 205_000


def test_a_port_that_comes_back_within_its_patience_is_not_worth_telling(bench: Bench) -> None:
    poller = bench.start(A)
    bench.port.patience_s, bench.port.broken = 60.0, True
    bench.run(poller, 40.0)
    bench.port.broken = False
    bench.run(poller, 40.0)
    assert bench.codes() == []

    bench.port.broken = True
    bench.run(poller, 120.0)
    assert bench.codes() == ["line.port_unavailable"]


def test_broken_port_is_tried_again_at_the_distances_it_asks_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    poller, tried = bench.start(A), list[float]()
    bench.port.broken = True
    opens = bench.port.open
    monkeypatch.setattr(bench.port, "open", lambda: (tried.append(bench.clock.now), opens()))
    bench.run(poller, 110.0)

    assert [round(later - earlier) for earlier, later in itertools.pairwise(tried)] == [1, 2, 5, 10, 30, 30, 30]


def test_port_failure_is_told_at_once_and_what_was_read_before_is_stored(bench: Bench) -> None:
    poller = bench.start(A)
    poller.turn()
    bench.port.broken = True
    poller.turn()
    assert bench.codes() == ["line.port_unavailable"]
    poller.turn()

    assert [one.series.quantity for one in bench.published] == ["energy_active_forward"]


def test_urgent_read_does_not_open_an_open_port_again(bench: Bench) -> None:
    poller = bench.start(A)
    bench.run(poller, 5.0)
    poller.read("a", None, Priority.ON_DEMAND, Future())

    assert bench.port.opened == 1


def test_urgent_read_gives_what_could_be_read_beside_what_was_refused(bench: Bench) -> None:
    bench.registers["00010000"] = None
    poller, future = bench.start(A), Future[list[Reading]]()
    poller.read("a", None, Priority.ON_DEMAND, future)
    bench.run(poller, 3.0)

    assert [one.series.quantity for one in future.result(0)] == ["voltage_a", "voltage_b"]


def test_urgent_read_of_a_refused_block_gives_its_items(bench: Bench) -> None:
    bench.registers["0201FF00"] = None
    poller, future = bench.start(A), Future[list[Reading]]()
    poller.read("a", frozenset({"voltage_a", "voltage_b"}), Priority.ON_DEMAND, future)
    bench.run(poller, 3.0)

    assert [one.series.quantity for one in future.result(0)] == ["voltage_a", "voltage_b"]


def test_silence_to_an_urgent_read_teaches_nothing_about_its_block(bench: Bench) -> None:
    bench.dead = {A.address}
    poller, future = bench.start(A), Future[list[Reading]]()
    poller.read("a", frozenset({"voltage_a", "voltage_b"}), Priority.ON_DEMAND, future)
    while not future.done():
        poller.turn()
    bench.dead.clear()
    bench.run(poller, 5.0)

    assert bench.asked("02010100") == []
    assert len(bench.published) == 3


def test_urgent_read_of_what_is_known_to_be_refused_fails_at_once_and_stops_nobody(bench: Bench) -> None:
    bench.registers["00010000"] = None
    poller, future = bench.start(A), Future[list[Reading]]()
    bench.run(poller, 5.0)
    poller.read("a", frozenset({"energy_active_forward"}), Priority.ON_DEMAND, future)
    bench.run(poller, 70.0)

    assert isinstance(future.exception(0), NotFound)
    assert [one.series.quantity for one in bench.published].count("voltage_a") == 2


def test_urgent_read_returns_its_readings(bench: Bench) -> None:
    poller, future = bench.start(A), Future[list[Reading]]()
    bench.run(poller, 5.0)
    poller.read("a", frozenset({"voltage_a"}), Priority.ON_DEMAND, future)
    bench.run(poller, 1.0)

    assert [(one.series, one.value) for one in future.result(0)] == [(SeriesKey("a", "voltage_a"), 229_700)]


def test_urgent_read_of_a_silent_device_fails_with_no_reply(bench: Bench) -> None:
    bench.dead = {A.address}
    poller, future = bench.start(A), Future[list[Reading]]()
    poller.read("a", None, Priority.ON_DEMAND, future)
    bench.run(poller, 10.0)

    assert isinstance(future.exception(0), NoReply)


@pytest.mark.parametrize(("name", "quantities"), [("nobody", None), ("a", {"water_volume"})])
def test_urgent_read_of_what_does_not_exist_fails_at_once(bench: Bench, name: str, quantities: set[str] | None) -> None:
    future = Future[list[Reading]]()
    bench.start(A).read(name, None if quantities is None else frozenset(quantities), Priority.ON_DEMAND, future)

    assert isinstance(future.exception(0), NotFound)


def test_urgent_read_of_what_the_device_refuses_tells_so(bench: Bench) -> None:
    bench.registers["00010000"] = None
    poller, future = bench.start(A), Future[list[Reading]]()
    poller.read("a", frozenset({"energy_active_forward"}), Priority.ON_DEMAND, future)
    bench.run(poller, 2.0)

    assert isinstance(future.exception(0), DeviceRefused)


def test_urgent_read_on_a_broken_port_fails_instead_of_waiting(bench: Bench) -> None:
    bench.port.broken = True
    poller, future = bench.start(A), Future[list[Reading]]()
    poller.read("a", None, Priority.ON_DEMAND, future)

    assert isinstance(future.exception(0), PortUnavailable)


def test_command_is_sent_once_even_if_nobody_answers(bench: Bench) -> None:
    bench.dead = {A.address}
    poller, future = bench.start(A), Future[Any]()
    asked = dlt645.write_address_request("000000000005")

    def write() -> Procedure[Any]:
        return (yield Ask(Transaction(asked.to_bytes(), dlt645.Decoder(), lambda reply: True)))

    poller.run("a", write, Priority.CONTROL, future)
    bench.registers["00000000"] = None
    bench.dead.add(asked.address)
    bench.run(poller, 10.0)

    assert isinstance(future.exception(0), NoReply)
    assert sum(request == asked.to_bytes() for _, request in bench.port.sent) == 1


def test_reload_reads_the_new_device_and_leaves_the_port_open(bench: Bench) -> None:
    poller = bench.start(A)
    bench.run(poller, 5.0)
    poller.reconfigure(line(A, B))
    before = len(bench.published)
    bench.run(poller, 5.0)

    assert {one.series.device for one in bench.published[before:]} == {"b"}
    assert bench.port.opened == 1


def test_reload_keeps_what_was_learned_about_unchanged_devices(bench: Bench) -> None:
    bench.registers["0201FF00"] = None
    poller = bench.start(A)
    bench.run(poller, 5.0)
    poller.reconfigure(line(B, A))
    bench.run(poller, 70.0)

    blocks = [request for _, request in bench.port.sent if Frame.from_bytes(request).data == bytes.fromhex("00FF0102")]
    assert [Frame.from_bytes(request).address for request in blocks] == [A.address, B.address]


def test_reload_with_other_serial_settings_reopens_the_port(bench: Bench) -> None:
    poller = bench.start(A)
    bench.run(poller, 5.0)
    poller.reconfigure(line(A, baud=9600))
    bench.run(poller, 1.0)

    assert bench.port.opened == 2


def test_urgent_read_of_a_device_taken_away_fails(bench: Bench) -> None:
    poller, future = bench.start(A, B), Future[list[Reading]]()
    bench.run(poller, 0.1)
    poller.read("b", None, Priority.ON_DEMAND, future)
    poller.reconfigure(line(A))

    assert isinstance(future.exception(0), NotFound)


def test_close_publishes_what_is_left_and_fails_what_waits(bench: Bench) -> None:
    poller, future = bench.start(A), Future[list[Reading]]()
    poller.turn()
    poller.read("a", None, Priority.ON_DEMAND, future)
    poller.close()

    assert bench.published
    assert future.exception(0) is not None
    assert not bench.port.is_open
    assert not poller.is_open


def test_ask_that_comes_while_the_bus_rests_goes_before_the_poll_chosen_already(bench: Bench) -> None:
    poller, future = bench.start(A, B), Future[list[Reading]]()
    poller.turn()
    bench.interrupted = True
    poller.turn()
    assert len(bench.port.sent) == 1
    bench.interrupted = False
    poller.read("b", frozenset({"energy_active_forward"}), Priority.CONTROL, future)
    poller.turn()

    assert Frame.from_bytes(bench.port.sent[1][1]).address == B.address
    bench.run(poller, 5.0)
    assert {one.series.quantity for one in bench.published if one.series.device == "a"} >= {"voltage_a", "voltage_b"}


def test_full_line_is_used_to_the_limit_its_devices_set(bench: Bench) -> None:
    poller = bench.start(*(device(f"d{n}", str(n), poll_s={"energy": 1, "load": 1}) for n in range(1, 21)))
    bench.run(poller, 120.0)

    assert poller.counters.ideal_s / poller.counters.busy_s > 0.98
    assert poller.counters.busy_s == pytest.approx(120.0, abs=1.0)


def test_broadcast_goes_between_two_exchanges_and_the_bus_rests_behind_it(bench: Bench) -> None:
    poller, future = bench.start(A), Future[list[Any]]()
    clock_frame = Frame("9" * 12, 0x08, bytes(6)).to_bytes()
    poller.broadcast(lambda: clock_frame, 0.5, Priority.TIME_SYNC, future)
    bench.port.answer = lambda request: [] if request == clock_frame else bench.answer(request)
    bench.run(poller, 5.0)

    assert future.result(0) == []
    (told_at, told), (asked_at, _) = bench.port.sent[:2]
    assert told == clock_frame
    assert asked_at - told_at == pytest.approx(0.5 + len(told) * bench.port.byte_s, abs=0.002)


def test_command_that_cannot_be_built_fails_alone(bench: Bench) -> None:
    def make() -> Procedure[Any]:
        raise EncodeError("password is not six digits")

    poller, future = bench.start(A), Future[Any]()
    poller.run("a", make, Priority.CONTROL, future)
    bench.run(poller, 5.0)

    assert isinstance(future.exception(0), EncodeError)
    assert bench.published


def test_program_error_in_one_device_does_not_come_back_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    poller = bench.start(A, B)
    driver_class = type(driver_for(PROFILE))
    decode = driver_class.decode

    def broken(self: Any, request: Request, replies: Sequence[Any]) -> Any:
        if request.device.id == "a":
            raise ZeroDivisionError
        return decode(self, request, replies)

    monkeypatch.setattr(driver_class, "decode", broken)
    raised = 0
    for _ in range(8):
        try:
            poller.turn()
        except ZeroDivisionError:
            raised += 1
    poller.close()

    assert raised == 2  # for the worker to log, once a request
    assert {one.series.device for one in bench.published} == {"b"}


def test_poll_that_cannot_be_built_is_reported_and_does_not_come_back_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    poller = bench.start(A, B)

    def broken(self: Any, request: Request, replies: Sequence[Any]) -> Any:
        raise EncodeError("no such identifier")

    monkeypatch.setattr(type(driver_for(PROFILE)), "transaction", broken)
    raised = 0
    for _ in range(6):
        try:
            poller.turn()
        except EncodeError:
            raised += 1

    assert raised == 4  # two requests of each device, then there is nothing to do


def test_devices_with_trouble_and_the_slowest_are_told_worst_first(bench: Bench) -> None:
    c = device("c", "000000000003")
    bench.damaged, bench.dead = {B.address}, {c.address}
    poller = bench.start(A, B, c)
    bench.run(poller, 120.0)

    told = {one.id: one for one in poller.device_healths()}
    assert list(told)[-1] == "a"
    assert (told["a"].timeouts, told["a"].damaged, told["a"].delay_ms) == (0, 0, 45)  # the answer came at 50 ms, its first bit some before
    assert told["a"].exchanges > 0
    assert told["b"].damaged == told["b"].exchanges > 0
    assert told["c"].timeouts == told["c"].exchanges > 0
    assert told["c"].delay_ms is None
