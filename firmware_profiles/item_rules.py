"""Rules of a single item and of items beside each other: scale, range, flag bits, roll-over, overlapping bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

from protocol.document import Problem
from protocol.profile import AnyProfile
from protocol.profile_items import AnyItem, ByteItem, Item188, ItemMbus, Ratio, RegisterItem
from protocol.quantities import Kind
from protocol.wire import mbus_vif


class Plausible(NamedTuple):
    """In base units: the coarsest step of one count, and the least full scale a register of this quantity needs."""

    coarsest_step: int
    least_span: int


# First matching prefix counts. A step or span outside these is a slipped decimal point or a wrong width, not a real meter.
_PLAUSIBLE: tuple[tuple[str, Plausible], ...] = (
    ("energy_", Plausible(1_000, 10_000_000)),  # 1 kWh; 10,000 kWh
    ("balance_energy", Plausible(1_000, 1_000_000)),
    ("overdraft_energy", Plausible(1_000, 10_000)),
    ("balance_money", Plausible(100, 100_000)),
    ("voltage_", Plausible(1_000, 260_000)),
    ("current_", Plausible(1_000, 20_000)),
    ("power_factor", Plausible(10, 1_000)),
    ("power_", Plausible(10_000, 3_000_000)),  # 10 W; 3 kW
    ("demand_", Plausible(10_000, 3_000_000)),
    ("frequency", Plausible(100, 65_000)),
    ("water_volume", Plausible(1_000, 1_000_000)),  # 1 m3; 1,000 m3
    ("temperature", Plausible(1_000, 60_000)),
    ("humidity", Plausible(10, 1_000)),
    ("purchase_count", Plausible(1, 9_000)),
    ("clock_battery_voltage", Plausible(100, 3_300)),
    ("battery_voltage", Plausible(100, 3_300)),
    ("meter_temperature", Plausible(1_000, 60_000)),
    ("overload_limit", Plausible(10_000, 3_000_000)),
    ("malicious_load_limit", Plausible(100_000, 1_000_000)),
    ("alarm_", Plausible(10_000, 10_000)),
)
_ONE_BIT = (
    *("relay_", "input_", "meter_relay_", "keep_power", "presence"),
    *("ac_power", "ac_lock", "ac_alarm", "window_open"),
    *("battery_low", "leak", "burst", "reverse_flow", "magnetic_tamper", "cover_open"),
)
# What of a secondary value is multiplied by which ratio; power factor, frequency, states and what was bought are not.
_RATIOS: tuple[tuple[str, Ratio], ...] = (
    ("voltage_", Ratio.PT),
    ("current_", Ratio.CT),
    ("power_factor", Ratio.NONE),
    ("power_", Ratio.CT_PT),
    ("energy_", Ratio.CT_PT),
    ("demand_", Ratio.CT_PT),
    ("overload_limit", Ratio.CT_PT),
    ("malicious_load_limit", Ratio.CT_PT),
)
_FLOATS = frozenset({"f32", "f64"})
_WORD_BITS = {"u8": 8, "u16": 16, "u24": 24, "u32": 32, "u64": 64}
_SIGNED_BITS = {"i16": 15, "i32": 31, "i64": 63}


def item_problems(profile: AnyProfile) -> Iterator[Problem]:
    """What is wrong with the items of one profile."""
    items: Sequence[AnyItem] = profile.items
    for index, item in enumerate(items):
        for problem in value_problems(item):
            yield ("items", index), problem
    yield from _ratios(profile)
    for (_, one), (index, other) in combinations(enumerate(items), 2):
        if places_clash(one, other):
            yield ("items", index), f"{other.quantity} is read from the same place as {one.quantity}; check address, offset and width"


def _ratios(profile: AnyProfile) -> Iterator[Problem]:
    """Secondary values: all of them are, each by the ratio of what it measures. Primary values: none is."""
    frozen = [
        (("freezes", at, "items", place), item) for at, one in enumerate(getattr(profile, "freezes", ())) for place, item in enumerate(one.items)
    ]
    every = [*((("items", place), item) for place, item in enumerate(profile.items)), *frozen]
    if all(item.ratio is Ratio.NONE for _, item in every):
        return
    for path, item in every:
        expected = next((ratio for prefix, ratio in _RATIOS if item.quantity.startswith(prefix)), Ratio.NONE)
        if item.ratio is not expected:
            yield (*path, "ratio"), f"{item.quantity} beside secondary values: expected ratio {expected.value}, got {item.ratio.value}"


def value_problems(item: AnyItem) -> Iterator[str]:
    """What is wrong with one value by itself, polled or frozen."""
    yield from (*_rollover(item), *_scale(item), *_flags(item), *_place(item))


def places_clash(one: AnyItem, other: AnyItem) -> bool:
    """Whether two values take the same bytes, other than as flags of one word."""
    return _same_bytes(one, other) and not _flag_of_word(one, other)


def _rollover(item: AnyItem) -> Iterator[str]:
    if isinstance(item, RegisterItem) and item.rollover_raw is not None and item.spec.kind is not Kind.CUMULATIVE:
        yield f"rollover_raw belongs to cumulative registers; {item.quantity} is {item.spec.kind.value}"
    if item.spec.kind is Kind.CUMULATIVE and item.rollover() is None and not item.note:
        yield f"where {item.quantity} wraps to zero is not known; give rollover_raw (M-Bus: wraps_at), or say in `note` why it cannot be given"


def _scale(item: AnyItem) -> Iterator[str]:
    if item.factor() < 0 and item.spec.kind is Kind.CUMULATIVE:
        yield f"{item.quantity} is cumulative and cannot have a negative scale"
    limits = next((limits for prefix, limits in _PLAUSIBLE if item.quantity.startswith(prefix)), None)
    span = full_scale(item)
    if limits is None or span is None:
        return
    step, unit = abs(item.factor()), item.spec.base_unit
    if step > limits.coarsest_step:
        yield f"one count of {item.quantity} is {_shown(step)} {unit}; expected at most {limits.coarsest_step}: check scale, format and unit"
    if span < limits.least_span:
        yield f"{item.quantity} ends at {_shown(span)} {unit}; expected at least {limits.least_span}: check width, scale, format and unit"


def full_scale(item: AnyItem) -> Fraction | None:
    """The largest value the item's format can show, in base units; None for floats, whose range is no limit."""
    if isinstance(item, RegisterItem):
        if item.type in _FLOATS:
            return None
        bits = 1 if item.type == "bit" else _WORD_BITS.get(item.type) or _SIGNED_BITS[item.type]
        return abs(item.factor()) * int(2**bits - 1)
    if isinstance(item, ItemMbus):
        return None  # the slave's own VIF scales it
    counts: int = 10 ** (2 * item.size) if item.is_bcd else 256**item.size
    if item.signed:
        counts = counts * 8 // 10 if item.is_bcd else counts // 2
    return abs(item.factor()) * (counts - 1)


def _shown(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"


def _flags(item: AnyItem) -> Iterator[str]:
    kind = item.type if isinstance(item, RegisterItem) else "M-Bus records" if isinstance(item, ItemMbus) else item.format
    width = 1 if kind == "bit" else _WORD_BITS.get(kind)
    if item.bits is not None and kind == "bit":
        yield f"{item.quantity} is a coil or an input, one bit already; remove `bits`"
    elif item.bits is not None:
        lowest, count = item.bits
        if width is None:
            yield f"bits are taken from unsigned binary words ({', '.join(_WORD_BITS)}), not from {kind}"
        elif lowest < 0 or count < 1 or lowest + count > width:
            yield f"bits {list(item.bits)} are (lowest bit, width); they must lie inside the {width} bits of {kind}"
        if item.spec.kind is not Kind.STATE:
            yield f"bits belong to states; {item.quantity} is {item.spec.kind.value}"
    if isinstance(item, ByteItem) and item.signed and not item.is_bcd:
        yield f"{item.quantity}: a sign bit belongs to packed BCD (DL/T 645-2007 annex A), not to {kind}"
    if item.quantity.startswith(_ONE_BIT) and (item.bits[1] if item.bits else width) != 1:
        yield f'{item.quantity} is one bit: expected type "bit", or bits: [lowest, 1] of the word that carries it'


def _place(item: AnyItem) -> Iterator[str]:
    if isinstance(item, RegisterItem):
        return
    if isinstance(item, ItemMbus):
        if item.unit != mbus_vif.UNITS[item.measures]:
            yield f"unit {item.unit!r}: the record's own VIF scales {item.measures}, and it is told in {mbus_vif.UNITS[item.measures]}"
        return
    if item.offset < 0 and not isinstance(item, Item188):
        yield f"offset {item.offset} counts from the end; only the data of CJ/T 188 varies in length before a value"
    if item.offset < 0 < item.offset + item.size:
        yield f"offset {item.offset} counts from the end, but {item.size} bytes from there reach beyond it"
    if isinstance(item, Item188) and item.unit_at is not None and (item.is_bcd is False or 0 <= item.unit_at - item.offset < item.size):
        yield f"unit_at {item.unit_at} must be a byte outside the BCD value it gives the unit of"


def _same_bytes(one: AnyItem, other: AnyItem) -> bool:
    if isinstance(one, RegisterItem) or isinstance(other, RegisterItem):
        if not (isinstance(one, RegisterItem) and isinstance(other, RegisterItem)) or one.function != other.function:
            return False
        return one.address < other.address + other.count and other.address < one.address + one.count
    if isinstance(one, ItemMbus) or isinstance(other, ItemMbus):
        return isinstance(one, ItemMbus) and isinstance(other, ItemMbus) and _record(one) == _record(other)
    if one.di != other.di or (one.offset < 0) != (other.offset < 0):
        return False
    return one.offset < other.offset + other.size and other.offset < one.offset + one.size


def _record(item: ItemMbus) -> tuple[object, ...]:
    return item.measures, item.function, item.storage, item.tariff, item.subunit


def _flag_of_word(one: AnyItem, other: AnyItem) -> bool:
    """A word may be read whole and as flags; two readings of the same bits may not share it."""
    if one.bits is None or other.bits is None:
        return one.bits is not other.bits
    return one.bits[0] + one.bits[1] <= other.bits[0] or other.bits[0] + other.bits[1] <= one.bits[0]
