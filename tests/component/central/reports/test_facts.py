"""Facts of places and items of points: told by the plan or by a person, valid from a day on, written back by the export."""

from __future__ import annotations

from datetime import date

import pytest

from central.metering.export_plan import export_site_plan
from central.reports.facts import place_facts, point_items, put_fact, put_item
from central.reports.model import Facts
from central.reports.place import facts_on
from protocol.errors import ConfigError, NotFound

TODAY = date(2025, 6, 20)


@pytest.fixture
def told(conn, import_plan, plan):
    """A plan that says some facts and an item, imported."""
    text = plan.replace("en: Building 1}}", "en: Building 1}, area_m2: 1200, people: 80, building_type: I}").replace(
        "place: b1-101}", "place: b1-101, item: 01A1}"
    )
    import_plan(conn, text)
    conn.commit()
    return conn, text


def known(conn, place):
    return [(one.fact, one.valid_from, one.code if one.number is None else one.number) for one in place_facts(conn, place)]


def test_what_a_plan_first_tells_holds_from_ever_on(told):
    conn, _ = told

    assert known(conn, "b1") == [("area_m2", None, 1200), ("building_type", None, "I"), ("people", None, 80)]
    assert [(one.valid_from, one.item, one.actor) for one in point_items(conn, "m2")] == [(None, "01A1", "tester")]
    assert facts_on(conn, ["b1", "b2"], date(2000, 1, 1)) == {"b1": Facts(area_m2=1200, people=80, building_type="I"), "b2": Facts()}


def test_what_a_plan_changes_holds_from_the_import_on_and_what_it_leaves_out_stays(told, import_plan):
    conn, text = told

    diff = import_plan(conn, text.replace("people: 80, ", "").replace("area_m2: 1200", "area_m2: 1300").replace("item: 01A1", "item: 01B2E"))

    assert {row.code: row.fields for row in diff.rows} == {"b1": {"area_m2": (1200, 1300)}, "m2": {"item": ("01A1", "01B2E")}}
    assert [value for fact, _, value in known(conn, "b1") if fact == "area_m2"] == [1200, 1300]
    assert ("people", None, 80) in known(conn, "b1")
    assert [one.item for one in point_items(conn, "m2")] == ["01A1", "01B2E"]


def test_the_export_tells_them_and_imports_without_a_change(told, import_plan):
    conn, _ = told

    text = export_site_plan(conn)

    assert "area_m2: 1200, people: 80, building_type: I}" in text
    assert 'item: "01A1"' in text
    assert import_plan(conn, text).rows == ()


def test_gateways_are_told_nothing_of_it(told):
    conn, _ = told

    bodies = [row[0] for row in conn.execute("select body from desired_document")]
    assert bodies
    assert not any("item" in str(body) or "area" in str(body) for body in bodies)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("item: 01A1", "item: 01Z", r"plan\.yaml:\d+: the ministry tree has no energy item '01Z'"),
        ("building_type: I", "building_type: Q", r"plan\.yaml:\d+: there is no building type 'Q'"),
        ('address: "00000000000003"', 'item: 01A1, address: "00000000000003"', r"'01A1' is no item of what acme/water measures"),
    ],
)
def test_codes_nobody_knows_are_refused_with_their_line(told, import_plan, old, new, problem):
    conn, text = told

    with pytest.raises(ConfigError, match=problem):
        import_plan(conn, text.replace(old, new))


def test_a_person_writes_a_fact_from_a_day_on_and_takes_it_back(told):
    conn, _ = told

    put_fact(conn, "b1", "people", 90, date(2025, 3, 1), "registrar", "ann", TODAY)
    put_fact(conn, "b1", "people", None, date(2025, 5, 1), "registrar", "ann", TODAY)

    assert [facts_on(conn, ["b1"], day)["b1"].people for day in (date(2025, 2, 28), date(2025, 3, 1), date(2025, 5, 1))] == [80, 90, None]
    audited = conn.execute("select actor, target, details ->> 'number' from audit where action = 'place.fact' order by audit_id").fetchall()
    assert audited == [("ann", "b1", "90"), ("ann", "b1", None)]


@pytest.mark.parametrize(
    ("fact", "value", "day"),
    [
        ("people", -1, None),
        ("people", "many", None),
        ("people", True, None),
        ("building_type", "Q", None),
        ("building_type", 3, None),
        ("area_m2", 10**9, None),
        ("people", 1, date(2025, 6, 21)),
    ],
)
def test_facts_that_cannot_be_are_refused(told, fact, value, day):
    with pytest.raises(ConfigError):
        put_fact(told[0], "b1", fact, value, day, "x", "ann", TODAY)


def test_an_item_must_be_one_of_what_the_point_measures(told):
    conn, _ = told

    put_item(conn, "p1", "01C2", date(2025, 4, 1), "drawing", "ann", TODAY)

    assert [(one.valid_from, one.item) for one in point_items(conn, "p1")] == [(date(2025, 4, 1), "01C2")]
    for point, item in (("p1", "01Z"), ("w1", "01A1")):
        with pytest.raises(ConfigError, match="no energy item"):
            put_item(conn, point, item, None, "x", "ann", TODAY)
    with pytest.raises(NotFound):
        point_items(conn, "nowhere")
