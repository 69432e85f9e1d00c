"""A virtual CJ/T 188 water meter: read 901F, read address, valve. It understands identifiers in its maker's byte order only.

FE..FE  68  T  A0..A6  C  L  DI DI SER DATA  CS  16          sum from 68, no offset on the data
"""

from __future__ import annotations

from collections.abc import Mapping

from protocol.profile import Profile188
from protocol.profile_writes import Write188
from provisioning.virtual.devices.encoding import bcd
from provisioning.virtual.devices.register_map import ByteRegisters
from provisioning.virtual.instrument import Instrument

_START, _END, _WILD = 0x68, 0x16, 0xAA
_READ, _READ_ADDRESS, _WRITE = 0x01, 0x03, 0x04
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
        self._registers = ByteRegisters(profile.items, {}, instrument, ct=1, pt=1, captured=plain, templates={"901F": self._template})
        self._writes = {
            (command.write.di, bytes.fromhex(command.write.data)): command.confirm
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
        control, data = body[9], body[11:-2]
        if len(data) < 3:
            return None
        di = self._wire_order(data[:2]).hex().upper()
        if di[0] not in "89ACD":
            return None  # the other byte order: no identifier of the standard begins so
        if control == _READ:
            return self._read(di, data[2], at_s)
        if control == _READ_ADDRESS and di == "810A":
            return self._reply(control | 0x80, self._wire(di) + data[2:3])
        if control == _WRITE:
            return self._write(di, data[2], data[3:], at_s)
        return self._refuse(control, data[2])

    def _read(self, di: str, serial: int, at_s: float) -> bytes:
        if di in self._whole:
            return self._reply(0x81, self._whole[di])
        payload = self._registers.payload(di, at_s)
        return self._refuse(_READ, serial) if payload is None else self._reply(0x81, self._wire(di) + bytes((serial,)) + payload)

    def _write(self, di: str, serial: int, value: bytes, at_s: float) -> bytes:
        confirm = self._writes.get((di, value))
        if confirm is not None:
            self.instrument.set_state(confirm.quantity, confirm.value, at_s)
        elif di == "A017" and len(value) == 1 and value[0] in _FREE_ACTIONS:
            self.instrument.set_state("valve_state", _FREE_ACTIONS[value[0]], at_s)
        else:
            return self._refuse(_WRITE, serial)
        return self._reply(0x84, self._wire(di) + bytes((serial,)) + self._status())

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
