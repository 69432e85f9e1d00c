"""Search: by several words over a building and its room, by card and number, and never outside the scope."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from central.db.pool import Connection, connect
from central.metering.model import Hit
from central.metering.search import search

PLAN = """
schema: 1
site: {id: campus, name: {zh: 大学, en: University}}
places:
  - {id: campus, kind: campus, name: {zh: 大学, en: University}}
  - {id: dorm-1, kind: building, parent: campus, name: {zh: 学生公寓1号楼, en: Dormitory 1}}
  - {id: dorm-1-101, kind: room, parent: dorm-1, name: {zh: 101室, en: Room 101}}
  - {id: dorm-1-1101, kind: room, parent: dorm-1, name: {zh: 1101室, en: Room 1101}}
  - {id: dorm-11, kind: building, parent: campus, name: {zh: 学生公寓11号楼, en: Dormitory 11}}
  - {id: dorm-11-101, kind: room, parent: dorm-11, name: {zh: 101室, en: Room 101}}
gateways:
  - id: gw-1
    name: {zh: 一号网关, en: Gateway 1}
    place: dorm-1
    lines:
      - id: l1
        port: {kind: serial, path: /dev/ttyS0}
        baud: 2400
        devices:
          - {id: m1, profile: acme/one, address: "000020160001", place: dorm-1-101, point: p-lights, name: {zh: 照明表, en: Light meter}}
          - {id: m2, profile: acme/one, address: "000020160002", place: dorm-11-101}
"""


@pytest.fixture(scope="module")
def find(database: str, import_plan: Callable[..., object]) -> Iterator[Callable[..., list[Hit]]]:
    """`find(text, scope=None, limit=20)` on a site with two buildings that have a room 101 each."""
    with connect(database) as conn:
        import_plan(conn, PLAN)
        conn.execute("update metering_point set name_zh = '走廊照明', name_en = 'Corridor lights' where code = 'p-lights'")
        add_card(conn)
        yield lambda text, scope=None, limit=20: search(conn, text, limit, scope)


def add_card(conn: Connection) -> None:
    """A meter that reports by itself."""
    conn.execute("insert into device values ('i1', 'acme/iot', 'water_meter', '00005201', 'dorm-11', null, null, '物联表', 'IoT meter', '{}', 9)")
    conn.execute(
        "insert into iot_meter (device, number, imei, via, every_h, window_h, position) values ('i1', '5201', '860000000000001', 'mqtt', 24, 1, 1)"
    )


def codes(hits: list[Hit]) -> list[str]:
    return [hit.code for hit in hits]


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("1号楼 101", "dorm-1-101"),
        ("101 1号楼", "dorm-1-101"),
        ("dorm-11 101", "dorm-11-101"),
        ("dormitory 11 101", "dorm-11-101"),
        ("20160002", "m2"),
        ("0000000020160002", "m2"),
        ("860000000000001", "i1"),
        ("0005201", "i1"),
        ("corridor", "p-lights"),
        ("一号网关", "gw-1"),
    ],
)
def test_the_best_hit(find: Callable[..., list[Hit]], text: str, best: str) -> None:
    assert codes(find(text))[0] == best


def test_each_word_must_match_and_one_of_them_the_thing_itself(find: Callable[..., list[Hit]]) -> None:
    assert {hit.code for hit in find("dorm-11 101") if hit.kind == "place"} == {"dorm-11-101"}
    assert find("dorm-11 nothing") == []
    assert "dorm-1-1101" not in codes(find("university dormitory 1 11"))[:1]
    assert find("university universe") == []


def test_a_hit_says_where_it_is(find: Callable[..., list[Hit]]) -> None:
    room, point = find("1号楼 101")[0], find("corridor")[0]
    assert room.way_en == ["University", "Dormitory 1"]
    assert (point.kind, point.place, point.device) == ("point", "dorm-1-101", "m1")


def test_a_number_between_other_digits_comes_later(find: Callable[..., list[Hit]]) -> None:
    rooms = [hit.code for hit in find("dorm-1 101") if hit.kind == "place"]
    assert rooms[0] == "dorm-1-101"
    assert "dorm-1-1101" in rooms[1:]


@pytest.mark.parametrize("text", ["101", "1号楼 101", "dorm", "m2", "860000000000001", "gateway", "20160002"])
def test_nothing_outside_the_scope_appears(find: Callable[..., list[Hit]], text: str) -> None:
    hits = find(text, ["dorm-1"])
    assert all(hit.place in {"dorm-1", "dorm-1-101", "dorm-1-1101"} for hit in hits)
    assert all("University" not in hit.way_en for hit in hits)


def test_a_scope_of_nothing_finds_nothing(find: Callable[..., list[Hit]]) -> None:
    assert find("101", []) == []


def test_no_kind_takes_all_the_room(find: Callable[..., list[Hit]]) -> None:
    assert {hit.kind for hit in find("1", limit=3)} > {"place"}


@pytest.mark.parametrize("text", ["(", "[a", "\\", "1 ( [", "%", "_", "\0"])
def test_signs_are_only_signs(find: Callable[..., list[Hit]], text: str) -> None:
    assert find(text) == []
