"""Undoing a replacement, and telling of one after the register fell."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from central.db.pool import Connection
from central.metering.cancel_replacement import cancel_replacement
from central.metering.confirm_fall import confirm_fall
from central.metering.meters import Models
from central.metering.model import PlanDiff
from central.metering.replace_meter import UNDO_MS, replace_meter
from central.metering.replacement import Replaced, Swap
from protocol.errors import ConfigError, Conflict, NotFound

ENERGY = "energy_active_forward"
At = Callable[[str], int]
Fill = Callable[..., None]
MakeSwap = Callable[..., Swap]


@pytest.fixture
def replaced(old_site: Connection, fill: Fill, swap: MakeSwap, now_ms: int, models: Models) -> Replaced:
    fill("m1", {"10:00": 5230.0})
    answer = replace_meter(old_site, swap(), "wang", now_ms, False, models)
    old_site.commit()
    return answer


@pytest.fixture
def finding(old_site: Connection, fill: Fill, at: At) -> int:
    fill("m1", {"10:00": 5230.0, "11:00": 12.0, "12:00": 13.0})
    sql = "insert into finding (code, point, device, at) values ('register.fall', 'p1', 'm1', to_timestamp(%s / 1000.0)) returning id"
    (number,) = old_site.execute(sql, [at("11:00")]).fetchone()
    old_site.commit()
    return int(number)


def test_undone_replacement_leaves_the_old_meter_and_both_entries(old_site: Connection, replaced: Replaced, now_ms: int):
    done = cancel_replacement(old_site, replaced.id, "wrong room", "li", now_ms)

    assert (done.device, done.removed_device) == ("m1", "p1-2")
    assert old_site.execute("select device, closing, removed_at from installation where point = 'p1'").fetchall() == [("m1", {}, None)]
    assert old_site.execute("select code from device where removed_at is null and code in ('m1', 'p1-2')").fetchall() == [("m1",)]
    assert old_site.execute("select cancelled_by, cancel_reason from replacement").fetchall() == [("li", "wrong room")]
    (body,) = old_site.execute("select body::text from desired_document where gateway = 'gw-1'").fetchone()
    assert '"m1"' in body
    assert '"p1-2"' not in body


def test_undoing_can_be_previewed(old_site: Connection, replaced: Replaced, now_ms: int):
    assert cancel_replacement(old_site, replaced.id, "wrong room", "li", now_ms, preview=True).preview

    assert old_site.execute("select count(*) from installation where point = 'p1'").fetchone() == (2,)


def test_plan_of_before_is_the_right_one_again_and_one_of_between_is_not(
    old_site: Connection, replaced: Replaced, import_plan: Callable[..., PlanDiff], plan: str, now_ms: int
):
    cancel_replacement(old_site, replaced.id, "wrong room", "li", now_ms)

    diff = import_plan(old_site, plan)
    assert (diff.created, diff.updated, diff.removed) == (0, 0, 0)
    with pytest.raises(ConfigError, match="replacement 1 at point p1 was undone"):
        import_plan(old_site, plan.replace("id: m1,", "id: p1-2,"))


def test_nothing_is_undone_after_a_day_twice_or_once_the_new_meter_speaks(old_site: Connection, replaced: Replaced, fill: Fill, now_ms: int):
    with pytest.raises(Conflict, match="more than 24 hours ago"):
        cancel_replacement(old_site, replaced.id, "late", "li", now_ms + UNDO_MS + 1)
    old_site.rollback()
    fill("p1-2", {"11:00": 12.8})
    with pytest.raises(Conflict, match="p1-2 has sent 1 readings of its own"):
        cancel_replacement(old_site, replaced.id, "but it speaks", "li", now_ms)
    old_site.rollback()
    old_site.execute("delete from reading where value = 12800")
    cancel_replacement(old_site, replaced.id, "wrong room", "li", now_ms)
    with pytest.raises(Conflict, match="undone already"):
        cancel_replacement(old_site, replaced.id, "again", "li", now_ms)


def test_nothing_is_undone_after_the_next_replacement(old_site: Connection, replaced: Replaced, swap: MakeSwap, at: At, now_ms: int, models: Models):
    later = swap(key="replace-p1-2", removed_at_ms=at("15:00"), installed_at_ms=at("15:00"), closing={ENERGY: 13_000}, new={"address": "10"})
    replace_meter(old_site, later, "wang", now_ms, False, models)

    with pytest.raises(Conflict, match="the point was changed since"):
        cancel_replacement(old_site, replaced.id, "too late", "li", now_ms)


def test_unknown_replacement_is_not_found(old_site: Connection, now_ms: int):
    with pytest.raises(NotFound, match="there is no replacement 7"):
        cancel_replacement(old_site, 7, "what", "li", now_ms)


def test_fall_is_settled_by_the_replacement_behind_it(old_site: Connection, finding: int, swap: MakeSwap, at: At, now_ms: int, models: Models):
    told = swap(readings_are_new=True, new={"address": "000000000001"}, opening={ENERGY: 11_500})

    preview = confirm_fall(old_site, finding, told, "wang", now_ms, True, models)
    answer = confirm_fall(old_site, finding, told, "wang", now_ms, False, models)

    assert (preview.preview, preview.id, preview.hours) == (True, None, answer.hours)
    assert {hour.from_ms: hour.after for hour in answer.hours}[at("10:00")] == (400 + 500) * 40
    assert old_site.execute("select resolved_at is not null, resolution from finding").fetchone() == (
        True,
        "replaced by p1-2, replacement 2, told by wang",
    )
    assert confirm_fall(old_site, finding, told, "wang", now_ms, False, models) == answer


def test_finding_of_another_point_or_kind_is_not_settled(old_site: Connection, finding: int, swap: MakeSwap, now_ms: int, models: Models):
    with pytest.raises(Conflict, match="the replacement names another"):
        confirm_fall(old_site, finding, swap(point="m2"), "wang", now_ms, False, models)
    old_site.rollback()
    old_site.execute("update finding set code = 'register.jump'")
    with pytest.raises(Conflict, match=r"is register\.jump"):
        confirm_fall(old_site, finding, swap(), "wang", now_ms, False, models)
