"""What a device tells about itself: number, model, date of production, ratings."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.drivers.asking import read_data
from edge_agent.drivers.plan import Key
from edge_agent.drivers.procedure import Procedure
from protocol.errors import DeviceRefused
from protocol.profile import AnyProfile
from protocol.profile_logs import Fact188, Fact1997, Fact2007, FactModbus
from protocol.site_plan import Device

Fact = Fact2007 | Fact1997 | Fact188 | FactModbus


def read_identity(profile: AnyProfile, device: Device) -> Procedure[dict[str, str]]:
    """Fact -> text, in the profile's order; what the device refuses or leaves empty is left out."""
    facts: Sequence[Fact] = getattr(profile, "facts", ())
    answers: dict[Key, bytes | None] = {}
    for fact in facts:
        key = _key(fact)
        if key not in answers:
            try:
                answers[key] = yield from read_data(profile, device, key)
            except DeviceRefused:
                answers[key] = None
    texts = {fact.name: _text(fact, answers[_key(fact)] or b"") for fact in facts}
    return {name: text for name, text in texts.items() if text}


def _key(fact: Fact) -> Key:
    return (fact.function, fact.address, fact.count) if isinstance(fact, FactModbus) else (fact.di,)


def _text(fact: Fact, data: bytes) -> str:
    """The fact as a person writes it; empty for filler and for bytes that are no text."""
    raw = data if isinstance(fact, FactModbus) else data[fact.offset : fact.offset + fact.size][::-1]
    if not raw or raw.count(0xFF) == len(raw) or raw.count(0) == len(raw):
        return ""
    if fact.coding == "ascii":
        text = raw.replace(b"\x00", b" ").decode("ascii", "replace").strip()
        return text if text.isprintable() and "\ufffd" not in text else ""
    return raw.hex().upper() if fact.coding == "digits" else str(int.from_bytes(raw, "big"))
