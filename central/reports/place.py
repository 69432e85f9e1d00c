"""The place a report is about, what stands below it, and what is known of it on a day."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.reports.model import Facts, Figure, Intensity, Reason

_SQL = load_statements("central.reports")
SUMMED = frozenset({"campus", "zone", "building", "floor"})  # kinds of places whose sums stand in tables


@dataclass(frozen=True, slots=True)
class Place:
    """A node of the tree."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    parent: str | None


def get_place(conn: Connection, code: str) -> Place:
    """Raises NotFound."""
    return one(conn, _SQL["place"], Place, f"there is no place {code!r}; search for it or start from the overview", code=code)


def places_below(conn: Connection, code: str) -> list[Place]:
    """Places directly below, those that are gone included: their figures are not."""
    return rows(conn, _SQL["children"], Place, code=code)


def facts_on(conn: Connection, places: Collection[str], day: date) -> dict[str, Facts]:
    """What holds of each of these places on a day."""
    known: dict[str, dict[str, int | str]] = {}
    for place, fact, number, code in conn.execute(_SQL["facts_of_places"], {"places": list(places), "day": day}):
        if number is not None or code is not None:
            known.setdefault(place, {})[fact] = code if number is None else number
    return {place: Facts(**known.get(place, {})) for place in places}  # type: ignore[arg-type]  # the table's check says which fact is which


def per_m2(figure: Figure, facts: Facts) -> Intensity:
    """An amount for each square metre."""
    return _per(figure, facts.area_m2, Reason.AREA)


def per_person(figure: Figure, facts: Facts) -> Intensity:
    """An amount for each person."""
    return _per(figure, facts.people, Reason.PEOPLE)


def _per(figure: Figure, number: int | None, missing: Reason) -> Intensity:
    if not number:
        return Intensity(None, missing)
    if figure.value is None:
        return Intensity(None, figure.reason or Reason.UNKNOWN)
    return Intensity((figure.value * 1000 + number // 2) // number)
