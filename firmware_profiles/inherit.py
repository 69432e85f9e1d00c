"""A maker's profile built on a tested one: what `extends` takes over, what the child's own entries replace, what `without` leaves out. Pure.

Serial settings, timing, poll groups and every list (items, blocks, freezes, events, facts, commands, settings) come from the base. A child's entry
about the same thing (same quantity, identifier or name) takes the base's place; others follow behind. Who it is, what it rests on and its notes are
never inherited.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocol.document import Lines, Location
from protocol.errors import ConfigError
from protocol.profile import AnyProfile

EXTENDS, WITHOUT = "extends", "without"
_OWN = frozenset({"profile", "name", "maker", "model", "source", "verified", "ask_maker", "notes", EXTENDS})
# list -> the key that says what an entry is about
_ABOUT = {
    "items": "quantity",
    "blocks": "di",
    "freezes": "period",
    "events": "event",
    "facts": "name",
    "commands": "name",
    "settings": "name",
}
_SECTIONS = frozenset({"load_records", "clock", "prepay"})  # single ones, which a child may leave out as a whole


def inherit(child: Mapping[str, Any], base: AnyProfile, lines: Lines, name: str) -> dict[str, Any]:
    """Return the child's document completed from its base; `lines` follows. Raises ConfigError with `name:line`."""
    if base.extends is not None:
        raise ConfigError(f"{name}:{_line(lines, (EXTENDS,))}: {base.profile} itself extends {base.extends}; extend that one")
    if (protocol := child.get("protocol", base.protocol)) != base.protocol:
        raise ConfigError(f"{name}:{_line(lines, ('protocol',))}: {base.profile} speaks {base.protocol.value}, this profile {protocol}")
    above = base.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if "prepay" in above:
        above["prepay"].pop("bench_log", None)  # a bench test is of one model only
    left_out = _left_out(child, above, lines, name)
    merged = {key: value for key, value in above.items() if key not in _OWN and not (key in _SECTIONS and key in left_out)}
    for key, value in child.items():
        if key in _ABOUT and isinstance(value, list):
            merged[key] = _joined(key, above.get(key, []), value, lines)
        elif key == "groups" and isinstance(value, dict):
            merged[key] = {**above["groups"], **value}
        elif key != WITHOUT:
            merged[key] = value
    for key in _ABOUT:
        if key in merged:
            _drop(merged, key, left_out)
    _drop_idle_groups(merged)
    return merged


def _left_out(child: Mapping[str, Any], above: Mapping[str, Any], lines: Lines, name: str) -> frozenset[str]:
    """The names under `without`; each must be of something the base has."""
    wanted = child.get(WITHOUT, [])
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise ConfigError(f"{name}:{_line(lines, (WITHOUT,))}: {WITHOUT}: expected a list of quantities, identifiers or names of the base profile")
    known = {_about(key, entry) for key in _ABOUT for entry in above.get(key, [])} | above.keys() & (_ABOUT.keys() | _SECTIONS)
    for index, one in enumerate(wanted):
        if one not in known:
            raise ConfigError(f"{name}:{_line(lines, (WITHOUT, index))}: {one!r} is nothing that {above['profile']} has")
    return frozenset(wanted)


def _about(key: str, entry: Mapping[str, Any]) -> str | None:
    """What an entry is about: its quantity, identifier or name; a range of registers its function and first, as `3:0x0010`."""
    if key == "blocks" and isinstance(first := entry.get("first"), int):
        return f"{entry.get('function')}:0x{first:04X}"
    about = entry.get(_ABOUT[key])
    return about if isinstance(about, str) else None


def _joined(key: str, above: list[dict[str, Any]], own: list[Any], lines: Lines) -> list[Any]:
    """The base's entries with the child's in their place or behind them; the lines move along."""
    joined: list[Any] = list(above)
    places = {_about(key, entry): place for place, entry in enumerate(above)}
    moved: dict[int, int] = {}
    for index, entry in enumerate(own):
        place = places.get(_about(key, entry)) if isinstance(entry, dict) else None
        if place is None:
            place = len(joined)
            joined.append(entry)
        else:
            joined[place] = entry
        moved[index] = place
    _move_lines(key, moved, lines)
    return joined


def _move_lines(key: str, moved: Mapping[int, int], lines: Lines) -> None:
    found = {path: lines.pop(path) for path in list(lines) if len(path) > 1 and path[0] == key}
    for path, line in found.items():
        lines[(key, moved[int(path[1])], *path[2:])] = line


def _drop(merged: dict[str, Any], key: str, left_out: frozenset[str]) -> None:
    if key in left_out:
        del merged[key]
    elif left_out:
        merged[key] = [entry for entry in merged[key] if not (isinstance(entry, dict) and _about(key, entry) in left_out)]


def _drop_idle_groups(merged: dict[str, Any]) -> None:
    """Periods of groups that lost all their items."""
    used = {entry.get("group", "energy") for entry in merged.get("items", []) if isinstance(entry, dict)}
    if isinstance(merged.get("groups"), dict):
        merged["groups"] = {name: period for name, period in merged["groups"].items() if name in used}


def _line(lines: Lines, path: Location) -> int:
    return lines.get(path) or lines.get(path[:1], 1)
