"""A virtual CJ/T 188 water meter: reading, months gone by, address, clock, valve. It understands identifiers in its maker's byte order only.

FE..FE  68  T  A0..A6  C  L  DI DI SER DATA  CS  16          sum from 68, no offset on the data
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from protocol.profile import Profile188
from protocol.profile_logs import FactName
from protocol.profile_writes import Write188
from provisioning.virtual import reflexes
from provisioning.virtual.devices.encoding import bcd
from provisioning.virtual.devices.facts import fact_bytes, fact_text
from provisioning.virtual.devices.frozen import FrozenRegisters
from provisioning.virtual.devices.register_map import ByteRegisters, Piece
from provisioning.virtual.devices.stamps import moment, stamp
from provisioning.virtual.instrument import Instrument

_START, _END, _WILD = 0x68, 0x16, 0xAA
_READ, _READ_ADDRESS, _WRITE, _WRITE_VALVE = 0x01, 0x03, 0x04, 0x2A  # 2A: one maker's valves
_OPEN, _CLOSED = 0x55, 0x99
_CUBIC_METRES = 0x2C
_FREE_ACTIONS = {0x66: 0, 0x77: 1, _OPEN: 0, _CLOSED: 1}  # 66 and 77 are a maker's "free" open and close


def find_request(burst: bytes) -> tuple[int, int] | None:
    """Return [first, end) of the first valid frame of a master in a burst, its FE bytes included; None if there is none."""
    at = burst.find(_START)
    while at >= 0:
        end = at + 13 + burst[at + 10] if at + 10 < len(burst) else len(burst) + 1
        if end <= len(burst) and burst[at + 9] < 0x80 and burst[end - 1] == _END and burst[end - 2] == sum(burst[at : end - 2]) % 256:
            first = at
            while first > 0 and burst[first - 1] == 0xFE:
                first -= 1
            return first, end
        at = burst.find(_START, at + 1)
    return None


def request_key(frame: bytes) -> bytes:
    """Return the address bytes of a frame `find_request` found."""
    at = frame.index(_START)
    return frame[at + 2 : at + 9]


def address_bytes(text: str) -> bytes:
    """Return a plan's decimal address as the wire has it: 7 bytes BCD, low byte first, maker code last."""
    return bytes.fromhex(text.zfill(14))[::-1]


class WaterMeter188:
    """One meter."""

    def __init__(
        self, profile: Profile188, instrument: Instrument, address: str, *, captured: Mapping[str, bytes] | None = None, preamble: int = 2
    ) -> None:
        self.key = address_bytes(address)
        self.instrument = instrument
        self._type = int(profile.meter_type, 16)
        self._high_first = profile.di_order == "high_first"
        self._short = all(item.unit_at is None for item in profile.items)
        self._preamble = preamble
        self._whole = {di.upper(): data for di, data in (captured or {}).items() if _has_identifier(di, data)}
        plain = {di: data for di, data in (captured or {}).items() if not _has_identifier(di, data)}
        self._profile, self._address = profile, address.zfill(14)
        templates = {"901F": self._template}
        self._registers = ByteRegisters(profile.items, {}, instrument, ct=1, pt=1, captured=plain, templates=templates, pieces=self._pieces())
        self._frozen = FrozenRegisters(profile.freezes, instrument, ct=1, pt=1)
        self._writes = {
            (int(command.write.control, 16), command.write.di, bytes.fromhex(command.write.data)): command.confirm
            for command in profile.commands
            if isinstance(command.write, Write188)
        }

    def means(self, frame: bytes) -> bool:
        """Return whether a frame is for this meter: type and address, AA standing for any."""
        body = frame[frame.index(_START) :]
        return body[1] in (_WILD, self._type) and all(asked in (_WILD, own) for asked, own in zip(body[2:9], self.key, strict=True))

    def respond(self, frame: bytes, at_s: float) -> bytes | None:
        """Act on a valid frame that means this meter; return its reply or None for silence."""
        body = frame[frame.index(_START) :]
        reflexes.live(self.instrument, at_s)
        control, data = body[9], body[11:-2]
        if len(data) < 3:
            return None
        di = self._wire_order(data[:2]).hex().upper()
        if di[0] not in "89ACD":
            return None  # the other byte order: no identifier of the standard begins so
        return self._act(control, di, data[2], data[3:], at_s)

    def _act(self, control: int, di: str, serial: int, value: bytes, at_s: float) -> bytes:
        if control == _READ:
            return self._read(di, serial, at_s)
        if control == _READ_ADDRESS and di == "810A":
            return self._reply(control | 0x80, self._wire(di) + bytes((serial,)))
        if control == _WRITE and di == self._clock_di:
            return self._set_clock(di, serial, value, at_s)
        if control in (_WRITE, _WRITE_VALVE):
            return self._write(control, di, serial, value, at_s)
        return self._refuse(control, serial)

    def _read(self, di: str, serial: int, at_s: float) -> bytes:
        if di in self._whole:
            return self._reply(0x81, self._whole[di])
        payload = self._registers.payload(di, at_s) or self._frozen.payload(di, at_s)
        return self._refuse(_READ, serial) if payload is None else self._reply(0x81, self._wire(di) + bytes((serial,)) + payload)

    def _write(self, control: int, di: str, serial: int, value: bytes, at_s: float) -> bytes:
        confirm = self._writes.get((control, di, value))
        if confirm is not None and confirm.quantity == "valve_state":
            reflexes.move_valve(self.instrument, confirm.value, at_s)
        elif confirm is not None:
            self.instrument.set_state(confirm.quantity, confirm.value, at_s)
        elif control == _WRITE and di == "A017" and len(value) == 1 and value[0] in _FREE_ACTIONS:
            reflexes.move_valve(self.instrument, _FREE_ACTIONS[value[0]], at_s)
        else:
            return self._refuse(control, serial)
        state = b"\x01\xff" if control == _WRITE_VALVE else self._status()
        return self._reply(control | 0x80, self._wire(di) + bytes((serial,)) + state)

    @property
    def _clock_di(self) -> str | None:
        return self._profile.clock.set_di if self._profile.clock else None

    def _set_clock(self, di: str, serial: int, value: bytes, at_s: float) -> bytes:
        """ss mm hh DD MM YY, and the century where the master sends it."""
        try:
            told = moment("YYMMDDhhmmss", value[:6], datetime(2000, 1, 1))
        except ValueError:
            return self._refuse(_WRITE, serial)
        self.instrument.set_clock(told, at_s)
        return self._reply(0x84, self._wire(di) + bytes((serial,)) + self._status())

    def _pieces(self) -> list[Piece]:
        pieces: list[Piece] = [(fact.di, fact.offset, self._fact(fact.name, fact.coding, fact.size)) for fact in self._profile.facts]
        if (clock := self._profile.clock) is not None:
            layout = clock.read.format
            pieces.append((clock.read.di, clock.read.offset, lambda at_s: stamp(layout, self.instrument.local_time(at_s))))
        return pieces

    def _fact(self, name: FactName, coding: str, size: int) -> Callable[[float], bytes]:
        return lambda _at_s: fact_bytes(fact_text(name, self._profile.model, self.instrument, self._address), coding, size)

    def _template(self, at_s: float) -> bytes:
        """The 2004 edition's 901F: total and unit, settlement day's total and unit, clock, status; the short form: total and status.

        The profile's items are laid over it.
        """
        unit = bytes((_CUBIC_METRES,))
        total = bcd(self.instrument.value("water_volume", at_s) // 10, 4)
        if self._short:
            return total + self._status()
        settled = bcd(self.instrument.value("water_volume_settlement", at_s) // 10, 4)
        clock = bytes.fromhex(self.instrument.local_time(at_s).strftime("%Y%m%d%H%M%S"))[::-1]
        return total + unit + settled + unit + clock + self._status()

    def _status(self) -> bytes:
        """ST0: bits 0-1 valve (00 open, 01 closed), bit 2 battery low; ST1 is the maker's."""
        state = self.instrument.state
        return bytes((state.get("valve_state", 0) & 3 | (state.get("battery_low", 0) & 1) << 2, 0))

    def _wire(self, di: str) -> bytes:
        return self._wire_order(bytes.fromhex(di))

    def _wire_order(self, identifier: bytes) -> bytes:
        return identifier if self._high_first else identifier[::-1]

    def _refuse(self, control: int, serial: int) -> bytes:
        return self._reply(control | 0xC0, bytes((serial,)) + self._status())

    def _reply(self, control: int, data: bytes) -> bytes:
        body = bytes((_START, self._type, *self.key, control, len(data))) + data
        return b"\xfe" * self._preamble + body + bytes((sum(body) % 256, _END))


def _has_identifier(di: str, data: bytes) -> bool:
    """Whether captured bytes begin with the identifier itself (either order), so that they are the whole data field."""
    wire = bytes.fromhex(di)
    return data[:2] in (wire, wire[::-1])
