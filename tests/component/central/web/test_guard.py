"""Every route has its door, every role its doors, every answer its headers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from central.identity.tokens import create_token, revoke_token

Browser = Callable[..., httpx.Client]
SIGNED_ROUTES = {"/api/v1/iot/reports/{source}"}  # every request is signed with the source's secret instead
SIGN_IN_ROUTES = {"/login", "/login/code", "/login/with/{provider}", "/login/back/{provider}", "/logout", "/welcome", "/welcome/open", "/wall/enter"}
OPEN_ROUTES = SIGN_IN_ROUTES | {"/language/{language}"} | SIGNED_ROUTES
MATRIX = {
    "/": {"viewer", "operator", "admin"},
    "/places/campus": {"viewer", "operator", "admin"},
    "/devices/m1": {"viewer", "operator", "admin"},
    "/gateways": {"viewer", "operator", "admin"},
    "/quarantine": {"operator", "admin"},
    "/audit": {"admin"},
    "/accounts": {"admin"},
}


def permissions(dependant: Dependant) -> Iterator[str]:
    """Permissions a route asks for, however deep."""
    for inner in dependant.dependencies:
        yield from [inner.call.permission] if hasattr(inner.call, "permission") else []
        yield from permissions(inner)


def routes_of(router: Any) -> Iterator[Any]:
    """Every route, those of included routers too (newer FastAPI keeps them nested)."""
    for route in router.routes:
        yield from routes_of(route.original_router) if hasattr(route, "original_router") else [route]


def test_every_route_but_the_open_ones_asks_for_a_permission(web: Any) -> None:
    routes = [route for route in routes_of(web.app) if isinstance(route, APIRoute)]
    unguarded = {route.path for route in routes if not list(permissions(route.dependant))}
    assert len(routes) > 20
    assert unguarded == OPEN_ROUTES


def test_nothing_is_served_beside_routes_static_files_and_the_api_description(web: Any) -> None:
    others = {route.path for route in routes_of(web.app) if isinstance(route, Mount | Route) and not isinstance(route, APIRoute)}
    assert others == {"/static", "/api/openapi.json"}


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
@pytest.mark.parametrize("path", MATRIX)
def test_role_opens_exactly_its_pages(browser: Browser, path: str, role: str) -> None:
    assert browser(role).get(path).status_code == (200 if role in MATRIX[path] else 403)


def test_refusal_says_so_and_stands_in_the_audit(browser: Browser) -> None:
    page = browser("viewer").get("/audit")
    assert "Your role does not include this" in page.text
    assert page.headers["x-request-id"] in page.text
    assert "access.refused" in browser("admin").get("/audit?f.q=access.refused").text


@pytest.mark.parametrize("path", ["/", "/api/v1/overview", "/live?devices=m1"])
def test_program_without_token_gets_json_and_no_redirect(web: Any, path: str) -> None:
    answer = httpx.get(web.url + path, headers={"accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "request.not_signed_in"


def test_token_opens_what_it_was_made_for_until_revoked(web: Any) -> None:
    with web.pool.connection() as conn:
        bearer = {"authorization": f"Bearer {create_token(conn, 'reader', ['metering.read'], web.clock())}"}
    assert httpx.get(web.url + "/api/v1/overview", headers=bearer).json()["devices"] == 3
    assert httpx.get(web.url + "/api/v1/quarantine", headers=bearer).json()["error"]["details"]["permission"] == "quarantine.read"
    with web.pool.connection() as conn:
        revoke_token(conn, "reader", "test", web.clock())
    assert httpx.get(web.url + "/api/v1/overview", headers=bearer).status_code == 401


@pytest.mark.parametrize("path", ["/login", "/nothing-here", "/api/v1/overview"])
def test_every_answer_carries_the_security_headers(web: Any, path: str) -> None:
    headers = httpx.get(web.url + path).headers
    assert "script-src 'self';" in headers["content-security-policy"]
    assert "style-src 'self';" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", ["/", "/places/campus", "/devices/m1", "/accounts", "/login"])
def test_pages_need_no_inline_script_or_style(browser: Browser, path: str) -> None:
    text = browser("admin").get(path).text
    scripts = text.split("<script")[1:]
    assert all('src="' in script or script.startswith(' type="application/json"') for script in scripts)
    assert not any(word in text for word in ("<style", " style=", " onclick=", " onload=", "javascript:", "hx-on", "hx-vals='js"))


def test_bug_in_a_route_shows_a_request_id_and_no_detail(web: Any, monkeypatch: pytest.MonkeyPatch, browser: Browser) -> None:
    client = browser("viewer")
    monkeypatch.setattr("central.web.pages.gateways.list_gateways", lambda conn: 1 / 0)
    page = client.get("/gateways")
    assert page.status_code == 500
    assert page.headers["x-request-id"] in page.text
    assert "x-frame-options" in page.headers
    assert "ZeroDivision" not in page.text


def test_static_file_under_its_hash_may_be_kept_for_ever(web: Any) -> None:
    address = web.app.state.renderer.static("console.css")
    assert "immutable" in httpx.get(web.url + address).headers["cache-control"]
    assert httpx.get(web.url + "/static/0123456789abcdef/console.css").headers["cache-control"] == "no-cache"
    assert httpx.get(web.url + "/static/x/../../app.py").status_code == 404
    assert httpx.get(web.url + "/static/x/%2e%2e/app.py").status_code == 404
