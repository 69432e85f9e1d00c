"""Actions on many rows of a table: what a domain supplies, and what the frame makes of it.

A person selects rows (or all that match a filter) → the action's `preview` says for each what would happen → typed confirmation where the action is
dangerous → a worker calls `run_one` for each row and keeps its result (central.batches). A domain declares its `BatchAction`s in its `tables.py` and
enters them in `central.web.batch_list`. Texts are gettext message ids marked with N_.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal

MAX_ROWS = 5000  # of one batch; a larger selection is refused and the filter has to be narrowed


@dataclass(frozen=True, slots=True)
class Item:
    """One row the action is asked for. `place_*`: its building, by which the preview counts. `excluded`: a text that says why it is left out."""

    key: str
    name_zh: str
    name_en: str
    place_zh: str = ""
    place_en: str = ""
    excluded: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen. `items`: every asked row that exists within the principal's scope, and no other: a key without an item refuses the batch.

    `warnings`: texts a person should read before starting.
    """

    items: Sequence[Item]
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one row ended. `message`: shown as it is, as error messages are."""

    done: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something the person says once for all rows. `choices`: (value, label) pairs; empty: free text of at most `longest` characters."""

    name: str
    label: str
    choices: Sequence[tuple[str, str]] = ()
    required: bool = True
    longest: int = 500


@dataclass(frozen=True, slots=True)
class Turn:
    """What `run_one` is told besides the row: `parameters` as given, and `once`: a key that stays the same when this row is run again after a
    crash and differs when a person tries it again, for whoever must not act twice."""

    parameters: Mapping[str, str]
    once: str


RunOne = Callable[[Central, Principal, str, Turn], Outcome]  # errors of the project's tree end the row as failed with their message


@dataclass(frozen=True, slots=True)
class BatchAction:
    """`name`: stable, of letters and dashes. `tables`: whose rows it takes. `permission`: asked again for every row when it runs, as is the scope.

    `run_one` opens its own transaction, writes its own audit entry in it, and returns soon: it asks a device by issuing a command, not by waiting.
    `dangerous`: the person types the number of rows first.
    """

    name: str
    title: str
    tables: Sequence[str]
    permission: str
    dangerous: bool
    preview: Callable[[Connection, Principal, Sequence[str]], Preview]
    run_one: RunOne
    parameters: Sequence[Parameter] = field(default_factory=tuple)
