"""Remote control of a virtual DL/T 645-2007 meter (1CH of the later supplement).

    PA P0 P1 P2 | operator C0..C3 | N1 N2 | valid until ss mm hh DD MM YY                 all zero: valid for ever

N1: 1A trip, 1B allow to close, 1C close, 1D trip and close again after N2 minutes, 1E the same but only allow, 2A alarm, 2B alarm off,
3A keep supplied, 3B no longer. On 1B a meter closes, unless its profile reconnects with 1C: then somebody has to press its button.
"""

from __future__ import annotations

from datetime import datetime

from protocol.profile import Profile2007
from protocol.profile_writes import Write2007
from provisioning.virtual import reflexes
from provisioning.virtual.devices.dlt645 import LOCAL_FAILURE, NOT_AUTHORISED, REPLY, Reply645, refuse
from provisioning.virtual.devices.dlt645_access import CONTROL_LEVEL, Passwords
from provisioning.virtual.instrument import Instrument

RELAY = 0x1C
_TRIP, _ALLOW_CLOSE, _CLOSE, _TRIP_THEN_CLOSE, _TRIP_THEN_ALLOW = 0x1A, 0x1B, 0x1C, 0x1D, 0x1E
_ALARM, _ALARM_OFF, _KEEP_POWER, _KEEP_POWER_OFF = 0x2A, 0x2B, 0x3A, 0x3B
_TRIPS = frozenset({_TRIP, _TRIP_THEN_CLOSE, _TRIP_THEN_ALLOW})
_STATES = {_ALARM: ("alarm", 1), _ALARM_OFF: ("alarm", 0), _KEEP_POWER: ("keep_power", 1), _KEEP_POWER_OFF: ("keep_power", 0)}
_USUAL_WAIT_MIN = 5  # of 1D and 1E when N2 is zero


class Relay:
    """The relay of one meter."""

    def __init__(self, profile: Profile2007, instrument: Instrument, passwords: Passwords) -> None:
        self._instrument, self._passwords = instrument, passwords
        writes = [(command.write, command.confirm) for command in profile.commands if isinstance(command.write, Write2007)]
        self._levels = {int(write.n1, 16): int(write.level) for write, _ in writes}
        self._own = {int(write.n1, 16): (confirm.quantity, confirm.value) for write, confirm in writes}

    def order(self, data: bytes, at_s: float) -> Reply645:
        """Carry out 1CH or refuse it."""
        if len(data) != 16:
            return refuse(RELAY, LOCAL_FAILURE)
        code, minutes, until = data[8], data[9], data[10:16]
        if not self._passwords.allow(data[:4], self._levels.get(code, CONTROL_LEVEL)):
            return refuse(RELAY, NOT_AUTHORISED)
        kept_on = code in _TRIPS and self._instrument.state.get("keep_power", 0)
        if _expired(until, self._instrument.local_time(at_s)) or kept_on or not self._carry_out(code, minutes, data[7:3:-1].hex(), at_s):
            return refuse(RELAY, LOCAL_FAILURE)
        return RELAY | REPLY, b""

    def _carry_out(self, code: int, minutes: int, operator: str, at_s: float) -> bool:
        one = self._instrument
        if code in _TRIPS:
            reflexes.trip(one, at_s, operator)
            if code != _TRIP:
                due_s = int(at_s) + 60 * (minutes or _USUAL_WAIT_MIN)
                one.state.update(trip_announced=1, close_due_s=due_s, close_directly=int(code == _TRIP_THEN_CLOSE))
                one.changed()
        elif code in (_ALLOW_CLOSE, _CLOSE):
            return self._close(code, operator, at_s)
        elif code in _STATES:
            one.set_state(*_STATES[code], at_s)
        elif code in self._own:
            one.set_state(*self._own[code], at_s, operator)
        else:
            return False
        return True

    def _close(self, code: int, operator: str, at_s: float) -> bool:
        used = {_ALLOW_CLOSE, _CLOSE} & self._own.keys()
        if used and code not in used:
            if code == _ALLOW_CLOSE:
                self._instrument.set_state("meter_relay_command", 0, at_s)
            return code == _ALLOW_CLOSE  # a model that closes on 1B knows no 1C
        reflexes.close(self._instrument, at_s, operator)
        return True


def _expired(until: bytes, shown: datetime) -> bool:
    """Whether an order comes too late by the meter's own clock; a date that is none is too late as well."""
    try:
        return any(until) and datetime.strptime("20" + until[::-1].hex(), "%Y%m%d%H%M%S") < shown  # the wire carries no zone
    except ValueError:
        return True
