"""Where points hang, what the plan says of it, and the plan the registry writes of itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from central.db.pool import Connection
from central.metering.export_plan import export_site_plan
from central.metering.import_plan import import_site_plan
from central.metering.meters import Models
from central.metering.model import Change, PlanDiff
from central.metering.move_point import Move, move_point
from central.metering.replace_meter import replace_meter
from central.metering.replacement import Swap
from protocol.errors import ConfigError, Conflict, NotFound

DEMO = Path(__file__).resolve().parents[4] / "provisioning" / "sites" / "demo.yaml"
Import = Callable[..., PlanDiff]
VIRTUAL = "virtual_points:\n  - {id: rest, place: b1, name: {zh: 其余, en: Rest}, terms: {p1: 1, m2: -1}}\n"


@pytest.fixture
def tree(plan: str) -> str:
    """The small plan with m2 below p1, a limit, a second room and a virtual point."""
    room = "  - {id: b1-102, kind: room, parent: b1, name: {zh: 102室, en: Room 102}}\n"
    below = plan.replace("place: b1-101}", "place: b1-101, upstream: p1, role: branch, max_per_hour: 60000}").replace(
        "point: p1,", "point: p1, role: main,"
    )
    return below.replace("  - {id: b2, kind", room + "  - {id: b2, kind") + VIRTUAL


@pytest.fixture
def grown(conn: Connection, import_plan: Import, tree: str) -> Connection:
    """A site of some weeks with that plan."""
    import_plan(conn, tree)
    conn.execute("update installation set installed_at = '2026-04-20'")
    conn.execute("delete from dirty_place")
    conn.commit()
    return conn


def positions(conn: Connection, point: str) -> list[tuple[object, ...]]:
    sql = "select place, upstream, role, valid_from::text, valid_to::text from point_position where point = %s order by valid_from"
    return conn.execute(sql, [point]).fetchall()


def move(**fields: object) -> Move:
    return Move.model_validate({"point": "m2", "from_day": "2026-06-15", "place": "b2", "reason": "room swap"} | fields)


def dirty_places(conn: Connection) -> set[tuple[object, ...]]:
    return set(conn.execute("select place, from_day::text from dirty_place").fetchall())


def test_import_fills_medium_tree_register_and_limits(grown: Connection):
    media = dict(grown.execute("select code, medium from metering_point").fetchall())
    assert media == {"p1": "electricity", "m2": "electricity", "w1": "water", "rest": "electricity"}
    assert positions(grown, "m2") == [("b1-101", "p1", "branch", "-infinity", "infinity")]
    assert positions(grown, "rest") == [("b1", None, "virtual", "-infinity", "infinity")]
    assert grown.execute("select input, coefficient from virtual_term order by 1").fetchall() == [("m2", -1), ("p1", 1)]
    stays = grown.execute("select device, register, rollover, max_per_hour from installation order by 1").fetchall()
    assert stays == [
        ("m1", "energy_active_forward", 1_000_000_000, None),
        ("m2", "energy_active_forward", 1_000_000_000, 60_000),
        ("w1", "water_volume", 1_000_000_000, None),
    ]


def test_second_import_of_the_tree_changes_nothing(grown: Connection, import_plan: Import, tree: str):
    assert import_plan(grown, tree).rows == ()
    assert grown.execute("select count(*) from dirty_place").fetchone() == (0,)


def test_database_of_before_gets_registers_without_ending_stays(grown: Connection, import_plan: Import, tree: str):
    grown.execute("update installation set register = null, rollover = null, max_per_hour = null")
    grown.execute("update installation set removed_at = '2026-05-01' where device = 'w1'")
    grown.execute("insert into installation (point, device, installed_at) values ('w1', 'w1', '2026-05-02')")
    grown.execute("delete from dirty")

    diff = import_plan(grown, tree)

    told = {row.code: row.fields["register"] for row in diff.rows}
    assert told == dict.fromkeys(("p1", "m2"), (None, "energy_active_forward")) | {"w1": (None, "water_volume")}
    assert grown.execute("select count(*) from installation where register is null").fetchone() == (0,)
    assert grown.execute("select count(*) filter (where removed_at is not null), count(*) from installation").fetchone() == (1, 4)
    assert grown.execute("select count(distinct point_id), min(from_at)::text from dirty").fetchone() == (3, "-infinity")


def test_change_of_the_tree_closes_the_old_row_today(grown: Connection, import_plan: Import, tree: str):
    diff = import_plan(grown, tree.replace("upstream: p1, role: branch", "role: check"))

    assert [(row.kind, row.code, dict(row.fields)) for row in diff.rows] == [("point", "m2", {"role": ("branch", "check"), "upstream": ("p1", None)})]
    (today,) = grown.execute("select (now() at time zone 'Asia/Shanghai')::date::text").fetchone()
    assert positions(grown, "m2") == [("b1-101", "p1", "branch", "-infinity", today), ("b1-101", None, "check", today, "infinity")]
    assert dirty_places(grown) == {("campus", today), ("b1", today), ("b1-101", today)}


def test_second_change_of_a_day_replaces_the_first(grown: Connection, import_plan: Import, tree: str):
    import_plan(grown, tree.replace("role: branch", "role: check"))
    import_plan(grown, tree.replace("role: branch", "role: sub"))

    assert [row[2] for row in positions(grown, "m2")] == ["branch", "sub"]


def test_change_on_the_first_day_of_a_point_replaces_what_stands(conn: Connection, import_plan: Import, tree: str):
    import_plan(conn, tree)
    import_plan(conn, tree.replace("role: branch", "role: check"))

    assert positions(conn, "m2") == [("b1-101", "p1", "check", "-infinity", "infinity")]


def test_changed_and_removed_virtual_points_are_told(grown: Connection, import_plan: Import, tree: str):
    changed = import_plan(grown, tree.replace("{p1: 1, m2: -1}", "{p1: 1}"))
    removed = import_plan(grown, tree.replace(VIRTUAL, ""))

    assert [(row.code, row.change, dict(row.fields)) for row in changed.rows] == [
        ("rest", Change.UPDATED, {"terms": ({"p1": 1, "m2": -1}, {"p1": 1})})
    ]
    assert [(row.kind, row.code, row.change) for row in removed.rows] == [("point", "rest", Change.REMOVED)]


def test_water_under_electricity_is_refused_with_its_line(grown: Connection, import_plan: Import, tree: str):
    with pytest.raises(ConfigError, match=r"plan.yaml:29: point 'w1' measures water and its upstream 'p1' electricity"):
        import_plan(grown, tree.replace('"00000000000003", place: b2', '"00000000000003", place: b2, upstream: p1'))


def test_point_moved_on_the_fifteenth_hung_elsewhere_before(grown: Connection, now_ms: int):
    moved = move_point(grown, move(), "wang", now_ms)

    assert (moved.before["place"], moved.after["place"]) == ("b1-101", "b2")
    assert positions(grown, "m2") == [("b1-101", "p1", "branch", "-infinity", "2026-06-15"), ("b2", "p1", "branch", "2026-06-15", "infinity")]
    assert dirty_places(grown) == {(place, "2026-06-15") for place in ("campus", "b1", "b1-101", "b2")}
    assert grown.execute("select place from device where code = 'm2'").fetchone() == ("b2",)
    assert grown.execute("select actor from audit where action = 'point.moved'").fetchall() == [("wang",)]


def test_moving_can_be_previewed(grown: Connection, now_ms: int):
    assert move_point(grown, move(), "wang", now_ms, preview=True).preview

    assert len(positions(grown, "m2")) == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"place": "b1-101"}, "it hangs there already"),
        ({"from_day": "2026-06-17"}, "lies ahead"),
        ({"from_day": "2026-05-31"}, r"months are closed \(2026-05\)"),
        ({"upstream": "p9"}, "there is no point 'p9'"),
        ({"upstream": "w1"}, "it measures electricity and 'w1' water"),
        ({"point": "p1", "upstream": "m2"}, "it would be above itself: p1 -> m2 -> p1"),
        ({"point": "rest"}, "it is virtual"),
    ],
)
def test_move_that_cannot_be_is_refused(grown: Connection, now_ms: int, fields: dict[str, object], told: str):
    grown.execute("insert into closed_month (month, actor, inputs) values ('2026-05-01', 'x', '{}')")
    with pytest.raises(Conflict, match=told):
        move_point(grown, move(**fields), "wang", now_ms)


def test_move_before_the_last_one_or_to_nowhere_is_refused(grown: Connection, now_ms: int):
    move_point(grown, move(), "wang", now_ms)

    with pytest.raises(Conflict, match="it was moved on 2026-06-15 already"):
        move_point(grown, move(place="b1", from_day="2026-06-10"), "wang", now_ms)
    with pytest.raises(NotFound, match="there is no place 'moon'"):
        move_point(grown, move(place="moon"), "wang", now_ms)


def test_older_plan_does_not_move_the_point_back(grown: Connection, import_plan: Import, tree: str, now_ms: int):
    move_point(grown, move(no_upstream=True, role="sub"), "wang", now_ms)

    with pytest.raises(ConfigError, match="point m2 was moved from 2026-06-15 on"):
        import_plan(grown, tree)


def test_exported_plan_imports_without_a_change(grown: Connection, import_plan: Import, now_ms: int):
    move_point(grown, move(no_upstream=True), "wang", now_ms)

    diff = import_plan(grown, export_site_plan(grown))

    assert (diff.rows, diff.unchanged) == ((), 5 + 2 + 2 + 3 + 3)


def test_plan_exported_after_a_replacement_imports_without_a_change(
    old_site: Connection, swap: Callable[..., Swap], now_ms: int, models: Models, import_plan: Import
):
    replace_meter(old_site, swap(new={"address": "9", "ct": 60}), "wang", now_ms, False, models)

    text = export_site_plan(old_site)

    assert "{id: p1-2, profile: acme/one" in text
    assert import_plan(old_site, text).rows == ()


def test_demo_plan_comes_back_as_it_went_in(conn: Connection):
    import_site_plan(conn, DEMO.read_text(encoding="utf-8"), "demo.yaml", "tester", False)

    diff = import_site_plan(conn, export_site_plan(conn), "export.yaml", "tester", True)

    assert (diff.rows, diff.created, diff.updated, diff.removed) == ((), 0, 0, 0)
    assert conn.execute("select count(*) from point_position where role = 'virtual'").fetchone() >= (1,)


def test_nothing_to_export_before_the_first_plan(conn: Connection):
    with pytest.raises(NotFound, match="import one first"):
        export_site_plan(conn)
