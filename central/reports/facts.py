"""What is known of places beside their figures, and what points are used for: from a local day on, by whom, from where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows, run
from central.identity.audit import record
from central.reports.dictionary import load_dictionary
from central.reports.place import get_place
from protocol.errors import ConfigError

_SQL = load_statements("central.reports")
Fact = Literal["area_m2", "air_conditioned_m2", "heated_m2", "people", "building_type", "floors", "built_year"]
_LARGEST = {"area_m2": 10**8, "air_conditioned_m2": 10**8, "heated_m2": 10**8, "people": 10**7, "floors": 200, "built_year": 2200}


@dataclass(frozen=True, slots=True)
class PlaceFact:
    """A fact from `valid_from` (local day; None: from ever on) until the next one. Neither `number` nor `code`: not known from then on."""

    fact: Fact
    valid_from: date | None
    number: int | None
    code: str | None
    source: str
    actor: str


@dataclass(frozen=True, slots=True)
class PointItem:
    """The energy item of a point from a local day on; None: none."""

    valid_from: date | None
    item: str | None
    source: str
    actor: str


@dataclass(frozen=True, slots=True)
class _Point:
    point_id: int
    code: str
    medium: str
    name_zh: str
    name_en: str


def place_facts(conn: Connection, place: str) -> list[PlaceFact]:
    """Every fact of a place with its history. Raises NotFound."""
    get_place(conn, place)
    return rows(conn, _SQL["facts_of_place"], PlaceFact, place=place)


def put_fact(
    conn: Connection, place: str, fact: Fact, value: int | str | None, valid_from: date | None, source: str, actor: str, today: date
) -> PlaceFact:
    """Write a fact from a day on (None: from ever on); one of the same day is replaced. Raises NotFound, and ConfigError for what cannot be."""
    get_place(conn, place)
    _check_day(valid_from, today)
    number, code = _checked(fact, value)
    written = {"fact": fact, "valid_from": valid_from, "number": number, "code": code, "source": source, "actor": actor}
    run(conn, _SQL["put_fact"], place=place, **written)
    record(conn, actor, "place.fact", place, written)
    return PlaceFact(fact, valid_from, number, code, source, actor)


def point_items(conn: Connection, point: str) -> list[PointItem]:
    """The items of a point with their history. Raises NotFound."""
    _point(conn, point)
    return rows(conn, _SQL["items_of_point"], PointItem, point=point)


def put_item(conn: Connection, point: str, item: str | None, valid_from: date | None, source: str, actor: str, today: date) -> PointItem:
    """Write a point's energy item from a day on. Raises NotFound, and ConfigError for an item that is none of what the point measures."""
    about = _point(conn, point)
    _check_day(valid_from, today)
    dictionary = load_dictionary()
    classes = {one.code for one in dictionary.classes.classes if one.medium == about.medium}
    if item is not None and (dictionary.item(item) is None or item[:2] not in classes):
        raise ConfigError(f"{item!r} is no energy item of {about.medium} in the {dictionary.own.tree} tree; list them with GET /reports/dictionary")
    written = {"valid_from": valid_from, "item": item, "source": source, "actor": actor}
    run(conn, _SQL["put_item"], point=point, **written)
    record(conn, actor, "point.item", point, written)
    return PointItem(valid_from, item, source, actor)


def _point(conn: Connection, code: str) -> _Point:
    return one(conn, _SQL["point"], _Point, f"there is no metering point {code!r}", code=code)


def _check_day(valid_from: date | None, today: date) -> None:
    if valid_from is not None and not date(1900, 1, 1) <= valid_from <= today:
        raise ConfigError(f"valid_from must lie between 1900 and today ({today}), got {valid_from}; what lies ahead is entered when it comes")


def _checked(fact: Fact, value: int | str | None) -> tuple[int | None, str | None]:
    if value is None:
        return None, None
    if fact == "building_type":
        if not isinstance(value, str) or load_dictionary().building_type(value) is None:
            known = ", ".join(one.code for one in load_dictionary().building_types.campus.types)
            raise ConfigError(f"building_type must be one of {known}, got {value!r}")
        return None, value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST[fact]:
        raise ConfigError(f"{fact} must be a whole number from 0 to {_LARGEST[fact]}, got {value!r}")
    return value, None
