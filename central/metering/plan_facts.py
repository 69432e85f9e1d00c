"""What a plan says of places and points beside where they are: facts and energy items. What is new holds from ever on, what differs from today on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import orjson

from central.db.pool import Connection
from central.db.statements import load_statements, run
from central.metering.registry import PLACE_FACTS, Row
from central.reports.dictionary import load_dictionary
from protocol.quantities import Medium
from protocol.site_plan import Problem, SitePlan

_SQL = load_statements("central.metering")


def write_place_facts(conn: Connection, places: Sequence[Row], today: date, source: str, actor: str) -> None:
    """Note the facts of these places that differ from what is known."""
    told = [
        {"place": row["code"], "fact": fact, ("code" if fact == "building_type" else "number"): row[fact]}
        for row in places
        for fact in PLACE_FACTS
        if fact in row
    ]
    if told:
        run(conn, _SQL["write_place_facts"], rows=orjson.dumps(told).decode(), day=today, source=source, actor=actor)


def write_point_items(conn: Connection, points: Sequence[Row], today: date, source: str, actor: str) -> None:
    """Note the items of these points that differ from what is known."""
    told = [row for row in points if "item" in row]
    if told:
        codes = {"points": [row["code"] for row in told], "items": [row["item"] for row in told]}
        run(conn, _SQL["write_point_items"], **codes, day=today, source=source, actor=actor)


def code_problems(plan: SitePlan) -> Iterator[Problem]:
    """Building types and items that no dictionary knows."""
    dictionary = load_dictionary()
    types, items = {one.code for one in dictionary.building_types.campus.types}, {one.code for one in dictionary.own.items}
    for index, place in enumerate(plan.places):
        if place.building_type is not None and place.building_type not in types:
            yield ("places", index, "building_type"), f"there is no building type {place.building_type!r}; known are {', '.join(sorted(types))}"
    virtual = [(("virtual_points", index), point) for index, point in enumerate(plan.virtual_points)]
    for path, one in [*plan.placed(), *virtual]:
        if one.item is not None and one.item not in items:
            yield (*path, "item"), f"the {dictionary.own.tree} tree has no energy item {one.item!r}; see central/reports/dictionaries"


def item_fits(item: str, medium: Medium | str) -> bool:
    """Whether an item's class is one of this medium."""
    return any(one.code == item[:2] and one.medium == medium for one in load_dictionary().classes.classes)
