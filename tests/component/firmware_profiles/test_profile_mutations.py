"""No profile can be wrong unnoticed: every single value of every profile is changed, and some check must object.

The checks, in the order they are asked: `schema` (the frozen types), `rule` (the invariants), `manual` (tests/manuals), `golden` (the wire logs),
`literal` (tests/golden/literals.json, for what no bytes show). What decides about bytes - items, blocks, commands - may not rest on the literal
table, but for the fields named in `NOT_IN_BYTES`. `pytest -s` prints what was killed by which check.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from firmware_profiles.invariants import profile_problems
from firmware_profiles.loader import load_profiles
from protocol.errors import CampusError
from protocol.profile import AnyProfile, Profile, ProfileModbus
from protocol.quantities import UNIT_FACTORS

REGISTRY = load_profiles(strict=True)
ADAPTER: TypeAdapter[AnyProfile] = TypeAdapter(Profile)
Path = tuple[Any, ...]
# What a profile says about itself, and free text: no device behaves by it.
PROSE = {
    "schema",
    "profile",
    "name",
    "maker",
    "model",
    "kind",
    "phases",
    "source",
    "verified",
    "extends",
    "ask_maker",
    "notes",
    "note",
    "bench_log",
    "protocol",
}
IN_BYTES = {"items", "blocks", "commands", "preamble", "meter_type", "di_order", "by"}
NOT_IN_BYTES = {"group", "ratio", "within_s", "rollover_raw", "wraps_at"}
CHOICES: dict[str, tuple[Any, ...]] = {
    "function": (1, 2, 3, 4, 5, 6, 15, 16),
    "type": ("bit", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"),
    "word_order": ("big", "little"),
    "ratio": ("none", "ct", "pt", "ct_pt"),
    "n1": ("1A", "1B", "1C", "2A", "2B", "3A", "3B"),
    "level": ("02", "03", "04"),
    "control": ("04", "2A"),
    "period": ("hour", "day", "month"),
    "coding": ("bcd", "binary", "ascii", "digits", "number"),
    "width": ("byte", "register"),
    "di_order": ("high_first", "low_first"),
    "by": ("primary", "secondary"),
    "style": ("esam", "plaintext_30", "plaintext_34", "vendor_di", "modbus"),
    "parity": ("N", "E", "O"),
    "set_by": ("broadcast", "write"),
    "set_function": (None, 16),
    "measures": ("energy", "volume", "mass", "power", "volume_flow", "flow_temperature", "return_temperature", "on_time", "external_temperature"),
}


@pytest.mark.parametrize("key", REGISTRY)
def test_what_no_bytes_show_is_as_it_was_reviewed(key: str, literals: Callable[[AnyProfile], Any], reviewed: dict[str, Any]) -> None:
    expected = json.loads(json.dumps(literals(REGISTRY[key])))

    assert reviewed.get(key) == expected, f"run tests/golden/literals.py {key} and look at what changed"


@pytest.mark.parametrize("key", REGISTRY)
def test_every_change_of_a_profile_is_noticed(key: str, checks: Callable[..., str]) -> None:
    killed: Counter[str] = Counter()
    survivors: list[str] = []
    assert checks(key, plain(REGISTRY[key])) == ""

    for path, value, changed in mutants(REGISTRY[key]):
        check = checks(key, changed)
        killed[check] += 1
        if not check or (check == "literal" and path[0] in IN_BYTES and path[-1] not in NOT_IN_BYTES):
            survivors.append(f"{'.'.join(map(str, path))} -> {value!r} ({check or 'nothing'})")

    print(f"\n{key}: {killed.total()} mutants, {dict(killed)}")
    assert not survivors, "\n".join(survivors)


@pytest.fixture
def checks(golden_steps: Any, replay: Any, manual_rows: Any, memory_peer: Any, manual_problems: Any, literals: Any) -> Callable[[str, Any], str]:
    """Return the function that names the first check that objects to a changed profile, or nothing."""

    def first(key: str, data: dict[str, Any]) -> str:
        try:
            profile = ADAPTER.validate_python(data)
        except ValidationError:
            return "schema"
        if next(iter(profile_problems(profile)), None) is not None:
            return "rule"
        rows = manual_rows(key) if isinstance(profile, ProfileModbus) else []
        if rows and _objects(lambda: next(manual_problems(profile, rows, memory_peer(rows)), None)):
            return "manual"
        if _objects(lambda: [replay(step, profile) for step in golden_steps(REGISTRY[key])] and None):
            return "golden"
        return "literal" if literals(profile) != literals(REGISTRY[key]) else ""

    return first


def _objects(check: Callable[[], object]) -> bool:
    """True when a check finds something, or cannot even be carried out."""
    try:
        return check() is not None
    except (AssertionError, CampusError, ValueError, KeyError, IndexError):
        return True


# --- mutants -----------------------------------------------------------------------------------------------------------


def mutants(profile: AnyProfile) -> Iterator[tuple[Path, Any, dict[str, Any]]]:
    """Every way to change one value of a profile: where, to what, and the profile's data so changed (until the next one is asked for).

    Of a profile that extends another, what it says itself; the rest is changed where it stands.
    """
    data = plain(profile)
    inherited = plain(REGISTRY[profile.extends]) if profile.extends else {}
    own = [one for one in _leaves(data, ()) if not _same_entry(data, inherited, one[0])]
    for path, value in own:
        holder = _at(data, path[:-1])
        for other in dict.fromkeys(_others(data, path, value)):
            if other != value and not _same_meaning(holder, path[-1], other):
                holder[path[-1]] = list(other) if isinstance(other, tuple) else other
                yield path, other, data
        holder[path[-1]] = value
    for path in [one for one in _entries(data) if not _same_entry(data, inherited, one)]:
        holder, name = _at(data, path[:-1]), path[-1]
        entry = holder.pop(name)
        yield path, "left out", data
        holder.insert(name, entry) if isinstance(holder, list) else holder.update({name: entry})


def plain(profile: AnyProfile) -> dict[str, Any]:
    """A profile as data, with what it leaves to the defaults; frozen values belong to no poll group."""
    data: dict[str, Any] = profile.model_dump(mode="json", by_alias=True)
    for freeze in data.get("freezes", ()):
        for item in freeze["items"]:
            item.pop("group", None)
    return data


def _same_entry(data: dict[str, Any], inherited: dict[str, Any], path: Path) -> bool:
    """Whether the section, or the entry of a list, is the base profile's."""
    theirs, ours = inherited.get(path[0]), data[path[0]]
    if theirs is None:
        return False
    return bool(ours[path[1]] in theirs if isinstance(ours, list) and len(path) > 1 else ours == theirs)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if (path and path[0] in PROSE) or (path and path[-1] in PROSE):
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and path[-1] not in ("bits", "set_by", "classes"):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place))
    else:
        yield path, value


def _entries(data: dict[str, Any]) -> Iterator[Path]:
    """Things a profile can lack."""
    for section in ("items", "blocks", "commands", "freezes", "events", "facts", "settings"):
        for place, _ in enumerate(data.get(section) or ()):
            yield section, place
    for section in ("load_records", "clock", "prepay"):
        if data.get(section) is not None:
            yield (section,)


def _others(data: dict[str, Any], path: Path, value: Any) -> Iterator[Any]:
    name, holder = path[-1], _at(data, path[:-1])
    if name == "quantity":
        yield from _neighbours(data, path, value)
    elif name == "group":
        yield from data["groups"]
    elif name == "unit" and path[0] != "prepay":
        yield from _units(value)
    elif name == "bits":
        yield from _bits(value)
    elif name in ("set_by", "classes"):
        yield tuple(value[:-1])
    elif name == "control" or name in CHOICES:
        yield from CHOICES[name]
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value - 1, value + 1, value * 10)
    elif isinstance(value, str):
        yield from _texts(name, value)
    elif value is None and name == "unit_at":
        yield holder["offset"] + 4


def _texts(name: Any, value: str) -> Iterator[Any]:
    if name == "scale":
        yield from (format(Decimal(value) * 10, "f"), format(Decimal(value) / 10, "f"), format(-Decimal(value), "f"))
    elif name == "format" and "X" in value:
        yield from _bcd_formats(value)
    elif name == "format" and value[0] == "u":
        yield from ("u8", "u16", "u24", "u32", "XX", "XXXX")
    elif name == "format":
        yield from (value[2:4] + value[:2] + value[4:], value[:-2], value[:-4] + value[-2:] + value[-4:-2])
    elif all(character in "0123456789ABCDEF" for character in value) and len(value) % 2 == 0:
        width, number = len(value), int(value, 16)
        yield from (f"{(number + by) % 16**width:0{width}X}" for by in (1, -1, 16, 256))
    elif value.lstrip("-").isdigit():
        yield from (str(int(value) + 1), str(int(value) * 10))


def _bcd_formats(value: str) -> Iterator[str]:
    whole, _, part = value.partition(".")
    yield from (
        f"XX{value}",
        f"{whole[1:]}.X{part}" if len(whole) > 1 else f"X{whole}.{part[1:]}",
        f"{whole}X.{part[1:]}".rstrip(".") if part else f"{whole[:-1]}.X",
    )
    yield {2: "u8", 4: "u16", 6: "u24", 8: "u32"}.get(len(whole + part), "u32")


def _units(value: str) -> Iterator[str]:
    bases = {base for unit, base in UNIT_FACTORS if unit == value}
    yield from (unit for unit, base in UNIT_FACTORS if base in bases)


def _bits(value: Any) -> Iterator[Any]:
    if value is None:
        yield (0, 1)
    else:
        lowest, width = value
        yield from (None, (lowest + 1, width), (lowest, width + 1))


def _neighbours(data: dict[str, Any], path: Path, value: str) -> Iterator[str]:
    """The other quantities it might be mistaken for: those beside it."""
    names = [item["quantity"] for item in (_at(data, path[:-2]) if path[-2] != "confirm" else data["items"]) if "quantity" in item]
    place = names.index(value) if value in names else 0
    yield from names[max(0, place - 1) : place + 2]


def _same_meaning(holder: dict[str, Any], name: Any, other: Any) -> bool:
    """Changes that change nothing: word order of one register, width of the word flags are taken from, unit of an M-Bus record."""
    if name == "word_order":
        return holder["type"] in ("bit", "u16", "i16")
    if name == "format" and holder.get("bits"):
        return isinstance(other, str) and other[0] == "u" and int(other[1:]) >= sum(holder["bits"])
    return name == "unit" and "measures" in holder


def _at(data: Any, path: Path) -> Any:
    for key in path:
        data = data[key]
    return data
