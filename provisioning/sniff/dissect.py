"""Frames into sentences: who said what to whom, and which values stand in it. Pure.

Passwords and keys that pass by are never shown: a sentence names that one was sent.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from protocol.errors import CampusError
from protocol.profile_items import Protocol
from protocol.wire import cjt188, dlt645, gdw376, mbus, mbus_data, modbus
from provisioning.sniff.capture import Piece
from provisioning.sniff.meaning import Meanings, Values
from provisioning.sniff.scanner import Found, Scanner

_FROM_DEVICE, _REFUSED, _MORE = 0x80, 0x40, 0x20
_SECRET_645 = frozenset({0x03, 0x04, 0x0C, 0x0F, 0x10, 0x14, 0x18, 0x19, 0x1A, 0x1B, 0x1C})  # requests that carry a password or a key
_FUNCTIONS_2007 = {
    0x03: "security",
    0x08: "set time",
    0x11: "read",
    0x12: "read on",
    0x13: "read address",
    0x14: "write",
    0x15: "write address",
    0x16: "freeze",
    0x17: "change baud",
    0x18: "change password",
    0x19: "clear maximum demand",
    0x1A: "clear meter",
    0x1B: "clear events",
    0x1C: "remote control",
    0x1D: "output terminal",
}
_FUNCTIONS_1997 = {
    0x01: "read",
    0x02: "read on",
    0x03: "read again",
    0x04: "write",
    0x0A: "write address",
    0x0C: "change baud",
    0x0F: "change password",
}
_REMOTE = {one.value: one.name.lower().replace("_", " ") for one in dlt645.RemoteControl}
_FUNCTIONS_188 = {0x01: "read", 0x03: "read address", 0x04: "write", 0x15: "write address", 0x16: "write initial reading", 0x2A: "write valve"}
_FUNCTIONS_MODBUS = {
    1: "read coils",
    2: "read inputs",
    3: "read holding registers",
    4: "read input registers",
    5: "write coil",
    6: "write register",
    15: "write coils",
    16: "write registers",
}

_MBUS_MASTER = 0x40  # C of every request
_FUNCTIONS_MBUS = {0x40: "reset the link", 0x5B: "ask for data", 0x53: "send data"}
_AFN = {0x00: "confirm or deny", 0x01: "reset", 0x02: "link", 0x04: "set", 0x05: "control", 0x0A: "read parameters", 0x0C: "current data"}
_AFN |= {0x0D: "history", 0x0E: "events", 0x10: "forward"}


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing on the line. `speaker`: `master`, `device` or `noise`; `values`: quantity -> base units; `ok` False: a refusal or a loss."""

    at_s: float | None
    protocol: str
    speaker: str
    address: str
    what: str
    values: Values
    data: bytes
    ok: bool = True


class Dissector:
    """Turns pieces of a line into what was heard; knows the last request, so that replies can be read."""

    def __init__(self, known: Meanings) -> None:
        self._known = known
        self._scanner = Scanner()
        self._asked: bytes | None = None  # the Modbus request in progress
        self._at: float | None = None

    def hear(self, piece: Piece) -> list[Heard]:
        """Take a piece; return what is complete by now."""
        self._at = piece.at_s
        return [one for found in self._scanner.feed(piece.data) for one in self._told(found)]

    def silence(self) -> list[Heard]:
        """The line has fallen silent: what is not complete will not be."""
        return [one for found in self._scanner.flush() for one in self._told(found)]

    def _told(self, found: Found) -> Iterator[Heard]:
        match found.protocol:
            case Protocol.DLT645_2007 if isinstance(found.frame, dlt645.Frame):
                yield self._of_645(found.frame, found.data)
            case Protocol.CJT188 if isinstance(found.frame, cjt188.Frame):
                yield self._of_188(found.frame, found.data)
            case Protocol.MODBUS_RTU:
                yield self._of_modbus(found.data)
            case Protocol.MBUS if isinstance(found.frame, mbus.Frame):
                yield self._of_mbus(found.frame, found.data)
            case "gdw376" if isinstance(found.frame, gdw376.Frame):
                yield from self._of_376(found.frame, found.data)
            case _:
                yield Heard(self._at, "", "noise", "", f"{len(found.data)} bytes that belong to no known frame", (), found.data, ok=False)

    def _of_645(self, frame: dlt645.Frame, raw: bytes) -> Heard:
        function = frame.control & 0x1F
        version = dlt645.Version.V1997 if function in (0x01, 0x02, 0x04, 0x0A, 0x0C, 0x0F) else dlt645.Version.V2007
        protocol = Protocol.DLT645_1997 if version is dlt645.Version.V1997 else Protocol.DLT645_2007
        verb = (_FUNCTIONS_1997 if version is dlt645.Version.V1997 else _FUNCTIONS_2007).get(function, f"function {function:02X}")
        speaker = "device" if frame.control & _FROM_DEVICE else "master"
        if frame.control & _REFUSED:
            return Heard(self._at, protocol.value, speaker, frame.address, f"{verb} refused, error {frame.data.hex().upper()}", (), raw, ok=False)
        has_identifier = function in (0x11, 0x12, 0x14, 0x03, 0x18, 0x01, 0x02, 0x04) and len(frame.data) >= version.value
        di = frame.data[: version.value][::-1].hex().upper() if has_identifier else ""
        name = self._known.name_645(version, di)
        words = [verb, di, f"({name})" if name else "", self._details_645(function, frame, speaker)]
        values = self._known.of_645(version, di, frame.data[version.value :]) if speaker == "device" and di and function in (0x11, 0x01) else ()
        return Heard(self._at, protocol.value, speaker, frame.address, " ".join(word for word in words if word), values, raw)

    def _details_645(self, function: int, frame: dlt645.Frame, speaker: str) -> str:
        more = "; more frames follow" if frame.control & _MORE else ""
        if speaker == "device":
            return f"{len(frame.data)} bytes{more}"
        if function == 0x1C and len(frame.data) >= 10:
            return f"{_REMOTE.get(frame.data[8], f'N1 {frame.data[8]:02X}')}; password sent"
        if function == 0x08 and len(frame.data) == 6:
            return "20{5:02x}-{4:02x}-{3:02x} {2:02x}:{1:02x}:{0:02x}".format(*frame.data)
        return "password or key sent" if function in _SECRET_645 else ""

    def _of_188(self, frame: cjt188.Frame, raw: bytes) -> Heard:
        function = frame.control & 0x3F
        verb = _FUNCTIONS_188.get(function, f"function {function:02X}")
        speaker = "device" if frame.control & _FROM_DEVICE else "master"
        if frame.control & _REFUSED:
            return Heard(self._at, "cjt188", speaker, frame.address, f"{verb} refused, error {frame.data.hex().upper()}", (), raw, ok=False)
        first = frame.data[:2]
        di = (first if first[:1] and first[0] >= 0x80 else first[::-1]).hex().upper()
        values = self._known.of_188(di, frame.data[3:]) if speaker == "device" and function == 0x01 else ()
        return Heard(self._at, "cjt188", speaker, frame.address, f"{verb} {di}, meter type {frame.meter_type:02X}", values, raw)

    def _of_mbus(self, frame: mbus.Frame, raw: bytes) -> Heard:
        from_slave = frame.ci in (mbus.VARIABLE_DATA, mbus.APPLICATION_ERROR) and not frame.control & _MBUS_MASTER
        if not from_slave:
            verb = "select a slave" if frame.ci == mbus.SELECT else _FUNCTIONS_MBUS.get(frame.control & ~0x20, f"control {frame.control:02X}")
            return Heard(self._at, "mbus", "master", str(frame.address), verb, (), raw)
        try:
            said = mbus_data.telegram(frame)
        except CampusError as error:
            return Heard(self._at, "mbus", "device", str(frame.address), f"answers: {error.message}", (), raw, ok=False)
        records = ", ".join(f"{one.meaning.measures} ({one.function}, storage {one.storage})" for one in said.records.records if one.meaning.measures)
        what = f"slave {said.identification}, maker {said.manufacturer}: {records or 'no records we know'}"
        return Heard(self._at, "mbus", "device", str(frame.address), what, (), raw)

    def _of_376(self, frame: gdw376.Frame, raw: bytes) -> Iterator[Heard]:
        """A concentrator's frame; what it forwards is told behind it."""
        speaker = "device" if frame.from_terminal else "master"
        afn = _AFN.get(frame.afn, f"AFN {frame.afn:02X}")
        units = ", ".join(f"F{fn}" for _, fn in frame.units)
        yield Heard(self._at, "gdw376", speaker, f"{frame.address.region}-{frame.address.terminal}", f"{afn} {units}".strip(), (), raw)
        if frame.afn == gdw376.FORWARD and frame.from_terminal:
            try:
                carried = gdw376.forwarded(frame).payload
            except CampusError:
                return
            inside = Dissector(self._known)
            yield from [*inside.hear(Piece(carried, self._at)), *inside.silence()]

    def _of_modbus(self, raw: bytes) -> Heard:
        """A request and its answer may look the same (05, 06), or nearly so: what follows a request of that unit is its answer."""
        unit, function = str(raw[0]), raw[1] & 0x7F
        verb = _FUNCTIONS_MODBUS[function]
        asked = self._asked if self._asked and self._asked[0] == raw[0] and self._asked[1] == function else None
        if raw[1] & 0x80:
            self._asked = None
            reason = modbus.EXCEPTIONS.get(raw[2], f"exception {raw[2]}")
            return Heard(self._at, "modbus_rtu", "device", unit, f"{verb} refused: {reason}", (), raw, ok=False)
        if (asked is None or not _can_answer(asked, raw)) and _can_be_request(raw):
            self._asked = raw
            return Heard(self._at, "modbus_rtu", "master", unit, f"{verb} {_place(raw)}", (), raw)
        self._asked = None
        return Heard(self._at, "modbus_rtu", "device", unit, f"{verb} {_place(asked)}" if asked else verb, self._answer(asked, raw), raw)

    def _answer(self, asked: bytes | None, raw: bytes) -> Values:
        if asked is None or asked[1] > 4:
            return ()
        (first,) = struct.unpack_from(">H", asked, 2)
        try:
            words: list[int] = [int(bit) for bit in modbus.reply_bits(asked, raw)] if asked[1] in (1, 2) else modbus.reply_registers(asked, raw)
        except CampusError:
            return ()
        return self._known.of_registers(asked[0], asked[1], first, words)


def _can_be_request(raw: bytes) -> bool:
    return len(raw) == 8 or (raw[1] in (15, 16) and len(raw) > 8)


def _can_answer(asked: bytes, raw: bytes) -> bool:
    """A repeated request is none: reads are answered by another length, and writes by the same bytes."""
    (count,) = struct.unpack_from(">H", asked, 4)
    if asked[1] in (1, 2):
        return len(raw) == 5 + (count + 7) // 8 and raw[2] == len(raw) - 5
    if asked[1] in (3, 4):
        return len(raw) == 5 + 2 * count and raw[2] == len(raw) - 5
    return raw[2:4] == asked[2:4]


def _place(raw: bytes) -> str:
    """Address, and how many or which value."""
    address, number = struct.unpack_from(">HH", raw, 2)
    return f"{address:04X} = {number:04X}" if raw[1] in (5, 6) else f"{address:04X}, {number} of them"
