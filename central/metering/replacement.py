"""What a meter replacement is: what the engineer says of it, and what it did. Instants are Unix milliseconds UTC, registers base-unit integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from central.metering.values import MAX_TIME_MS
from protocol.quantities import QUANTITIES, Kind
from protocol.record import Record
from protocol.site_plan import GatewayId, Id

CARRIED = ("balance_energy", "balance_money", "overdraft_energy", "purchase_count")
Instant = Annotated[int, Field(ge=0, le=MAX_TIME_MS)]
Registers = Annotated[dict[str, Annotated[int, Field(ge=-(2**53), le=2**53)]], Field(max_length=40)]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Key = Annotated[str, Field(min_length=8, max_length=100, pattern=r"^[\x21-\x7e]+$")]
Photos = Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...], Field(max_length=12)]


class NewMeter(Record):
    """The meter that was put in. What is not said is as it was with the old one; `code` is derived from the point's.

    `imei`, `iccid`: of one that reports by itself, in the place of one that did.
    """

    code: Id | None = None
    address: str = Field(pattern=r"^\d{1,14}$")
    profile: str | None = None
    gateway: GatewayId | None = None
    line: Id | None = None
    ct: int | None = Field(default=None, ge=1, le=100_000)
    pt: int | None = Field(default=None, ge=1, le=10_000)
    max_per_hour: int | None = Field(default=None, ge=1, lt=1 << 53)
    imei: str | None = Field(default=None, pattern=r"^\d{15}$")
    iccid: str | None = Field(default=None, pattern=r"^[0-9A-F]{19,20}$")


class Swap(Record):
    """One replacement as it happened. `point` or `device` (or both) say where.

    `closing`: registers the old meter showed when it went, quantity -> base units; `unreadable`: why there are none. `opening`: those of the new one.
    `readings_are_new`: since it was put in the new meter has answered under the old one's address, so what was read since is its own.
    `confirmed`: implausible registers are right all the same. `allow_closed`: closed months may be touched; an adjustment follows.
    """

    key: Key
    point: Id | None = None
    device: Id | None = None
    removed_at_ms: Instant
    closing: Registers = {}
    unreadable: str | None = Field(default=None, min_length=3, max_length=500)
    installed_at_ms: Instant
    opening: Registers
    new: NewMeter
    photos: Photos = ()
    person: Line
    reason: str = Field(min_length=3, max_length=1000)
    readings_are_new: bool = False
    confirmed: bool = False
    allow_closed: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """The stay that ends: who stands at the point, and what the registry says of it."""

    installation: int
    point: str
    point_id: int
    medium: str
    device: str
    installed_at_ms: int
    ct: int
    pt: int
    numerator: int
    denominator: int
    register: str | None
    rollover: int | None
    max_per_hour: int | None
    profile: str
    kind: str
    address: str
    place: str
    gateway: str | None
    line: str | None
    poll_s: Mapping[str, int]
    name_zh: str
    name_en: str
    position: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A register as it was read."""

    quantity: str
    value: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Hour:
    """Consumption of an hour before and after a change, in the point's base unit; None: nothing is known of it."""

    from_ms: int
    before: int | None
    after: int | None
    quality: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a replacement did or, with `preview`, would do. `id` is None for a preview.

    `last_before`, `first_after`: the register as read last before the removal and first since the new meter stands there, None where it was not.
    `hours`: hours whose consumption changes. `carried`: credit and purchase count the old meter showed; they have to be carried over by hand, nothing
    books them yet. `adopted`: readings that moved to the new meter's name. `notes`: what a person should know.
    """

    id: int | None
    point: str
    old_device: str
    new_device: str
    removed_at_ms: int
    installed_at_ms: int
    closing: Mapping[str, int]
    opening: Mapping[str, int]
    last_before: int | None
    first_after: int | None
    hours: tuple[Hour, ...]
    carried: Mapping[str, int]
    adopted: int
    closed_months: tuple[str, ...]
    notes: tuple[str, ...]
    undo_until_ms: int
    preview: bool


def is_register(quantity: str) -> bool:
    """Whether a quantity may stand among closing and opening registers: what only rises, and what is to be carried over."""
    known = QUANTITIES.get(quantity)
    return known is not None and (known.kind is Kind.CUMULATIVE or quantity in CARRIED)
