"""A wall screen sees its place on /wall, nothing else, and not a refresh longer than it may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from central.identity.principal import CONSOLE
from central.wall.kiosk import create_kiosk, find_kiosk, list_kiosks, revoke_kiosk
from protocol.errors import Conflict, NotFound, Refused

Screen = Callable[..., httpx.Client]
DAY_S = 86_400


@pytest.fixture
def screen(web: Any, csrf_of: Callable[[httpx.Response], str]) -> Iterator[Screen]:
    """`screen("name", place=None, days=1)`: the browser of a screen that was let in."""
    opened: list[httpx.Client] = []

    def make(name: str, place: str | None = None, days: int = 1) -> httpx.Client:
        with web.pool.connection() as conn:
            secret = create_kiosk(conn, name, place, days, web.clock(), CONSOLE)
        client = httpx.Client(base_url=web.url, headers={"accept": "text/html", "accept-language": "en"})
        opened.append(client)
        answer = client.post("/wall/enter", data={"csrf": csrf_of(client.get("/wall/enter")), "token": secret})
        assert (answer.status_code, answer.headers["location"]) == (303, "/wall")
        return client

    yield make
    for client in opened:
        client.close()


def test_a_screen_shows_its_place_only(screen: Screen) -> None:
    client = screen("hall", "b1")
    page = client.get("/wall").text
    assert "Building 1" in page
    assert "North campus" not in page
    assert client.get("/wall/now?node=r101").status_code == 200
    assert client.get("/wall/now?node=b2").status_code == 404


@pytest.mark.parametrize("path", ["/", "/api/v1/home", "/api/v1/kiosks", "/wall/tokens", "/alarms", "/live?devices=m1", "/search?q=1"])
def test_the_cookie_of_a_screen_opens_nothing_else(screen: Screen, path: str) -> None:
    client = screen(f"door {path}"[:60])
    cookie = next(one for one in client.cookies.jar if one.name == "ce_kiosk")
    assert cookie.path == "/wall"
    answer = client.get(path, headers={"cookie": f"{cookie.name}={cookie.value}", "accept": "application/json"})
    assert answer.status_code == 401


def test_the_secret_is_no_bearer_token_and_no_session(web: Any) -> None:
    with web.pool.connection() as conn:
        secret = create_kiosk(conn, "bearer", None, 1, web.clock(), CONSOLE)
    for headers in ({"authorization": f"Bearer {secret}"}, {"cookie": f"ce_session={secret}"}):
        assert httpx.get(web.url + "/api/v1/home", headers=headers).status_code == 401


def test_a_revoked_screen_is_out_at_its_next_refresh(web: Any, screen: Screen) -> None:
    client = screen("lobby")
    assert client.get("/wall/now", headers={"hx-request": "true"}).status_code == 200
    with web.pool.connection() as conn:
        number = next(kiosk.id for kiosk in list_kiosks(conn, web.clock()) if kiosk.name == "lobby")
        revoke_kiosk(conn, number, "boss", web.clock())
    answer = client.get("/wall/now", headers={"hx-request": "true", "hx-current-url": f"{web.url}/wall"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/wall/enter?next=/wall")
    assert "no access" in client.get(answer.headers["hx-redirect"]).text


def test_a_screen_s_time_ends(web: Any, screen: Screen) -> None:
    screen("short", days=1)
    with web.pool.connection() as conn:
        secret = create_kiosk(conn, "other", None, 2, web.clock(), CONSOLE)
        assert find_kiosk(conn, secret, web.clock() + 2 * DAY_S - 1) is not None
        assert find_kiosk(conn, secret, web.clock() + 2 * DAY_S) is None
        create_kiosk(conn, "short", None, 1, web.clock() + DAY_S, CONSOLE)  # the name is free again


def test_a_wrong_code_does_not_enter(web: Any, csrf_of: Callable[[httpx.Response], str]) -> None:
    with httpx.Client(base_url=web.url, headers={"accept": "text/html", "accept-language": "en"}) as client:
        answer = client.post("/wall/enter", data={"csrf": csrf_of(client.get("/wall/enter")), "token": "guess"})
        assert (answer.status_code, "no access" in answer.text) == (403, True)
        assert client.post("/wall/enter", data={"csrf": "0", "token": "guess"}).status_code == 403


def test_that_a_screen_looked_is_noted(web: Any, screen: Screen) -> None:
    screen("seen").get("/wall")
    with web.pool.connection() as conn:
        assert next(kiosk for kiosk in list_kiosks(conn, web.clock()) if kiosk.name == "seen").last_seen_at is not None


@pytest.mark.parametrize(
    ("name", "place", "days", "error"),
    [
        ("", None, 1, Refused),
        ("x" * 61, None, 1, Refused),
        ("a\nb", None, 1, Refused),
        ("a", None, 0, Refused),
        ("a", None, 1101, Refused),
        ("a", "r101", 1, NotFound),
    ],
)
def test_what_no_screen_can_be_is_refused(web: Any, name: str, place: str | None, days: int, error: type[Exception]) -> None:
    with web.pool.connection() as conn, pytest.raises(error):
        create_kiosk(conn, name, place, days, web.clock(), CONSOLE)


def test_two_live_screens_have_two_names_and_making_one_stands_in_the_audit(web: Any) -> None:
    with web.pool.connection() as conn:
        create_kiosk(conn, "twice", "b1", 1, web.clock(), CONSOLE)
        with pytest.raises(Conflict):
            create_kiosk(conn, "twice", None, 1, web.clock(), CONSOLE)
        row = conn.execute("select actor, details from audit where action = 'kiosk.created' and target = 'twice'").fetchone()
    assert row == ("console", {"place": "b1", "days": 1})


def test_who_is_signed_in_may_look_and_others_sign_in_first(browser: Callable[..., httpx.Client]) -> None:
    assert browser("viewer").get("/wall").status_code == 200
    assert browser().get("/wall").headers["location"] == "/login?next=/wall"


def test_only_administrators_make_screens(browser: Callable[..., httpx.Client]) -> None:
    assert browser("operator").get("/wall/tokens").status_code == 403
