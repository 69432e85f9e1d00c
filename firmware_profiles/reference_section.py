"""One profile's section of the reference page: settings of its port, what is read, remembered and told. Pure.

Of a profile that extends another only what it adds or changes is shown, and what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from protocol.meter_events import METER_EVENTS
from protocol.profile import AnyProfile, ProfileModbus
from protocol.profile_items import ByteItem, Item, Ratio, RegisterItem
from protocol.profile_logs import EventLog2007, PlaceModbus
from protocol.profile_writes import Write188, Write2007, WriteModbus
from protocol.quantities import QUANTITIES

_FLOATS = ("f32", "f64")


def section(profile: AnyProfile, base: AnyProfile | None) -> Iterator[str]:
    """The lines of the section; `base` is the profile it extends."""
    serial = profile.serial
    yield f"## {profile.profile}"
    yield ""
    yield f"{profile.name.zh} · {profile.name.en}. Model: {profile.model}. State: {profile.verified.value}."
    yield f"Shipped serial settings: {serial.baud} {serial.data_bits}{serial.parity}{serial.stop_bits}."
    yield f"Source: {profile.source.rstrip('.')}."
    if profile.notes:
        yield from ("", profile.notes.strip())
    if base is not None:
        yield from ("", f"Extends [{base.profile}](#{base.profile.replace('/', '')}); below is only what differs.")
        yield from _left_out(profile, base)
    yield from _items(profile, base)
    yield from _freezes(profile, base)
    yield from _events(_own(profile, base, "events"))
    yield from _other_memory(profile, base)
    yield from _told(profile, base)
    if isinstance(profile, ProfileModbus) and profile.blocks:
        yield ""
        yield "Safe ranges: " + ", ".join(f"{block.first:04X}..{block.last:04X} (function {block.function})" for block in profile.blocks) + "."


def _own(profile: AnyProfile, base: AnyProfile | None, name: str) -> list[Any]:
    """The entries of a list that the base does not have in the same words."""
    inherited = getattr(base, name, ())
    return [entry for entry in getattr(profile, name, ()) if entry not in inherited]


def _left_out(profile: AnyProfile, base: AnyProfile) -> Iterator[str]:
    about = {"items": "quantity", "freezes": "period", "events": "event", "facts": "name", "commands": "name", "settings": "name"}
    gone = [
        str(getattr(entry, key))
        for name, key in about.items()
        for entry in getattr(base, name, ())
        if getattr(entry, key) not in {getattr(own, key) for own in getattr(profile, name, ())}
    ]
    if gone:
        yield f"Left out: {', '.join(gone)}."


def _items(profile: AnyProfile, base: AnyProfile | None) -> Iterator[str]:
    rows = []
    for item in _own(profile, base, "items"):
        ratio = "" if item.ratio is Ratio.NONE else item.ratio.value.replace("_", " × ").upper()
        rows.append((item.quantity, _name(item), _place(item), _count(item), _wraps(item), ratio, f"{profile.groups[item.group]} s"))
    yield from _table(("Quantity", "Name", "From", "One count is", "Wraps at", "Ratio", "Period"), "      r", rows)


def _freezes(profile: AnyProfile, base: AnyProfile | None) -> Iterator[str]:
    rows = []
    for freeze in _own(profile, base, "freezes"):
        dated = f"dated by {_spot(freeze.time)}" if freeze.time else "dated by the end of the period"
        for place, item in enumerate(freeze.items):
            kept = f"{freeze.depth} {freeze.period}s, {freeze.step} apart, {dated}" if place == 0 else ""
            rows.append((kept, item.quantity, _name(item), _place(item), _count(item)))
    yield from _table(("Frozen", "Quantity", "Name", "Newest from", "One count is"), "", rows)


def _events(events: Sequence[EventLog2007]) -> Iterator[str]:
    rows = [
        (f"{METER_EVENTS[log.event].zh} · {METER_EVENTS[log.event].en}", log.event, log.count, log.record, str(log.depth), _record(log))
        for log in events
    ]
    yield from _table(("Event log", "Code", "Count", "Newest record", "Kept", "In a record"), "", rows)


def _record(log: EventLog2007) -> str:
    end = "" if log.end_at is None else f", end at {log.end_at}"
    who = "" if log.operator_at is None else f", operator at {log.operator_at}"
    return f"begin at {log.begin_at}{end}{who} ({log.format})"


def _other_memory(profile: AnyProfile, base: AnyProfile | None) -> Iterator[str]:
    lines = []
    load_records = getattr(profile, "load_records", None)
    if load_records is not None and load_records != getattr(base, "load_records", None):
        kinds = ", ".join(map(str, load_records.classes))
        lines.append(f"Load records: {load_records.di}, every {load_records.interval_s} s, classes {kinds}.")
    clock = getattr(profile, "clock", None)
    if clock is not None and clock != getattr(base, "clock", None):
        where = _spot(clock.read) if hasattr(clock, "read") else f"{clock.date} and {clock.time}, set by {' or '.join(clock.set_by)}"
        lines.append(f"Clock: {where}.")
    if facts := _own(profile, base, "facts"):
        lines.append("Facts: " + ", ".join(f"{fact.name} ({_spot(fact)})" for fact in facts) + ".")
    if lines:
        yield from ("", " ".join(lines))


def _told(profile: AnyProfile, base: AnyProfile | None) -> Iterator[str]:
    rows = [
        (command.name, _write(command.write), f"{command.confirm.quantity} = {command.confirm.value} within {command.confirm.within_s} s")
        for command in _own(profile, base, "commands")
    ]
    yield from _table(("Command", "Writes", "Confirmed by"), "", rows)
    limits = [
        (one.name, one.quantity, f"{one.least:,} .. {one.most:,} {QUANTITIES[one.quantity].base_unit}", _way(one))
        for one in _own(profile, base, "settings")
    ]
    yield from _table(("Setting", "Writes", "From .. to", "By"), "", limits)
    prepay = profile.prepay
    if prepay is not None and prepay != (base.prepay if base is not None else None):
        yield ""
        switched = f"writes allowed by {prepay.bench_log}" if prepay.bench_log else "writes stay off until a bench test"
        yield f"Prepaid in {prepay.unit}, style `{prepay.style}`: {switched}."


def _way(setting: Any) -> str:
    return f"password level {setting.level}" if setting.level is not None else f"function {setting.function}"


def _name(item: Item) -> str:
    return f"{item.spec.name_zh} · {item.spec.name_en}"


def _place(item: Any) -> str:
    bits = "" if item.bits is None else f" bit {item.bits[0]}" if item.bits[1] == 1 else f" bits {item.bits[0]}..{sum(item.bits) - 1}"
    if isinstance(item, RegisterItem):
        return f"function {item.function}, {item.address:04X} {item.type}{bits}"
    if isinstance(item, ByteItem):
        return f"{getattr(item, 'di', '')} {item.format}" + (f" at {item.offset}" if item.offset else "") + bits
    storage = f", storage {item.storage}" if item.storage else ""
    return f"{item.function} {item.measures.replace('_', ' ')}{storage}{bits}"


def _spot(place: Any) -> str:
    where = f"function {place.function}, {place.address:04X}" if isinstance(place, PlaceModbus) else place.di
    return where + (f" at {place.offset}" if getattr(place, "offset", 0) else "")


def _count(item: Any) -> str:
    if item.unit in ("state", "word"):
        return ""
    if not isinstance(item, ByteItem | RegisterItem):
        return "as the record's VIF says"
    text = f"{_number(item.factor())} {item.spec.base_unit}"
    return f"{text} (1.0 of the float)" if isinstance(item, RegisterItem) and item.type in _FLOATS else text


def _wraps(item: Any) -> str:
    wrap = item.rollover()
    return f"{_number(wrap)} {item.spec.base_unit}" if wrap is not None else item.note


def _number(value: Fraction) -> str:
    return f"{value.numerator:,}" if value.denominator == 1 else f"{float(value):g}"


def _write(write: Write2007 | Write188 | WriteModbus) -> str:
    if isinstance(write, Write2007):
        return f"1CH, N1 = {write.n1}, password level {write.level}"
    if isinstance(write, Write188):
        return f"{write.di} = {write.data}"
    return f"function {write.function}, {write.address:04X} = {write.value:04X}"


def _table(head: Sequence[str], sides: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table, or nothing at all without rows; `sides`: r where a column stands to the right."""
    cells = list(rows)
    if not cells:
        return
    yield ""
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---:' if side == 'r' else '---' for side in sides.ljust(len(head)))}|"
    yield from (f"| {' | '.join(row)} |" for row in cells)
