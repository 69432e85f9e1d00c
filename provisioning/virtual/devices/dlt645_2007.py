"""A virtual DL/T 645-2007 meter: reads, follow-up frames, address, clock, freeze, speed. Its other parts: `dlt645_logs`, `dlt645_access`,
`dlt645_relay`, `dlt645_prepaid`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from protocol.profile import Profile2007
from protocol.profile_logs import FactName
from provisioning.virtual import reflexes
from provisioning.virtual.devices.dlt645 import (
    LOCAL_FAILURE,
    MORE,
    NO_BAUD_CHANGE,
    NO_SUCH_DATA,
    NOT_AUTHORISED,
    REPLY,
    Reply645,
    Request645,
    address_bytes,
    build_reply,
    meets,
    parse_request,
    refuse,
)
from provisioning.virtual.devices.dlt645_access import CONTROL_LEVEL, Passwords, Writable, broadcast_fits
from provisioning.virtual.devices.dlt645_logs import Logs2007
from provisioning.virtual.devices.dlt645_prepaid import SECURITY, Till
from provisioning.virtual.devices.dlt645_relay import RELAY, Relay
from provisioning.virtual.devices.facts import fact_bytes, fact_text
from provisioning.virtual.devices.register_map import ByteRegisters, Piece
from provisioning.virtual.devices.stamps import stamp
from provisioning.virtual.instrument import Instrument

_READ, _FOLLOW, _READ_ADDRESS, _WRITE, _WRITE_ADDRESS = 0x11, 0x12, 0x13, 0x14, 0x15
_TIME, _FREEZE, _BAUD, _PASSWORD, _CLEAR_DEMAND, _CLEAR_METER, _CLEAR_EVENTS, _OUTPUT = 0x08, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1D
_SPEEDS = {0x02: 600, 0x04: 1200, 0x08: 2400, 0x10: 4800, 0x20: 9600, 0x40: 19200}  # one bit each (7.10)
_NOW = b"\x99" * 4
_MAX_DATA = 200  # longest data field of a read reply, DI included (5.2.4)


class Meter2007:
    """One meter. `password`: that of levels 02 and 04, as people write it; `max_data`: longest data field before follow-up frames are needed."""

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
        self.instrument = instrument
        self._address, self._profile = address.zfill(12), profile
        blocks = {block.di: block.items for block in profile.blocks}
        self._registers = ByteRegisters(profile.items, blocks, instrument, ct=ct, pt=pt, captured=captured, pieces=self._pieces())
        self._logs = Logs2007(profile, instrument, ct=ct, pt=pt)
        self._passwords = Passwords(instrument, password)
        self._handlers: dict[int, Callable[[bytes, float], Reply645]] = {
            _READ: self._read_data,
            _FOLLOW: self._follow,
            _READ_ADDRESS: lambda _data, _at_s: (_READ_ADDRESS | REPLY, self.key),
            _WRITE: Writable(profile, instrument, self._registers, self._passwords).write,
            _WRITE_ADDRESS: self._write_address,
            _TIME: self._set_time,
            _FREEZE: self._freeze,
            _BAUD: self._change_speed,
            _PASSWORD: lambda data, _at_s: self._passwords.change(data),
            _CLEAR_DEMAND: self._clear_demand,
            _CLEAR_METER: lambda _data, _at_s: refuse(_CLEAR_METER, NOT_AUTHORISED),  # needs the key under the seal
            _CLEAR_EVENTS: self._clear_events,
            _OUTPUT: lambda data, _at_s: (_OUTPUT | REPLY, data),
            RELAY: Relay(profile, instrument, self._passwords).order,
        }
        if profile.prepay is not None:
            self._handlers[SECURITY] = Till(profile.prepay, instrument, self._address).handle
        self._preamble, self._max_data = preamble, max_data
        self._long: tuple[bytes, bytes] = (b"", b"")  # identifier and whole data of the last read, for follow-up requests

    @property
    def key(self) -> bytes:
        """The address on the wire; 15H may have changed it."""
        return address_bytes(self.instrument.kept.get("address", self._address))

    def means(self, frame: bytes) -> bool:
        """Return whether a frame is for this meter."""
        return meets(parse_request(frame).address, self.key)

    def respond(self, frame: bytes, at_s: float) -> bytes | None:
        """Act on a valid frame that means this meter; return its reply or None for silence."""
        request = parse_request(frame)
        reflexes.live(self.instrument, at_s)
        reply = self._act(request, at_s)
        if reply is None or request.address == b"\x99" * 6:
            return None
        return build_reply(self.key, reply[0], reply[1], self._preamble)

    def _act(self, request: Request645, at_s: float) -> Reply645 | None:
        if request.control & REPLY:
            return None  # another meter's reply
        handler = self._handlers.get(request.control)
        if handler is not None:
            return handler(request.data, at_s)
        return refuse(request.control, NOT_AUTHORISED if request.control == SECURITY else LOCAL_FAILURE)

    # --- reading -----------------------------------------------------------------------------------------------------------

    def _read_data(self, data: bytes, at_s: float) -> Reply645:
        if len(data) not in (4, 5, 10):
            return refuse(_READ, LOCAL_FAILURE)
        payload = self._payload(data[3::-1].hex().upper(), data[4:], at_s)
        if payload is None:
            return refuse(_READ, NO_SUCH_DATA)
        self._long = (data[:4], payload)
        return self._part(_READ, 0)

    def _follow(self, data: bytes, _at_s: float) -> Reply645:
        """What did not fit into a frame is fetched with follow-up requests (7.2)."""
        if len(data) != 5 or data[4] == 0:
            return refuse(_FOLLOW, LOCAL_FAILURE)
        return self._part(_FOLLOW, data[4]) if data[:4] == self._long[0] else refuse(_FOLLOW, NO_SUCH_DATA)

    def _part(self, control: int, sequence: int) -> Reply645:
        di, payload = self._long
        room = self._max_data - 5
        start = 0 if sequence == 0 else room + 1 + (sequence - 1) * room
        part = payload[start : start + room + (sequence == 0)]
        if sequence and not part:
            return refuse(control, NO_SUCH_DATA)
        more = MORE if start + len(part) < len(payload) else 0
        return control | REPLY | more, di + part + (bytes((sequence,)) if sequence else b"")

    def _payload(self, di: str, rest: bytes, at_s: float) -> bytes | None:
        payload = self._registers.payload(di, at_s)
        return self._logs.payload(di, rest, at_s) if payload is None else payload

    def _pieces(self) -> list[Piece]:
        """What a meter shows beside its profile's items: clock, addresses, and the facts its profile names."""

        def shown(layout: str) -> Callable[[float], bytes]:
            return lambda at_s: stamp(layout, self.instrument.local_time(at_s))

        clock, facts = self._profile.clock, self._profile.facts
        pieces: dict[str, Piece] = {
            di: (di, 0, shown(layout)) for di, layout in (("04000101", "YYMMDDWW"), ("04000102", "hhmmss"), ("0400010C", "YYMMDDWWhhmmss"))
        }
        if clock is not None:
            pieces |= {clock.date: (clock.date, 0, shown("YYMMDDWW")), clock.time: (clock.time, 0, shown("hhmmss"))}
        pieces |= {di: (di, 0, lambda _at_s: address_bytes(self._address)) for di in ("04000401", "04000402")}
        pieces["04000401"] = ("04000401", 0, lambda _at_s: self.key)
        for fact in facts:
            pieces.pop(fact.di, None)
        items = {item.di for item in self._profile.items}
        told = [(fact.di, fact.offset, self._fact(fact.name, fact.coding, fact.size)) for fact in facts]
        return [*(piece for di, piece in pieces.items() if di not in items), *told]

    def _fact(self, name: FactName, coding: str, size: int) -> Callable[[float], bytes]:
        return lambda _at_s: fact_bytes(fact_text(name, self._profile.model, self.instrument, self._address), coding, size)

    # --- what changes the meter ----------------------------------------------------------------------------------------------

    def _set_time(self, data: bytes, at_s: float) -> Reply645:
        """A time told to everybody (ss mm hh DD MM YY) is followed when it is near enough."""
        clock = self._profile.clock
        try:
            told = datetime.strptime("20" + data[::-1].hex(), "%Y%m%d%H%M%S")  # the wire carries local time without a zone
        except ValueError:
            return refuse(_TIME, LOCAL_FAILURE)
        if (clock is not None and "broadcast" not in clock.set_by) or not broadcast_fits(self.instrument, told, at_s):
            return refuse(_TIME, LOCAL_FAILURE)
        self.instrument.set_clock(told, at_s)
        self.instrument.kept["time_set_on"] = told.date().isoformat()
        self.instrument.changed()
        return _TIME | REPLY, b""

    def _freeze(self, data: bytes, at_s: float) -> Reply645:
        """mm hh DD MM: 99 99 99 99 is now; a date, or a pattern with 99 in it, is kept as an order for later and not carried out here."""
        if len(data) != 4:
            return refuse(_FREEZE, LOCAL_FAILURE)
        if data == _NOW:
            self._logs.freeze_now(at_s)
        else:
            self.instrument.kept["freeze_on"] = data[::-1].hex()
            self.instrument.changed()
        return _FREEZE | REPLY, b""

    def _write_address(self, data: bytes, _at_s: float) -> Reply645:
        if len(data) != 6 or not data.hex().isdecimal():
            return refuse(_WRITE_ADDRESS, LOCAL_FAILURE)
        self.instrument.kept["address"] = data[::-1].hex()
        self.instrument.changed()
        return _WRITE_ADDRESS | REPLY, b""

    def _change_speed(self, data: bytes, at_s: float) -> Reply645:
        """The answer still goes out at the old speed; `bus.Unit.hears` does the rest."""
        if len(data) != 1 or data[0] not in _SPEEDS:
            return refuse(_BAUD, NO_BAUD_CHANGE)
        self.instrument.kept["baud"] = str(_SPEEDS[data[0]])
        self.instrument.state["baud_used_s"] = int(at_s)
        self.instrument.changed()
        return _BAUD | REPLY, data

    def _clear_demand(self, data: bytes, at_s: float) -> Reply645:
        """PA P0 P1 P2 C0..C3."""
        if len(data) != 8 or not self._passwords.allow(data[:4], CONTROL_LEVEL):
            return refuse(_CLEAR_DEMAND, NOT_AUTHORISED)
        self._note("demand_cleared", data[4:8], at_s)
        return _CLEAR_DEMAND | REPLY, b""

    def _clear_events(self, data: bytes, at_s: float) -> Reply645:
        """PA P0 P1 P2 C0..C3 DI."""
        if len(data) != 12 or not self._passwords.allow(data[:4], CONTROL_LEVEL):
            return refuse(_CLEAR_EVENTS, NOT_AUTHORISED)
        if not self._logs.clear(data[11:7:-1].hex().upper()):
            return refuse(_CLEAR_EVENTS, NO_SUCH_DATA)
        self._note("events_cleared", data[4:8], at_s)
        return _CLEAR_EVENTS | REPLY, b""

    def _note(self, event: str, operator: bytes, at_s: float) -> None:
        now = self.instrument.local_time(at_s)
        self.instrument.journal.note(event, now, now, operator[::-1].hex())
        self.instrument.changed()
