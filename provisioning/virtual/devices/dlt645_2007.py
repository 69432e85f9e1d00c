"""A virtual DL/T 645-2007 meter: reads, follow-up frames, address, clock, relay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from protocol.profile import Profile2007
from protocol.profile_writes import Write2007
from provisioning.virtual.devices.dlt645 import (
    LOCAL_FAILURE,
    MORE,
    NO_BAUD_CHANGE,
    NO_SUCH_DATA,
    NOT_AUTHORISED,
    REFUSED,
    REPLY,
    Request645,
    address_bytes,
    build_reply,
    meets,
    parse_request,
)
from provisioning.virtual.devices.encoding import bcd
from provisioning.virtual.devices.register_map import ByteRegisters
from provisioning.virtual.instrument import Instrument

_READ, _FOLLOW, _READ_ADDRESS, _TIME, _FREEZE, _BAUD, _RELAY = 0x11, 0x12, 0x13, 0x08, 0x16, 0x17, 0x1C
_WRITES = {0x14, 0x15, 0x18, 0x19, 0x1A, 0x1B, 0x1D, 0x03}  # understood and refused: this meter has no programming key
_TRIP, _ALLOW_CLOSE, _CLOSE, _KEEP_POWER, _KEEP_POWER_OFF = 0x1A, 0x1B, 0x1C, 0x3A, 0x3B
_HARMLESS = {0x1D, 0x1E, 0x2A, 0x2B}  # pre-trip warnings and alarms change nothing that can be read
_KNOWN = _HARMLESS | {_TRIP, _ALLOW_CLOSE, _CLOSE, _KEEP_POWER, _KEEP_POWER_OFF}
_MAX_DATA = 200  # longest data field of a read reply, DI included (5.2.4)


class Meter2007:
    """One meter. `password`: level 02's, as people write it; `max_data`: longest data field before follow-up frames are needed."""

    def __init__(
        self,
        profile: Profile2007,
        instrument: Instrument,
        address: str,
        *,
        ct: int = 1,
        pt: int = 1,
        captured: Mapping[str, bytes] | None = None,
        password: str = "000000",  # noqa: S107  # factory setting of fielded meters
        preamble: int = 4,
        max_data: int = _MAX_DATA,
    ) -> None:
        self.key = address_bytes(address)
        self.instrument = instrument
        blocks = {block.di: block.items for block in profile.blocks}
        self._registers = ByteRegisters(profile.items, blocks, instrument, ct=ct, pt=pt, captured=captured)
        self._relay_codes = {
            int(command.write.n1, 16): (command.confirm.quantity, command.confirm.value)
            for command in profile.commands
            if isinstance(command.write, Write2007)
        }
        self._handlers: dict[int, Callable[[bytes, float], tuple[int, bytes]]] = {
            _READ: self._read_data,
            _FOLLOW: self._follow,
            _READ_ADDRESS: lambda _data, _at_s: (_READ_ADDRESS | REPLY, self.key),
            _TIME: self._set_time,
            _FREEZE: lambda _data, _at_s: (_FREEZE | REPLY, b""),
            _BAUD: lambda _data, _at_s: _refuse(_BAUD, NO_BAUD_CHANGE),
            _RELAY: self._switch,
        }
        self._password = bytes((2,)) + bytes.fromhex(password)[::-1]
        self._preamble = preamble
        self._max_data = max_data

    def means(self, frame: bytes) -> bool:
        """Return whether a frame is for this meter."""
        return meets(parse_request(frame).address, self.key)

    def respond(self, frame: bytes, at_s: float) -> bytes | None:
        """Act on a valid frame that means this meter; return its reply or None for silence."""
        request = parse_request(frame)
        broadcast = request.address == b"\x99" * 6
        reply = self._act(request, at_s)
        if reply is None or broadcast:
            return None
        return build_reply(self.key, reply[0], reply[1], self._preamble)

    def _act(self, request: Request645, at_s: float) -> tuple[int, bytes] | None:
        control, data = request.control, request.data
        if control & REPLY:
            return None  # another meter's reply
        handler = self._handlers.get(control)
        if handler is not None:
            return handler(data, at_s)
        return _refuse(control, NOT_AUTHORISED if control in _WRITES else LOCAL_FAILURE)

    def _read_data(self, data: bytes, at_s: float) -> tuple[int, bytes]:
        return self._read(_READ, data[:4], 0, at_s) if len(data) in (4, 5, 10) else _refuse(_READ, LOCAL_FAILURE)

    def _follow(self, data: bytes, at_s: float) -> tuple[int, bytes]:
        return self._read(_FOLLOW, data[:4], data[4], at_s) if len(data) == 5 else _refuse(_FOLLOW, LOCAL_FAILURE)

    def _read(self, control: int, di: bytes, sequence: int, at_s: float) -> tuple[int, bytes]:
        """Answer one identifier; what does not fit into a frame is fetched with follow-up requests (7.2)."""
        payload = self._payload(di[::-1].hex().upper(), at_s)
        if payload is None:
            return _refuse(control, NO_SUCH_DATA)
        room = self._max_data - 4 - (1 if sequence else 0)
        first_room = self._max_data - 4
        start = 0 if sequence == 0 else first_room + (sequence - 1) * (self._max_data - 5)
        part = payload[start : start + room]
        if sequence and not part:
            return _refuse(control, NO_SUCH_DATA)
        more = MORE if start + len(part) < len(payload) else 0
        return control | REPLY | more, di + part + (bytes((sequence,)) if sequence else b"")

    def _payload(self, di: str, at_s: float) -> bytes | None:
        payload = self._registers.payload(di, at_s)
        if payload is not None:
            return payload
        shown = self.instrument.local_time(at_s)
        date = bytes((int(shown.strftime("%w")), *bcd(int(shown.strftime("%y%m%d")), 3)))
        time = bcd(int(shown.strftime("%H%M%S")), 3)
        return {"04000101": date, "04000102": time, "0400010C": time + date, "04000401": self.key, "04000402": self.key}.get(di)

    def _set_time(self, data: bytes, at_s: float) -> tuple[int, bytes]:
        try:
            shown = _moment(data)
        except ValueError:
            return _refuse(_TIME, LOCAL_FAILURE)
        self.instrument.set_clock(shown, at_s)
        return _TIME | REPLY, b""

    def _switch(self, data: bytes, at_s: float) -> tuple[int, bytes]:
        """Remote control: PA P0 P1 P2 | operator 4 | N1 N2 | valid until ss mm hh DD MM YY (all zero: no limit)."""
        if len(data) != 16:
            return _refuse(_RELAY, LOCAL_FAILURE)
        if data[:4] != self._password:
            return _refuse(_RELAY, NOT_AUTHORISED)
        code, until = data[8], data[10:16]
        try:
            expired = any(until) and _moment(until) < self.instrument.local_time(at_s)
        except ValueError:
            expired = True
        if expired or (code == _TRIP and self.instrument.state.get("keep_power", 0)):
            return _refuse(_RELAY, LOCAL_FAILURE)
        return (_RELAY | REPLY, b"") if self._carry_out(code, at_s) else _refuse(_RELAY, LOCAL_FAILURE)

    def _carry_out(self, code: int, at_s: float) -> bool:
        if code in (_TRIP, _ALLOW_CLOSE, _CLOSE):
            self.instrument.set_state("meter_relay_open", int(code == _TRIP), at_s)
        elif code in (_KEEP_POWER, _KEEP_POWER_OFF):
            self.instrument.set_state("keep_power", int(code == _KEEP_POWER), at_s)
        elif code in self._relay_codes:
            self.instrument.set_state(*self._relay_codes[code], at_s)
        return code in _KNOWN or code in self._relay_codes


def _refuse(control: int, error: int) -> tuple[int, bytes]:
    return control | REPLY | REFUSED, bytes((error,))


def _moment(data: bytes) -> datetime:
    """Return ss mm hh DD MM YY as a time; ValueError when it is none."""
    return datetime.strptime("20" + data[::-1].hex(), "%Y%m%d%H%M%S")  # the wire carries local time without a zone
