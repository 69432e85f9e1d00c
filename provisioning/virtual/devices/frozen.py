"""Registers a device froze at the ends of past hours, days and months: the instrument's truth at those instants, laid out as the profile says."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.profile_logs import Freeze188, Freeze1997, Freeze2007
from provisioning.virtual.devices.register_map import ByteRegisters
from provisioning.virtual.devices.stamps import stamp
from provisioning.virtual.instrument import Instrument

_Freeze = Freeze2007 | Freeze1997 | Freeze188


class FrozenRegisters:
    """All freezes of one device that is read by identifiers."""

    def __init__(self, freezes: Sequence[_Freeze], instrument: Instrument, *, ct: int, pt: int) -> None:
        self._instrument = instrument
        self._groups = [(freeze, _registers(freeze, instrument, ct, pt)) for freeze in freezes]

    def payload(self, di: str, at_s: float) -> bytes | None:
        """Return a frozen register's data, or None where the device keeps none."""
        for freeze, registers in self._groups:
            for base in _identifiers(freeze):
                number = record_number(di, base, freeze.step, freeze.depth)
                if number is not None:
                    return registers.payload(base, self._instrument.period_began_s(freeze.period, number, at_s))
        return None


def record_number(di: str, first: str, step: int, depth: int) -> int | None:
    """Return which record an identifier asks for, 1 being the newest at `first`; None if it is no record of this log."""
    behind = int(di, 16) - int(first, 16)
    return behind // step + 1 if len(di) == len(first) and behind >= 0 and behind % step == 0 and behind // step < depth else None


def _identifiers(freeze: _Freeze) -> set[str]:
    return {item.di for item in freeze.items} | ({freeze.time.di} if freeze.time else set())


def _registers(freeze: _Freeze, instrument: Instrument, ct: int, pt: int) -> ByteRegisters:
    time = freeze.time
    pieces = [] if time is None else [(time.di, time.offset, lambda at_s: stamp(time.format, instrument.local_time(at_s)))]
    return ByteRegisters(freeze.items, {}, instrument, ct=ct, pt=pt, pieces=pieces)
