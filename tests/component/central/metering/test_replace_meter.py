"""Replacing a meter: what changes, what is refused, what is told before, and that it happens once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from central.db.pool import Connection
from central.metering.import_plan import import_site_plan
from central.metering.meters import Models
from central.metering.model import PlanDiff
from central.metering.replace_meter import replace_meter
from central.metering.replacement import Hour, Replaced, Swap
from protocol.errors import ConfigError, Conflict, NotFound
from protocol.messages import LinesDocument, decode_record

At = Callable[[str], int]
Fill = Callable[..., None]
MakeSwap = Callable[..., Swap]

ENERGY = "energy_active_forward"
FUTURE_MS = 4_000_000_000_000
HISTORY = {"09:00": 5228.0, "10:00": 5230.0}


@pytest.fixture
def run(old_site: Connection, fill: Fill, swap: MakeSwap, now_ms: int, models: Models) -> Callable[..., Replaced]:
    """`run(preview=False, **changes)`: the replacement on a site whose old meter was read until 10:00."""
    fill("m1", HISTORY)

    def replace(preview: bool = False, actor: str = "wang", **changes: object) -> Replaced:
        answer = replace_meter(old_site, swap(**changes), actor, now_ms, preview, models)
        old_site.commit()
        return answer

    return replace


def stays(conn: Connection, point: str = "p1") -> list[tuple[object, ...]]:
    return conn.execute(
        "select device, opening ->> %s, closing ->> %s, removed_at is null from installation where point = %s order by installed_at",
        [ENERGY, ENERGY, point],
    ).fetchall()


def test_replacement_is_one_change_everywhere(run: Callable[..., Replaced], old_site: Connection):
    answer = run()

    assert (answer.old_device, answer.new_device, answer.last_before, answer.preview) == ("m1", "p1-2", 5_230_000, False)
    assert stays(old_site) == [("m1", None, "5230400", False), ("p1-2", "12300", None, True)]
    assert old_site.execute("select removed_at is null from device where code in ('m1', 'p1-2') order by code").fetchall() == [(False,), (True,)]
    (body,) = old_site.execute("select body::text from desired_document where gateway = 'gw-1'").fetchone()
    polled = {device.id: device.address for device in decode_record(LinesDocument, body.encode()).lines[0].devices}
    assert polled == {"p1-2": "000000000009", "m2": "000000000002"}
    assert old_site.execute("select register, rollover, ct from installation where device = 'p1-2'").fetchone() == (ENERGY, 1_000_000_000, 40)
    assert old_site.execute("select actor, target from audit where action = 'meter.replaced'").fetchall() == [("wang", "p1")]
    assert old_site.execute("select device, data ->> 'point' from event where code = 'meter.replaced'").fetchall() == [("p1-2", "p1")]
    assert old_site.execute("select count(*) from dirty as d join metering_point as m on m.id = d.point_id where m.code = 'p1'").fetchone() >= (1,)


def test_preview_tells_the_hours_and_changes_nothing(run: Callable[..., Replaced], old_site: Connection, at: At):
    answer = run(preview=True)

    assert (answer.id, answer.preview, answer.new_device) == (None, True, "p1-2")
    assert answer.hours == (Hour(at("10:00"), None, 400 * 40, "estimated"),)
    assert stays(old_site) == [("m1", None, None, True)]
    assert old_site.execute("select count(*) from replacement").fetchone() == (0,)


def test_readings_of_the_new_meter_under_the_old_name_go_over_to_it(run: Callable[..., Replaced], old_site: Connection, fill: Fill, at: At):
    fill("m1", {"11:00": 12.80})

    answer = run(readings_are_new=True, new={"address": "000000000001"})

    assert (answer.adopted, answer.first_after) == (1, 12_800)
    assert [(hour.from_ms, hour.before, hour.after) for hour in answer.hours] == [(at("10:00"), None, 900 * 40)]
    moved = old_site.execute("select r.value from reading as r join series as s on s.id = r.series_id where s.device = 'p1-2'").fetchall()
    assert moved == [(12_800,)]


def test_same_key_and_request_is_answered_again_and_done_once(run: Callable[..., Replaced], old_site: Connection):
    first, second = run(), run()

    assert first == second
    assert len(stays(old_site)) == 2


def test_same_key_with_another_request_is_a_conflict(run: Callable[..., Replaced]):
    run()

    with pytest.raises(Conflict, match="'replace-p1-1' was used for another replacement"):
        run(reason="another one")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"closing": {}}, "closing lacks energy_active_forward"),
        ({"opening": {}}, "opening lacks energy_active_forward"),
        ({"closing": {ENERGY: -1}}, "is -1; a register is not negative"),
        ({"opening": {ENERGY: 1_000_000_000}}, "counts to 999999999"),
        ({"opening": {ENERGY: 5_000_000}, "new": {"profile": "acme/small"}}, "counts to 999999"),
        ({"closing": {ENERGY: 5_230_400, "voltage_a": 1}}, "voltage_a: no register"),
        ({"unreadable": "display broken"}, "and unreadable is given"),
        ({"installed_at_ms": 1}, "installed_at_ms is before removed_at_ms"),
        ({"removed_at_ms": 1, "installed_at_ms": 1}, "is not after"),
        ({"installed_at_ms": FUTURE_MS}, "must not be in the future"),
        ({"new": {"address": "2"}}, "address 2 on line gw-1/l1 is m2's"),
        ({"new": {"line": "l9"}}, "there is no line gw-1/l9"),
        ({"new": {"code": "w1"}}, "device 'w1' stands elsewhere already"),
        ({"new": {"profile": "acme/water"}}, "acme/water is a water_meter"),
        ({"photos": ("0" * 64,)}, "is not there; send it to POST"),
        ({"closing": {ENERGY: 5_229_000}}, "closing register 5229000 is below the 5230000 read"),
        ({"closing": {ENERGY: 5_530_000}}, "is 300000 above the 5230000"),
    ],
)
def test_what_cannot_have_been_so_is_refused_and_changes_nothing(
    run: Callable[..., Replaced], old_site: Connection, changes: dict[str, object], told: str
):
    with pytest.raises(Conflict, match=told):
        run(**changes)

    old_site.rollback()
    assert stays(old_site) == [("m1", None, None, True)]


@pytest.mark.parametrize("closing", [5_229_000, 5_530_000])
def test_implausible_register_is_taken_when_a_person_confirms_it(run: Callable[..., Replaced], old_site: Connection, closing: int):
    run(closing={ENERGY: closing}, confirmed=True)

    assert stays(old_site)[0] == ("m1", None, str(closing), False)


def test_register_that_wrapped_before_the_removal_is_plausible(old_site: Connection, fill: Fill, swap: MakeSwap, now_ms: int, models: Models):
    fill("m1", {"10:00": 999_999.9})

    answer = replace_meter(old_site, swap(closing={ENERGY: 1_000}), "wang", now_ms, False, models)

    assert answer.closing == {ENERGY: 1_000}


def test_unreadable_meter_is_replaced_without_a_closing_register(run: Callable[..., Replaced], old_site: Connection):
    answer = run(closing={}, unreadable="burnt")

    assert stays(old_site)[0] == ("m1", None, None, False)
    assert any("stays unknown" in note for note in answer.notes)


def test_old_meter_that_went_on_counting_makes_the_time_doubtful(run: Callable[..., Replaced], fill: Fill):
    fill("m1", {"12:00": 5231.0})

    with pytest.raises(Conflict, match="was read 5231000 after its removal"):
        run()


def test_second_replacement_of_the_point_stands_after_the_first(run: Callable[..., Replaced], old_site: Connection, at: At):
    run()

    later = {"removed_at_ms": at("15:00"), "installed_at_ms": at("15:00"), "closing": {ENERGY: 13_000}, "new": {"address": "10"}}
    with pytest.raises(Conflict, match="is not after"):
        run(key="replace-p1-2", removed_at_ms=at("10:24"), installed_at_ms=at("10:30"), closing={ENERGY: 12_400}, new={"address": "11"})
    old_site.rollback()
    assert run(key="replace-p1-3", **later).new_device == "p1-3"


def test_credit_of_the_old_meter_is_told_to_be_carried_over(run: Callable[..., Replaced], fill: Fill, old_site: Connection):
    fill("m1", {"09:50": 0.007}, "purchase_count")

    answer = run(closing={ENERGY: 5_230_400, "balance_money": 4_250})

    assert answer.carried == {"balance_money": 4_250, "purchase_count": 7}
    assert old_site.execute("select carried from replacement").fetchone() == ({"balance_money": 4_250, "purchase_count": 7},)


def test_closed_month_needs_a_word_and_says_that_an_adjustment_follows(run: Callable[..., Replaced], old_site: Connection):
    old_site.execute("insert into closed_month (month, actor, inputs) values ('2026-06-01', 'x', '{}')")
    old_site.commit()

    with pytest.raises(Conflict, match="closed months are touched \\(2026-06\\)"):
        run()
    old_site.rollback()
    answer = run(allow_closed=True)

    assert answer.closed_months == ("2026-06",)
    assert any("adjustment" in note for note in answer.notes)


def test_nobody_stands_at_an_unknown_point(run: Callable[..., Replaced]):
    with pytest.raises(NotFound, match="no device stands at point 'p9'"):
        run(point="p9")


def test_older_plan_is_refused_with_its_line_and_the_present_one_passes(
    run: Callable[..., Replaced], old_site: Connection, import_plan: Callable[..., PlanDiff], plan: str, now_ms: int
):
    run()
    run(key="replace-p1-2", removed_at_ms=now_ms - 2, installed_at_ms=now_ms - 1, closing={ENERGY: 13_000}, new={"address": "10"})

    for stale in (plan, plan.replace("id: m1,", "id: p1-2,")):
        with pytest.raises(ConfigError, match=r"plan.yaml:18: .* at point p1 was replaced by p1-\d, replacement \d .*GET /api/v1/site-plan"):
            import_plan(old_site, stale)
        old_site.rollback()
    present = plan.replace("id: m1,", "id: p1-3,").replace('"000000000001"', '"10"')
    diff = import_plan(old_site, present, preview=True)

    assert (diff.created, diff.updated, diff.removed) == (0, 0, 0)


def test_new_meter_of_an_older_plan_is_refused_by_preview_too(run: Callable[..., Replaced], old_site: Connection, plan: str, models: Models):
    run()

    with pytest.raises(ConfigError, match="m1 at point p1 was replaced"):
        import_site_plan(old_site, plan, "plan.yaml", "tester", True, models=models)
