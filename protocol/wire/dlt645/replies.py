"""What a frame from a meter says about a request: does it answer it, what does it carry, and why did the meter refuse.

    91  DI + data            93  address, 6 bytes      83  DI + data (security)            97  Z           98  PA P0 P1 P2 (new password)
    92  DI + data + SEQ      94 95 96 99 9B 9C 9D      nothing, or what the request said   B1 B2  as 91 92, and more follows
    D1 .. DD  ERR, 1 byte    C3  SERR, 2 bytes (one maker: 1 byte, its own code from 80h on, else ERR)

Source: DL/T 645-2007 7.1 and its table of ERR; functions 03H and 1CH and the word SERR: the later prepaid supplement; DL/T 645-1997 clause 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from protocol.errors import (
    AuthenticationFailed,
    CustomerMismatch,
    DeviceRefused,
    DuplicateRecharge,
    HoardingLimitExceeded,
    NoSuchData,
    RechargeCountWrong,
    SpeedRefused,
    UnexpectedReply,
    ValueRefused,
    WrongPassword,
)
from protocol.wire.bcd import address_matches
from protocol.wire.dlt645.frame import BROADCAST, FROM_METER, FUNCTION, MORE, REFUSED, Frame, Version


@dataclass(frozen=True, slots=True)
class ReplyData:
    """What a reply carries behind identifier and sequence number; `more`: ask on with `followup_request`."""

    data: bytes
    more: bool


def reply_data(version: Version, request: Frame, reply: Frame) -> ReplyData:
    """Return the data of a reply; raise UnexpectedReply if it answers another question, a DeviceRefused of the right class if the meter refused.

    Block replies come back whole: their size is the frame's, not the table's. DeviceRefused details: `reason` (all words), `err` (hex).
    """
    if problem := _mismatch(version, request, reply):
        raise UnexpectedReply(f"reply does not answer the request: {problem}", asked=request.address, got=reply.address)
    if reply.control & REFUSED:
        raise _refusal(version, request, reply)
    data = reply.data[version.value :] if _has_identifier(version, request) else reply.data
    if _has_sequence(version, request):
        data = data[:-1]
    return ReplyData(data, bool(reply.control & MORE))


def matches(version: Version, request: Frame, reply: Frame) -> bool:
    """True when this frame answers the request (or refuses it): not an echo, not another meter's, not another item's."""
    return _mismatch(version, request, reply) is None


def _mismatch(version: Version, request: Frame, reply: Frame) -> str | None:
    """What tells the frame from an answer to the request, or None."""
    if not reply.control & FROM_METER:
        return "it comes from a master (an echo of the request, or a second master)"
    if (reply.control ^ request.control) & FUNCTION:
        return f"function {reply.control & FUNCTION:02X}, expected {request.control & FUNCTION:02X}"
    if request.address != BROADCAST and not address_matches(request.address, reply.address):
        return f"address {reply.address}, expected {request.address}"
    if reply.control & REFUSED or not _has_identifier(version, request):
        return None
    return _other_item(version, request, reply)


def _other_item(version: Version, request: Frame, reply: Frame) -> str | None:
    """What tells a reply's identifier (and sequence number) from the asked one, or None."""
    if (got := reply.data[: version.value]) != (asked := request.data[: version.value]):
        return f"identifier {got[::-1].hex().upper() or '(none)'}, expected {asked[::-1].hex().upper()}"
    if _has_sequence(version, request) and (seq := reply.data[version.value :][-1:]) != request.data[-1:]:
        return f"sequence number {seq.hex() or '(none)'}, expected {request.data[-1:].hex()}"
    return None


def _has_identifier(version: Version, request: Frame) -> bool:
    """Read, read on and (1997) read again, (2007) security repeat the identifier in their replies."""
    return request.control & FUNCTION in ((0x11, 0x12, 0x03) if version is Version.V2007 else (0x01, 0x02, 0x03))


def _has_sequence(version: Version, request: Frame) -> bool:
    return version is Version.V2007 and request.control & FUNCTION == 0x12


# --- refusals ----------------------------------------------------------------------------------------------------------

Refusal = tuple[str, type[DeviceRefused]]
# Bit 0 first. 2007: table of ERR behind 7.1. 1997: bit 3 is reserved there, one meter's firmware uses it for the baud rate.
_ERR_2007: tuple[Refusal, ...] = (
    ("other error", DeviceRefused),
    ("no such data", NoSuchData),
    ("wrong password or not authorised", WrongPassword),
    ("baud rate cannot be changed", SpeedRefused),
    ("too many year zones", ValueRefused),
    ("too many day slots", ValueRefused),
    ("too many tariffs", ValueRefused),
)
_ERR_1997: tuple[Refusal, ...] = (
    ("invalid data", ValueRefused),
    ("no such identifier", NoSuchData),
    ("wrong password", WrongPassword),
    *_ERR_2007[3:],
)
_SERR: tuple[Refusal, ...] = (
    ("other error", DeviceRefused),
    ("duplicate recharge", DuplicateRecharge),
    ("ESAM check failed", AuthenticationFailed),
    ("identity authentication failed or expired", AuthenticationFailed),
    ("customer number does not match", CustomerMismatch),
    ("recharge count error", RechargeCountWrong),
    ("purchase above the hoarding limit", HoardingLimitExceeded),
)
# Whole bytes, not bits: what plaintext prepaid meters of one firmware family answer to security requests.
_MAKER: MappingProxyType[int, Refusal] = MappingProxyType(
    {
        0x80: ("recharge count error", RechargeCountWrong),
        0x81: ("customer number does not match", CustomerMismatch),
        0x83: ("price out of range", ValueRefused),
        0x84: ("wrong length", ValueRefused),
    }
)
# When several bits are set the first of these wins. A duplicate may turn out to be a recharge that worked, so it never hides what speaks against it.
_MOST_SPECIFIC_FIRST: tuple[type[DeviceRefused], ...] = (
    CustomerMismatch,
    RechargeCountWrong,
    HoardingLimitExceeded,
    AuthenticationFailed,
    DuplicateRecharge,
    WrongPassword,
    SpeedRefused,
    NoSuchData,
    ValueRefused,
    DeviceRefused,
)


def _refusal(version: Version, request: Frame, reply: Frame) -> DeviceRefused:
    """The error that an error reply stands for."""
    found = _refusals(version, request.control & FUNCTION, reply.data) or [("no reason given", DeviceRefused)]
    reason = ", ".join(words for words, _ in found)
    kind = min((kind for _, kind in found), key=_MOST_SPECIFIC_FIRST.index)
    return kind(f"meter refused: {reason}", reason=reason, err=reply.data.hex().upper(), device=reply.address)


def _refusals(version: Version, function: int, data: bytes) -> list[Refusal]:
    """What an error word says, lowest bit first; bits without a meaning say so."""
    of_security = version is Version.V2007 and function == 0x03
    if of_security and len(data) == 1 and data[0] & 0x80:
        return [_MAKER.get(data[0], (f"maker's error {data[0]:02X}", DeviceRefused))]
    table = _ERR_1997 if version is Version.V1997 else _SERR if of_security and len(data) > 1 else _ERR_2007
    word = int.from_bytes(data, "little")
    bits = [bit for bit in range(8 * len(data)) if word >> bit & 1]
    return [table[bit] if bit < len(table) else (f"reserved bit {bit}", DeviceRefused) for bit in bits]
