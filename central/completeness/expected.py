"""How often a device should be heard, from its profile and its own settings. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from central.completeness.model import DEFAULT_PERIOD_S, Expected
from protocol.profile import AnyProfile

_REGISTERS = ("energy_active_forward", "energy_active_total", "water_volume", "energy_active_reverse")


def expectations(profiles: Mapping[str, AnyProfile]) -> list[Expected]:
    """What stands for each profile's liveness: its registers that count, or the first thing it reads when it has none (sensors, relays)."""
    return [expected for key, profile in profiles.items() for expected in _of_profile(key, profile)]


def period_s(profile: AnyProfile | None, poll_s: Mapping[str, int], quantity: str) -> int:
    """How often this quantity should arrive: the device's own period for its group, else the profile's, else 15 minutes."""
    for item in profile.items if profile else ():
        if item.quantity == quantity and profile:
            return poll_s.get(item.group) or profile.groups.get(item.group, DEFAULT_PERIOD_S)
    return DEFAULT_PERIOD_S


def _of_profile(key: str, profile: AnyProfile) -> Iterator[Expected]:
    groups = {item.quantity: item.group for item in reversed(profile.items)}
    registers = [quantity for quantity in _REGISTERS if quantity in groups]
    for rank, quantity in enumerate(registers or [item.quantity for item in profile.items[:1]]):
        yield Expected(key, quantity, groups[quantity], profile.groups.get(groups[quantity], DEFAULT_PERIOD_S), rank)
