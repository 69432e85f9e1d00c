"""What no page of ours sends: every answer is a clear refusal, none is a 500."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

Browser = Callable[..., httpx.Client]
NUL_PATHS = [
    "/api/v1/devices/%00",
    "/api/v1/devices/m1/latest%00",
    "/api/v1/devices/m1/curve?quantity=%00&from_ms=0&to_ms=1",
    "/api/v1/devices?place=%00",
    "/api/v1/gateways/%00",
    "/api/v1/places?parent=%00",
    "/api/v1/places/%00/ancestors",
    "/api/v1/quarantine?reason=%00",
    "/devices/%00",
    "/gateways/%00",
    "/live?devices=%00",
    "/places/%00",
    "/tree?at=%00",
    "/tree/%00",
]
HUGE = "99999999999999999999"


@pytest.mark.parametrize("path", NUL_PATHS)
def test_nul_in_a_name_is_refused(browser: Browser, path: str) -> None:
    assert browser("admin").get(path).status_code in {404, 422}


@pytest.mark.parametrize("path", ["/api/v1/search?q=%00", "/search?q=%00", "/audit?f.q=%00"])
def test_a_search_for_what_no_name_can_hold_finds_nothing(browser: Browser, path: str) -> None:
    answer = browser("admin").get(path)
    assert answer.status_code == 200
    assert "Meter of room 101" not in answer.text


@pytest.mark.parametrize("offset", [HUGE, "-1", "seven"])
def test_a_table_without_a_sensible_offset_begins_at_its_first_row(browser: Browser, offset: str) -> None:
    assert "Meter of room 101" in browser("admin").get(f"/places/campus?offset={offset}").text


@pytest.mark.parametrize("path", ["/api/v1/devices?offset=", "/api/v1/quarantine?offset=", "/api/v1/iot/meters?offset="])
def test_number_beyond_the_database_is_refused(browser: Browser, path: str) -> None:
    answer = browser("admin").get(path + HUGE, headers={"accept": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "request.invalid"


@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "9999-12-31"])
def test_day_outside_all_history_shows_a_day_there_is(browser: Browser, day: str) -> None:
    page = browser("viewer").get(f"/devices/m1?day={day}")
    assert page.status_code == 200
    assert day not in page.text


def test_nul_in_the_login_form_is_refused(browser: Browser, csrf_of: Callable[..., str]) -> None:
    client = browser()
    form = {"csrf": csrf_of(client.get("/login")), "name": "a\0b", "password": "\0"}
    assert client.post("/login", data=form).status_code == 422


@pytest.mark.parametrize("fields", [{"name": "a\0b", "permissions": "metering.read"}, {"name": "ab", "permissions": "\0"}])
def test_nul_in_a_token_is_refused(browser: Browser, csrf_of: Callable[..., str], fields: dict[str, str]) -> None:
    client = browser("admin")
    assert client.post("/accounts/tokens", data={"csrf": csrf_of(client.get("/accounts")), **fields}).status_code == 422


def test_database_that_goes_away_in_a_request_is_a_503(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    client = browser("viewer")

    def gone(conn: Any, scope: Any) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("central.web.pages.gateways.list_gateways", gone)
    page = client.get("/gateways")
    assert page.status_code == 503
    assert page.headers["retry-after"]
    assert "unexpectedly" not in page.text


@pytest.mark.parametrize(("codes", "status"), [("", 422), ("nope", 404), (",".join(f"d{n}" for n in range(5000)), 422)])
def test_stream_of_nothing_unknown_or_everything_is_refused(browser: Browser, codes: str, status: int) -> None:
    assert browser("viewer").get("/live", params={"devices": codes}).status_code == status
