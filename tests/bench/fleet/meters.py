"""What three-phase meters say, cycle after cycle: registers that only rise, voltages and loads that wander. The same for the same seed. Pure.

Resolutions are those of common meters: 10 Wh, 0.1 V, 1 mA, 0.1 W. One exchange of 60-80 ms reads all of a meter, as a register block does.
"""

from __future__ import annotations

import random

from protocol.reading import Reading, SeriesKey

QUANTITIES = ("energy_active_forward", "voltage_a", "voltage_b", "voltage_c", "current_a", "current_b", "current_c", "power_active")
_NOMINAL_MV = (229_700, 230_100, 229_200)


class Meters:
    """Meters on one line, read one after the other. `poll` is a cycle."""

    def __init__(self, names: list[str], seed: int) -> None:
        self._chance = random.Random(seed)
        self._keys = {name: [SeriesKey(name, quantity) for quantity in QUANTITIES] for name in names}
        self._energy_wh = {name: self._chance.randrange(9_000_000) * 10 for name in names}
        self._load_ma = {name: [self._chance.randrange(50, 20_000) for _ in range(3)] for name in names}

    def poll(self, start_ms: int) -> list[list[Reading]]:
        """The next readings of every meter, one list of eight a meter."""
        cycle, at_ms = [], start_ms
        for name, keys in self._keys.items():
            at_ms += self._chance.randrange(60, 80)
            cycle.append([Reading(key, at_ms, value) for key, value in zip(keys, self._values(name), strict=True)])
        return cycle

    def _values(self, name: str) -> list[int]:
        chance = self._chance
        self._energy_wh[name] += chance.randrange(200) * 10
        volts = [(nominal + chance.randrange(-1500, 1500)) // 100 * 100 for nominal in _NOMINAL_MV]
        self._load_ma[name] = amps = [int(load * chance.uniform(0.9, 1.1)) for load in self._load_ma[name]]
        power_mw = sum(volt * amp * 95 // 100_000 for volt, amp in zip(volts, amps, strict=True)) // 100 * 100
        return [self._energy_wh[name], *volts, *amps, power_mw]
