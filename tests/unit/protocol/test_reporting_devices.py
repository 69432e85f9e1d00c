"""Meters that report by themselves, in a site plan."""

from __future__ import annotations

import pytest

from protocol.errors import ConfigError, TopicError
from protocol.plan_text import plan_text
from protocol.profile import DeviceKind
from protocol.site_plan import medium_problems, parse_site_plan
from protocol.topics import iot_report, parse_iot_report, parse_up

PLAN = """
schema: 1
site: {id: s, name: {zh: 校, en: Site}}
places:
  - {id: b1, kind: building, name: {zh: 楼, en: Building}}
gateways:
  - id: g1
    name: {zh: 关, en: Gateway}
    place: b1
    lines:
      - id: l1
        port: {kind: serial, path: /dev/ttyS0}
        baud: 2400
        devices:
          - {id: w0, profile: acme/water, address: "1", place: b1, role: main}
          - {id: e0, profile: acme/power, address: "2", place: b1}
reporting_devices:
  - {id: w1, profile: acme/water, address: "00000000001001", place: b1, upstream: w0, imei: "868000000000011", via: webhook/acme}
  - {id: w2, profile: acme/water, address: "00000000001002", place: b1, point: p2, imei: "868000000000022", via: mqtt, expects_every_h: 6,
     window_h: 0}
virtual_points:
  - {id: v1, place: b1, name: {zh: 和, en: Sum}, medium: water, terms: {w1: 1, p2: 1}}
"""


def test_they_stand_at_points_like_any_other_meter():
    plan = parse_site_plan(PLAN, "plan.yaml")

    assert [device.stands_at for _, device in plan.placed()] == ["w0", "e0", "w1", "p2"]
    assert [(one.expects_every_h, one.window_h) for one in plan.reporting_devices] == [(24, 2), (6, 0)]
    assert len(list(plan.devices())) == 2


def test_a_plan_with_them_can_be_written_and_read_again():
    plan = parse_site_plan(PLAN, "plan.yaml")

    assert parse_site_plan(plan_text(plan), "again.yaml") == plan


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("id: w2", "id: w1", "device 'w1' stands twice"),
        ("id: w2", "id: w0", "device 'w0' stands twice"),
        ("868000000000022", "868000000000011", "IMEI 868000000000011 stands twice"),
        ('"00000000001002"', '"1001"', "meter number 1001 stands twice"),
        ("place: b1, point: p2", "place: b2, point: p2", "place 'b2' does not exist"),
        ("upstream: w0", "upstream: w9", "upstream 'w9' is no point"),
        ("via: mqtt", "via: coap", "via"),
        ("via: webhook/acme", "via: webhook/../x", "via"),
        ("868000000000022", "86800000000002", "imei"),
        ("expects_every_h: 6", "expects_every_h: 0", "expects_every_h"),
        ("point: p2", "point: w0, upstream: w0", "point 'w0' would be above itself"),
    ],
)
def test_mistakes_are_told(old, new, problem):
    with pytest.raises(ConfigError, match=problem):
        parse_site_plan(PLAN.replace(old, new), "plan.yaml")


def test_water_hangs_below_water():
    kinds = {"acme/water": DeviceKind.WATER_METER, "acme/power": DeviceKind.ELECTRICITY_METER}
    plan = parse_site_plan(PLAN.replace("upstream: w0", "upstream: e0"), "plan.yaml")

    assert [text for _, text in medium_problems(plan, kinds)] == ["point 'w1' measures water and its upstream 'e0' electricity"]


def test_the_topic_of_a_report_says_whose_it_is():
    assert parse_iot_report(iot_report("868000000000011")) == "868000000000011"


@pytest.mark.parametrize(
    "topic",
    ["ce/v1/iot/8680/report", "ce/v1/iot/868000000000011/command", "ce/v1/g1/868000000000011/report", "iot", "ce/v1/iot/86800000000001a/report"],
)
def test_no_other_topic_is_one(topic):
    with pytest.raises(TopicError):
        parse_iot_report(topic)
    with pytest.raises(TopicError):
        parse_up(iot_report("868000000000011"))
