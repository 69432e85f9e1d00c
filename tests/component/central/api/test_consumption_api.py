"""Consumption over the API: figures, rankings, closing, findings, tariffs, marks; who may, and what the audit trail says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from central.consumption.work import work_off
from central.context import Central
from central.db.pool import Connection, Pool
from central.settings import Settings
from central.web.app import create_app

NOW = datetime(2025, 4, 12, tzinfo=UTC).timestamp()
START_S = 1_740_758_400  # 2025-03-01 00:00 in Shanghai
MANAGE = ["metering.read", "metering.manage"]
Ask = Callable[..., httpx.Response]
Asking = Callable[..., Ask]


@pytest.fixture
def ask(site: Connection, pool: Pool, fresh_database: str, tmp_path: Path, asking: Asking) -> Ask:
    """`ask(method, path, permissions=[...])` below /api/v1, with March of point p1 (place b1): 100 Wh an hour."""
    site.execute("update installation set installed_at = '2025-02-28 16:00Z', register = 'energy_active_forward', ct = 1 where point = 'p1'")
    row = site.execute("insert into series (device, quantity) values ('m1', 'energy_active_forward') returning id").fetchone()
    assert row
    site.execute("insert into reading select %s, to_timestamp(%s + n * 3600), n * 100, 0 from generate_series(0, 31 * 24) as n", [row[0], START_S])
    site.execute(
        "insert into dirty (point_id, from_at, to_at, reason) select id, '2025-01-01', 'infinity', 'x' from metering_point where code = 'p1'"
    )
    site.commit()
    work_off(site)
    site.commit()
    app = create_app(Central(Settings(data_dir=tmp_path), pool, lambda: NOW, fresh_database))
    return asking(app, MANAGE)


def test_a_point_and_a_place_by_every_step(ask: Ask):
    whole = (74_400, 31 * 86_400)
    for path in ("/points/p1", "/places/b1"):
        for step, first in (("15m", (25, 900)), ("hour", (100, 3600)), ("day", (2400, 86_400)), ("month", whole), ("year", whole)):
            answer = ask("GET", f"{path}/consumption?from=2025-03-01&to=2025-03-02&step={step}").json()
            item = answer["items"][0]
            assert (item["value"], (item["end_ms"] - item["start_ms"]) // 1000) == first
            assert (item["start_ms"], item["coverage"], answer["unit"]) == (START_S * 1000, 1.0, "Wh")


def test_what_is_not_known_is_null(ask: Ask):
    items = ask("GET", "/points/p1/consumption?from=2025-04-01&to=2025-04-02").json()["items"]

    assert [(item["value"], item["quality"], item["coverage"]) for item in items] == [(None, "unknown", 0.0)] * 2
    assert ask("GET", "/points/none/consumption?from=2025-04-01&to=2025-04-02").status_code == 404
    assert ask("GET", "/points/p1/consumption?from=2020-01-01&to=2025-04-02&step=15m").status_code == 422


@pytest.mark.parametrize("until", ["2025-03-31", "2025-03-10"])
def test_rankings(ask: Ask, until: str):
    value = 2400 * int(until[-2:])
    for by, code in (("place", "b1"), ("point", "p1")):
        rows = ask("GET", f"/places/campus/ranking?from=2025-03-01&to={until}&by={by}").json()
        assert [(row["code"], row["value"]) for row in rows] == [(code, value)]


def test_a_heat_map_has_a_row_a_day(ask: Ask):
    rows = ask("GET", "/places/campus/heat-map?year=2025").json()

    assert [(row["day"], row["hours"]) for row in rows[:1]] == [("2025-03-01", [100] * 24)]
    assert len(rows) == 31


def test_closing_a_month_is_previewed_audited_and_refused_without_permission(ask: Ask, site: Connection):
    assert ask("POST", "/months/2025-03/close", ["metering.read"]).status_code == 403
    assert ask("POST", "/months/2025-03/close?preview=true").json()["refused"] is None
    assert ask("POST", "/months/2025-03/close").json()["closed"] is True
    assert ask("POST", "/months/2025-03/close").status_code == 409
    assert ask("GET", "/months/2025-03").json()["closed"] is True
    assert ask("GET", "/months/2025-03/points").json()[0]["value"] == 74_400
    assert site.execute("select target from audit where action = 'month.close'").fetchall() == [("2025-03",)]


def test_a_finding_is_settled_once(ask: Ask, site: Connection):
    row = site.execute("insert into finding (code, point, at) values ('register.fall', 'p1', now()) returning id").fetchone()
    assert row
    site.commit()

    assert [one["code"] for one in ask("GET", "/findings").json()] == ["register.fall"]
    assert ask("POST", f"/findings/{row[0]}/resolve", json={"resolution": "meter was replaced"}).json()["resolved_at_ms"]
    assert ask("POST", f"/findings/{row[0]}/resolve", json={"resolution": "again"}).status_code == 409
    assert ask("GET", "/findings").json() == []


def test_a_wrong_tariff_is_refused_and_a_mark_can_be_withdrawn(ask: Ask):
    assert ask("PUT", "/tariffs/electricity/2025-03-01", json={"source": "x"}).status_code == 422
    assert ask("PUT", "/calendar-days", json=[{"day": "2025-05-01", "kind": "holiday"}]).status_code == 200
    assert ask("GET", "/calendar-days").json()[0]["kind"] == "holiday"
    number = ask("POST", "/consumption-marks", json={"point": "p1", "from_ms": 0, "to_ms": 1000, "reason": "filled in"}).json()
    assert ask("DELETE", f"/consumption-marks/{number}").status_code == 200
    assert ask("DELETE", f"/consumption-marks/{number}").status_code == 404
    assert ask("GET", "/consumption-marks").json()[0]["withdrawn"] is True


def days(site: Connection, figures: dict[str, list[int | None]]) -> None:
    """Day rows of p1 by the hour (None: not known), and their sums in place b1."""
    for day, hours in figures.items():
        slots = [None if hour is None else hour // 4 for hour in hours for _ in range(4)]
        value, known = sum(slot or 0 for slot in slots), sum(slot is not None for slot in slots)
        site.execute(
            "insert into consumption_day (point_id, day, value, known_s, slots, pins, seen, rates)"
            " select id, %(day)s, %(value)s, %(known)s * 900, %(slots)s, repeat('1', 97)::bit varying, repeat('1', 96)::bit varying,"
            " array[0, 0, %(value)s, 0, 0] from metering_point where code = 'p1'",
            {"day": day, "value": value, "known": known, "slots": slots},
        )
        site.execute(
            "insert into place_day (place, medium, day, value, points, slots, known, rates)"
            " values ('b1', 'electricity', %s, %s, 1, %s, %s, array[0, 0, %s, 0, 0])",
            [day, value, [slot or 0 for slot in slots], [int(slot is not None) for slot in slots], value],
        )
    site.commit()


def tariff(site: Connection, valid_from: str, price: int) -> None:
    """A flat price from a day on."""
    periods = [{"from": "00:00", "to": "24:00", "rate": "flat"}]
    plans = [{"months": list(range(1, 13)), "kinds": ["workday", "weekend", "holiday"], "periods": periods}]
    body = {"source": "notice", "prices": {"flat": price}, "plans": plans}
    site.execute("insert into tariff_version values ('electricity', %s, %s::jsonb, 'tester')", [valid_from, json.dumps(body)])
    site.commit()


@pytest.mark.parametrize("path", ["/points/p1/cost", "/places/b1/cost"])
def test_c20_every_kwh_is_priced_once_by_the_version_of_its_day(ask: Ask, site: Connection, path: str):
    days(site, {"2025-06-30": [400] * 24 + [], "2025-07-01": [100] * 24})
    tariff(site, "2024-01-01", 5_000)
    tariff(site, "2025-07-01", 6_000)

    found = ask("GET", f"{path}?from=2025-06-30&to=2025-07-01").json()

    assert [(line["valid_from"], line["rate"], line["value"], line["price"], line["fen"]) for line in found["lines"]] == [
        ("2024-01-01", "flat", 9_600, 5_000, 480),
        ("2025-07-01", "flat", 2_400, 6_000, 144),
    ]
    assert (found["total_fen"], found["value"], found["unpriced"], found["coverage"]) == (624, 12_000, 0, 1.0)


def test_c21_lines_sum_to_the_printed_total(ask: Ask, site: Connection):
    days(site, {"2025-06-29": [4] * 24, "2025-06-30": [4] * 24, "2025-07-01": [4] * 24})
    for day in ("2025-06-29", "2025-06-30", "2025-07-01"):
        tariff(site, day, 347_187)  # 96 Wh of it: 333.3 fen

    found = ask("GET", "/points/p1/cost?from=2025-06-29&to=2025-07-01").json()

    assert ([line["fen"] for line in found["lines"]], found["total_fen"]) == ([334, 333, 333], 1000)


def test_energy_before_the_first_tariff_is_told_and_not_priced(ask: Ask, site: Connection):
    tariff(site, "2025-03-02", 5_000)

    found = ask("GET", "/places/b1/cost?from=2025-03-01&to=2025-03-02").json()

    assert (found["unpriced"], found["value"], found["total_fen"]) == (2_400, 4_800, 120)
    assert ask("GET", "/points/p1/cost?from=2025-03-02&to=2025-03-01").status_code == 422


@pytest.mark.parametrize("path", ["/points/p1/comparison", "/places/b1/comparison"])
def test_c26_only_common_hours_are_compared_and_no_percentage_below_95(ask: Ask, site: Connection, path: str):
    days(site, {"2025-06-30": [400] * 24, "2025-07-01": [500] * 20 + [None] * 4})

    found = ask("GET", f"{path}?mode=previous&period=2025-07-01").json()

    assert (found["comparable"], found["comparison"]["reason"], found["comparison"]["change_permille"]) == (False, "coverage", None)
    assert (found["comparison"]["coverage_percent"], found["comparison"]["value"], found["comparison"]["common_base"]) == (83, 10_000, 8_000)
    assert ask("GET", f"{path}?mode=previous&period=2025-03-02").json()["comparison"]["change_permille"] == 0


def test_c30_each_mode_says_which_day_it_laid_beside(ask: Ask, site: Connection):
    days(site, {"2024-02-29": [440] * 24, "2023-03-02": [400] * 24, "2023-02-16": [200] * 24})
    terms = [{"kind": "spring", "first_day": f"{year}-02-{day}", "last_day": f"{year}-07-02"} for year, day in ((2023, 13), (2024, 26))]
    assert ask("PUT", "/academic-terms", json=terms).status_code == 200
    assert ask("GET", "/academic-terms").json() == terms

    found = {mode: ask("GET", f"/points/p1/comparison?mode={mode}&period=2024-02-29").json() for mode in ("same_date", "weekday", "term_week")}

    assert (found["same_date"]["comparable"], found["same_date"]["notes"]) == (False, {"no_such_date": 1})
    assert (found["weekday"]["base_first"], found["weekday"]["comparison"]["change_permille"]) == ("2023-03-02", 100)
    assert (found["term_week"]["base_first"], found["term_week"]["comparison"]["change_permille"]) == ("2023-02-16", 1200)


def test_c30_a_holiday_beside_a_workday_is_noted(ask: Ask):
    assert ask("PUT", "/calendar-days", json=[{"day": "2025-05-29", "kind": "holiday"}]).status_code == 200

    assert ask("GET", "/points/p1/comparison?mode=same_date&period=2025-05-29").json()["notes"] == {"other_kind": 1}
    assert ask("GET", "/points/p1/comparison?mode=same_date&period=2025-13").status_code == 422
    assert ask("GET", "/points/p1/comparison?mode=nearest&period=2025-03").status_code == 422
