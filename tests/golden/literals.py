"""Write the table of what no bytes show again: tests/golden/literals.json.

    python tests/golden/literals.py [maker/model ...]      no argument: every profile
    git diff tests/golden/literals.json                    then look at every changed line

Transformer ratios, poll periods, how long a command may take, limits of settings, depths of logs: a reply is the same whatever they are. So they
stand here a second time, and a change of a profile that no golden log and no manual table notices is seen in this file's diff.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from firmware_profiles.loader import load_profiles
from protocol.profile import AnyProfile

TABLE = Path(__file__).parent / "literals.json"
_WHOLE = ("freezes", "events", "load_records", "clock", "facts", "settings", "prepay")  # sections that stand here whole


def literals(profile: AnyProfile) -> dict[str, Any]:
    """What a profile says and no bytes show, as JSON data."""
    data = profile.model_dump(mode="json", by_alias=True, exclude_none=True)
    items = {item.quantity: _item(item) for item in profile.items}
    found: dict[str, Any] = {
        "serial": " ".join(str(value) for value in data["serial"].values()),
        "timing": " ".join(str(value) for value in data["timing"].values()),
        "periods": data["groups"],
        "items": {group: {name: text for name, (of, text) in items.items() if of == group} for group in data["groups"]},
        "within": {command.name: command.confirm.within_s for command in profile.commands},
    }
    found |= {name: data[name] for name in _WHOLE if data.get(name)}
    return {name: value for name, value in found.items() if value not in ({}, [], "")}


def _item(item: Any) -> tuple[str, str]:
    """Its group; its ratio and the value it wraps at, if it has them."""
    wrap = item.rollover()
    return item.group, " ".join([*([item.ratio.value] if item.ratio.value != "none" else []), *([f"wraps {wrap}"] if wrap is not None else [])])


def rendered(table: Mapping[str, Any]) -> str:
    """The file's text: one line for each thing of a profile."""
    blocks = []
    for key, entry in sorted(table.items()):
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in entry.items())
        blocks.append(f"{json.dumps(key)}: {{\n{lines}\n}}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def main(keys: Sequence[str]) -> None:
    """Write the entries of these profiles, or of all; entries of profiles that are gone are dropped."""
    registry = load_profiles(strict=True)
    old = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    table = {key: literals(profile) if not keys or key in keys or key not in old else old[key] for key, profile in registry.items()}
    TABLE.write_text(rendered(table), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
