"""The air of a room with an air conditioner: it moves toward the setpoint while the machine works, and back to what the weather makes of it.

Closed form between two changes of the machine, so a reading depends on when things were switched and not on how often somebody looked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_COOLING_S = 900.0  # time constant while the machine works
_DRIFTING_S = 3_600.0  # and while it does not
_HEAT, _COOL = 1, 4  # modes of the canonical map (Intesis): 0 auto, 1 heat, 2 dry, 3 fan, 4 cool
_DEFAULT_SETPOINT_MDEG = 26_000
_FAN_MW = 45_000
_LEAST_MW, _MOST_MW = 250_000, 1_800_000
_FULL_MDEG = 4_000  # this far from the setpoint the compressor gives all it has


@dataclass(frozen=True, slots=True)
class Machine:
    """What an air conditioner was last told."""

    on: bool = False
    mode: int = _COOL
    setpoint_mdeg: int = _DEFAULT_SETPOINT_MDEG

    def works(self, natural_mdeg: float) -> bool:
        """Return whether the compressor has anything to do in a room the weather would make so warm."""
        if not self.on or self.mode in (2, 3):
            return False
        warmer = natural_mdeg > self.setpoint_mdeg
        return self.mode == 0 or warmer is (self.mode == _COOL)


@dataclass(frozen=True, slots=True)
class Room:
    """`natural`: instant -> m°C without a machine. The air was `started_mdeg` warm at `since_s`, and the machine has been so since."""

    natural: Callable[[float], int]
    machine: Machine
    since_s: float
    started_mdeg: float

    def temperature_mdeg(self, at_s: float) -> int:
        """Return how warm it is."""
        passed_s = max(0.0, at_s - self.since_s)
        if self.machine.works(self.natural(self.since_s)):
            aim = self.machine.setpoint_mdeg
            return round(aim + (self.started_mdeg - aim) * math.exp(-passed_s / _COOLING_S))
        away = self.started_mdeg - self.natural(self.since_s)
        return round(self.natural(at_s) + away * math.exp(-passed_s / _DRIFTING_S))

    def power_mw(self, at_s: float) -> int:
        """Return what the machine draws."""
        if not self.machine.on:
            return 0
        if not self.machine.works(self.natural(self.since_s)):
            return _FAN_MW
        far = abs(self.temperature_mdeg(at_s) - self.machine.setpoint_mdeg)
        return _FAN_MW + _LEAST_MW + (_MOST_MW - _LEAST_MW) * min(far, _FULL_MDEG) // _FULL_MDEG

    def told(self, state: Mapping[str, int], at_s: float) -> Room:
        """Return the room after its machine was told something (`state`: quantity -> base units)."""
        return Room(self.natural, machine(state), at_s, self.temperature_mdeg(at_s))


def machine(state: Mapping[str, int]) -> Machine:
    """Return the machine these states describe; one that is `ac_unplugged` shows them and does nothing: an infrared order is not confirmed."""
    on = bool(state.get("ac_power", 0)) and not state.get("ac_unplugged", 0)
    return Machine(on, state.get("ac_mode", _COOL), state.get("ac_setpoint", _DEFAULT_SETPOINT_MDEG))
