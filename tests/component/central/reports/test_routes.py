"""The JSON API of reports: every operation answers, for those who may ask."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from central.context import Central
from central.db.pool import open_pool
from central.identity.tokens import create_token
from central.settings import Settings
from central.web.app import create_app
from central.web.table_list import TABLES
from central.web.tables import Asked
from protocol.errors import ConfigError, NotFound

RANGE = "from=2025-06-01&to=2025-06-02"
NOW = 1_750_400_000.0
TABLE = {"first": "2025-06-01", "last": "2025-06-02", "medium": "electricity", "beside": "previous"}


@pytest.fixture(scope="module")
def ask(campus, database):
    """`ask(method, path, permission)` below /api/v1."""
    names = iter(range(100))
    with open_pool(database, max_size=2) as pool:
        app = create_app(Central(Settings(), pool, lambda: NOW, database))

        def request(method, path, permission="reports.read", **more):
            token = create_token(campus, f"t{next(names)}", [permission], NOW)
            campus.commit()

            async def send():
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as client:
                    return await client.request(method, path, headers={"authorization": f"Bearer {token}"}, **more)

            return asyncio.run(send())

        yield request


@pytest.mark.parametrize(
    "path",
    ["areas", "points", "items", "makers", "rates", "series", "hours", "duration", "demand", "flow", "balance", "equivalents"],
)
def test_every_report_answers_with_what_is_known_of_a_building(ask, path):
    answer = ask("GET", f"/reports/b1/{path}?{RANGE}")

    assert answer.status_code == 200, answer.text
    assert "481000" in answer.text or path in ("points", "hours", "duration", "demand", "balance", "equivalents")


def test_answers_are_typed_and_missing_is_null(ask):
    areas = ask("GET", f"/reports/campus/areas?{RANGE}&beside=previous").json()

    b4 = next(line for line in areas["parts"] if line["code"] == "b4")
    assert (b4["figure"], areas["total"]["quality"]) == ({"value": None, "coverage": 0.0, "quality": "unknown", "reason": "unknown"}, "measured")
    assert areas["compared"]["mode"] == "previous"


def test_a_calendar_and_the_dictionary_answer(ask):
    calendar = ask("GET", "/reports/b1/calendar/2025").json()
    dictionary = ask("GET", "/reports/dictionary").json()

    assert (len(calendar), calendar[152]["value"]) == (365, 241_000)
    assert (dictionary["own"], [tree["tree"] for tree in dictionary["trees"]]) == ("ministry", ["ministry", "province"])


def test_nonsense_is_refused_and_other_places_are_not_found(ask):
    assert ask("GET", "/reports/b1/areas?from=2025-06-02&to=2025-06-01").status_code == 422
    assert ask("GET", f"/reports/b1/areas?{RANGE}&beside=never").status_code == 422
    assert ask("GET", f"/reports/b9/areas?{RANGE}").status_code == 404
    assert ask("GET", f"/reports/b1/areas?{RANGE}", permission="fleet.read").status_code == 403


def test_facts_and_items_are_read_by_many_and_written_by_few(ask):
    fact = {"value": 12, "valid_from": "2025-06-01", "source": "drawing"}

    assert ask("PUT", "/places/b4/facts/floors", json=fact).status_code == 403
    assert ask("PUT", "/places/b4/facts/floors", "metering.manage", json=fact).status_code == 200
    assert [(one["fact"], one["number"], one["valid_from"]) for one in ask("GET", "/places/b4/facts").json()] == [("floors", 12, "2025-06-01")]
    assert ask("PUT", "/points/c/item", "metering.manage", json={"item": "01Z", "source": "x"}).status_code == 422
    assert [one["item"] for one in ask("GET", "/points/c/items").json()] == ["01C2"]


@pytest.mark.parametrize(("name", "codes"), [("report-points", ["c", "d", "mv"]), ("report-places", [""]), ("report-items", ["", "01C", "01D"])])
def test_tables_hold_the_same_rows_and_page_through_them(campus, name, codes):
    spec = TABLES[name]
    found = spec.fetch(campus, None, Asked(node="b2", context=TABLE, sort="code"), 50)
    second = spec.fetch(campus, None, Asked(node="b2", context=TABLE, sort="code", offset=1), 1)

    assert [row["code"] for row in found.rows] == codes
    assert found.total == len(codes)
    assert [row["code"] for row in second.rows] == codes[1:2]
    assert all({column.key for column in spec.columns} <= row.keys() for row in found.rows)


def test_a_table_shows_nothing_outside_the_scope_and_trusts_no_context(campus):
    fetch = TABLES["report-places"].fetch

    assert len(fetch(campus, ["campus"], Asked(node="campus", context=TABLE), 50).rows) == 4
    with pytest.raises(NotFound):
        fetch(campus, ["b1"], Asked(node="b2", context=TABLE), 50)
    for wrong in ({"first": "yesterday"}, {"medium": "gas"}, {"beside": "x"}):
        with pytest.raises(ConfigError):
            fetch(campus, None, Asked(node="b2", context=TABLE | wrong), 50)
