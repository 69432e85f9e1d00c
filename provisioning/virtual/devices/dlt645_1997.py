"""A virtual DL/T 645-1997 meter: two-byte identifiers, read 01, follow-up 02, re-read 03, write 04, clock 08. It has no relay and no address read.

A write carries DI, four bytes of password and the data; only the clock may be written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from protocol.profile import Profile1997
from protocol.profile_logs import Clock1997, FactName
from provisioning.virtual.devices.dlt645 import (
    LOCAL_FAILURE,
    MORE,
    NO_SUCH_DATA,
    NOT_AUTHORISED,
    REPLY,
    Reply645,
    address_bytes,
    build_reply,
    meets,
    parse_request,
    refuse,
)
from provisioning.virtual.devices.dlt645_access import broadcast_fits
from provisioning.virtual.devices.facts import fact_bytes, fact_text
from provisioning.virtual.devices.frozen import FrozenRegisters
from provisioning.virtual.devices.register_map import ByteRegisters, Piece
from provisioning.virtual.devices.stamps import moment, stamp
from provisioning.virtual.instrument import Instrument

_READ, _FOLLOW, _AGAIN, _WRITE, _TIME = 0x01, 0x02, 0x03, 0x04, 0x08
_DATE, _CLOCK = "YYMMDDWW", "hhmmss"
_MAX_DATA = 200


class Meter1997:
    """One meter."""

    def __init__(
        self,
        profile: Profile1997,
        instrument: Instrument,
        address: str,
        *,
        ct: int = 1,
        pt: int = 1,
        captured: Mapping[str, bytes] | None = None,
        preamble: int = 4,
        max_data: int = _MAX_DATA,
        password: str = "00000000",  # noqa: S107  # factory setting of fielded meters
    ) -> None:
        self.key = address_bytes(address)
        self.instrument = instrument
        self._profile, self._address = profile, address.zfill(12)
        self._clock = profile.clock or Clock1997(set_by=("broadcast", "write"))
        self._password = bytes.fromhex(password)[::-1]
        blocks = {block.di: block.items for block in profile.blocks}
        self._registers = ByteRegisters(profile.items, blocks, instrument, ct=ct, pt=pt, captured=captured, pieces=self._pieces())
        self._frozen = FrozenRegisters(profile.freezes, instrument, ct=ct, pt=pt)
        self._preamble = preamble
        self._max_data = max_data
        self._rest: tuple[bytes, bytes] = (b"", b"")  # identifier and what follow-up requests still have to fetch
        self._last: Reply645 | None = None

    def means(self, frame: bytes) -> bool:
        """Return whether a frame is for this meter."""
        return meets(parse_request(frame).address, self.key)

    def respond(self, frame: bytes, at_s: float) -> bytes | None:
        """Act on a valid frame that means this meter; return its reply or None for silence."""
        request = parse_request(frame)
        reply = self._act(request.control, request.data, at_s)
        if reply is None or request.address == b"\x99" * 6:
            return None
        self._last = reply
        return build_reply(self.key, reply[0], reply[1], self._preamble)

    def _act(self, control: int, data: bytes, at_s: float) -> Reply645 | None:
        if control == _READ and len(data) == 2:
            payload = self._payload(data[::-1].hex().upper(), at_s)
            return refuse(control, NO_SUCH_DATA) if payload is None else self._part(control, data, payload)
        if control == _FOLLOW and len(data) == 2:
            di, rest = self._rest
            return self._part(control, di, rest) if rest and di == data else refuse(control, NO_SUCH_DATA)
        if control == _AGAIN:
            return self._last
        if control == _WRITE:
            return self._write(data, at_s)
        if control == _TIME and len(data) == 6:
            return self._set_time(data, at_s)
        return None

    def _part(self, control: int, di: bytes, payload: bytes) -> Reply645:
        room = self._max_data - 2
        self._rest = (di, payload[room:])
        return control | REPLY | (MORE if payload[room:] else 0), di + payload[:room]

    def _payload(self, di: str, at_s: float) -> bytes | None:
        payload = self._registers.payload(di, at_s)
        return self._frozen.payload(di, at_s) if payload is None else payload

    def _pieces(self) -> list[Piece]:
        """What a meter shows beside its profile's items: clock, addresses, and the facts its profile names."""
        pieces: dict[str, Piece] = {di: (di, 0, lambda _at_s: self.key) for di in ("C032", "C033")}
        pieces[self._clock.date] = (self._clock.date, 0, lambda at_s: stamp(_DATE, self.instrument.local_time(at_s)))
        pieces[self._clock.time] = (self._clock.time, 0, lambda at_s: stamp(_CLOCK, self.instrument.local_time(at_s)))
        for fact in self._profile.facts:
            pieces.pop(fact.di, None)
        items = {item.di for item in self._profile.items}
        told = [(fact.di, fact.offset, self._fact(fact.name, fact.coding, fact.size)) for fact in self._profile.facts]
        return [*(piece for di, piece in pieces.items() if di not in items), *told]

    def _fact(self, name: FactName, coding: str, size: int) -> Callable[[float], bytes]:
        return lambda _at_s: fact_bytes(fact_text(name, self._profile.model, self.instrument, self._address), coding, size)

    def _write(self, data: bytes, at_s: float) -> Reply645:
        di, password, value = data[1::-1].hex().upper(), data[2:6], data[6:]
        layout = {self._clock.date: _DATE, self._clock.time: _CLOCK}.get(di)
        if layout is None:
            return refuse(_WRITE, NO_SUCH_DATA if len(data) < 6 or self._payload(di, at_s) is None else NOT_AUTHORISED)
        if password != self._password or "write" not in self._clock.set_by:
            return refuse(_WRITE, NOT_AUTHORISED)
        try:
            self.instrument.set_clock(moment(layout, value, self.instrument.local_time(at_s)), at_s)
        except ValueError:
            return refuse(_WRITE, LOCAL_FAILURE)
        return _WRITE | REPLY, b""

    def _set_time(self, data: bytes, at_s: float) -> Reply645:
        try:
            told = moment("YYMMDDhhmmss", data, datetime(2000, 1, 1))
        except ValueError:
            return refuse(_TIME, LOCAL_FAILURE)
        if "broadcast" not in self._clock.set_by or not broadcast_fits(self.instrument, told, at_s):
            return refuse(_TIME, LOCAL_FAILURE)
        self.instrument.set_clock(told, at_s)
        self.instrument.kept["time_set_on"] = told.date().isoformat()
        self.instrument.changed()
        return _TIME | REPLY, b""
