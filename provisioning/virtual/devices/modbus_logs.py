"""What a virtual Modbus device keeps beside its items: groups of frozen registers, its clock, and facts about itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from protocol.profile import ProfileModbus
from protocol.profile_items import RegisterItem
from protocol.profile_logs import FreezeModbus, StampModbus
from provisioning.virtual.devices.encoding import RawScale, encode_registers, raw_scale
from provisioning.virtual.devices.facts import fact_text
from provisioning.virtual.devices.stamps import fields, from_fields
from provisioning.virtual.instrument import Instrument

Words = tuple[int, list[int]]  # first address and the registers from there on


class ModbusLogs:
    """The registers of one device that are no items. `address`: as the plan writes it."""

    def __init__(self, profile: ProfileModbus, instrument: Instrument, address: str, *, ct: int, pt: int) -> None:
        self._profile, self._instrument, self._address = profile, instrument, address
        self._groups = [_Group(freeze, ct, pt) for freeze in profile.freezes]

    def exists(self, function: int, address: int) -> bool:
        """Return whether there is such a register."""
        clock = self._profile.clock
        if clock is not None and clock.read.function == function and 0 <= address - clock.read.address < _size(clock.read):
            return True
        facts = self._profile.facts
        if any(fact.function == function and 0 <= address - fact.address < fact.count for fact in facts):
            return True
        return any(group.function == function and group.record(address) is not None for group in self._groups)

    def words(self, function: int, first: int, count: int, at_s: float) -> Iterator[Words]:
        """Return what stands in this range, in pieces that may reach beyond it."""
        if (clock := self._profile.clock) is not None and clock.read.function == function:
            yield clock.read.address, stamp_words(clock.read, self._instrument.local_time(at_s))
        for fact in self._profile.facts:
            if fact.function == function and first < fact.address + fact.count and fact.address < first + count:
                text = fact_text(fact.name, self._profile.model, self._instrument, self._address)
                yield fact.address, _fact_words(text, fact.coding, fact.count)
        for group in self._groups:
            numbers = {group.record(address) for address in range(first, first + count)} if group.function == function else set()
            for number in filter(None, numbers):
                yield from group.words(number, self._instrument, at_s)

    def set_clock(self, address: int, words: Sequence[int], at_s: float) -> bool:
        """Take over a clock that was written as a whole; False when this is no clock or no time."""
        clock = self._profile.clock
        if clock is None or clock.set_function is None or address != clock.read.address or len(words) != _size(clock.read):
            return False
        try:
            told = _told(clock.read, words)
            self._instrument.set_clock(from_fields(told, self._instrument.local_time(at_s)), at_s)
        except ValueError:
            return False
        return True


class _Group:
    """Equal groups of frozen registers, record 1 first."""

    def __init__(self, freeze: FreezeModbus, ct: int, pt: int) -> None:
        self._freeze = freeze
        self._items = [(item, raw_scale(item, ct, pt)) for item in freeze.items]
        self.function = freeze.items[0].function
        spans = [(item.address, item.address + item.count) for item in freeze.items]
        spans += [(freeze.time.address, freeze.time.address + _size(freeze.time))] if freeze.time else []
        self._first, self._end = min(first for first, _ in spans), max(end for _, end in spans)

    def record(self, address: int) -> int | None:
        """Return which record an address belongs to; None for none."""
        number, place = divmod(address - self._first, self._freeze.step)
        return number + 1 if 0 <= number < self._freeze.depth and place < self._end - self._first else None

    def words(self, number: int, instrument: Instrument, at_s: float) -> Iterator[Words]:
        """Return a record's registers."""
        moved = (number - 1) * self._freeze.step
        began_s = instrument.period_began_s(self._freeze.period, number, at_s)
        if self._freeze.time is not None:
            yield self._freeze.time.address + moved, stamp_words(self._freeze.time, instrument.local_time(began_s))
        yield from _item_words(self._items, moved, instrument, began_s)


def _item_words(items: Sequence[tuple[RegisterItem, RawScale]], moved: int, instrument: Instrument, at_s: float) -> Iterator[Words]:
    for item, scale in items:
        yield item.address + moved, encode_registers(item, scale, instrument.value(item.quantity, at_s))


def stamp_words(place: StampModbus, shown: datetime) -> list[int]:
    """Return an instant as registers: one field each, or two fields in one, the first high."""
    names = {"YY": shown.year % 100, "MM": shown.month, "DD": shown.day, "WW": (shown.weekday() + 1) % 7}
    names |= {"hh": shown.hour, "mm": shown.minute, "ss": shown.second}
    told = [names[field] for field in fields(place.format)]
    if place.coding == "bcd":
        told = [int(str(number), 16) for number in told]
    if place.width == "register":
        return told
    told += [0] * (len(told) % 2)
    return [high << 8 | low for high, low in zip(told[::2], told[1::2], strict=True)]


def _told(place: StampModbus, words: Sequence[int]) -> dict[str, int]:
    numbers = list(words) if place.width == "register" else [part for word in words for part in divmod(word, 256)]
    decoded = [int(f"{number:x}") if place.coding == "bcd" else number for number in numbers]
    return dict(zip(fields(place.format), decoded, strict=False))  # an odd number of bytes leaves one over


def _size(place: StampModbus) -> int:
    count = len(place.format) // 2
    return count if place.width == "register" else (count + 1) // 2


def _fact_words(text: str, coding: str, count: int) -> list[int]:
    digits = "".join(filter(str.isdigit, text)) or "0"
    if coding == "number":
        return [int(digits) >> 16 * place & 0xFFFF for place in reversed(range(count))]
    packed = bytes.fromhex(digits.zfill(4 * count)[-4 * count :])
    data = text.encode("ascii", "replace")[: 2 * count].ljust(2 * count, b"\x00") if coding == "ascii" else packed
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, 2 * count, 2)]
