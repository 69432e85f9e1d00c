"""The administrator's pages and the JSON API of accounts and tokens: the same rules on both."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from central.identity.accounts import add_account
from central.identity.external import account_of
from central.identity.oidc import Identity
from central.identity.permissions import Role
from central.identity.sessions import find_session, open_session
from central.identity.tokens import create_token
from central.settings import IdentitySettings

PASSWORD = "seven green kettles"
Browser = Callable[..., httpx.Client]


@pytest.fixture
def admin(browser: Browser, csrf_of: Callable[..., Any]) -> httpx.Client:
    """An administrator's browser that sends its CSRF token by header."""
    client = browser("admin")
    client.headers["x-csrf-token"] = csrf_of(client.get("/accounts"))
    return client


@pytest.fixture
def li(web: Any) -> int:
    """A new engineer of building 1."""
    with web.pool.connection() as conn:
        row = conn.execute("select count(*) from account").fetchone()
        return add_account(conn, f"li-{row[0]}", PASSWORD, Role.ENGINEER, web.clock(), ["b1"])


def test_list_shows_places_by_name(admin: httpx.Client, li: int) -> None:
    page = admin.get("/accounts").text
    assert "Building 1" in page
    assert "Engineer on site" in page


def test_reading_personal_data_is_noted_with_who_and_what(web: Any, admin: httpx.Client, li: int) -> None:
    admin.get(f"/accounts/{li}")
    admin.get(f"/api/v1/accounts/{li}/personal-data")
    with web.pool.connection() as conn:
        rows = conn.execute(
            "select actor, target, details ->> 'path' from audit where action = 'personal.read' order by audit_id desc limit 2"
        ).fetchall()
    assert rows == [("the-admin", "account", f"/api/v1/accounts/{li}/personal-data"), ("the-admin", "account", f"/accounts/{li}")]


def test_places_are_found_and_stay_ticked(admin: httpx.Client) -> None:
    fragment = admin.get("/accounts/places?q=101&places=b2&element=invite").text
    assert re.search(r'value="b2" checked', fragment)
    assert re.search(r'value="r101">', fragment)
    assert "<html" not in fragment


def test_role_and_places_change_on_the_page(web: Any, admin: httpx.Client, li: int) -> None:
    page = admin.post(f"/accounts/{li}/access", data={"role": "operator", "reach": "places", "places": ["b2", "r101"]})
    assert page.status_code == 200
    assert "Role and places hold" in page.text
    account = next(one for one in admin.get("/api/v1/accounts").json() if one["id"] == li)
    assert (account["role"], account["places"]) == ("operator", ["b2", "r101"])


@pytest.mark.parametrize(
    "form",
    [
        {"role": "admin", "reach": "places", "places": "b1"},
        {"role": "viewer", "reach": "places"},
        {"role": "viewer", "reach": "places", "places": "nowhere"},
    ],
)
def test_refused_change_says_why_and_changes_nothing(web: Any, admin: httpx.Client, li: int, form: dict[str, str]) -> None:
    page = admin.post(f"/accounts/{li}/access", data=form)
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    with web.pool.connection() as conn:
        assert conn.execute("select role, places from account where account_id = %s", [li]).fetchone() == ("engineer", ["b1"])


def test_person_s_sessions_are_seen_and_ended(web: Any, admin: httpx.Client, li: int) -> None:
    with web.pool.connection() as conn:
        secret = open_session(conn, li, web.clock())
    assert len(admin.get(f"/api/v1/accounts/{li}/sessions").json()) == 1
    assert admin.post(f"/accounts/{li}/sessions/end").status_code == 200
    with web.pool.connection() as conn:
        assert find_session(conn, secret, web.clock()) is None


@pytest.mark.parametrize("path", ["password-link", "disabled", "name", "erase"])
def test_every_form_of_a_person_s_page_works(admin: httpx.Client, li: int, path: str) -> None:
    form = {"disabled": "true", "name": f"renamed-{li}", "reason": "left the university"}
    page = admin.post(f"/accounts/{li}/{path}", data=form)
    assert page.status_code == 200
    assert 'role="alert"' not in page.text
    assert 'role="status"' in page.text


def test_api_does_what_the_page_does(web: Any, admin: httpx.Client, li: int) -> None:
    assert "/welcome#" in admin.post("/api/v1/accounts/invitations", json={"role": "viewer", "places": ["b1"]}).json()["link"]
    assert admin.put(f"/api/v1/accounts/{li}/access", json={"role": "viewer"}).json()["places"] is None
    assert admin.put(f"/api/v1/accounts/{li}/disabled", json={"disabled": True}).json()["disabled"] is True
    assert "/welcome#" in admin.post(f"/api/v1/accounts/{li}/password-link").json()["link"]
    assert admin.post(f"/api/v1/accounts/{li}/factor-reset", json={"reason": "lost phone"}).json()["factor"] is False
    assert admin.put(f"/api/v1/accounts/{li}/name", json={"name": f"api-{li}"}).json()["name"] == f"api-{li}"
    assert admin.delete(f"/api/v1/accounts/{li}/sessions").json() == []
    assert admin.delete(f"/api/v1/accounts/{li}/personal-data?reason=asked+for").json() == {"pseudonym": f"deleted-{li}"}
    assert admin.get("/api/v1/account").json()["factor"] is True


def test_token_is_made_scoped_used_and_revoked(web: Any, admin: httpx.Client) -> None:
    page = admin.post(
        "/accounts/tokens", data={"name": "reader of b1", "permissions": ["metering.read"], "reach": "places", "places": "b1", "days": "30"}
    )
    secret = re.search(r'id="new-token">([\w-]+)<', page.text)
    assert secret
    bearer = {"authorization": f"Bearer {secret[1]}"}
    assert httpx.get(web.url + "/api/v1/places/b1/ancestors", headers=bearer).status_code == 200
    assert httpx.get(web.url + "/api/v1/places/b2/ancestors", headers=bearer).status_code == 404
    listed = next(one for one in admin.get("/api/v1/tokens").json() if one["name"] == "reader of b1")
    assert (listed["scope"], listed["created_by"]) == (["b1"], "the-admin")
    assert listed["last_used_at"] is not None
    admin.post("/accounts/tokens/revoke", data={"name": "reader of b1"})
    assert httpx.get(web.url + "/api/v1/places/b1/ancestors", headers=bearer).status_code == 401


def test_program_cannot_make_programs(web: Any) -> None:
    with web.pool.connection() as conn:
        bearer = {"authorization": f"Bearer {create_token(conn, 'clerk', ['identity.manage', 'metering.read'], web.clock())}"}
    answer = httpx.post(web.url + "/api/v1/tokens", json={"name": "more", "permissions": ["metering.read"]}, headers=bearer)
    assert (answer.status_code, answer.json()["error"]["details"]["problem"]) == (403, "person_needed")
    assert httpx.post(web.url + "/api/v1/accounts/invitations", json={"role": "admin"}, headers=bearer).status_code == 403


def test_person_without_a_factor_makes_no_token(browser: Browser, csrf_of: Callable[..., Any]) -> None:
    client = browser("admin", factor=False)
    form = {"csrf": csrf_of(client.get("/account")), "name": "x", "permissions": "metering.read"}
    assert client.post("/accounts/tokens", data=form).headers["location"].startswith("/account/factor")


def test_who_waits_is_accepted_joined_or_dismissed(web: Any, admin: httpx.Client, li: int) -> None:
    with web.pool.connection() as conn:
        for number in range(3):
            account_of(conn, Identity("oidc", f"w{number}", f"Waiting {number}", None), IdentitySettings(), web.clock())
    assert "Waiting 2" in admin.get("/accounts").text
    accept = {"provider": "oidc", "subject": "w0", "name": f"accepted-{li}", "role": "viewer", "reach": "places", "places": "b1"}
    assert admin.post("/accounts/waiting/accept", data=accept).status_code == 200
    assert admin.post("/accounts/waiting/join", data={"provider": "oidc", "subject": "w1", "account_id": li}).status_code == 200
    page = admin.post("/accounts/waiting/dismiss", data={"provider": "oidc", "subject": "w2"})
    assert page.status_code == 200
    assert "Waiting for an account" not in page.text
    assert admin.post("/accounts/waiting/dismiss", data={"provider": "oidc", "subject": "w2"}).status_code == 422


def test_audit_is_filtered_by_who_what_and_when(admin: httpx.Client) -> None:
    admin.get("/accounts/tokens")
    assert "signed in" in admin.get("/audit?f.action=login&f.actor=the-admin").text
    assert "No row matches" in admin.get("/audit?f.actor=nobody-at-all").text
    assert "No row matches" in admin.get("/audit?f.to=2020-01-01").text
    assert "the-admin" in admin.get("/audit?f.from=2020-01-01&f.q=the-admin&sort=at_ms").text
    assert admin.get("/audit?f.from=9999-99-99").status_code == 200


def test_administrator_s_pages_are_whole_in_both_languages(browser: Browser, li: int) -> None:
    for language in ("zh-CN", "en"):
        client = browser("admin", language=language)
        for path in ("/accounts", f"/accounts/{li}", "/accounts/tokens", "/audit"):
            page = client.get(path)
            assert page.status_code == 200, path
            assert not any(word in page.text for word in ("<style", " style=", "hx-on", "javascript:")), path
