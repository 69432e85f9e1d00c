"""Tables as data: one specification draws the page, pages through it, filters it, chooses columns, saves filters, and exports exactly what is shown.

A domain declares a `TableSpec` in its `tables.py`; `central.web.table_list.TABLES` holds them all, so that an export job can run one by its name.
Texts are gettext message ids marked with N_.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from central.db.pool import Connection
from central.identity.scope import Scope
from central.web.translations import N_

# How a cell is shown and exported. quantity: base-unit integer; the column names its quantity, or a function of the row does.
# stamp and age: Unix ms. state, place, device, gateway, point: a code with its name beside it (row fields KEY_zh and KEY_en where there are names).
Kind = Literal[
    "text", "code", "integer", "decimal", "percent", "quantity", "stamp", "age", "day", "state", "place", "device", "gateway", "point", "flag"
]
Row = Mapping[str, Any]
PAGE_ROWS = 50
MAX_OFFSET = 1_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """`key`: the row's field. `shown`: before a person chose columns. `quantity`: for kind quantity, a quantity code, or the field that holds one
    when it starts with a dot (".main_quantity"). `words`: for the kinds state and text, value -> (look, text): how a stored word is shown; looks are
    ok, warn, bad and idle, or "" for a plain word. `unit`: for integer and decimal, what stands behind the number and in an export's head.

    A row's value is: a datetime or Unix ms for stamp and age, a date for day, 98.5 for 98.5 %, true or false for flag; None is shown as "—".
    """

    key: str
    label: str
    kind: Kind = "text"
    sortable: bool = False
    shown: bool = True
    quantity: str = ""
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of the address. `choices`: (value, label) pairs; empty: free text."""

    key: str
    label: str
    choices: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked of a table. `filters`: only those the specification knows, unknown values dropped. `node`: the place it is about.

    `context`: what the page adds (a range of days, a medium), kept for exports as it was; an export's comes back from a browser, so a `fetch` trusts
    it no more than the address itself.
    """

    node: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    descending: bool = False
    offset: int = 0
    columns: Sequence[str] = ()
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A slice of rows and how many there are in all."""

    rows: Sequence[Row]
    total: int


Fetch = Callable[[Connection, Scope, Asked, int], Fetched]  # scope, what is asked (offset in it), at most so many rows


@dataclass(frozen=True, slots=True)
class TableSpec:
    """`name`: stable, of letters and dashes; saved filters and exports are kept under it. `row_href`: where a row leads; "" for nowhere.

    `key`: the field that names a row in a selection; empty: rows cannot be selected. `live`: the fields that hold device, quantity and instant (ms)
    of the value that the live stream keeps fresh in a quantity cell. `empty_*`: why a table without any filter may be empty, and what next.
    """

    name: str
    title: str
    permission: str
    columns: Sequence[Column]
    fetch: Fetch
    filters: Sequence[Filter] = ()
    row_href: Callable[[Row], str] | None = None
    key: str = ""
    default_sort: str = ""
    default_descending: bool = False
    live: tuple[str, str, str] | None = None
    empty_title: str = N_("Nothing here yet")
    empty_next: str = N_("Choose a place further up, or another range.")

    def chosen(self, asked: Asked) -> list[Column]:
        """The columns to show, in the specification's order."""
        wanted = set(asked.columns)
        picked = [column for column in self.columns if (column.key in wanted if wanted else column.shown)]
        return picked or [column for column in self.columns if column.shown]
