"""The edge's drivers on replies that are well framed and hold anything: a driver returns values or raises an error of the tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from edge_agent.drivers import plan
from edge_agent.drivers.driver import Driver, driver_for
from edge_agent.drivers.plan import Memory, Request
from firmware_profiles.loader import load_profiles
from protocol.errors import CampusError
from protocol.profile import AnyProfile
from protocol.profile_items import Protocol
from protocol.site_plan import Device
from protocol.wire import cjt188, dlt645, mbus
from tests.fuzz.payloads import mbus_answer
from tests.fuzz.streams import with_crc
from tests.fuzz.subject import Subject, require

MOST_FRAMES = 20
_INT64 = 1 << 63
_ADDRESSES = {Protocol.MODBUS_RTU: "17", Protocol.CJT188: "00112233445566", Protocol.MBUS: "7"}


@dataclass(frozen=True, slots=True)
class _Case:
    """A read of one profile."""

    driver: Driver
    request: Request


def subjects() -> Iterator[Subject]:
    """One for all profiles."""
    yield Subject("drivers", _make, _check, steps=60_000, weight=0.5)


@cache
def profiles() -> tuple[tuple[AnyProfile, Device], ...]:
    """Every profile of this tree and a device of it."""
    return tuple(
        (profile, Device(id="d", profile=profile.profile, address=_ADDRESSES.get(profile.protocol, "000102030425"), place="p"))
        for profile in load_profiles().profiles.values()
    )


@cache
def _cases() -> tuple[_Case, ...]:
    """Every read that the profiles plan."""
    return tuple(
        _Case(driver_for(profile), request) for profile, device in profiles() for request in plan.plan(profile, device, profile.items, Memory(), 0.0)
    )


def _make(rng: Random) -> bytes:
    """Two bytes that choose the read, then the content of its replies: anything, digits, or an M-Bus answer."""
    case = rng.randrange(len(_cases()))
    return case.to_bytes(2, "little") + content(_cases()[case].driver.profile.protocol, rng)


def content(protocol: Protocol, rng: Random) -> bytes:
    """Draw what a reply of this protocol may hold."""
    if protocol is Protocol.MBUS:
        return mbus_answer(rng)
    kind, size = rng.random(), rng.randrange(80)
    return rng.randbytes(size) if kind < 0.5 else bytes.fromhex("".join(rng.choices("0123456789", k=2 * size)))


def _check(data: bytes, rng: Random) -> None:
    case = _cases()[int.from_bytes(data[:2], "little")]
    replies: list[Any] = []
    try:
        while (transaction := case.driver.transaction(case.request, replies)) is not None:
            require(len(replies) < MOST_FRAMES, "the driver never has enough")
            frames = transaction.decoder.feed(reply_to(case.driver.profile.protocol, transaction.request, data[2:], rng))
            require(len(frames) == 1 and transaction.accept(frames[0]), "a reply to the request is not taken for one")
            replies += frames
        decoded = case.driver.decode(case.request, replies)
    except CampusError:
        return
    asked = {field.item.quantity for field in case.request.fields}
    for quantity, value in decoded.values:
        require(quantity in asked and isinstance(value, int) and -_INT64 <= value < _INT64, f"{quantity} = {value!r}")


def reply_to(protocol: Protocol, request: bytes, content: bytes, rng: Random) -> bytes:
    """A well-framed reply to a request, with this content, sometimes a refusal, sometimes with more to follow."""
    if protocol is Protocol.MODBUS_RTU:
        count, function = int.from_bytes(request[4:6], "big"), request[1]
        if function > 4:
            return with_crc(request[:6])
        size = (count + 7) // 8 if function in (1, 2) else 2 * count
        if rng.random() < 0.05:
            return with_crc(bytes([request[0], function | 0x80, rng.randrange(256)]))
        return with_crc(bytes([request[0], function, size]) + (content * size + bytes(size))[:size])
    if protocol is Protocol.MBUS:
        asked_mbus = mbus.Frame.from_bytes(request)
        is_question = asked_mbus.ci is None and asked_mbus.control != 0x40
        return mbus.Frame(0x08, asked_mbus.address, 0x72, content[:252]).to_bytes() if is_question else b"\xe5"
    refused = rng.random() < 0.05
    if protocol is Protocol.CJT188:
        asked = cjt188.Frame.from_bytes(request)
        data = content[:3] if refused else asked.data[:3] + content
        return cjt188.Frame(asked.meter_type, asked.address, asked.control | (0xC0 if refused else 0x80), data).to_bytes()
    asked_645 = dlt645.Frame.from_bytes(request)
    more = 0x20 if rng.random() < 0.3 else 0
    identifier = 4 if protocol is Protocol.DLT645_2007 else 2
    sequence = asked_645.data[identifier:] if asked_645.control == 0x12 else b""
    data = content[:2] if refused else asked_645.data[:identifier] + content + sequence
    return dlt645.Frame(asked_645.address, asked_645.control | (0xC0 if refused else 0x80 | more), data).to_bytes()
