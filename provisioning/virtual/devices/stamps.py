"""A device's clock as bytes: two-digit fields, packed BCD. WW counts from Sunday, 0."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

_CODES = {"YY": "%y", "MM": "%m", "DD": "%d", "WW": "0%w", "hh": "%H", "mm": "%M", "ss": "%S"}


def fields(layout: str) -> list[str]:
    """Return the fields of a format such as YYMMDDhhmm, in its order."""
    return [layout[at : at + 2] for at in range(0, len(layout), 2)]


def stamp(layout: str, shown: datetime | None) -> bytes:
    """Return an instant as DL/T 645 and CJ/T 188 send it, lowest field first; all zero for one that never was."""
    if shown is None:
        return bytes(len(layout) // 2)
    return bytes.fromhex("".join(shown.strftime(_CODES[field]) for field in reversed(fields(layout))))


def moment(layout: str, data: bytes, base: datetime) -> datetime:
    """Return the instant that bytes name, lowest field first; what the format leaves out comes from `base`. Raises ValueError for no instant."""
    told = {field: int(f"{byte:02x}") for field, byte in zip(reversed(fields(layout)), data, strict=True)}
    return from_fields(told, base)


def from_fields(told: Mapping[str, int], base: datetime) -> datetime:
    """Return the instant whose fields are these, the others as in `base`."""
    year = 2000 + told["YY"] if "YY" in told else base.year
    month, day, hour = told.get("MM", base.month), told.get("DD", base.day), told.get("hh", base.hour)
    return datetime(year, month, day, hour, told.get("mm", base.minute), told.get("ss", base.second))
