"""Procedures carried out by the poller between polls, and by `run_on` on a line of one's own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from pydantic import TypeAdapter

from edge_agent.drivers.procedure import Ask, Pause, Procedure, Speed
from edge_agent.lines.exchange import ExchangeTiming, Transaction
from edge_agent.lines.line import Line
from edge_agent.lines.outlet import Outlet
from edge_agent.lines.poller import Poller
from edge_agent.lines.run_on import run_on
from edge_agent.lines.schedule import Priority
from protocol.errors import LineError, NoReply, NotFound, PortUnavailable, Refused
from protocol.profile import AnyProfile, Profile
from protocol.reading import Reading
from protocol.site_plan import Device
from protocol.site_plan import Line as LinePlan
from protocol.wire import dlt645
from protocol.wire.dlt645 import Frame

PROFILE: AnyProfile = TypeAdapter[AnyProfile](Profile).validate_python(
    {
        "schema": 1, "profile": "test/meter", "name": {"zh": "表", "en": "Meter"}, "maker": {"zh": "厂", "en": "Maker"}, "model": "M1",
        "kind": "electricity_meter", "source": "made for tests", "verified": "draft", "serial": {"baud": 2400, "parity": "E"},
        "groups": {"energy": 60}, "protocol": "dlt645_2007",
        "items": [{"quantity": "energy_active_forward", "unit": "kWh", "di": "00010000", "format": "XXXXXX.XX"}],
    }
)  # fmt: skip
A, B = (Device(id=name, address=f"00000000000{n}", profile="test/meter", place="room") for n, name in enumerate("ab", 1))
TIMING = ExchangeTiming(0.02, 0.5, 0.2, 0.5)


def plan(*devices: Device) -> LinePlan:
    return LinePlan(id="line-1", port={"kind": "serial", "path": "/dev/null"}, baud=2400, devices=devices)  # type: ignore[arg-type]


class Bench:
    """A poller whose meters answer everything with zeros; `dead` ones do not."""

    def __init__(self, port: Any, clock: Any) -> None:
        self.port, self.clock, self.dead = port, clock, set[str]()
        self.published: list[Reading] = []
        self.codes: list[str] = []
        port.answer = self.answer
        outlet = Outlet("line-1", self.published.extend, lambda event: self.codes.append(event.code), clock)
        self.poller = Poller(plan(A, B), {"test/meter": PROFILE}, outlet, clock, lambda _: port)

    def answer(self, request: bytes) -> list[tuple[float, bytes]]:
        asked = Frame.from_bytes(request)
        return [] if asked.address in self.dead else [(0.05, Frame(asked.address, asked.control | 0x80, asked.data[:4] + bytes(4)).to_bytes())]

    def start(self, make: Callable[[], Procedure[Any]], device: str = "a", priority: Priority = Priority.CONTROL) -> Future[Any]:
        future: Future[Any] = Future()
        self.poller.run(device, make, priority, future)
        return future

    def run(self, seconds: float) -> None:
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now = max(self.clock.now, min(until, self.poller.turn()))

    def asked(self, device: Device) -> list[float]:
        return [at for at, request in self.port.sent if Frame.from_bytes(request).address == device.address]


@pytest.fixture
def bench(port: Any, clock: Any) -> Bench:
    return Bench(port, clock)


def read(device: Device = A) -> Ask:
    asked = dlt645.read_request(dlt645.Version.V2007, device.address, "02010100")
    return Ask(Transaction(asked.to_bytes(), dlt645.Decoder(), lambda reply: dlt645.matches(dlt645.Version.V2007, asked, reply)))


def asking(times: int, pause_s: float = 0.0, device: Device = A) -> Procedure[list[Any]]:
    replies = []
    for _ in range(times):
        replies.append((yield read(device)))
        if pause_s:
            yield Pause(pause_s)
    return replies


def test_result_is_handed_over(bench: Bench) -> None:
    future = bench.start(lambda: asking(3))
    bench.run(5.0)

    assert [reply.control for reply in future.result(0)] == [0x91] * 3


def test_steps_go_before_polls_and_below_what_is_more_urgent(bench: Bench) -> None:
    slow, urgent = bench.start(lambda: asking(3), priority=Priority.FREEZE), bench.start(lambda: asking(2, device=B), "b")
    bench.run(0.9)

    addresses = [Frame.from_bytes(request).address for _, request in bench.port.sent][:5]
    assert addresses == [B.address, B.address, A.address, A.address, A.address]
    bench.run(5.0)
    assert slow.result(0)
    assert urgent.result(0)


def test_others_are_served_at_a_pause_and_it_lasts_as_long_as_it_says(bench: Bench) -> None:
    future = bench.start(lambda: asking(2, 5.0))
    began = bench.clock.now
    bench.run(4.0)
    assert {one.series.device for one in bench.published} == {"a", "b"}
    assert not future.done()
    bench.run(7.0)

    assert len(future.result(0)) == 2
    first, second = (at for at, request in bench.port.sent if b"\x33\x34\x34\x35" in request)
    assert 5.0 < second - first < 5.5
    assert first - began < 0.1


def test_a_procedure_takes_the_time_of_its_turn_not_of_its_order(bench: Bench) -> None:
    seen: list[float] = []

    def timed() -> Procedure[None]:
        seen.append(bench.clock.now)
        yield Pause(2.0)
        seen.append(bench.clock.now)
        yield read()

    future = bench.start(timed)
    bench.clock.now += 1.0
    bench.run(5.0)

    assert future.done()
    assert seen[0] >= 101.0
    assert seen[1] - seen[0] >= 2.0


def test_silence_is_raised_where_the_procedure_waits_and_it_may_go_on(bench: Bench) -> None:
    bench.dead = {A.address}

    def stubborn() -> Procedure[str]:
        try:
            yield read()
        except NoReply:
            bench.dead.clear()
        return "answered" if (yield read()) else "?"

    future = bench.start(stubborn)
    bench.run(5.0)

    assert future.result(0) == "answered"


def test_nothing_is_repeated_by_itself(bench: Bench) -> None:
    bench.dead = {A.address, B.address}
    future = bench.start(lambda: asking(1))
    bench.run(30.0)

    assert isinstance(future.exception(0), NoReply)
    assert sum(b"\x33\x34\x34\x35" in request for _, request in bench.port.sent) == 1


def test_speed_holds_for_this_procedure_only_and_is_put_back(bench: Bench) -> None:
    speeds_of_polls: list[float] = []
    answer = bench.answer

    def watching(request: bytes) -> list[tuple[float, bytes]]:
        if b"\x33\x33\x34\x33" in request:
            speeds_of_polls.append(11 / bench.port.byte_s)
        return answer(request)

    bench.port.answer = watching

    def fast() -> Procedure[list[float]]:
        yield Speed(9600)
        yield read()
        first = bench.port.byte_s
        yield Pause(3.0)
        yield read()
        return [11 / first, 11 / bench.port.byte_s]

    future = bench.start(fast)
    bench.run(6.0)

    assert future.result(0) == pytest.approx([9600, 9600])
    assert speeds_of_polls == pytest.approx([2400, 2400])
    assert 11 / bench.port.byte_s == pytest.approx(2400)
    assert [baud for _, baud in bench.port.speeds] == [9600, None, 9600, None]


@pytest.mark.parametrize("end", ["error", "program error"])
def test_speed_is_put_back_however_it_ends(bench: Bench, end: str) -> None:
    def broken() -> Procedure[None]:
        yield Speed(9600)
        yield read()
        raise NoReply("it stopped") if end == "error" else ZeroDivisionError

    future = bench.start(broken)
    for _ in range(40):
        try:
            bench.poller.turn()
        except ZeroDivisionError:
            continue
        bench.clock.now += 0.05

    assert isinstance(future.exception(0), NoReply if end == "error" else LineError)
    assert 11 / bench.port.byte_s == pytest.approx(2400)
    assert bench.published


def test_port_with_its_own_speed_refuses_and_the_procedure_is_told(bench: Bench) -> None:
    bench.port.fixed_speed = True

    def fast() -> Procedure[str]:
        try:
            yield Speed(9600)
        except Refused as error:
            return error.message
        return "changed"

    future = bench.start(fast)
    bench.run(1.0)

    assert future.result(0) == "port test has its own speed"


@pytest.mark.parametrize("when", ["asking", "pausing"])
def test_lost_port_ends_it(bench: Bench, when: str) -> None:
    ended: list[bool] = []

    def long() -> Procedure[None]:
        try:
            yield read()
            yield Pause(100.0 if when == "pausing" else 0.0)
            yield read()
        finally:
            ended.append(True)

    future = bench.start(long)
    bench.poller.turn()
    bench.port.broken = True
    bench.run(70.0)

    assert isinstance(future.exception(0), PortUnavailable)
    assert ended == [True]
    assert len(bench.poller._paused) == 0
    bench.port.broken = False
    bench.run(200.0)
    assert bench.published


def test_stop_ends_what_pauses(bench: Bench) -> None:
    future = bench.start(lambda: asking(2, 100.0))
    bench.run(1.0)
    bench.poller.close()

    assert isinstance(future.exception(0), Refused)


def test_device_taken_away_ends_what_pauses(bench: Bench) -> None:
    future, other = bench.start(lambda: asking(2, 10.0), "b"), bench.start(lambda: asking(2, 10.0))
    bench.run(1.0)
    bench.poller.reconfigure(plan(A))

    assert isinstance(future.exception(0), NotFound)
    bench.run(30.0)
    assert other.result(0)


def test_unknown_device_fails_at_once(bench: Bench) -> None:
    assert isinstance(bench.start(lambda: asking(1), "nobody").exception(0), NotFound)


def test_full_class_does_not_keep_a_procedure_from_going_on(bench: Bench) -> None:
    first = bench.start(lambda: asking(2, 1.0))
    bench.run(0.5)
    others = [bench.start(lambda: asking(1)) for _ in range(70)]
    bench.run(60.0)

    assert len(first.result(0)) == 2
    assert sum(isinstance(one.exception(0), Refused) for one in others) == 6


# --- on a line of one's own --------------------------------------------------------------------------------------------


@pytest.fixture
def line(port: Any, clock: Any) -> Line:
    Bench(port, clock)
    port.open()
    return Line(port, clock, 11 / 2400, 0.03)


def test_run_on_asks_pauses_and_returns(line: Line, clock: Any) -> None:
    replies = run_on(line, asking(2, 5.0), TIMING)

    assert len(replies) == 2
    assert clock.now > 110.0


def test_run_on_puts_the_speed_back(line: Line, port: Any) -> None:
    def fast() -> Procedure[float]:
        yield Speed(9600)
        yield read()
        return 11 / port.byte_s  # type: ignore[no-any-return]

    assert run_on(line, fast(), TIMING) == pytest.approx(9600)
    assert 11 / port.byte_s == pytest.approx(2400)


def test_run_on_raises_what_the_procedure_raises(line: Line, port: Any) -> None:
    port.answer = lambda request: []
    with pytest.raises(NoReply):
        run_on(line, asking(1), TIMING)
    port.fixed_speed = True

    def fast() -> Procedure[None]:
        yield Speed(9600)

    with pytest.raises(Refused):
        run_on(line, fast(), TIMING)


def test_password_shows_neither_in_errors_nor_in_raw_frames_nor_as_an_echo(line: Line, port: Any) -> None:
    secret, shown = b"\xfe\x68secret\x16", b"\xfe\x68......\x16"
    port.answer = lambda request: [(-len(request) * port.byte_s, request)]
    with pytest.raises(NoReply) as caught:
        line.exchange(Transaction(secret, dlt645.Decoder(), lambda reply: True, shown=shown), TIMING)

    assert secret.hex(" ") not in str(caught.value)
    assert port.sent[0][1] == secret
    assert [one.data for one in line.raw_frames()] == [shown, shown]
