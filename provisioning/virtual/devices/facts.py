"""What a virtual device tells about itself: the text behind each fact a profile names, and its bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocol.profile_logs import FactName
from provisioning.virtual.devices.encoding import bcd
from provisioning.virtual.instrument import Instrument

_SAME_FOR_ALL: Mapping[FactName, str] = {
    "production_date": "2024-05-20",
    "protocol_version": "DLT645-2007-1.0",
    "firmware": "1.02",
    "rated_voltage": "220V",
    "basic_current": "5A",
    "maximum_current": "60A",
    "accuracy_active": "1.0",
    "accuracy_reactive": "2.0",
    "constant_active": "1600",
    "constant_reactive": "1600",
}


def fact_text(name: FactName, model: str, instrument: Instrument, address: str) -> str:
    """Return a fact as people write it."""
    told: Mapping[FactName, Callable[[], str]] = {
        "communication_address": lambda: instrument.kept.get("address", address),
        "meter_number": lambda: address,
        "asset_number": lambda: f"VD{address}",
        "customer_number": lambda: instrument.customer,
        "model": lambda: model,
    }
    return told[name]() if name in told else _SAME_FOR_ALL[name]


def fact_bytes(text: str, coding: str, size: int) -> bytes:
    """Return a fact low byte first: ASCII as printed, NUL behind it, or the digits as packed BCD."""
    if coding == "ascii":
        return text.encode("ascii", "replace")[:size].ljust(size, b"\x00")[::-1]
    return bcd(int("".join(filter(str.isdigit, text)) or "0"), size)
