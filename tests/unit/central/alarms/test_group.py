"""One cause, one alarm: what a wider one explains is listed below it, and stands by itself again when that is over."""

from __future__ import annotations

from central.alarms.group import Link, Standing, Where, regroup
from central.alarms.model import Cause
from central.alarms.rule import shipped_rules

RULES = shipped_rules()
HERE = Where(place="r1", gateway="g1", line="g1/l1", device="m1", building="b1", above=frozenset({"r1", "b1"}))
WHERE = {("device", "m1"): HERE, ("gateway", "g1"): Where("b1", "g1", building="b1"), ("place", "b1"): Where("b1", building="b1")}
METER = Cause("device_silent", "device", "m1")
GATEWAY = Cause("gateway_offline", "gateway", "g1")
BUILDING = Cause("building_gateways_down", "place", "b1")


def test_a_dead_gateway_explains_its_meters():
    assert regroup([Standing(1, METER), Standing(2, GATEWAY)], WHERE, RULES, 0) == [Link(1, "muted", 2)]


def test_the_widest_explanation_counts():
    found = regroup([Standing(1, METER, parent=2), Standing(2, GATEWAY), Standing(3, BUILDING)], WHERE, RULES, 0)

    assert found == [Link(1, "muted", 3), Link(2, "muted", 3)]


def test_another_gateway_explains_nothing():
    other = Cause("gateway_offline", "gateway", "g2")

    assert regroup([Standing(1, METER), Standing(2, other)], WHERE, RULES, 0) == []


def test_when_the_explanation_is_over_the_meter_waits_a_while_and_then_stands_by_itself():
    surface_ms = RULES["device_silent"].surface_s * 1000

    assert regroup([Standing(1, METER, parent=2)], WHERE, RULES, 50) == [Link(1, "orphaned", 2)]
    assert regroup([Standing(1, METER, 2, orphaned_ms=50)], WHERE, RULES, 49 + surface_ms) == []
    assert regroup([Standing(1, METER, 2, orphaned_ms=50)], WHERE, RULES, 50 + surface_ms) == [Link(1, "surfaced", None)]


def test_an_explanation_that_comes_back_takes_the_meter_again():
    found = regroup([Standing(1, METER, 2, orphaned_ms=50), Standing(9, GATEWAY)], WHERE, RULES, 60)

    assert found == [Link(1, "muted", 9)]


def test_grouping_twice_changes_nothing_more():
    assert regroup([Standing(1, METER, parent=2), Standing(2, GATEWAY)], WHERE, RULES, 0) == []
