"""Ratios that were wrong, and ratios that changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from central.db.pool import Connection
from central.metering.change_ratio import RatioChange, change_ratio
from central.metering.correct_ratio import Correction, correct_ratio
from central.metering.hours_around import hours_of_days
from central.metering.model import PlanDiff
from protocol.errors import ConfigError, Conflict, NotFound

ENERGY = "energy_active_forward"
At = Callable[[str], int]
Fill = Callable[..., None]


def correction(**changes: object) -> Correction:
    return Correction.model_validate({"point": "p1", "ratio": {"ct": 60}, "reason": "nameplate says 60"} | changes)


def change(at_ms: int, **more: object) -> RatioChange:
    return RatioChange.model_validate({"point": "p1", "at_ms": at_ms, "ct": 60, "pt": 1, "reason": "larger load"} | more)


def day_total(conn: Connection, at_ms: int) -> int:
    """The point's day by its registers now, in Wh."""
    from central.consumption.days import day_of

    (point_id,) = conn.execute("select id from metering_point where code = 'p1'").fetchone()
    day = day_of(at_ms, "Asia/Shanghai")
    return sum(amount or 0 for amount, _ in hours_of_days(conn, point_id, (day, day), "Asia/Shanghai").values())


def test_corrected_ratio_counts_for_the_whole_stay_and_the_wrong_one_is_on_record(old_site: Connection, now_ms: int):
    answer = correct_ratio(old_site, correction(ratio={"ct": 60, "denominator": 1_000_000}), "wang", now_ms)

    assert (answer.before["ct"], answer.after["ct"], answer.after["denominator"], answer.version) == (40, 60, 1_000_000, 2)
    assert old_site.execute("select ct, denominator, ratio_version from installation where point = 'p1'").fetchall() == [(60, 1_000_000, 2)]
    assert old_site.execute("select before -> 'ct', after -> 'ct', actor from ratio_correction").fetchall() == [(40, 60, "wang")]
    from_at, to_at = old_site.execute("select min(from_at), max(to_at)::text from dirty where reason = 'ratio corrected'").fetchone()
    assert (from_at.isoformat(), to_at) == ("2026-05-01T00:00:00+00:00", "infinity")
    (body,) = old_site.execute("select body::text from desired_document where gateway = 'gw-1'").fetchone()
    assert '"ct": 60' in body


def test_correction_that_changes_nothing_or_nobody_is_refused(old_site: Connection, now_ms: int):
    with pytest.raises(Conflict, match="has this ratio already"):
        correct_ratio(old_site, correction(ratio={"ct": 40}), "wang", now_ms)
    old_site.rollback()
    with pytest.raises(NotFound):
        correct_ratio(old_site, correction(point="p9"), "wang", now_ms)


def test_correction_names_the_closed_months_and_preview_writes_nothing(old_site: Connection, now_ms: int):
    old_site.execute("insert into closed_month (month, actor, inputs) values ('2026-04-01', 'x', '{}'), ('2026-05-01', 'x', '{}')")

    answer = correct_ratio(old_site, correction(), "wang", now_ms, preview=True)

    assert answer.closed_months == ("2026-05",)
    assert old_site.execute("select ct from installation where point = 'p1'").fetchone() == (40,)


def test_older_plan_does_not_put_the_wrong_ratio_back(old_site: Connection, now_ms: int, import_plan: Callable[..., PlanDiff], plan: str):
    correct_ratio(old_site, correction(), "wang", now_ms)

    with pytest.raises(ConfigError, match="the ratio of m1 at point p1 was corrected from ct 40"):
        import_plan(old_site, plan)
    old_site.execute("select 1")
    assert import_plan(old_site, plan.replace("ct: 40", "ct: 60"), preview=True).rows == ()


def test_ratio_changed_at_two_in_the_afternoon_counts_each_side_by_its_own(old_site: Connection, fill: Fill, at: At, now_ms: int):
    fill("m1", {"00:00": 10.0, "14:00": 10.5, "23:59": 10.9})

    answer = change_ratio(old_site, change(at("14:00")), "wang", now_ms)

    assert (answer.register_value, answer.estimated) == (10_500, False)
    assert day_total(old_site, at("12:00")) == 44_000  # 0.50 kWh x 40 + 0.40 kWh x 60
    stays = old_site.execute("select ct, opening, closing, removed_at is null from installation where point = 'p1' order by installed_at").fetchall()
    assert stays == [(40, {}, {ENERGY: 10_500}, False), (60, {ENERGY: 10_500}, {}, True)]


def test_register_at_the_change_is_reckoned_from_the_readings_around_it(old_site: Connection, fill: Fill, at: At, now_ms: int):
    fill("m1", {"13:00": 10.0, "15:00": 11.0})

    answer = change_ratio(old_site, change(at("14:30")), "wang", now_ms, preview=True)

    assert (answer.register_value, answer.estimated) == (10_750, True)


def test_register_that_was_read_by_hand_is_taken(old_site: Connection, fill: Fill, at: At, now_ms: int):
    fill("m1", {"13:00": 10.0, "15:00": 11.0})

    assert change_ratio(old_site, change(at("14:30"), register_value=10_600), "wang", now_ms).register_value == 10_600


def test_change_that_cannot_be_is_refused(old_site: Connection, fill: Fill, at: At, now_ms: int):
    fill("m1", {"13:00": 10.0})
    for bad, told in (
        (change(at("14:00")), "send register_value"),
        (change(at("14:00"), ct=40), "has ct 40 and pt 1 already"),
        (change(now_ms + 1), "not in the future"),
        (change(1), "must lie after"),
    ):
        with pytest.raises(Conflict, match=told):
            change_ratio(old_site, bad, "wang", now_ms)
        old_site.rollback()


def test_changed_ratio_is_not_undone_by_an_older_plan(
    old_site: Connection, fill: Fill, at: At, now_ms: int, import_plan: Callable[..., PlanDiff], plan: str
):
    change_ratio(old_site, change(at("14:00"), register_value=5), "wang", now_ms)

    with pytest.raises(ConfigError, match="the transformers of m1 at point p1 were changed"):
        import_plan(old_site, plan)
