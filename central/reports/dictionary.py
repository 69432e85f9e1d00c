"""The code dictionaries as records: energy classes and items, building types, conversion factors, limits. What a standard says stands in
`dictionaries/*.yaml`, with its source and validity; here is only how such a file is read and what must be true of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter, field_validator

from protocol.document import Problem, parse_yaml
from protocol.errors import ConfigError
from protocol.record import Record, Text
from protocol.site_plan import ItemCode

Medium = Literal["electricity", "water"]
R = TypeVar("R", bound=Record)
_FACTOR_RANGE = (Decimal("0.0001"), Decimal(1000))  # kilograms for 1000 base units; outside is a slip of the decimal point


class EnergyClass(Record):
    """A class of energy; `medium`: the one this platform meters, if it is one."""

    code: str = Field(pattern=r"^\d{2}$")
    name: Text
    medium: Medium | None = None


class EnergyClasses(Record):
    """The classes, and where they come from."""

    source: str = Field(min_length=1)
    valid_from: date
    classes: tuple[EnergyClass, ...]


class Item(Record):
    """An energy item: class (2 digits), letter, level-2 digit, level-3 letter."""

    code: ItemCode
    name: Text

    @property
    def parent(self) -> str | None:
        """Code of the item above; None at level 1."""
        return self.code[:-1] if len(self.code) > 3 else None


class ItemTree(Record):
    """A tree of items. `own`: the one this site's plans and points use; parents stand before their children."""

    tree: str = Field(pattern=r"^[a-z]+$")
    own: bool
    name: Text
    source: str = Field(min_length=1)
    valid_from: date
    valid_to: date | None = None
    items: tuple[Item, ...]


class Alone(Record):
    """An item without counterpart in the other tree. `into`: the item there its energy is reported in, one way; None: nowhere."""

    tree: Literal["ministry", "province"]
    code: ItemCode
    into: ItemCode | None


class Pair(Record):
    """One thing under two codes."""

    ministry: ItemCode
    province: ItemCode


class Mapped(Record):
    """Which item of one tree stands for which of the other."""

    source: str = Field(min_length=1)
    pairs: tuple[Pair, ...]
    alone: tuple[Alone, ...]


class BuildingType(Record):
    """A kind of building; `national`: the code of the national list that uploads ask for."""

    code: str = Field(pattern=r"^[A-Z]$")
    name: Text
    national: str | None = Field(default=None, pattern=r"^[A-Z]$")


class TypeList(Record):
    """One list of building types."""

    source: str = Field(min_length=1)
    valid_from: date
    valid_to: date | None = None
    types: tuple[BuildingType, ...]


class BuildingTypes(Record):
    """Campus codes, which places carry, and national ones."""

    campus: TypeList
    national: TypeList


class Factor(Record):
    """One version of a factor: kilograms for 1000 base units of its medium."""

    medium: Medium
    kind: Literal["standard_coal", "co2"]
    basis: Literal["calorific", "supply", "location"]
    region: str = Field(pattern=r"^[A-Z]{1,3}$")
    value: str
    year: int | None = None
    valid_from: date
    valid_to: date | None = None
    trust: Literal["read", "second_hand"]
    source: str = Field(min_length=1)

    @field_validator("value")
    @classmethod
    def _decimal(cls, value: str) -> str:
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise ValueError("it must be a decimal number, quoted") from None
        if not _FACTOR_RANGE[0] <= number <= _FACTOR_RANGE[1]:
            raise ValueError(f"it must lie between {_FACTOR_RANGE[0]} and {_FACTOR_RANGE[1]} kg for 1000 base units")
        return value

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What versions of one factor share."""
        return self.medium, self.kind, self.basis, self.region

    @property
    def version(self) -> str:
        """Names this version for ever: closed months are kept with it."""
        return "/".join((*self.key, self.valid_from.isoformat()))


class Factors(Record):
    """Every version of every factor."""

    factors: tuple[Factor, ...]


class BalanceLimit(Record):
    """What a parent may lose to its children, permille of itself."""

    medium: Medium
    least_permille: int
    most_permille: int


class Limits(Record):
    """Limits of findings in reports."""

    source: str = Field(min_length=1)
    balance: Annotated[tuple[BalanceLimit, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Dictionary:
    """All of it. `trees` by name, `own`: the site's tree; `across[tree]`: code -> code of the other tree, both ways only."""

    classes: EnergyClasses
    trees: Mapping[str, ItemTree]
    own: ItemTree
    mapped: Mapped
    across: Mapping[str, Mapping[str, str]]
    building_types: BuildingTypes
    factors: Sequence[Factor]
    limits: Limits

    def item(self, code: str) -> Item | None:
        """The item of the site's own tree."""
        return next((one for one in self.own.items if one.code == code), None)

    def building_type(self, code: str) -> BuildingType | None:
        """The campus building type."""
        return next((one for one in self.building_types.campus.types if one.code == code), None)


@cache
def load_dictionary() -> Dictionary:
    """The dictionaries this program comes with. Raises ConfigError with `file:line: problem` lines."""
    folder = files("central.reports").joinpath("dictionaries")
    names = ("energy_classes", "items_ministry", "items_province", "item_mapping", "building_types", "factors", "limits")
    return parse_dictionary({name: folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8") for name in names})


def parse_dictionary(texts: Mapping[str, str]) -> Dictionary:
    """The dictionaries of YAML texts, by file name without suffix. Raises ConfigError with `file:line: problem` lines."""
    classes = parse_yaml(texts["energy_classes"], "energy_classes.yaml", TypeAdapter(EnergyClasses), _class_problems)
    known = {one.code for one in classes.classes}
    trees = {}
    for name in ("ministry", "province"):
        trees[name] = parse_yaml(texts[f"items_{name}"], f"items_{name}.yaml", TypeAdapter(ItemTree), lambda tree: _tree_problems(tree, known))
    own = [tree for tree in trees.values() if tree.own]
    if len(own) != 1:
        raise ConfigError(f"{len(own)} item trees say own: true; expected exactly one, whose codes the site's plans use")
    mapped = parse_yaml(texts["item_mapping"], "item_mapping.yaml", TypeAdapter(Mapped), lambda one: _mapping_problems(one, trees))
    across = {"ministry": {one.ministry: one.province for one in mapped.pairs}, "province": {one.province: one.ministry for one in mapped.pairs}}
    types = parse_yaml(texts["building_types"], "building_types.yaml", TypeAdapter(BuildingTypes), _type_problems)
    factors = parse_yaml(texts["factors"], "factors.yaml", TypeAdapter(Factors), _factor_problems)
    limits = parse_yaml(texts["limits"], "limits.yaml", TypeAdapter(Limits), _limit_problems)
    return Dictionary(classes, MappingProxyType(trees), own[0], mapped, MappingProxyType(across), types, factors.factors, limits)


def translate_item(dictionary: Dictionary, tree: str, code: str) -> tuple[str | None, bool]:
    """The other tree's code for an item, and whether it is the same thing; None where there is nothing to report it in."""
    if code in dictionary.across[tree]:
        return dictionary.across[tree][code], True
    return next((one.into for one in dictionary.mapped.alone if (one.tree, one.code) == (tree, code)), None), False


def _class_problems(classes: EnergyClasses) -> Iterator[Problem]:
    yield from _twice([one.code for one in classes.classes], ("classes",))


def _tree_problems(tree: ItemTree, classes: set[str]) -> Iterator[Problem]:
    codes = [one.code for one in tree.items]
    yield from _twice(codes, ("items",))
    for index, item in enumerate(tree.items):
        if item.code[:2] not in classes:
            yield ("items", index, "code"), f"there is no energy class {item.code[:2]!r}"
        if item.parent is not None and item.parent not in codes[:index]:
            yield ("items", index, "code"), f"its parent {item.parent!r} does not stand before it"
    if tree.valid_to is not None and tree.valid_to <= tree.valid_from:
        yield ("valid_to",), f"it must lie after valid_from {tree.valid_from}"


def _mapping_problems(mapped: Mapped, trees: Mapping[str, ItemTree]) -> Iterator[Problem]:
    """Every item of both trees stands in exactly one line, and what it names exists."""
    codes = {name: {item.code for item in tree.items} for name, tree in trees.items()}
    seen: dict[str, list[str]] = {"ministry": [], "province": []}
    for index, pair in enumerate(mapped.pairs):
        for name, code in (("ministry", pair.ministry), ("province", pair.province)):
            if code not in codes[name]:
                yield ("pairs", index, name), f"tree {name} has no item {code!r}"
            if code in seen[name]:
                yield ("pairs", index, name), f"{code!r} stands twice; what is one thing has one counterpart"
            seen[name].append(code)
    for index, one in enumerate(mapped.alone):
        other = "province" if one.tree == "ministry" else "ministry"
        if one.code not in codes[one.tree]:
            yield ("alone", index, "code"), f"tree {one.tree} has no item {one.code!r}"
        if one.code in seen[one.tree]:
            yield ("alone", index, "code"), f"{one.code!r} has a line already"
        if one.into is not None and one.into not in codes[other]:
            yield ("alone", index, "into"), f"tree {other} has no item {one.into!r}"
        seen[one.tree].append(one.code)
    for name, tree in trees.items():
        for item in tree.items:
            if item.code not in seen[name]:
                yield ("pairs",), f"item {item.code!r} of tree {name} is in no line; say its counterpart, or that it has none (alone)"


def _type_problems(types: BuildingTypes) -> Iterator[Problem]:
    yield from _twice([one.code for one in types.campus.types], ("campus", "types"))
    yield from _twice([one.code for one in types.national.types], ("national", "types"))
    national = {one.code for one in types.national.types}
    for index, one in enumerate(types.campus.types):
        if one.national not in national:
            yield ("campus", "types", index), f"national type {one.national!r} does not exist"


def _factor_problems(factors: Factors) -> Iterator[Problem]:
    """Versions of one factor follow each other and do not overlap."""
    newest: dict[tuple[str, str, str, str], Factor] = {}
    for index, one in enumerate(factors.factors):
        before = newest.get(one.key)
        if one.valid_to is not None and one.valid_to <= one.valid_from:
            yield ("factors", index, "valid_to"), f"it must lie after valid_from {one.valid_from}"
        if before is not None and (before.valid_to is None or before.valid_to > one.valid_from):
            yield ("factors", index, "valid_from"), f"it overlaps the version of {before.valid_from}; give that one a valid_to of {one.valid_from}"
        newest[one.key] = one


def _limit_problems(limits: Limits) -> Iterator[Problem]:
    yield from _twice([one.medium for one in limits.balance], ("balance",))
    for index, one in enumerate(limits.balance):
        if one.least_permille >= one.most_permille:
            yield ("balance", index), "least_permille must be smaller than most_permille"


def _twice(codes: Sequence[str], path: tuple[str, ...]) -> Iterator[Problem]:
    for index, code in enumerate(codes):
        if code in codes[:index]:
            yield (*path, index), f"{code!r} stands twice; codes are unique"


def factor_on(factors: Iterable[Factor], day: date) -> Factor | None:
    """The one of these that is in force on a day."""
    return next((one for one in factors if one.valid_from <= day and (one.valid_to is None or day < one.valid_to)), None)


def factor_versions_on(day: date) -> list[str]:
    """Names of every version in force on a day: what a month is closed with."""
    return [one.version for one in load_dictionary().factors if factor_on([one], day)]
