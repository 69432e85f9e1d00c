"""Load records of a virtual DL/T 645-2007 meter (clause 6.6, annex A table 06).

    A0 A0  n  mm hh DD MM YY  class 1 AA  class 2 AA  class 3 AA  class 4 AA  class 5 AA  class 6 AA  CS  E5
           |  |<------------------------- n bytes -------------------------------------------->|
    1 voltages, currents, frequency   2 active and reactive power   3 power factors   4 energies   5 reactive energies by quadrant   6 demands

Everything is packed BCD, low byte first; a class the meter does not keep is empty; CS sums everything from the first A0.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from protocol.profile_logs import LoadRecords2007
from provisioning.virtual.devices.encoding import bcd
from provisioning.virtual.devices.stamps import moment, stamp
from provisioning.virtual.instrument import Instrument

EARLIEST, FROM_TIME, LATEST = "06000000", "06000001", "06000002"
_KEPT = timedelta(days=40)
_MOST_RECORDS = 60  # of one request; a reply's frames are numbered with one byte
_TIME = "YYMMDDhhmm"
_PHASES = ("a", "b", "c")
# class -> (quantity, base units of one step, bytes, signed)
_CLASSES: Mapping[int, tuple[tuple[str, int, int, bool], ...]] = MappingProxyType(
    {
        1: (
            *((f"voltage_{phase}", 100, 2, False) for phase in _PHASES),
            *((f"current_{phase}", 1, 3, True) for phase in _PHASES),
            ("frequency", 10, 2, False),
        ),
        2: tuple((f"{kind}{phase}", 100, 3, True) for kind in ("power_active", "power_reactive") for phase in ("", "_a", "_b", "_c")),
        3: tuple((f"power_factor{phase}", 1, 2, True) for phase in ("", "_a", "_b", "_c")),
        4: (
            ("energy_active_forward", 10, 4, False),
            ("energy_active_reverse", 10, 4, False),
            ("energy_reactive_1", 10, 4, True),
            ("energy_reactive_2", 10, 4, True),
        ),
        5: tuple((f"energy_reactive_q{quadrant}", 10, 4, False) for quadrant in (1, 2, 3, 4)),
        6: (("demand_now", 100, 3, True), ("demand_reactive_now", 100, 3, True)),
    }
)


class LoadRecords:
    """The load records of one meter; ratios as its registers have them."""

    def __init__(self, kept: LoadRecords2007, instrument: Instrument, *, ct: int, pt: int) -> None:
        self._kept, self._instrument = kept, instrument
        self._ratio = {"voltage": pt, "current": ct, "frequency": 1, "power_factor": 1}
        self._power_ratio = ct * pt

    def payload(self, di: str, rest: bytes, at_s: float) -> bytes | None:
        """Return the records asked for: `rest` is N, or N mm hh DD MM YY, behind the identifier. None where there are none."""
        if di not in (EARLIEST, FROM_TIME, LATEST, self._kept.di):
            return None
        count = min(rest[0] if rest else 1, _MOST_RECORDS)
        step = timedelta(seconds=self._kept.interval_s)
        newest = _whole(self._instrument.local_time(at_s), step)
        oldest = newest - _KEPT
        first = oldest if di == EARLIEST else newest - step * (count - 1)
        if len(rest) == 6:
            try:
                asked = moment(_TIME, rest[1:], datetime(2000, 1, 1))
            except ValueError:
                return None
            first = max(oldest, _whole(asked + step - timedelta(seconds=1), step))
        shown = [first + step * place for place in range(count) if first + step * place <= newest]
        return b"".join(self._record(one) for one in shown) or None

    def _record(self, shown: datetime) -> bytes:
        at_s = self._instrument.instant_s(shown)
        data = stamp(_TIME, shown) + b"".join(self._class(number, at_s) + b"\xaa" for number in _CLASSES)
        body = bytes((0xA0, 0xA0, len(data))) + data
        return body + bytes((sum(body) % 256, 0xE5))

    def _class(self, number: int, at_s: float) -> bytes:
        if number not in self._kept.classes:
            return b""
        return b"".join(self._field(*field, at_s) for field in _CLASSES[number])

    def _field(self, quantity: str, step: int, size: int, signed: bool, at_s: float) -> bytes:
        if self._instrument.phases == 1 and quantity[-2:] in ("_b", "_c"):
            return b"\xff" * size  # a phase this meter does not have
        kind = next((kind for kind in self._ratio if quantity.startswith(kind)), "")
        ratio = self._ratio.get(kind, self._power_ratio)
        raw = self._instrument.value(quantity, at_s) // (step * ratio)
        encoded = bytearray(bcd(abs(raw), size))
        if raw < 0 and signed:
            encoded[-1] |= 0x80
        return bytes(encoded)


def _whole(shown: datetime, step: timedelta) -> datetime:
    """The last whole interval of the day by then."""
    midnight = shown.replace(hour=0, minute=0, second=0)
    return midnight + (shown - midnight) // step * step
