"""Rules of what a device remembers by itself: frozen registers, event logs, load records, its clock, and what it tells about itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from firmware_profiles.item_rules import places_clash, value_problems
from protocol.document import Problem
from protocol.meter_events import METER_EVENTS
from protocol.profile import AnyProfile, Profile2007
from protocol.profile_items import AnyItem, Item1997
from protocol.profile_logs import (
    Clock188,
    Clock1997,
    Clock2007,
    ClockModbus,
    EventLog2007,
    Fact1997,
    Fact2007,
    FactModbus,
    Freeze188,
    Freeze1997,
    Freeze2007,
    FreezeModbus,
    LoadRecords2007,
    StampModbus,
)

AnyFreeze = Freeze2007 | Freeze1997 | Freeze188 | FreezeModbus
_SUFFIX = {"hour": "_hourly", "day": "_daily", "month": "_monthly"}
_DATED = {"hour": ("MM", "DD", "hh"), "day": ("MM", "DD"), "month": ("MM",)}
_EVENT_DATED = ("MM", "DD", "hh", "mm")
_LAST_NUMBER = 0xFE  # FF in DI0 asks for all records at once (DL/T 645-2007 annex A)
_MONTH_STEP_1997, _MONTHS_1997 = 0x0400, 2  # 94xx last month, 98xx the month before (DL/T 645-1997 annex A)
_MAX_REGISTERS = 125  # of one reply (Modbus application protocol 6.3)
_PHASE_RECORDS = range(0x01, 0x10)  # DI2 of the base standard's events that are counted by phase: 0301 loss of voltage .. 030F overload
_OPERATOR_BYTES = 4


def log_problems(profile: AnyProfile) -> Iterator[Problem]:
    """What is wrong with what a profile says the device remembers; a profile without any of it passes."""
    yield from _freezes(profile)
    if isinstance(profile, Profile2007):
        yield from _events(profile)
        if profile.load_records is not None:
            yield from ((("load_records",), problem) for problem in _load_records(profile.load_records))
    clock = getattr(profile, "clock", None)
    if clock is not None:
        yield from ((("clock",), problem) for problem in _clock(clock))
    yield from _facts(getattr(profile, "facts", ()))


# --- frozen registers --------------------------------------------------------------------------------------------------


def _freezes(profile: AnyProfile) -> Iterator[Problem]:
    freezes: Sequence[AnyFreeze] = getattr(profile, "freezes", ())
    periods = Counter(freeze.period for freeze in freezes)
    polled = {item.quantity for item in profile.items}
    frozen = Counter(item.quantity for freeze in freezes for item in freeze.items)
    for index, freeze in enumerate(freezes):
        path = ("freezes", index)
        if periods[freeze.period] > 1:
            yield (*path, "period"), f"{periods[freeze.period]} freezes of period {freeze.period}; put their items into one"
        items: Sequence[AnyItem] = freeze.items
        for place, item in enumerate(items):
            for problem in (*_frozen_item(freeze.period, item, polled, frozen), *value_problems(item)):
                yield (*path, "items", place), problem
        for (_, one), (place, other) in combinations(enumerate(items), 2):
            if places_clash(one, other):
                yield (*path, "items", place), f"{other.quantity} is read from the same place as {one.quantity}; check address, offset and width"
        if freeze.time is not None:
            yield from (((*path, "time"), problem) for problem in _format(freeze.time.format, _DATED[freeze.period]))
        yield from ((path, problem) for problem in _numbers(freeze))


def _frozen_item(period: str, item: AnyItem, polled: set[str], frozen: Counter[str]) -> Iterator[str]:
    if not item.quantity.endswith(_SUFFIX[period]):
        yield f"{item.quantity} in a freeze of period {period}; expected a quantity that ends in {_SUFFIX[period]}"
    if item.quantity in polled:
        yield f"{item.quantity} is polled as well as frozen; a series has one source, remove one of them"
    if frozen[item.quantity] > 1:
        yield f"{item.quantity} is frozen {frozen[item.quantity]} times; a device has one series of each"
    if "group" in item.model_fields_set:
        yield f"{item.quantity} names poll group {item.group!r}; frozen values are not polled, remove `group`"


def _numbers(freeze: AnyFreeze) -> Iterator[str]:
    """Number 1 must be the newest, and the last number must still be one of this register."""
    if isinstance(freeze, FreezeModbus):
        yield from _register_numbers(freeze)
        return
    stamp = () if freeze.time is None else (freeze.time.di,)
    for di in dict.fromkeys((*(item.di for item in freeze.items), *stamp)):
        if isinstance(freeze.items[0], Item1997) and freeze.step == _MONTH_STEP_1997:
            yield from _months_1997(di, freeze.depth)
        else:
            yield from _counted(di, freeze.depth, freeze.step, first=1 if isinstance(freeze, Freeze2007) else None)


def _months_1997(di: str, depth: int) -> Iterator[str]:
    if int(di[:2], 16) & 0x0C != 0x04:
        yield f"{di} is not of the last month; expected 94xx to 97xx, or A4xx to B7xx for demand (DL/T 645-1997 annex A)"
    if depth > _MONTHS_1997:
        yield f"{di} with depth {depth}: the 1997 edition keeps {_MONTHS_1997} months"


def _counted(di: str, depth: int, step: int, first: int | None = 1) -> Iterator[str]:
    """The number is the identifier's last byte; it may not carry into the byte that says what is read."""
    number = int(di[-2:], 16)
    if first is not None and number != first:
        yield f"{di} is number {number:02X}; expected the identifier of number {first:02X}, the newest"
    if number + (depth - 1) * step > _LAST_NUMBER:
        yield f"{di}: {depth} records {step} apart end at number {number + (depth - 1) * step:X}h, beyond {_LAST_NUMBER:X}h; check depth and step"


def _register_numbers(freeze: FreezeModbus) -> Iterator[str]:
    spans: list[tuple[int, int, int]] = [(item.function, item.address, item.address + item.count) for item in freeze.items]
    if freeze.time is not None:
        spans.append((freeze.time.function, freeze.time.address, freeze.time.address + _stamp_registers(freeze.time)))
    first, last = min(start for _, start, _ in spans), max(end for _, _, end in spans)
    if len({function for function, _, _ in spans}) > 1:
        yield "its registers are read with different functions; expected one"
    if last - first > _MAX_REGISTERS:
        yield f"one freeze takes registers 0x{first:04X}..0x{last - 1:04X}; expected at most {_MAX_REGISTERS} of them"
    if freeze.depth > 1 and freeze.step < last - first:
        yield f"freezes {freeze.step} registers apart overlap: each takes {last - first}"
    if last + (freeze.depth - 1) * freeze.step > 0x10000:
        yield f"{freeze.depth} freezes {freeze.step} registers apart reach beyond register 0xFFFF"


def _stamp_registers(stamp: StampModbus) -> int:
    fields = len(stamp.format) // 2
    return fields if stamp.width == "register" else (fields + 1) // 2


def _format(text: str, needed: Sequence[str]) -> Iterator[str]:
    """The fields of an instant: each once, and enough of them to date it."""
    fields = Counter(re.findall("..", text))
    for field, count in fields.items():
        if count > 1:
            yield f"format {text}: {field} stands {count} times"
    missing = [field for field in needed if field not in fields]
    if missing:
        yield f"format {text} cannot date this: {', '.join(missing)} is missing"


# --- event logs --------------------------------------------------------------------------------------------------------


def _events(profile: Profile2007) -> Iterator[Problem]:
    counts = Counter(log.event for log in profile.events)
    for index, log in enumerate(profile.events):
        path = ("events", index)
        if log.event not in METER_EVENTS:
            yield (*path, "event"), f"unknown event {log.event!r}; the list is protocol/meter_events.py"
        if counts[log.event] > 1:
            yield (*path, "event"), f"event {log.event} stands {counts[log.event]} times; a device has one log of each"
        if profile.phases == 1 and log.event.endswith(("_b", "_c")):
            yield (*path, "event"), f"{log.event} in a single-phase profile; its events stand under phase a"
        for problem in (*_belongs(log), *_counted(log.record, log.depth, log.step), *_format(log.format, _EVENT_DATED), *_record(log)):
            yield path, problem


def _belongs(log: EventLog2007) -> Iterator[str]:
    """The count and the records of one log share their identifier but for the bytes that number it (annex A, tables of 03 and 10..2F)."""
    base = log.count.startswith("03")
    number = "00" if base else "01"
    by_phase = base and int(log.count[2:4], 16) in _PHASE_RECORDS
    same = 4 if by_phase or not base else 6
    if log.count[:same] != log.record[:same]:
        yield f"count {log.count} and record {log.record} are of different logs: expected the same {log.count[:same]}.."
    if log.count[-2:] != number:
        yield f"count {log.count}: a count of {log.count[:2]}.. ends in {number}"
    if not base and log.count[4:6] != "00":
        yield f"count {log.count}: expected {log.count[:4]}00{number}"


def _record(log: EventLog2007) -> Iterator[str]:
    stamp = len(log.format) // 2
    spans = {"begin_at": (log.begin_at, stamp), "end_at": (log.end_at, stamp), "operator_at": (log.operator_at, _OPERATOR_BYTES)}
    given = [(name, at, at + size) for name, (at, size) in spans.items() if at is not None]
    for (one, start, end), (other, begin, stop) in combinations(given, 2):
        if start < stop and begin < end:
            yield f"{other} {begin} lies inside {one} {start}, which takes {end - start} bytes"


def _load_records(records: LoadRecords2007) -> Iterator[str]:
    if not records.di.startswith("06"):
        yield f"{records.di}: load records stand under 06 (DL/T 645-2007 annex A table 06)"
    if len(set(records.classes)) < len(records.classes):
        yield f"classes {list(records.classes)} name one twice"
    if 3600 % records.interval_s or records.interval_s % 60:
        yield f"interval_s {records.interval_s}: records are made at whole minutes that divide an hour"


# --- clock, facts ------------------------------------------------------------------------------------------------------


def _clock(clock: Clock2007 | Clock1997 | Clock188 | ClockModbus) -> Iterator[str]:
    if isinstance(clock, Clock2007 | Clock1997):
        if clock.date == clock.time:
            yield f"date and time are both {clock.date}; they are two identifiers"
        if len(set(clock.set_by)) < len(clock.set_by):
            yield f"set_by {list(clock.set_by)} names one way twice"
        return
    yield from _format(clock.read.format, ("YY", "MM", "DD", "hh", "mm"))
    if isinstance(clock, ClockModbus) and clock.set_function is not None and clock.read.function != 3:
        yield f"set_function {clock.set_function} writes holding registers (function 3), the clock is read with function {clock.read.function}"


def _facts(facts: Sequence[Any]) -> Iterator[Problem]:
    counts = Counter(fact.name for fact in facts)
    for index, fact in enumerate(facts):
        if counts[fact.name] > 1:
            yield ("facts", index, "name"), f"fact {fact.name} stands {counts[fact.name]} times"
        if isinstance(fact, Fact2007 | Fact1997) and fact.name == "communication_address" and (fact.coding, fact.size) != ("digits", 6):
            yield ("facts", index), "an address is six bytes of digits (DL/T 645-2007 5.2.2)"
        if isinstance(fact, FactModbus) and fact.address + fact.count > 0x10000:
            yield ("facts", index), "it reaches beyond register 0xFFFF"
    for (_, one), (index, other) in combinations(enumerate(facts), 2):
        if _fact_span(one) == _fact_span(other):
            yield ("facts", index), f"{other.name} is read from the same place as {one.name}"


def _fact_span(fact: Any) -> tuple[object, int]:
    return (fact.function, fact.address) if isinstance(fact, FactModbus) else (fact.di, fact.offset)
