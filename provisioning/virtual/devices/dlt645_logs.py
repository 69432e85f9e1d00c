"""What a virtual DL/T 645-2007 meter remembers: frozen registers, event logs, purchases, load records, instants frozen on order."""

from __future__ import annotations

from protocol.profile import Profile2007
from protocol.profile_logs import EventLog2007, Purchases2007
from provisioning.virtual.devices.dlt645_load import LoadRecords
from provisioning.virtual.devices.encoding import bcd
from provisioning.virtual.devices.frozen import FrozenRegisters, record_number
from provisioning.virtual.devices.stamps import stamp
from provisioning.virtual.instrument import Instrument

_FROZEN_NOW = "0501"  # 0501kknn: kk 00 the instant, 01 forward active energy with its tariffs (annex A table 05)
_MOST_FROZEN_NOW = 3
_TARIFFS = ("", "_sharp", "_peak", "_flat", "_valley")
_STEP = {"energy": 10, "money": 1}  # base units of the last digit of XXXXXX.XX


class Logs2007:
    """The logs of one meter. Ratios as its registers have them."""

    def __init__(self, profile: Profile2007, instrument: Instrument, *, ct: int, pt: int) -> None:
        self._instrument = instrument
        self._events = profile.events
        self._frozen = FrozenRegisters(profile.freezes, instrument, ct=ct, pt=pt)
        self._load = LoadRecords(profile.load_records, instrument, ct=ct, pt=pt) if profile.load_records else None
        self._purchases = profile.prepay.records if profile.prepay else None
        self._ratio = ct * pt

    def payload(self, di: str, rest: bytes, at_s: float) -> bytes | None:
        """Return a log's data, or None where this meter keeps none. `rest`: what the request carries behind the identifier."""
        if self._load is not None and (records := self._load.payload(di, rest, at_s)) is not None:
            return records
        for log in self._events:
            if (record := self._event(log, di)) is not None:
                return record
        if self._purchases is not None and (record := self._purchase(self._purchases, di, at_s)) is not None:
            return record
        return self._frozen.payload(di, at_s) or self._frozen_now(di)

    def freeze_now(self, at_s: float) -> None:
        """Freeze the registers at this instant."""
        instants = [str(int(at_s)), *filter(None, self._instrument.kept.get("frozen_now", "").split(","))]
        self._instrument.kept["frozen_now"] = ",".join(instants[:_MOST_FROZEN_NOW])
        self._instrument.changed()

    def clear(self, di: str) -> bool:
        """Forget the events of an identifier whose last byte is FF, or all of them (FFFFFFFF); False if there is no such log."""
        named = [log for log in self._events if di == "FFFFFFFF" or (di.endswith("FF") and log.record[:4] == di[:4])]
        for log in named:
            if log.event != "events_cleared":
                self._instrument.journal.clear(log.event)
        return bool(named)

    def _event(self, log: EventLog2007, di: str) -> bytes | None:
        if di == log.count:
            return bcd(self._instrument.journal.count(log.event), log.count_bytes)
        number = record_number(di, log.record, log.step, log.depth)
        if number is None:
            return None
        one = self._instrument.journal.record(log.event, number)
        parts = [(log.begin_at, stamp(log.format, one.began if one else None))]
        if log.end_at is not None:
            parts.append((log.end_at, stamp(log.format, one.ended if one else None)))
        if log.operator_at is not None:
            parts.append((log.operator_at, bytes.fromhex(one.operator)[::-1] if one else bytes(4)))
        data = bytearray(max(offset + len(part) for offset, part in parts))
        for offset, part in parts:
            data[offset : offset + len(part)] = part
        return bytes(data)

    def _purchase(self, records: Purchases2007, di: str, at_s: float) -> bytes | None:
        for name in ("date", "count", "amount", "before", "after", "cumulative"):
            number = record_number(di, getattr(records, name), 1, records.depth)
            if number is None:
                continue
            one = self._instrument.purchase(number, at_s)
            if name == "date":
                return stamp("YYMMDDhhmm", one.bought if one else None)
            value = getattr(one, name) if one else 0
            return bcd(value, 2) if name == "count" else bcd(max(0, value) // _STEP[self._instrument.credit or "energy"], 4)
        return None

    def _frozen_now(self, di: str) -> bytes | None:
        instants = [int(text) for text in self._instrument.kept.get("frozen_now", "").split(",") if text]
        number = int(di[6:], 16)
        if not di.startswith(_FROZEN_NOW) or not 1 <= number <= len(instants):
            return None
        at_s = instants[number - 1]
        if di[4:6] == "00":
            return stamp("YYMMDDhhmm", self._instrument.local_time(at_s))
        if di[4:6] == "01":
            values = [self._instrument.value(f"energy_active_forward{tariff}", at_s) for tariff in _TARIFFS]
            return b"".join(bcd(value // self._ratio // 10, 4) for value in values)
        return None
