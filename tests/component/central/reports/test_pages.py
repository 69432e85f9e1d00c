"""The pages /electricity and /water: every tab answers with the figures of its place, says how much is known, and shows what lies in the scope."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest

from central.context import Central
from central.db.pool import open_pool
from central.identity.tokens import create_token
from central.settings import Settings
from central.web.app import create_app

NOW = 1_750_400_000.0  # 2025-06-20
RANGE = "period=custom&at=2025-06-01&to=2025-06-02"
TABS = ("overview", "ranking", "items", "heat", "demand", "tariff", "flow", "balance", "devices")


@pytest.fixture(scope="module")
def ask(campus, database):
    """`ask(path, places=None)`: a page in English as somebody who may see these places; `form` posts."""
    names = iter(range(200))
    with open_pool(database, max_size=2) as pool:
        app = create_app(Central(Settings(), pool, lambda: NOW, database))

        def request(path, places=None, form=None, language="en"):
            permissions = ["reports.read", "metering.manage"]
            token = create_token(campus, f"p{next(names)}", permissions, NOW, places=places)
            campus.commit()
            headers = {"authorization": f"Bearer {token}", "accept": "text/html", "accept-language": language}

            async def send():
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as client:
                    return await (client.get(path) if form is None else client.post(path, data=form))

            return asyncio.run(send())

        yield request


def words(answer):
    """What a person reads, without the scripts' data."""
    assert answer.status_code == 200, answer.text
    main = re.search(r"<main.*</main>", answer.text, re.S).group()
    return " ".join(re.sub(r"<script.*?</script>|<[^>]*>", " ", main, flags=re.S).split())


def drawing(answer, name):
    """The data of a chart."""
    return json.loads(re.search(f'id="{name}-data">(.*?)</script>', answer.text, re.S).group(1))


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("tab", TABS)
def test_every_tab_answers_in_both_languages(ask, tab, language):
    answer = ask(f"/electricity?node=b1&{RANGE}&tab={tab}", language=language)

    assert words(answer)
    assert f"tab={tab}" in re.search(r'<a href="([^"]*)" aria-current="page">', answer.text).group(1)


def test_the_first_tab_says_total_peak_and_intensity(ask):
    said = words(ask(f"/electricity?node=b1&{RANGE}"))

    assert "Total 481.0 kWh All hours known" in said
    assert "14.0 kW 2025-06-02 14:00" in said
    assert "481.0 Wh" not in said
    assert "Enter it" not in said


def test_what_is_not_entered_is_a_dash_with_a_way_to_enter_it(ask):
    answer = ask(f"/electricity?node=b2&{RANGE}")

    assert "For each person — Nobody has said how many people use the place Enter it" in words(answer)
    assert 'href="/places/b2/facts"' in answer.text


def test_no_percentage_against_a_period_of_which_too_little_is_known(ask):
    said = words(ask("/electricity?node=b1&period=month&at=2025-06-01"))

    assert said.count("Less than 95 % of one of the periods is known") == 2
    assert "% more" not in said


def test_a_rise_is_told_with_arrow_and_word(ask):
    answer = ask("/electricity?node=b1&period=day&at=2025-06-02")

    assert "↑ 0.4 % more then 240.0 kWh" in words(answer)
    assert 'class="change rise"' in answer.text


def test_the_chart_and_its_table_say_the_same_and_days_lead_on(ask):
    answer = ask("/electricity?node=b1&period=week&at=2025-06-02")
    chart = drawing(answer, "course")

    assert chart["series"][0]["values"][:2] == [241.0, 240.0]
    assert chart["series"][0]["values"][5:] == [None, None]
    assert '<a href="/electricity?node=b1&amp;period=day&amp;at=2025-06-02&amp;tab=overview" data-key="0">2025-06-02</a>' in answer.text
    assert answer.text.index('<td class="num">241.0</td>') < answer.text.index('<td class="num">—')


def test_a_day_is_a_curve_with_the_day_before_dashed(ask):
    chart = drawing(ask("/electricity?node=b1&period=day&at=2025-06-02"), "course")

    assert [one["style"] for one in chart["series"]] == ["line", "dashed"]
    assert (chart["unit"], max(chart["series"][0]["values"]), len(chart["instants"])) == ("kW", 14.0, 96)


def test_ranking_is_by_what_is_asked_and_names_what_is_missing(ask):
    per_m2 = ask(f"/electricity?node=campus&{RANGE}&tab=ranking&per=m2")

    assert drawing(per_m2, "ranking")["unit"] == "kWh/m²"
    assert drawing(per_m2, "ranking")["categories"] == ["Building 2", "Building 1"]
    assert "Building 3 — 100 % The place has no area in m² yet Enter it" in words(per_m2)
    assert "Total 3,409 kWh" in words(per_m2)


def test_metering_points_are_ranked_too(ask):
    answer = ask(f"/electricity?node=b1&{RANGE}&tab=ranking&by=point")

    assert drawing(answer, "ranking")["categories"] == ["main", "a", "b"]


def test_items_are_drawn_by_use_and_by_place(ask):
    answer = ask(f"/electricity?node=campus&{RANGE}&tab=items")

    assert {part[2] for part in drawing(answer, "items")["parts"]} >= {"A", "B", "C", "D", "other"}
    assert all(one["stack"] == "items" for one in drawing(answer, "by-place")["series"])
    assert words(ask(f"/electricity?node=campus&{RANGE}&tab=items&item=01A")).count("01A1") == 1


def test_a_parent_that_shows_less_than_those_below_is_bad_in_words(ask):
    assert "neg 1 meter below below shows more" in words(ask(f"/electricity?node=b3&{RANGE}&tab=balance"))


def test_water_has_no_rates_and_leads_to_its_own_pages(ask):
    answer = ask(f"/water?node=b2&{RANGE}")

    assert "Total 19.2 m³" in words(answer)
    assert "tab=tariff" not in answer.text
    assert 'href="/water/leaks?node=b2"' in answer.text
    assert "Total 19.2 m³" in words(ask(f"/water?node=b2&{RANGE}&tab=tariff")), "an unknown tab is the first one"


def test_who_sees_two_buildings_chooses_one_and_sees_no_third(ask):
    chosen = ask(f"/electricity?{RANGE}", places=["b1", "b2"])

    assert "Choose a place Building 1" in words(chosen)
    assert ask(f"/electricity?node=b3&{RANGE}", places=["b1", "b2"]).status_code == 404
    assert ask(f"/electricity?node=campus&{RANGE}&tab=devices", places=["b1", "b2"]).status_code == 404
    assert "481.0 kWh" in words(ask(f"/electricity?{RANGE}", places=["b1"]))


def test_a_fact_is_entered_with_its_day_and_used_from_then_on(ask):
    form = {"fact": "people", "value": "1,200", "valid_from": "2025-05-01", "source": "register"}

    assert ask("/places/b3/facts", form=form).status_code == 303

    assert "People 1,200 2025-05-01 register" in words(ask("/places/b3/facts"))
    assert "Nobody has said" not in words(ask(f"/electricity?node=b3&{RANGE}"))


@pytest.mark.parametrize(
    ("fact", "value", "problem"), [("people", "many", "people must be a whole number"), ("building_type", "?", "building_type must be")]
)
def test_a_fact_that_cannot_be_is_refused_with_the_reason(ask, fact, value, problem):
    answer = ask("/places/b3/facts", form={"fact": fact, "value": value, "source": "x"})

    assert answer.status_code == 422
    assert problem in answer.text


def test_facts_outside_the_scope_can_neither_be_seen_nor_written(ask):
    assert ask("/places/b3/facts", places=["b1"]).status_code == 404
    assert ask("/places/b3/facts", places=["b1"], form={"fact": "people", "value": "1", "source": "x"}).status_code == 404
