"""Who may write to a virtual DL/T 645-2007 meter, and what: passwords by level (18H), the clock and the profile's settings (14H)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from protocol.profile import Profile2007
from protocol.profile_items import Item2007
from protocol.profile_logs import Clock2007
from provisioning.virtual.devices.dlt645 import LOCAL_FAILURE, NO_SUCH_DATA, NOT_AUTHORISED, REPLY, Reply645, refuse
from provisioning.virtual.devices.encoding import RawScale, decode_bytes
from provisioning.virtual.devices.register_map import ByteRegisters
from provisioning.virtual.devices.stamps import moment
from provisioning.virtual.instrument import Instrument

_WRITE, _PASSWORD = 0x14, 0x18
SETTINGS_LEVEL = 4  # what an order that names no level of its own needs; a lower number may do more
CONTROL_LEVEL = 2
_FIRST_PASSWORD_DI = 0x04000C01  # level 00; 04000C0A is level 09 (annex A table 04)
_LEVELS_IN_USE = ("02", "04")  # the levels a meter leaves the factory with


class Passwords:
    """The passwords of one meter: six digits a level, kept over restarts once changed."""

    def __init__(self, instrument: Instrument, factory: str) -> None:
        self._instrument, self._factory = instrument, factory

    def allow(self, who: bytes, level: int) -> bool:
        """Return whether PA P0 P1 P2 may do what needs this level."""
        return len(who) == 4 and who[0] <= level and who[3:0:-1].hex() == self._digits(who[0])

    def change(self, data: bytes) -> Reply645:
        """18H: DI, old PA P0 P1 P2, new PA P0 P1 P2."""
        level = int.from_bytes(data[:4], "little") - _FIRST_PASSWORD_DI
        if len(data) != 12 or not 0 <= level <= 9:
            return refuse(_PASSWORD, NO_SUCH_DATA)
        if data[8] != level or not self.allow(data[4:8], level):
            return refuse(_PASSWORD, NOT_AUTHORISED)
        self._instrument.kept[f"password_{level:02d}"] = data[11:8:-1].hex()
        self._instrument.changed()
        return _PASSWORD | REPLY, data[8:12]

    def _digits(self, level: int) -> str | None:
        name = f"{level:02x}"
        return self._instrument.kept.get(f"password_{name}", self._factory if name in _LEVELS_IN_USE else None)


class Writable:
    """What 14H may write in one meter: its clock, and the settings its profile names."""

    def __init__(self, profile: Profile2007, instrument: Instrument, registers: ByteRegisters, passwords: Passwords) -> None:
        self._instrument, self._registers, self._passwords = instrument, registers, passwords
        self._clock = profile.clock or Clock2007(set_by=("broadcast", "write"))
        self._settings = {setting.quantity: setting for setting in profile.settings}

    def write(self, data: bytes, at_s: float) -> Reply645:
        """14H: DI, PA P0 P1 P2, operator C0..C3, data."""
        if len(data) < 13:
            return refuse(_WRITE, LOCAL_FAILURE)
        di, who, operator, value = data[3::-1].hex().upper(), data[4:8], data[11:7:-1].hex(), data[12:]
        if layout := self._clock_layout(di):
            return self._set_clock(layout, who, operator, value, at_s)
        fields = [(item, scale) for item, scale in self._registers.fields(di) if item.quantity in self._settings and isinstance(item, Item2007)]
        if not fields:
            return refuse(_WRITE, NO_SUCH_DATA if self._registers.payload(di, at_s) is None else NOT_AUTHORISED)
        level = min(int(self._settings[item.quantity].level or f"{SETTINGS_LEVEL:02d}") for item, _ in fields)
        if not self._passwords.allow(who, level):
            return refuse(_WRITE, NOT_AUTHORISED)
        return self._set(di, fields, operator, value, at_s)

    def _set(self, di: str, fields: Sequence[tuple[Item2007, RawScale]], operator: str, value: bytes, at_s: float) -> Reply645:
        whole = self._registers.payload(di, at_s) or b""
        if len(value) != len(whole):
            return refuse(_WRITE, LOCAL_FAILURE)
        try:
            told = {item.quantity: scale.value(decode_bytes(item, _part(value, item))) for item, scale in fields}
        except ValueError:
            return refuse(_WRITE, LOCAL_FAILURE)
        if any(not self._settings[name].least <= new <= self._settings[name].most for name, new in told.items()):
            return refuse(_WRITE, LOCAL_FAILURE)
        for name, new in told.items():
            self._instrument.set_state(name, new, at_s)
        now = self._instrument.local_time(at_s)
        self._instrument.journal.note("programming", now, now, operator)
        self._instrument.changed()
        return _WRITE | REPLY, b""

    def _clock_layout(self, di: str) -> str:
        return {self._clock.date: "YYMMDDWW", self._clock.time: "hhmmss", "0400010C": "YYMMDDWWhhmmss"}.get(di, "")

    def _set_clock(self, layout: str, who: bytes, operator: str, value: bytes, at_s: float) -> Reply645:
        if "write" not in self._clock.set_by or not self._passwords.allow(who, SETTINGS_LEVEL):
            return refuse(_WRITE, NOT_AUTHORISED)
        before = self._instrument.local_time(at_s)
        try:
            after = moment(layout, value, before)
        except ValueError:
            return refuse(_WRITE, LOCAL_FAILURE)
        self._instrument.set_clock(after, at_s)
        self._instrument.journal.note("time_set", before, after, operator)
        self._instrument.changed()
        return _WRITE | REPLY, b""


def broadcast_fits(instrument: Instrument, told: datetime, at_s: float) -> bool:
    """Return whether a meter may follow a broadcast time: within five minutes, once a day, not within five minutes of midnight (7.4)."""
    shown = instrument.local_time(at_s)
    since_midnight_s = (shown - shown.replace(hour=0, minute=0, second=0)).total_seconds()
    near_midnight = since_midnight_s < 300 or since_midnight_s > 86_100
    return abs((told - shown).total_seconds()) <= 300 and not near_midnight and instrument.kept.get("time_set_on") != shown.date().isoformat()


def _part(value: bytes, item: Item2007) -> bytes:
    start = item.offset if item.offset >= 0 else len(value) + item.offset
    return value[start : start + item.size]
