"""Signing in and out as a browser does: cookies, CSRF, fixation, one-time links."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from central.identity.links import create_admin_link
from central.identity.sessions import IDLE_S
from central.web.middleware import MAX_BODY_BYTES

PASSWORD = "seven green kettles"
Browser = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def https_web(clone: Callable[..., str], serve: Callable[..., Any]) -> Iterator[Any]:
    """A server people reach by https, without any account."""
    with serve(clone(), public_url="https://energy.example") as web:
        yield web


def test_stranger_is_sent_to_the_login_page_and_back(browser: Browser, csrf_of: Callable[..., Any]) -> None:
    client = browser()
    answer = client.get("/devices/m1?view=table")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/devices/m1%3Fview%3Dtable")
    form = {"csrf": csrf_of(client.get(answer.headers["location"])), "name": "the-viewer", "password": PASSWORD, "next": "/devices/m1?view=table"}
    assert client.post("/login", data=form).headers["location"] == "/devices/m1?view=table"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example"])
def test_login_leads_to_no_foreign_address(browser: Browser, target: str, csrf_of: Callable[..., Any]) -> None:
    client = browser()
    form = {"csrf": csrf_of(client.get("/login")), "name": "the-viewer", "password": PASSWORD, "next": target}
    assert client.post("/login", data=form).headers["location"] == "/"


def test_htmx_stranger_is_told_by_header(browser: Browser) -> None:
    answer = browser().get("/search?q=m", headers={"hx-request": "true", "hx-current-url": "http://x/places/campus"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login?next=/places/campus")


def test_wrong_password_and_unknown_name_look_alike(browser: Browser, sign_in: Callable[..., Any]) -> None:
    pages = [sign_in(browser(), name, "not the password") for name in ("the-viewer", "no-such-name")]
    texts = [re.sub(r'value="[^"]*"', "", page.text) for page in pages]
    assert pages[0].status_code == pages[1].status_code == 401
    assert texts[0] == texts[1]


def test_login_form_without_its_token_is_refused(browser: Browser) -> None:
    client = browser()
    client.get("/login")
    assert client.post("/login", data={"name": "the-viewer", "password": PASSWORD}).status_code == 403
    assert client.post("/login", data={"name": "the-viewer", "password": PASSWORD, "csrf": "0" * 64}).status_code == 403


def test_session_cookie_is_out_of_reach_for_scripts_and_other_sites(browser: Browser, sign_in: Callable[..., Any]) -> None:
    cookie = next(value for value in sign_in(browser(), "the-viewer").headers.get_list("set-cookie") if value.startswith("ce_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_planted_session_is_not_taken_over(browser: Browser, sign_in: Callable[..., Any]) -> None:
    client = browser()
    client.cookies.set("ce_session", "planted-by-an-attacker")
    sign_in(client, "the-viewer")
    mine = [cookie.value for cookie in client.cookies.jar if cookie.name == "ce_session"]
    assert client.get("/", headers={"cookie": "ce_session=planted-by-an-attacker"}).status_code == 303
    assert any(value != "planted-by-an-attacker" for value in mine)


def test_second_login_revokes_the_first_session(browser: Browser, csrf_of: Callable[..., Any]) -> None:
    client = browser("viewer")
    first = client.cookies["ce_session"]
    visitor = browser()
    form = {"csrf": csrf_of(visitor.get("/login")), "name": "the-viewer", "password": PASSWORD}
    visitor.cookies.set("ce_session", first)
    assert visitor.post("/login", data=form).status_code == 303
    assert client.get("/").status_code == 303


def test_logout_revokes_the_session_on_the_server(browser: Browser, csrf_of: Callable[..., Any]) -> None:
    client = browser("viewer")
    secret = client.cookies["ce_session"]
    assert client.post("/logout", data={"csrf": csrf_of(client.get("/"))}).status_code == 303
    assert browser().get("/", headers={"cookie": f"ce_session={secret}"}).status_code == 303


def test_idle_session_ends(browser: Browser, web: Any) -> None:
    client = browser("viewer")
    assert client.get("/").status_code == 200
    web.clock.now += IDLE_S + 1
    assert client.get("/").status_code == 303
    web.clock.now -= IDLE_S + 1


def test_change_without_token_is_refused_and_with_it_done(browser: Browser, csrf_of: Callable[..., Any]) -> None:
    client = browser("admin")
    token = csrf_of(client.get("/accounts"))
    assert client.post("/accounts/invitation", data={"role": "viewer"}).status_code == 403
    assert "/welcome#" in client.post("/accounts/invitation", data={"role": "viewer", "csrf": token}).text
    assert "/welcome#" in client.post("/accounts/invitation", data={"role": "viewer"}, headers={"x-csrf-token": token}).text


def test_token_of_another_session_or_site_is_refused(browser: Browser, csrf_of: Callable[..., Any]) -> None:
    client, other = browser("admin"), browser("admin")
    mine, foreign = csrf_of(client.get("/accounts")), csrf_of(other.get("/accounts"))
    assert client.post("/accounts/invitation", data={"role": "viewer", "csrf": foreign}).status_code == 403
    cross = client.post("/accounts/invitation", data={"role": "viewer", "csrf": mine}, headers={"origin": "https://evil.example"})
    assert cross.status_code == 403


def test_https_server_uses_host_bound_secure_cookies(https_web: Any) -> None:
    answer = httpx.get(https_web.url + "/login")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-ce_visit=")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_first_administrator_goes_from_link_to_overview(https_web: Any, csrf_of: Callable[..., Any]) -> None:
    with https_web.pool.connection() as conn:
        secret = create_admin_link(conn, "https://energy.example", https_web.clock()).partition("#")[2]
    login = httpx.get(https_web.url + "/login", headers={"accept-language": "en"})
    assert "No account exists yet" in login.text
    page = httpx.get(https_web.url + "/welcome")
    cookie = {"cookie": page.headers["set-cookie"].partition(";")[0], "accept": "text/html", "accept-language": "en"}
    opened = httpx.post(https_web.url + "/welcome/open", data={"csrf": csrf_of(page), "token": secret}, headers=cookie)
    assert "Administrator" in opened.text
    form = {"csrf": csrf_of(page), "token": secret, "name": "Boss", "password": PASSWORD, "again": PASSWORD}
    assert httpx.post(https_web.url + "/welcome", data={**form, "again": "other other other"}, headers=cookie).status_code == 422
    done = httpx.post(https_web.url + "/welcome", data=form, headers=cookie)
    session = next(value for value in done.headers.get_list("set-cookie") if value.startswith("__Host-ce_session="))
    home = httpx.get(https_web.url + "/", headers={"cookie": session.partition(";")[0], "accept": "text/html"})
    assert home.status_code == 200
    assert httpx.post(https_web.url + "/welcome/open", data={"csrf": csrf_of(page), "token": secret}, headers=cookie).status_code == 422


def test_body_without_a_length_is_refused_at_the_limit(web: Any) -> None:
    chunks = iter([*[b"x" * (1 << 20)] * (MAX_BODY_BYTES >> 20), b"x"])
    answer = httpx.put(web.url + "/api/v1/site-plan", content=chunks, timeout=30)
    assert answer.status_code == 413
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]


def test_oversized_body_is_refused_before_it_is_read(web: Any) -> None:
    connection = http.client.HTTPConnection(web.url.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/login")
    connection.putheader("content-length", str(MAX_BODY_BYTES + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
