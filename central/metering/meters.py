"""What central must know of a meter model to count with it: what it is, which register counts, where that wraps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from firmware_profiles.loader import load_profiles
from protocol.profile import AnyProfile, DeviceKind
from protocol.quantities import COUNTING


@dataclass(frozen=True, slots=True)
class Model:
    """One device profile as metering sees it. `register`: None where it has none that counts. `rollover`: base units, None if not published."""

    kind: DeviceKind
    register: str | None = None
    rollover: int | None = None


Models = Mapping[str, Model]


@cache
def shipped_models() -> Models:
    """The profiles this program comes with."""
    return {key: _model(profile) for key, profile in load_profiles().items()}


def _model(profile: AnyProfile) -> Model:
    items = {item.quantity: item for item in profile.items}
    register = next((code for code in COUNTING if code in items), None)
    wraps_at = items[register].rollover() if register else None
    return Model(profile.kind, register, int(wraps_at) if wraps_at is not None else None)
