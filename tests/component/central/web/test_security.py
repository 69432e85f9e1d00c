"""The security baseline, over every route there is: what a stranger, another site, a flood or a half signed-in person can do to it, which is nothing.

docs/security.md lists which check has which test. Who may do what with which thing is tests/component/central/api/test_matrix.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from central.db.pool import connect
from central.identity import csrf
from central.identity.accounts import add_account
from central.identity.permissions import SECOND_FACTOR, Role
from central.identity.secret import digest
from central.identity.tokens import create_token
from central.settings import WebSettings

Browser = Callable[..., httpx.Client]
CODES = {
    "places": "campus",
    "tree": "campus",
    "reports": "campus",
    "devices": "m1",
    "gateways": "gw1",
    "points": "m1",
    "tables": "devices",
    "lines": "l1",
}
CODES |= {"months": "2026-01", "calendar": "2026", "language": "en", "rules": "device_silent", "facts": "people", "{tariff}": "2026-07-01"}
UNGUARDED_WRITES = {"/api/v1/iot/reports/{source}"}  # signed by its sender, knows no cookie
OWN_FORMS = {"/login", "/login/code", "/welcome", "/welcome/open", "/wall/enter"}  # before there is a session; see test_sign_in.py and test_wall.py
STREAMS = {"/live"}
PASSWORD = "seven green kettles"
EVIL = "https://evil.example"
INLINE = ("<style", " style=", " onclick=", " onload=", " onerror=", "javascript:", "hx-on", "hx-vals='js")
JSON = {"accept": "application/json"}


def routes_of(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if hasattr(route, "original_router"):
            yield from routes_of(route.original_router)
        elif isinstance(route, APIRoute):
            yield route


def guards(dependant: Any) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield from [inner.call] if hasattr(inner.call, "permission") else []
        yield from guards(inner)


def address(route: APIRoute) -> str:
    """The route's path about something of the small site."""
    return re.sub(
        r"([^/]+)/\{\w+\}", lambda found: f"{found[1]}/{CODES.get(found[1], '1')}", re.sub(r"\{tariff\}/\{\w+\}", "t/2026-07-01", route.path)
    )


@pytest.fixture(scope="module")
def web(database: str, serve: Callable[..., Any], import_site: Callable[..., None]) -> Iterator[Any]:
    """The application on the small site, with limits that a walk over every route does not reach."""
    with serve(database, web=WebSettings(requests_per_s=10_000, requests_at_once=100_000)) as web:
        with connect(database) as conn:
            import_site(conn)
            for role in Role:
                add_account(conn, f"the-{role}", PASSWORD, role, web.clock.now)
        yield web


@pytest.fixture(scope="module")
def routes(web: Any) -> list[APIRoute]:
    return list(routes_of(web.app))


@pytest.fixture
def writes(routes: list[APIRoute]) -> list[tuple[str, str]]:
    """(method, address) of every route that changes something for a browser."""
    found = [(method, address(route)) for route in routes for method in route.methods - {"GET"} if route.path not in UNGUARDED_WRITES]
    assert len(found) > 100
    return found


def test_no_change_without_the_page_s_token(browser: Browser, writes: list[tuple[str, str]]) -> None:
    client = browser("admin")
    answers = {f"{method} {path}": client.request(method, path, headers=JSON) for method, path in writes}
    assert {name for name, answer in answers.items() if answer.status_code != 403} == {f"POST {path}" for path in OWN_FORMS}


def test_no_change_from_another_site_even_with_the_token(browser: Browser, writes: list[tuple[str, str]]) -> None:
    client = browser("admin")
    token = csrf.token(client.cookies["ce_session"])
    headers = {**JSON, "origin": EVIL, "x-csrf-token": token}
    for method, path in writes:
        if path not in OWN_FORMS:
            answer = client.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()["error"]["details"]["problem"]) == (403, "foreign_origin"), f"{method} {path}"


def test_what_needs_a_second_factor_is_refused_to_a_password_alone(browser: Browser, routes: list[APIRoute]) -> None:
    client = browser("admin", factor=False)
    headers = {**JSON, "x-csrf-token": csrf.token(client.cookies["ce_session"])}
    needing = [route for route in routes if any(guard.permission in SECOND_FACTOR for guard in guards(route.dependant))]
    asked = [(method, route) for route in needing for method in route.methods]
    assert len(asked) > 50
    for method, route in asked:
        answer = client.request(method, address(route), headers=headers)
        assert (answer.status_code, answer.json()["error"]["details"]["problem"]) == (403, "second_factor"), f"{method} {route.path}"


@pytest.fixture(scope="module")
def answers(web: Any, routes: list[APIRoute], sign_in: Callable[..., Any]) -> list[tuple[str, httpx.Response]]:
    """What every GET route answers a browser of another site's page: an administrator's, and a stranger's."""
    found = []
    for name in ("the-admin", None):
        with httpx.Client(base_url=web.url, timeout=60, headers={"accept": "text/html", "accept-language": "en"}) as client:
            if name:
                sign_in(client, name)
                with web.pool.connection() as conn:
                    conn.execute("update web_session set factor_at = now() where token_digest = %s", [digest(client.cookies["ce_session"])])
            client.headers["origin"] = EVIL
            gets = [route for route in routes if "GET" in route.methods and route.path not in STREAMS]
            found += [(f"{name} {route.path}", client.get(address(route))) for route in gets]
    return found


def test_every_answer_is_dressed_and_open_to_no_other_site(answers: list[tuple[str, httpx.Response]]) -> None:
    for path, answer in answers:
        headers = answer.headers
        assert answer.status_code < 500, path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"], path
        assert (headers["x-content-type-options"], headers["x-frame-options"], headers["referrer-policy"]) == ("nosniff", "DENY", "same-origin"), path
        assert "access-control-allow-origin" not in headers, path
        assert headers["cache-control"] == "no-store", path
        assert headers["x-request-id"], path


def test_no_page_holds_script_or_style_of_its_own(answers: list[tuple[str, httpx.Response]]) -> None:
    pages = [(path, one) for path, one in answers if one.headers.get("content-type", "").startswith("text/html")]
    assert len([one for _, one in pages if one.status_code == 200]) > 30
    for path, answer in pages:
        scripts = answer.text.split("<script")[1:]
        assert all('src="' in one.partition(">")[0] or one.startswith(' type="application/json"') for one in scripts), path
        assert [word for word in INLINE if word in answer.text] == [], path


def test_no_other_site_is_let_in_by_a_preflight(browser: Browser, routes: list[APIRoute]) -> None:
    client = browser("admin")
    ask = {"origin": EVIL, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for route in routes:
        answer = client.request("OPTIONS", address(route), headers=ask)
        assert answer.status_code in (404, 405), route.path
        assert not any(name.startswith("access-control-") for name in answer.headers), route.path


def test_photo_and_file_are_inert(web: Any, browser: Browser) -> None:
    with web.pool.connection() as conn:
        conn.execute("insert into attachment (sha256, media_type, content, actor) values (%s, 'image/png', 'x', 't')", ["a" * 64])
    headers = browser("viewer").get("/api/v1/attachments/" + "a" * 64).headers
    assert "sandbox" in headers["content-security-policy"]
    assert (headers["content-type"], headers["x-content-type-options"]) == ("image/png", "nosniff")


def test_a_flood_stops_itself_and_nobody_else(clone: Callable[..., str], serve: Callable[..., Any]) -> None:
    dsn = clone()
    with serve(dsn, web=WebSettings(requests_per_s=0.001, requests_at_once=10)) as web, httpx.Client(base_url=web.url, timeout=60) as client:
        with connect(dsn) as conn:
            flood, other = ({"authorization": f"Bearer {create_token(conn, name, ['metering.read'], web.clock())}"} for name in ("flood", "other"))
        answers = [client.get("/api/v1/places", headers=flood) for _ in range(11)]
        assert [one.status_code for one in answers] == [200] * 10 + [429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert answers[-1].json()["error"]["message"].startswith("too many requests")
        assert answers[-1].headers["content-security-policy"]
        assert client.get("/api/v1/places", headers=other).status_code == 200
        assert client.get(web.app.state.renderer.static("console.css"), headers=flood).status_code == 200


def test_a_fresh_server_knows_nobody(clone: Callable[..., str], serve: Callable[..., Any], sign_in: Callable[..., Any]) -> None:
    with serve(clone()) as web, httpx.Client(base_url=web.url, headers={"accept": "text/html"}, timeout=60) as client:
        with web.pool.connection() as conn:
            assert conn.execute("select count(*) from account").fetchone() == (0,)
            assert conn.execute("select count(*) from api_token").fetchone() == (0,)
        for name, password in (("admin", "admin"), ("root", "root"), ("sysadmin@thingsboard.org", "sysadmin"), ("admin", "")):
            assert sign_in(client, name, password).status_code in (401, 422, 429)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ENGINEER])
def test_a_change_that_was_refused_stands_in_the_audit(web: Any, browser: Browser, role: Role) -> None:
    client = browser(role.value)
    headers = {**JSON, "x-csrf-token": csrf.token(client.cookies["ce_session"])}
    assert client.post("/api/v1/tokens", headers=headers, json={"name": "mine", "permissions": ["metering.read"]}).status_code == 403
    with web.pool.connection() as conn:
        row = conn.execute("select actor, action, target, details ->> 'method' from audit order by audit_id desc limit 1").fetchone()
    assert row == (f"the-{role}", "access.refused", "/api/v1/tokens", "POST")
