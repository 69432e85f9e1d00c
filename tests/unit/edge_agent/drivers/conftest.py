"""Small profiles of every protocol family, and devices of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import TypeAdapter

from edge_agent.drivers.procedure import Ask, Pause, Procedure, Speed
from protocol.errors import NoReply
from protocol.profile import AnyProfile, Profile
from protocol.site_plan import Device

_ADAPTER: TypeAdapter[AnyProfile] = TypeAdapter(Profile)
_COMMON = {
    "schema": 1,
    "profile": "test/model",
    "name": {"zh": "表", "en": "Meter"},
    "maker": {"zh": "厂", "en": "Maker"},
    "model": "M1",
    "kind": "electricity_meter",
    "source": "made for tests",
    "verified": "draft",
    "serial": {"baud": 2400, "parity": "E"},
    "groups": {"energy": 900, "load": 60},
}

MakeProfile = Callable[..., AnyProfile]
MakeDevice = Callable[..., Device]


@pytest.fixture
def make_profile() -> MakeProfile:
    def make(protocol: str, items: list[dict[str, Any]], **more: Any) -> AnyProfile:
        return _ADAPTER.validate_python({**_COMMON, "protocol": protocol, "items": items, **more})

    return make


@pytest.fixture
def make_device() -> MakeDevice:
    def make(address: str = "000102030425", name: str = "m1") -> Device:
        return Device(id=name, profile="test/model", address=address, place="room")

    return make


Answer = Callable[[bytes], bytes | None]


@dataclass
class Played:
    """What a procedure did: requests sent (preamble off), seconds paused, speeds asked for."""

    sent: list[bytes] = field(default_factory=list)
    paused_s: float = 0.0
    speeds: list[int] = field(default_factory=list)


@pytest.fixture
def carry_out() -> Callable[[Procedure[Any], Answer], tuple[Any, Played]]:
    """`carry_out(procedure, answer)`: `answer(request)` gives the reply's bytes, or None for silence. A reply must be one the exchange accepts."""

    def run(procedure: Procedure[Any], answer: Answer) -> tuple[Any, Played]:
        played = Played()
        step = next(procedure)
        try:
            while True:
                match step:
                    case Pause(seconds):
                        played.paused_s += seconds
                        step = procedure.send(None)
                    case Speed(baud):
                        played.speeds.append(baud)
                        step = procedure.send(None)
                    case Ask(transaction):
                        played.sent.append(re.sub(b"^(\xfe\xfe)+", b"", transaction.request))  # a Modbus unit may be FE
                        raw = answer(played.sent[-1])
                        frames = [one for one in transaction.decoder.feed(raw or b"") if transaction.accept(one)]
                        step = procedure.send(frames[0]) if frames else procedure.throw(NoReply("no reply"))
        except StopIteration as end:
            return end.value, played

    return run


@dataclass
class Meter:
    """A DL/T 645-2007 meter made of a table: identifier -> data (hex, as on the wire), None or missing is refused. Written by hand from the standard.

    `on_write(control, data)` answers every other function: (control, data) of the reply, or None for silence.
    """

    registers: dict[str, str | None]
    on_write: Callable[[int, bytes], tuple[int, bytes] | None] = lambda control, data: None

    def __call__(self, request: bytes) -> bytes | None:
        control, data = request[8], bytes((byte - 0x33) & 0xFF for byte in request[10:-2])
        if control != 0x11:
            told = self.on_write(control, data)
            return None if told is None else framed(request[1:7], *told)
        held = self.registers.get(data[3::-1].hex().upper())
        return framed(request[1:7], 0xD1, b"\x02") if held is None else framed(request[1:7], 0x91, data[:4] + bytes.fromhex(held))


def framed(address: bytes, control: int, data: bytes) -> bytes:
    body = b"\x68" + address + b"\x68" + bytes([control, len(data)]) + bytes((byte + 0x33) & 0xFF for byte in data)
    return body + bytes([sum(body) & 0xFF, 0x16])


@pytest.fixture
def meter() -> type[Meter]:
    return Meter
