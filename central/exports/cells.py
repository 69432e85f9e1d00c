"""From rows to cells of a file: what stands in the head, and each value as a number, a local time or a text. Pure.

Nothing is lost: registers are exact decimals of their display unit, and where a row has a code and a name, the file has a column for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from central.web.tables import Asked, Column, TableSpec
from central.web.translations import N_, Language
from protocol.quantities import QUANTITIES, Kind, Quantity

Value = str | int | Decimal | datetime | date | None  # a datetime is local and without zone: that is named in the head
Shape = Literal["text", "number", "stamp", "day"]
_CODE, _UNIT, _QUANTITY = N_("code"), N_("unit"), N_("quantity")
_NAMED = frozenset({"place", "device", "gateway", "point"})


@dataclass(frozen=True, slots=True)
class Head:
    """One column of the file. `decimals`: of its numbers, None where rows differ."""

    text: str
    shape: Shape
    decimals: int | None = None


@dataclass(frozen=True)
class Reading:
    """How this file is read: language, zone of its times, and what translates. `shown` words a state (a relay's 1 as "on"), "" where it has none."""

    language: Language
    zone: ZoneInfo
    text: Callable[[str], str]
    shown: Callable[[Quantity, int], str]


def heads(columns: Sequence[Column], reading: Reading) -> list[Head]:
    """The heads of the columns, units in them; a column of codes with names becomes two."""
    return [head for column in columns for head in _heads(column, reading)]


def cells(columns: Sequence[Column], row: Mapping[str, Any], reading: Reading) -> list[Value]:
    """One row, a value for each of `heads`."""
    return [value for column in columns for value in _cells(column, row, reading)]


def about(spec: TableSpec, asked: Asked, reading: Reading, site: str, node: str, made_at: datetime, made_by: str) -> list[str]:
    """The lines above the heads: what this is, how it was filtered, whose, when and by whom."""
    text = reading.text
    colon = "：" if reading.language is Language.CHINESE else ": "
    words = [f"{text(one.label)}={_filter_word(one.choices, asked.filters[one.key], text)}" for one in spec.filters if one.key in asked.filters]
    shown = [value for key, value in asked.context.items() if key != "language"]
    facts = (
        (N_("Site"), site),
        (N_("Place"), node),
        (N_("Filters"), "; ".join(words) or text(N_("none"))),
        (N_("Range"), ", ".join(shown)),
        (N_("Times in zone"), reading.zone.key),
        (N_("Made"), f"{made_at.astimezone(reading.zone):%Y-%m-%d %H:%M:%S}, {made_by}"),
    )
    return [text(spec.title), *(f"{text(label)}{colon}{value}" for label, value in facts if value)]


def _filter_word(choices: Sequence[tuple[str, str]], value: str, text: Callable[[str], str]) -> str:
    label = dict(choices).get(value)
    return text(label) if label else value


def _heads(column: Column, reading: Reading) -> Iterator[Head]:
    label = reading.text(column.label)
    if column.kind == "quantity":
        yield from _quantity_heads(column, label, reading)
    elif column.kind in _NAMED:
        yield Head(label, "text")
        yield Head(f"{label} ({reading.text(_CODE)})", "text")
    elif column.kind == "percent":
        yield Head(f"{label} (%)", "number")
    elif column.kind in {"integer", "decimal"}:
        yield Head(f"{label} ({reading.text(column.unit)})" if column.unit else label, "number", 0 if column.kind == "integer" else None)
    elif column.kind in {"stamp", "age"}:
        yield Head(f"{label} ({reading.zone.key})", "stamp")
    elif column.kind == "day":
        yield Head(label, "day")
    else:
        yield Head(label, "text")


def _quantity_heads(column: Column, label: str, reading: Reading) -> Iterator[Head]:
    known = QUANTITIES.get(column.quantity)
    if known is None:  # each row says which quantity it is
        yield Head(label, "number")
        yield Head(f"{label} ({reading.text(_UNIT)})", "text")
        yield Head(f"{label} ({reading.text(_QUANTITY)})", "text")
    else:
        yield Head(f"{label} ({known.display_unit})" if known.display_unit else label, "number", known.decimals)


def _cells(column: Column, row: Mapping[str, Any], reading: Reading) -> Iterator[Value]:
    value = row[column.key]
    if column.kind == "quantity":
        yield from _quantity_cells(column, row, value, reading)
    elif column.kind in _NAMED:
        suffix = "_zh" if reading.language is Language.CHINESE else "_en"
        yield (row.get(column.key + suffix) or value) if value is not None else None
        yield value
    elif value is None:
        yield None
    else:
        yield _cell(column, row, value, reading)


def _quantity_cells(column: Column, row: Mapping[str, Any], value: int | None, reading: Reading) -> Iterator[Value]:
    varying = column.quantity.startswith(".")
    code = row[column.quantity[1:]] if varying else column.quantity
    quantity = QUANTITIES.get(code or "")
    if quantity is None or value is None:
        yield value
    elif quantity.kind is Kind.STATE:
        yield reading.shown(quantity, value) or value
    else:
        yield quantity.display(value)
    if varying:
        yield quantity.display_unit if quantity else None
        yield (quantity.name_zh if reading.language is Language.CHINESE else quantity.name_en) if quantity else code


def _cell(column: Column, row: Mapping[str, Any], value: Any, reading: Reading) -> Value:
    if column.kind in {"state", "text"} and value in column.words:
        return reading.text(column.words[value][1])
    if column.kind in {"stamp", "age"}:
        instant = value if isinstance(value, datetime) else datetime.fromtimestamp(value / 1000, UTC)
        return instant.astimezone(reading.zone).replace(tzinfo=None)
    if column.kind == "flag":
        return reading.text(N_("yes") if value else N_("no"))
    if column.kind in {"decimal", "percent"}:
        return value if isinstance(value, int | Decimal) else Decimal(repr(float(value)))
    if column.kind in {"integer", "day"}:
        return value  # type: ignore[no-any-return]  # a row's values are what tables.py says they are
    suffix = "_zh" if reading.language is Language.CHINESE else "_en"
    return str(row.get(column.key + suffix) or value)
