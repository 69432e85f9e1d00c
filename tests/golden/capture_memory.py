"""The sections of a golden log about what a device remembers and may be set to: freezes, events, load records, clock, facts, settings.

As in `capture`: requests are framed by hand here, replies are the virtual device's, what they mean follows from what it measures. A profile that
is read by identifiers has these sections; registers are checked with manual tables instead (`tests/manuals`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from protocol.profile import AnyProfile, Profile188, Profile1997, Profile2007
from protocol.profile_items import Item2007
from protocol.profile_logs import Clock188, EventLog2007
from protocol.wire.wirelog import Comment, Entry, Received, Sent, Value
from provisioning.virtual.bus import Unit
from provisioning.virtual.devices import dlt645, dlt645_load
from provisioning.virtual.devices.encoding import encode_bytes, raw_scale
from provisioning.virtual.devices.facts import fact_text

FREEZES = 2  # of each period
_READ, _FOLLOW, _WRITE = 0x11, 0x12, 0x14
_OPERATOR = "12345678"
Ask = Callable[[str], tuple[Sent, Received]]  # an identifier -> the read of it
Meaning = Callable[[Any, float], int]  # an item at an instant -> base units


def memory_sections(profile: AnyProfile, unit: Unit, now_s: float, ask: Ask, meaning: Meaning) -> Iterator[list[Entry]]:
    """One section each for what the profile says the device remembers."""
    if not isinstance(profile, Profile2007 | Profile1997 | Profile188):
        return
    local = unit.responder.instrument.local_time(now_s)
    for freeze in profile.freezes:
        yield list(_freeze(freeze, unit, now_s, local, ask, meaning))
    if profile.clock is not None:
        yield list(_clock(profile, local, ask))
    if profile.facts:
        yield list(_facts(profile, unit, ask))
    if isinstance(profile, Profile2007):
        for log in _shown(profile.events):
            yield list(_event(log, unit, local, ask))
        if profile.load_records is not None:
            yield list(_load_records(profile, unit, now_s, local))
        if profile.settings:
            yield list(_setting(profile, unit, now_s, ask, meaning))


def _freeze(freeze: Any, unit: Unit, now_s: float, local: datetime, ask: Ask, meaning: Meaning) -> Iterator[Entry]:
    yield Comment(f"the newest {FREEZES} {freeze.period} freezes")
    yield Value("freezes", f"{freeze.period} {FREEZES} {local.isoformat()}")
    results: list[Entry] = []
    for number in range(FREEZES):
        at_s = unit.responder.instrument.period_began_s(freeze.period, number + 1, now_s)
        if freeze.time is not None:
            yield from ask(_back(freeze.time.di, number * freeze.step))
        for di in dict.fromkeys(item.di for item in freeze.items):
            yield from ask(_back(di, number * freeze.step))
        results.append(Value("at", unit.responder.instrument.local_time(at_s).isoformat()))
        results += [Value(item.quantity, str(meaning(item, at_s))) for item in freeze.items]
    yield from results


def _clock(profile: Profile2007 | Profile1997 | Profile188, local: datetime, ask: Ask) -> Iterator[Entry]:
    late = timedelta(seconds=90)
    yield Comment("the clock, read when it is a minute and a half later at the site")
    yield Value("clock", (local + late).isoformat())
    clock = profile.clock
    assert clock is not None
    for di in (clock.read.di,) if isinstance(clock, Clock188) else (clock.date, clock.time):
        yield from ask(di)
    yield Value("offset_ms", str(-late // timedelta(milliseconds=1)))


def _facts(profile: Profile2007 | Profile1997 | Profile188, unit: Unit, ask: Ask) -> Iterator[Entry]:
    yield from (Comment("what it tells about itself"), Value("facts", "all"))
    for di in dict.fromkeys(fact.di for fact in profile.facts):
        yield from ask(di)
    address = unit.responder.key[::-1].hex()
    for fact in profile.facts:
        text = fact_text(fact.name, profile.model, unit.responder.instrument, address)
        if fact.coding == "digits":
            text = "".join(filter(str.isdigit, text)).zfill(2 * fact.size)[-2 * fact.size :]
        yield Value(fact.name, text[: fact.size].strip() if fact.coding == "ascii" else text)


def _shown(events: Sequence[EventLog2007]) -> list[EventLog2007]:
    """The first log of each layout of a record."""
    layouts: dict[tuple[int, bool, bool], EventLog2007] = {}
    for log in events:
        layouts.setdefault((log.begin_at, log.end_at is not None, log.operator_at is not None), log)
    return list(layouts.values())


def _event(log: EventLog2007, unit: Unit, local: datetime, ask: Ask) -> Iterator[Entry]:
    """Two records, the second one new and the first one known in the log's first reading."""
    journal = unit.responder.instrument.journal
    for hours in (30, 3):
        began = local - timedelta(hours=hours)
        journal.note(log.event, began, began + timedelta(minutes=7), _OPERATOR)
    count = journal.count(log.event)
    yield Comment(f"{log.event}: two new records")
    yield Value("events", f"{log.event} {count - 2}")
    yield from ask(log.count)
    results: list[Entry] = [Value("count", str(count))]
    for number in (1, 2):
        yield from ask(_back(log.record, (number - 1) * log.step))
        one = journal.record(log.event, number)
        assert one is not None
        end = "-" if log.end_at is None or one.ended is None else one.ended.isoformat()
        who = "-" if log.operator_at is None else one.operator
        results.insert(1, Value("event", f"{count + 1 - number} {one.began.isoformat()} {end} {who}"))
    yield from results


def _load_records(profile: Profile2007, unit: Unit, now_s: float, local: datetime) -> Iterator[Entry]:
    kept = profile.load_records
    assert kept is not None
    step = timedelta(seconds=kept.interval_s)
    first = local.replace(hour=20, minute=0, second=0)
    yield Comment("two load records from 20:00 on")
    yield Value("load_records", f"{first.isoformat()} 2")
    rest = bytes((2,)) + bytes.fromhex(first.strftime("%y%m%d%H%M"))[::-1]
    di = bytes.fromhex(kept.di)[::-1]
    sent, received = _exchange(unit, dlt645.build_reply(unit.responder.key, _READ, di + rest), now_s)
    yield from (sent, received)
    number = 0
    while dlt645.parse_request(received.data).control & dlt645.MORE:
        number += 1
        sent, received = _exchange(unit, dlt645.build_reply(unit.responder.key, _FOLLOW, di + bytes((number,))), now_s)
        yield from (sent, received)
    instrument = unit.responder.instrument
    for at in (first, first + step):
        values = [
            f"{quantity}={instrument.value(quantity, instrument.instant_s(at)) // one * one}"
            for number in kept.classes
            for quantity, one, _, _ in dlt645_load._CLASSES[number]
        ]
        yield Value("record", " ".join([at.isoformat(), *values]))


def _setting(profile: Profile2007, unit: Unit, now_s: float, ask: Ask, meaning: Meaning) -> Iterator[Entry]:
    """Read, read again for what stands beside it, written, read back."""
    setting = profile.settings[0]
    [item] = [one for one in profile.items if one.quantity == setting.quantity]
    scale = raw_scale(item, 1, 1)
    value = (setting.least + setting.most) // 2 // int(item.factor()) * int(item.factor())
    assert meaning(item, now_s) != value
    yield Comment(f"{setting.name}, and the reading that proves it")
    yield Value("setting", f"{setting.name} {value}")
    for _ in range(2):
        yield from ask(item.di)
    who = bytes.fromhex(setting.level or "04") + bytes(3) + bytes(4)
    yield from _exchange(unit, dlt645.build_reply(unit.responder.key, _WRITE, _di(item) + who + encode_bytes(item, scale.raw(value))), now_s)
    yield from ask(item.di)
    assert meaning(item, now_s) == value
    yield Value("outcome", f"done {value}")


def _exchange(unit: Unit, asked: bytes, now_s: float) -> tuple[Sent, Received]:
    reply = unit.responder.respond(asked, now_s) if unit.responder.means(asked) else None
    if reply is None:
        raise SystemExit(f"{unit.device}: the virtual device is silent to {asked.hex(' ')}")
    return Sent(asked), Received(reply)


def _di(item: Item2007) -> bytes:
    return bytes.fromhex(item.di)[::-1]


def _back(di: str, by: int) -> str:
    return f"{int(di, 16) + by:0{len(di)}X}"
