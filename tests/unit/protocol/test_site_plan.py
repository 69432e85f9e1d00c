from __future__ import annotations

import pytest

from protocol.errors import ConfigError
from protocol.plan_text import plan_text
from protocol.profile import DeviceKind
from protocol.site_plan import medium_problems, parse_site_plan

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
TREE = (
    PLAN
    + """\
    - {id: b1, profile: meters/ddsy, address: "000102030427", place: dorm-1, point: branch, role: branch, upstream: m2, max_per_hour: 60000}
    - {id: w1, profile: meters/water, address: "000102030428", place: dorm-1, role: sub}
virtual_points:
- {id: rest, place: dorm-1, name: {zh: 其余, en: Rest}, terms: {m2: 1, branch: -1}}
"""
)
KINDS = {"meters/ddsy": DeviceKind.ELECTRICITY_METER, "meters/water": DeviceKind.WATER_METER}


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


def dialled(*ports: str, baud: int = 2400) -> str:
    """The plan with lines that all dial in to 0.0.0.0:4001."""
    lines = (f"  - {{id: d{n}, baud: {baud}, port: {{host: 0.0.0.0, port: 4001, {port}}}}}\n" for n, port in enumerate(ports))
    return PLAN + "".join(lines)


DTU, TERMINAL = "kind: tcp_server, registration: dtu-1", "kind: concentrator, region: '0200', terminal: 4660"


def test_many_callers_may_share_one_address():
    ports = (DTU, "kind: tcp_server, registration: 'hex:64 02'", TERMINAL, TERMINAL + ", channel: 2", TERMINAL.replace("4660", "4661"))
    lines = parse_site_plan(dialled(*ports), "plan.yaml").gateways[0].lines

    assert [line.port.kind for line in lines] == ["serial", "tcp_server", "tcp_server", "concentrator", "concentrator", "concentrator"]
    assert parse_site_plan(plan_text(parse_site_plan(dialled(*ports), "plan.yaml")), "again.yaml").gateways[0].lines == lines


@pytest.mark.parametrize(
    ("ports", "baud", "says"),
    [
        ((DTU, DTU), 2400, "line 'd1': the same caller stands twice on 0.0.0.0:4001"),
        ((DTU, "kind: tcp_server, registration: 'hex:64 74 75 2D 31'"), 2400, "the same caller stands twice"),
        ((TERMINAL, TERMINAL + ", channel: 31"), 2400, "the same caller stands twice"),
        ((DTU, "kind: tcp_server"), 2400, "every DTU there needs a registration"),
        (("kind: tcp_server", TERMINAL), 2400, "every DTU there needs a registration"),
        ((TERMINAL,), 38400, "a concentrator cannot do 38400 baud"),
        ((DTU.replace("dtu-1", "'hex:6'"),), 2400, "registration"),
        ((DTU.replace("dtu-1", "'hex:'"),), 2400, "expected bytes behind 'hex:'"),
        ((DTU + ", heartbeat_reply: 'hex:zz'",), 2400, "heartbeat_reply"),
        ((DTU + ", delay_ms: 0",), 2400, "delay_ms"),
        ((TERMINAL.replace("0200", "200"),), 2400, "region"),
        ((TERMINAL.replace("4660", "65536"),), 2400, "terminal"),
    ],
)
def test_callers_that_cannot_be_told_apart_are_named(ports: tuple[str, ...], baud: int, says: str):
    assert says in problem(dialled(*ports, baud=baud))


def test_documents_of_plain_dtus_carry_no_newer_keys():
    (line,) = parse_site_plan(dialled(DTU), "plan.yaml").gateways[0].lines[1:]

    assert set(line.port.model_dump(exclude_none=True)) == {"kind", "host", "port", "registration", "heartbeat"}


def test_tree_of_supply_and_virtual_points_survive_writing_and_reading():
    plan = parse_site_plan(TREE, "plan.yaml")

    assert (plan.gateways[0].lines[0].devices[2].upstream, plan.virtual_points[0].terms) == ("m2", {"m2": 1, "branch": -1})
    assert parse_site_plan(plan_text(plan), "again.yaml") == plan
    assert list(medium_problems(plan, KINDS)) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("upstream: m2", "upstream: m9", 17, "upstream 'm9' is no point"),
        ("upstream: m2", "upstream: branch", 17, "point 'branch' would be above itself: branch -> branch"),
        ("place: dorm-1, ct: 40", "place: dorm-1, upstream: branch", 16, "point 'm2' would be above itself: m2 -> branch -> m2"),
        ("role: branch", "role: twig", 17, "role"),
        ("max_per_hour: 60000", "max_per_hour: 0", 17, "max_per_hour"),
        ("id: rest", "id: branch", 20, "point 'branch' stands twice"),
        ("{id: rest, place: dorm-1", "{id: rest, place: dorm-9", 20, "place 'dorm-9' does not exist"),
        ("branch: -1}", "b1: -1}", 20, "term 'b1' is no point"),
        ("branch: -1}", "branch: 2}", 20, "terms.branch"),
        ("terms: {m2: 1, branch: -1}", "terms: {}", 20, "terms"),
    ],
)
def test_mistake_in_the_tree_is_named_with_its_line(old: str, new: str, line: int, says: str):
    assert old in TREE

    found = problem(TREE.replace(old, new, 1))

    assert found.startswith(f"plan.yaml:{line}: ")
    assert says in found


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("role: sub", "upstream: m2", "'w1' measures water and its upstream 'm2' electricity"),
        ("m2: 1", "w1: 1", "'w1' measures water, virtual point"),
    ],
)
def test_water_and_electricity_do_not_mix(old: str, new: str, says: str):
    found = [text for _, text in medium_problems(parse_site_plan(TREE.replace(old, new), "plan.yaml"), KINDS)]

    assert [says in text for text in found] == [True]
