from __future__ import annotations

import pytest

from protocol.errors import ConfigError
from protocol.site_plan import parse_site_plan

PLAN = """\
schema: 1
site: {id: north, name: {zh: 北校区, en: North campus}}
places:
- {id: campus, kind: campus, name: {zh: 校园, en: Campus}}
- {id: dorm-1, kind: building, parent: campus, name: {zh: 一号楼, en: Dorm 1}}
gateways:
- id: gw-1
  name: {zh: 网关, en: Gateway}
  place: dorm-1
  lines:
  - id: l1
    port: {kind: serial, path: /dev/ttyS1}
    baud: 2400
    devices:
    - {id: m1, profile: meters/ddsy, address: "000102030425", place: dorm-1}
    - {id: m2, profile: meters/ddsy, address: "000102030426", place: dorm-1, ct: 40}
"""


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse_site_plan(text, "plan.yaml")
    return str(error.value.message)


def test_plan_is_read():
    plan = parse_site_plan(PLAN, "plan.yaml")

    assert [(gateway.id, line.id, device.id) for gateway, line, device in plan.devices()] == [("gw-1", "l1", "m1"), ("gw-1", "l1", "m2")]
    assert plan.gateways[0].lines[0].bits_per_byte == 11
    assert plan.site.timezone == "Asia/Shanghai"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("parent: campus", "parent: campos", 5, "parent 'campos'"),
        ("{id: dorm-1, kind", "{id: campus, kind", 5, "place 'campus' stands twice"),
        ("  place: dorm-1\n  lines", "  place: dorm-9\n  lines", 9, "place 'dorm-9' does not exist"),
        ("id: m2", "id: m1", 16, "device 'm1' stands twice"),
        ('0426", place: dorm-1', '0426", place: dorm-9', 16, "place 'dorm-9' does not exist"),
        ("000102030426", "000102030425", 16, "both would answer"),
        ("000102030426", "102030425", 16, "both would answer"),
        ('address: "000102030426"', "address: 12", 16, "string"),
        ("baud: 2400", "baud: 2401", 13, "2400"),
        ("id: l1", "id: L1", 11, "pattern"),
        ("kind: serial, path: /dev/ttyS1", "kind: carrier, path: /dev/ttyS1", 12, "serial"),
        ("ct: 40", "ct: 0", 16, "greater than or equal to 1"),
        ("schema: 1", "schema: 2", 1, "schema"),
    ],
)
def test_mistake_is_named_with_its_line(old: str, new: str, line: int, says: str):
    assert old in PLAN

    found = problem(PLAN.replace(old, new))

    assert found.startswith(f"plan.yaml:{line}: ")
    assert says in found


def test_parents_stand_before_their_children():
    head, campus, dorm, *rest = PLAN.splitlines(keepends=True)[2:]
    swapped = "".join([*PLAN.splitlines(keepends=True)[:2], head, dorm, campus, *rest])

    assert "not a place listed before" in problem(swapped)


def test_gateways_and_their_lines_are_unique():
    lines = PLAN.splitlines(keepends=True)
    gateway, one_line = "".join(lines[6:10]), "".join(lines[10:13])

    assert "gateway 'gw-1' stands twice" in problem(PLAN + gateway + "  - {id: l1, baud: 2400, port: {kind: serial, path: /dev/ttyS2}}\n")
    assert "line 'l1' stands twice" in problem(PLAN + one_line)


def test_rehearsal_refers_to_what_exists():
    good = "rehearsal:\n  tcp_lines: [gw-1/l1]\n  devices: [{device: m1, load_w: 100, faults: [{kind: dead}]}]\n"

    assert parse_site_plan(PLAN + good, "plan.yaml").rehearsal is not None
    assert "device 'm9' does not exist" in problem(PLAN + good.replace("m1", "m9"))
    assert "line 'gw-1/l9' does not exist" in problem(PLAN + good.replace("gw-1/l1", "gw-1/l9"))


@pytest.mark.parametrize(
    "port",
    ["{kind: tcp_client, host: 10.0.0.5, port: 4001}", "{kind: tcp_server, host: 0.0.0.0, port: 4001, registration: dtu-1}"],
)
def test_lines_may_run_over_tcp(port: str):
    plan = parse_site_plan(PLAN.replace("{kind: serial, path: /dev/ttyS1}", port), "plan.yaml")

    assert plan.gateways[0].lines[0].port.kind.startswith("tcp_")
