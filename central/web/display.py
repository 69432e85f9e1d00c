"""Values, times and ages as people read them. Pure; registers stay integers or decimals until they are text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.dates import format_timedelta
from babel.units import format_unit

from central.web.translations import Language
from protocol.quantities import QUANTITIES, Quantity
from protocol.reading import Quality

# Digits behind the point that a meter's own resolution justifies; a unit not listed shows its quantity's full decimals.
_SHOWN_DECIMALS = {"kWh": 2, "kvarh": 2, "kVAh": 2, "V": 1, "A": 3, "kW": 3, "kvar": 3, "kVA": 3, "Hz": 2, "°C": 1, "%": 1}
_GAP = "\N{NARROW NO-BREAK SPACE}"
_UNITS_S = (31_536_000, 2_592_000, 604_800, 86_400, 3_600, 60, 1)  # as babel counts years, months, weeks ... seconds
_UNIT_NAMES = dict(zip(_UNITS_S, ("year", "month", "week", "day", "hour", "minute", "second"), strict=True))
_AGE_THRESHOLD = 2  # 119 s is seconds, 120 s is minutes; the same number stands in age.js


def number(quantity: Quantity, value: int) -> str:
    """A base-unit integer as grouped digits in the display unit, without the unit: 1234567 Wh -> '1,234.57'. Halves round away from zero."""
    if quantity.base_unit == "word":
        return f"0x{value:04X}"
    return f"{quantity.display(value).quantize(Decimal(1).scaleb(-shown_decimals(quantity)), ROUND_HALF_UP):,}"


def shown_decimals(quantity: Quantity) -> int:
    """Digits behind the point on pages and in charts."""
    return min(_SHOWN_DECIMALS.get(quantity.display_unit, quantity.decimals), quantity.decimals)


def exact(quantity: Quantity, value: int) -> str:
    """Every digit, with its unit: what the tooltip over a rounded value says."""
    unit = quantity.display_unit
    return f"{quantity.display(value):,}{_GAP + unit if unit else ''}"


def raw(quantity: Quantity, value: int) -> str:
    """The stored integer with its base unit."""
    unit = "" if quantity.base_unit in {"state", "word", "count"} else _GAP + quantity.base_unit.replace("permille", "‰")
    return f"{value:,}{unit}"


def quantity_name(code: str, language: Language) -> str:
    """The quantity's name; an unknown code (from a newer gateway) stands for itself."""
    known = QUANTITIES.get(code)
    if known is None:
        return code
    return known.name_zh if language is Language.CHINESE else known.name_en


def quality_class(quality: int) -> str:
    """`good`, `estimated` (made up or substituted) or `suspect`; pages and charts mark the last two."""
    if quality in {Quality.MAKEUP, Quality.SUBSTITUTED}:
        return "estimated"
    return "suspect" if quality in {Quality.SUSPECT, Quality.CLOCK_UNSURE} else "good"


def age(seconds: float, language: Language) -> str:
    """How long ago, in words of the language; the browser counts on from there."""
    whole = max(1, int(seconds))  # "0 seconds" would read as "now" in one language and as the future in another
    unit_s = next((unit for unit in _UNITS_S if whole >= unit * _AGE_THRESHOLD), 1)
    return format_timedelta(
        timedelta(seconds=-(whole // unit_s) * unit_s), threshold=_AGE_THRESHOLD, add_direction=True, format="short", locale=language.value
    )


def local(at: datetime | float, zone: ZoneInfo) -> datetime:
    """An instant (aware, or Unix seconds) in the site's time zone."""
    instant = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return instant.astimezone(zone)


def stamp(at: datetime | float, zone: ZoneInfo) -> str:
    """2025-11-22 08:30:05 in the site's time zone."""
    return f"{local(at, zone):%Y-%m-%d %H:%M:%S}"


def iso(at_s: float) -> str:
    """For machines: 2025-11-22T00:30:05+00:00."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")


def period(seconds: float, language: Language) -> str:
    """A length of time in its largest fitting unit: 15 minutes, 1 hour, 90 seconds."""
    whole = max(0, int(seconds))
    unit_s = next((unit for unit in _UNITS_S if whole >= unit * _AGE_THRESHOLD or whole == unit), 1)
    return format_unit(whole // unit_s, f"duration-{_UNIT_NAMES[unit_s]}", length="long", locale=language.value)


def size(count: int) -> str:
    """Bytes with a binary unit: 1.5 MiB."""
    for unit, step in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= step:
            return f"{count / step:.1f}{_GAP}{unit}"
    return f"{count}{_GAP}B"


def listed(value: object) -> str:
    """A fact of the audit trail: lists as words with commas, the rest as it is."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def query(parts: Mapping[str, object]) -> str:
    """An address's query string, empty parts left out."""
    return urlencode({name: str(value) for name, value in parts.items() if value != ""})


def filters(language: Language) -> Mapping[str, Callable[..., Any]]:
    """What templates use, bound to one language."""
    return {
        "number": number,
        "exact": exact,
        "raw": raw,
        "quality_class": quality_class,
        "stamp": stamp,
        "iso": iso,
        "size": size,
        "query": query,
        "period": lambda seconds: period(seconds, language),
        "age": lambda seconds: age(seconds, language),
        "quantity_name": lambda code: quantity_name(code, language),
        "named": lambda thing: thing.name_zh if language is Language.CHINESE else thing.name_en,
        "whole": lambda value: f"{value:,}",
        "listed": listed,
    }
