"""Reads as procedures: what a planned request brings, the plain bytes behind an identifier, the values of some items.

A read is tried twice; a refusal is an answer. What a device refuses for good goes into the caller's memory, as it does for polls.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edge_agent.drivers import plan
from edge_agent.drivers.cjt188 import Cjt188Driver
from edge_agent.drivers.dlt645 import Dlt645Driver
from edge_agent.drivers.driver import Driver, driver_for, refusal_lasts
from edge_agent.drivers.modbus import ModbusDriver
from edge_agent.drivers.plan import AnyItem, Key, Memory, Request
from edge_agent.drivers.procedure import Ask, Procedure
from protocol.errors import DeviceRefused, NoReply, PayloadError, Refused, UnexpectedReply, WireError
from protocol.profile import AnyProfile
from protocol.site_plan import Device

UNHEARD = (NoReply, WireError, UnexpectedReply)  # nobody can say whether the device has heard
_PLAIN = (Dlt645Driver, Cjt188Driver, ModbusDriver)


def read_items(
    profile: AnyProfile, device: Device, items: Iterable[AnyItem], memory: Memory | None = None, now_s: float = 0.0
) -> Procedure[dict[str, int]]:
    """The values of some items, in base units; what the device refuses is left out.

    Raises its refusal if nothing is left, PayloadError if nothing of the rest can be used.
    """
    driver, memory = driver_for(profile), Memory() if memory is None else memory
    waiting = plan.plan(profile, device, items, memory, now_s)
    found: dict[str, int] = {}
    bad: list[str] = []
    refusal: DeviceRefused | None = None
    while waiting:
        request = waiting.pop(0)
        try:
            decoded = driver.decode(request, (yield from replies_to(driver, request)))
        except DeviceRefused as error:
            refusal = error
            waiting[:0] = plan.refused(profile, request, memory, now_s) if refusal_lasts(error) else []
            continue
        found |= dict(decoded.values)
        bad += decoded.bad
    if not found and refusal is not None:
        raise refusal
    if not found and bad:
        raise PayloadError(f"no value could be used: {'; '.join(bad)}", device=device.id)
    return found


def read_data(profile: AnyProfile, device: Device, key: Key) -> Procedure[bytes]:
    """The bytes behind an identifier, or of a range of registers (high byte first)."""
    driver = driver_for(profile)
    if not isinstance(driver, _PLAIN):
        raise Refused(f"{profile.protocol.value} has no identifiers or registers to read", device=device.id)
    request = Request(device, key, ())
    return driver.data(request, (yield from replies_to(driver, request)))


def replies_to(driver: Driver, request: Request) -> Procedure[list[Any]]:
    """All replies that make up the answer to one request; each exchange is tried twice."""
    replies: list[Any] = []
    while (transaction := driver.transaction(request, replies)) is not None:
        try:
            reply = yield Ask(transaction)
        except UNHEARD:
            again = driver.transaction(request, replies)
            if again is None:
                raise
            reply = yield Ask(again)
        replies.append(reply)
    return replies
