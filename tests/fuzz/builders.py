"""Requests with any arguments: a builder returns a frame that reads back as itself, or raises EncodeError."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from protocol.errors import EncodeError
from protocol.wire import cjt188, dlt645, modbus, recharge
from protocol.wire.dlt645 import Version
from tests.fuzz.subject import Subject, require

_LETTERS = ("0123456789", "0123456789ABCDEF", "0123456789A", "0 1\t2²٣xGf\x00é")
_SIZES = (0, 1, 2, 3, 4, 6, 8, 12, 14, 16, 20)


def subjects() -> Iterator[Subject]:
    """One for all builders."""
    yield Subject("builders", lambda rng: rng.randbytes(8), _check, weight=0.5)


def _check(data: bytes, rng: Random) -> None:
    drawn = Random(data)
    build = _BUILDERS[drawn.randrange(len(_BUILDERS))]
    try:
        built = build(drawn)
    except EncodeError:
        return
    raw = built if isinstance(built, bytes) else built.to_bytes()
    require(len(raw) <= 300, f"{len(raw)} bytes for one request")
    if not isinstance(built, bytes):
        require(type(built).from_bytes(raw) == built, "a request does not read back as itself")


def _text(rng: Random) -> str:
    return "".join(rng.choices(_LETTERS[min(rng.randrange(8), 3)], k=_SIZES[rng.randrange(len(_SIZES))]))


def _byte(rng: Random) -> int:
    return rng.choice((0, 1, 255, rng.randrange(256), rng.randrange(-3, 300), 70_000))


def _data(rng: Random) -> bytes:
    return rng.randbytes(rng.randrange(300) if rng.random() < 0.1 else rng.randrange(20))


def _when(rng: Random) -> datetime:
    return datetime(2000, 1, 1) + timedelta(seconds=rng.randrange(3_000_000_000))


def _version(rng: Random) -> Version:
    return rng.choice((Version.V2007, Version.V1997))


_BUILDERS: tuple[Callable[[Random], Any], ...] = (
    lambda rng: dlt645.read_request(_version(rng), _text(rng), _text(rng), _data(rng)),
    lambda rng: dlt645.followup_request(_version(rng), _text(rng), _text(rng), _byte(rng)),
    lambda rng: dlt645.load_record_request(_text(rng), _text(rng), _byte(rng), rng.choice((None, _when(rng)))),
    lambda rng: dlt645.write_request(_version(rng), _text(rng), _text(rng), _data(rng), _text(rng), _text(rng), _text(rng)),
    lambda rng: dlt645.write_address_request(_text(rng), _version(rng)),
    lambda rng: dlt645.freeze_request(_text(rng), _text(rng)),
    lambda rng: dlt645.change_baud_request(_text(rng), rng.choice((300, 2400, 9600, 19200, 7)), _version(rng)),
    lambda rng: dlt645.change_password_request(_version(rng), _text(rng), _text(rng), _text(rng), _text(rng), _text(rng)),
    lambda rng: dlt645.clear_demand_request(_version(rng), _text(rng), _text(rng), _text(rng), _text(rng)),
    lambda rng: dlt645.clear_events_request(_text(rng), _text(rng), _text(rng), _text(rng), _text(rng)),
    lambda rng: dlt645.terminal_request(_text(rng), _byte(rng)),
    lambda rng: dlt645.broadcast_time_request(_when(rng)),
    lambda rng: dlt645.remote_control_request(_text(rng), _byte(rng), rng.choice((None, _when(rng))), _text(rng), _text(rng), _text(rng), _byte(rng)),
    lambda rng: dlt645.security_request(
        _text(rng), _text(rng), _text(rng), recharge.encode(recharge.plain_order(_byte(rng), _text(rng), _text(rng)))
    ),
    lambda rng: dlt645.security_request("1", "070102FF", "00000000", recharge.encode(recharge.plain_purchase(_byte(rng), _byte(rng), _text(rng)))),
    lambda rng: cjt188.read_request(_byte(rng), _text(rng), _text(rng), _byte(rng), rng.choice(("low_first", "high_first"))),
    lambda rng: cjt188.write_request(_byte(rng), _text(rng), _text(rng), _data(rng), _byte(rng)),
    lambda rng: cjt188.valve_request(_byte(rng), _text(rng), _byte(rng)),
    lambda rng: cjt188.write_address_request(_byte(rng), _text(rng), _text(rng)),
    lambda rng: modbus.read_request(_byte(rng), rng.randrange(6), _byte(rng), _byte(rng)),
    lambda rng: modbus.write_coil_request(_byte(rng), _byte(rng), rng.choice((True, False, _byte(rng)))),
    lambda rng: modbus.write_register_request(_byte(rng), _byte(rng), _byte(rng)),
    lambda rng: modbus.write_coils_request(_byte(rng), _byte(rng), [True] * rng.randrange(2100)),
    lambda rng: modbus.write_registers_request(_byte(rng), _byte(rng), [_byte(rng) for _ in range(rng.randrange(130))]),
)
