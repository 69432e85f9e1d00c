"""What an M-Bus slave answers: variable data (CI 72), its head and its records, as exact numbers, instants and texts.

    | id 4 | maker 2 | version | medium | access no. | status | signature 2 | record | record | ... | 0F or 1F, maker's own bytes |

Source: EN 13757-3:2013, the fixed data header with its tables of media and status, and the report of application errors.

What a noisy line does: nothing that the checksum of the frame would not tell. What slaves do: an answer that is no variable data, or is encrypted,
raises PayloadError; one that breaks off in the middle says so in `records.broken`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from protocol.errors import DeviceBusy, DeviceRefused, PayloadError
from protocol.wire import mbus, mbus_vif
from protocol.wire.mbus_record import Record, Records, parse_records

_HEAD_BYTES = 12
_FILLERS = b"\x2f\x2f"  # what decrypted data begin with
_ENCRYPTED_MODES = frozenset({5, 7, 8, 9, 10, 13})  # older slaves fill the signature as they like

MEDIA: MappingProxyType[int, str] = MappingProxyType(
    {
        0x00: "other",
        0x01: "oil",
        0x02: "electricity",
        0x03: "gas",
        0x04: "heat, measured in the return pipe",
        0x05: "steam",
        0x06: "warm water",
        0x07: "water",
        0x08: "heat cost allocator",
        0x09: "compressed air",
        0x0A: "cooling, measured in the return pipe",
        0x0B: "cooling, measured in the flow pipe",
        0x0C: "heat, measured in the flow pipe",
        0x0D: "heat and cooling",
        0x0E: "bus or system",
        0x0F: "unknown",
        0x15: "hot water",
        0x16: "cold water",
        0x17: "hot and cold water",
        0x18: "pressure",
        0x28: "waste water",
    }
)
_STATUS = ((0x04, "power low"), (0x08, "permanent error"), (0x10, "temporary error"))
_APPLICATION = ("", "application busy", "application error", "abnormal condition")
_REFUSALS = (  # the data byte behind CI 70
    "unspecified error",
    "unimplemented CI",
    "buffer too long, truncated",
    "too many records",
    "premature end of record",
    "more than 10 DIFE",
    "more than 10 VIFE",
    "reserved",
    "application too busy",
    "too many read-outs",
)
_BUSY = (0x00, 0x08, 0x09)


@dataclass(frozen=True, slots=True)
class Telegram:
    """One answer. `identification`: eight digits; `status`: see `status_words`; `medium`: see `MEDIA`."""

    identification: str
    manufacturer: str
    version: int
    medium: int
    access: int
    status: int
    signature: int
    records: Records


def telegram(reply: mbus.Frame) -> Telegram:
    """Return what a RSP_UD says; raise DeviceRefused or DeviceBusy (CI 70), PayloadError for what is no variable data or is encrypted."""
    if reply.ci == mbus.APPLICATION_ERROR:
        raise _refusal(reply)
    if reply.ci != mbus.VARIABLE_DATA or len(reply.data) < _HEAD_BYTES:
        shown = "none" if reply.ci is None else f"{reply.ci:02X}"
        raise PayloadError(f"expected variable data (CI 72, {_HEAD_BYTES} bytes of head), got CI {shown}", bytes=len(reply.data))
    head, body = reply.data[:_HEAD_BYTES], reply.data[_HEAD_BYTES:]
    signature = int.from_bytes(head[10:12], "little")
    mode = signature >> 8 & 0x1F
    if mode in _ENCRYPTED_MODES and body[:2] != _FILLERS:
        raise PayloadError(f"data is encrypted (mode {mode}); have the maker switch that off on the wire", device=_digits(head[:4]))
    known = _digits(head[:4]), _letters(head[4:6]), head[6], head[7], head[8], head[9], signature
    return Telegram(*known, parse_records(body))


def find(
    records: Iterable[Record], measures: str, function: str = "instantaneous", storage: int = 0, tariff: int = 0, subunit: int = 0
) -> Record | None:
    """Return the record that holds this, the first of several; a register of positive contributions stands in where there is no plain one."""
    wanted = (function, storage, tariff, subunit)
    fitting = [(one, one.meaning) for one in records if (one.function, one.storage, one.tariff, one.subunit) == wanted]
    for modifiers in ((), (mbus_vif.ONLY_POSITIVE,)):
        for one, meaning in fitting:
            if meaning.measures == measures and meaning.modifiers == modifiers:
                return one
    return None


def status_words(status: int) -> tuple[str, ...]:
    """What the status byte of the head tells; empty when all is well. Bits 5-7 are the maker's."""
    words = [_APPLICATION[status & 3], *(text for bit, text in _STATUS if status & bit), f"maker's bits {status >> 5:03b}" if status >> 5 else ""]
    return tuple(word for word in words if word)


def _refusal(reply: mbus.Frame) -> DeviceRefused:
    code = reply.data[0] if reply.data else 0
    reason = _REFUSALS[code] if code < len(_REFUSALS) else f"application error {code:02X}"
    kind = DeviceBusy if code in _BUSY else DeviceRefused
    return kind(f"slave refused: {reason}", reason=reason, err=reply.data.hex().upper(), device=reply.address)


def _digits(data: bytes) -> str:
    return data[::-1].hex().upper()


def _letters(data: bytes) -> str:
    """Three letters of five bits each; @ stands for a wildcard's or an empty place."""
    packed = int.from_bytes(data, "little")
    return "".join(chr(64 + (packed >> shift & 0x1F)) for shift in (10, 5, 0))
