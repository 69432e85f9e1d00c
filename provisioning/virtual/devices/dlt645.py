"""DL/T 645 framing as a meter does it, 1997 and 2007 alike (DL/T 645-2007 clause 5.2).

    FE..FE  68  A0 A1 A2 A3 A4 A5  68  C  L  DATA[L]  CS  16
            |<----- address ---->|            each +33h   sum of all from the first 68

A meter that sees a bad checksum, a bad end byte or a stranger's address stays silent.
"""

from __future__ import annotations

from dataclasses import dataclass

_START, _END, _SHIFT = 0x68, 0x16, 0x33
_WILD, _ALL = 0xAA, b"\x99" * 6
REPLY, MORE, REFUSED = 0x80, 0x20, 0x40
LOCAL_FAILURE, NO_SUCH_DATA, NOT_AUTHORISED, NO_BAUD_CHANGE = 0x01, 0x02, 0x04, 0x08  # ERR byte, annex B of 2007


Reply645 = tuple[int, bytes]  # control code and data


def refuse(control: int, error: int) -> Reply645:
    """Return the refusal of a request, with its error byte."""
    return control | REPLY | REFUSED, bytes((error,))


@dataclass(frozen=True, slots=True)
class Request645:
    """One request as a meter understands it; `data` with 33h taken off again."""

    address: bytes
    control: int
    data: bytes


def find_request(burst: bytes) -> tuple[int, int] | None:
    """Return [first, end) of the first valid frame of a master in a burst, its FE bytes included; None if there is none."""
    at = burst.find(_START)
    while at >= 0:
        end = at + 12 + burst[at + 9] if at + 9 < len(burst) else len(burst) + 1
        if end <= len(burst) and burst[at + 7] == _START and burst[end - 1] == _END and burst[end - 2] == sum(burst[at : end - 2]) % 256:
            first = at
            while first > 0 and burst[first - 1] == 0xFE:
                first -= 1
            return first, end
        at = burst.find(_START, at + 1)
    return None


def parse_request(frame: bytes) -> Request645:
    """Return the fields of a frame `find_request` found."""
    body = frame[frame.index(_START) :]
    return Request645(body[1:7], body[8], bytes((byte - _SHIFT) % 256 for byte in body[10:-2]))


def build_reply(address: bytes, control: int, data: bytes, preamble: int = 4) -> bytes:
    """Return a meter's frame."""
    body = bytes((_START, *address, _START, control, len(data), *((byte + _SHIFT) % 256 for byte in data)))
    return b"\xfe" * preamble + body + bytes((sum(body) % 256, _END))


def address_bytes(text: str) -> bytes:
    """Return a plan's decimal address as the wire has it: 6 bytes BCD, low byte first."""
    return bytes.fromhex(text.zfill(12))[::-1]


def is_broadcast(frame: bytes) -> bool:
    """Return whether nobody may answer."""
    return parse_request(frame).address == _ALL


def meets(address: bytes, own: bytes) -> bool:
    """Return whether a request's address means this meter: its own, the broadcast, or AA in place of any byte."""
    return address == _ALL or all(asked in (_WILD, mine) for asked, mine in zip(address, own, strict=True))
