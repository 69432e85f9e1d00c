"""What every gateway of the fault campus measures: identities and values that follow from a cycle's number alone. Pure."""

from __future__ import annotations

import zlib
from functools import lru_cache

from protocol.reading import Reading, SeriesKey

GATEWAYS = ("gw-1", "gw-2", "gw-3")
QUANTITIES = ("energy_active_forward", "voltage_a", "voltage_b", "voltage_c", "current_a", "current_b", "current_c", "power_active")
DEVICES = 25  # a gateway; with 8 quantities a batch has 200 readings
PER_CYCLE = DEVICES * len(QUANTITIES)
START_MS, CYCLE_MS = 1_700_000_000_000, 60_000


def cycle(gateway: str, number: int) -> list[Reading]:
    """The readings of one poll cycle."""
    at_ms = at(number)
    return [Reading(key, at_ms, value(key.device, key.quantity, at_ms)) for key in keys(gateway)]


def at(number: int) -> int:
    """When a cycle is measured, Unix milliseconds."""
    return START_MS + number * CYCLE_MS


@lru_cache
def keys(gateway: str) -> tuple[SeriesKey, ...]:
    """Every series of a gateway."""
    return tuple(SeriesKey(f"{gateway}-m{n}", quantity) for n in range(DEVICES) for quantity in QUANTITIES)


def value(device: str, quantity: str, at_ms: int) -> int:
    """What must be read there and then: no two neighbours are alike, so a value on a wrong row is seen."""
    return zlib.crc32(f"{device} {quantity} {at_ms}".encode())
