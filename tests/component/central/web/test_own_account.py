"""Everybody's own page as a browser sees it: second factor, password, sessions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pyotp
import pytest

from central.identity.accounts import add_account
from central.identity.factor import find_factor
from central.identity.permissions import Role

PASSWORD = "seven green kettles"
Browser = Callable[..., httpx.Client]


@pytest.fixture
def person(web: Any) -> Iterator[tuple[str, int]]:
    """A new administrator: the name and the account's number."""
    with web.pool.connection() as conn:
        row = conn.execute("select count(*) from account").fetchone()
        name = f"person-{row[0]}"
        account_id = add_account(conn, name, PASSWORD, Role.ADMIN, web.clock())
    return name, account_id


def scanned(page: httpx.Response) -> tuple[pyotp.TOTP, dict[str, str]]:
    """The app that scanned the page's code, and the form's hidden fields."""
    key = re.search(r'id="factor-key">([A-Z2-7 ]+)<', page.text)
    assert key, page.text
    fields = dict(re.findall(r'name="(csrf|sealed|next)" value="([^"]*)"', page.text.partition('action="/account/factor"')[2]))
    return pyotp.TOTP(key[1].replace(" ", "")), fields


def enrol(web: Any, client: httpx.Client, next: str = "/account") -> tuple[pyotp.TOTP, httpx.Response]:
    app, fields = scanned(client.get(f"/account/factor?next={next}"))
    return app, client.post("/account/factor", data={**fields, "code": app.at(int(web.clock()))})


def test_what_needs_a_factor_leads_to_enrolment_and_back(
    web: Any, browser: Browser, sign_in: Callable[..., Any], csrf_of: Callable[..., Any], person: Any
) -> None:
    client = browser()
    sign_in(client, person[0])
    refused = client.get("/accounts")
    assert (refused.status_code, refused.headers["location"]) == (303, "/account/factor?next=/accounts")
    before = client.cookies["ce_session"]
    _, page = enrol(web, client, "/accounts")
    assert len(re.findall(r"<li><code>[a-z2-7-]{19}</code>", page.text)) == 10
    assert 'href="/accounts"' in page.text
    assert client.cookies["ce_session"] != before
    assert client.get("/accounts").status_code == 200
    assert client.post("/logout", data={"csrf": csrf_of(page)}).status_code == 303


def test_program_is_told_in_json_and_htmx_by_header(browser: Browser) -> None:
    client = browser("admin", factor=False)
    answer = client.get("/api/v1/accounts", headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]["details"]["problem"]) == (403, "second_factor")
    swapped = client.get("/accounts", headers={"hx-request": "true", "hx-current-url": "http://x/audit?f.q=a"})
    assert swapped.headers["hx-redirect"] == "/account/factor?next=/audit%3Ff.q%3Da"


@pytest.mark.parametrize("role", ["viewer", "engineer", "operator"])
def test_reading_needs_no_factor(browser: Browser, role: str) -> None:
    assert browser(role, factor=False).get("/account").status_code == 200


def test_wrong_code_enrols_nothing_and_shows_the_same_key_again(web: Any, browser: Browser, sign_in: Callable[..., Any], person: Any) -> None:
    client = browser()
    sign_in(client, person[0])
    app, fields = scanned(client.get("/account/factor"))
    page = client.post("/account/factor", data={**fields, "code": "000000"})
    assert page.status_code == 422
    assert scanned(page)[0].secret == app.secret
    with web.pool.connection() as conn:
        assert find_factor(conn, person[1]) is None


def test_sign_in_with_a_factor_asks_for_the_code_and_only_then_opens(
    web: Any, browser: Browser, sign_in: Callable[..., Any], csrf_of: Callable[..., Any], person: Any
) -> None:
    first = browser()
    sign_in(first, person[0])
    app, _ = enrol(web, first)
    client = browser()
    answer = sign_in(client, person[0])
    assert answer.headers["location"] == "/login/code?next=%2F"
    assert "ce_session" not in client.cookies
    assert client.get("/account").status_code == 303
    page = client.get("/login/code?next=/account")
    wrong = client.post("/login/code", data={"csrf": csrf_of(page), "code": app.at(int(web.clock())), "next": "/account"})
    assert wrong.status_code == 401
    right = client.post("/login/code", data={"csrf": csrf_of(page), "code": app.at(int(web.clock()) + 30), "next": "/account"})
    assert (right.status_code, right.headers["location"]) == (303, "/account")
    assert client.get("/accounts").status_code == 200


def test_code_page_without_a_password_before_it_leads_to_the_login(browser: Browser) -> None:
    assert browser().get("/login/code").headers["location"] == "/login"


def test_new_recovery_codes_cost_a_code(web: Any, browser: Browser, sign_in: Callable[..., Any], csrf_of: Callable[..., Any], person: Any) -> None:
    client = browser()
    sign_in(client, person[0])
    _app, page = enrol(web, client)
    old = re.findall(r"<code>([a-z2-7-]{19})</code>", page.text)
    form = {"csrf": csrf_of(client.get("/account/factor"))}
    assert client.post("/account/factor/codes", data={**form, "code": "123456"}).status_code == 401
    fresh = re.findall(r"<code>([a-z2-7-]{19})</code>", client.post("/account/factor/codes", data={**form, "code": old[0]}).text)
    assert len(fresh) == 10
    assert not set(fresh) & set(old)


def test_step_up_gives_a_new_session_with_a_factor(
    web: Any, browser: Browser, sign_in: Callable[..., Any], csrf_of: Callable[..., Any], person: Any
) -> None:
    client = browser()
    sign_in(client, person[0])
    app, _ = enrol(web, client)
    with web.pool.connection() as conn:
        conn.execute("update web_session set factor_at = null where account_id = %s", [person[1]])
    before = client.cookies["ce_session"]
    form = {"csrf": csrf_of(client.get("/account/factor")), "code": app.at(int(web.clock()) + 30), "next": "//evil.example"}
    answer = client.post("/account/factor/code", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert client.cookies["ce_session"] != before
    assert browser().get("/account", headers={"cookie": f"ce_session={before}"}).status_code == 303
    assert client.get("/accounts").status_code == 200


def test_password_changes_with_the_old_one_and_ends_other_sessions(
    browser: Browser, sign_in: Callable[..., Any], csrf_of: Callable[..., Any], person: Any
) -> None:
    client, other = browser(), browser()
    sign_in(client, person[0])
    sign_in(other, person[0])
    form = {"csrf": csrf_of(client.get("/account")), "old": "not the old one", "new": "nine blue saucers", "again": "nine blue saucers"}
    assert client.post("/account/password", data=form).status_code == 401
    assert client.post("/account/password", data={**form, "old": PASSWORD, "again": "different one"}).status_code == 422
    assert client.post("/account/password", data={**form, "old": PASSWORD, "new": "short", "again": "short"}).status_code == 422
    assert client.post("/account/password", data={**form, "old": PASSWORD}).headers["location"] == "/account?done=password"
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 303
    assert sign_in(browser(), person[0], "nine blue saucers").status_code == 303


def test_guessing_the_old_password_is_slowed_down(browser: Browser, sign_in: Callable[..., Any], csrf_of: Callable[..., Any], person: Any) -> None:
    client = browser()
    sign_in(client, person[0])
    form = {"csrf": csrf_of(client.get("/account")), "old": "wrong", "new": "nine blue saucers", "again": "nine blue saucers"}
    assert [client.post("/account/password", data=form).status_code for _ in range(4)] == [401, 401, 401, 429]


def test_sessions_are_listed_in_words_and_ended(
    web: Any, browser: Browser, sign_in: Callable[..., Any], csrf_of: Callable[..., Any], person: Any
) -> None:
    client, phone = browser(), browser()
    phone.headers["user-agent"] = "Mozilla/5.0 (Linux; Android 15) Chrome/142.0"
    sign_in(client, person[0])
    sign_in(phone, person[0])
    page = client.get("/account")
    assert "Chrome · Android" in page.text
    assert "127.0.0.1" in page.text
    with web.pool.connection() as conn:
        rows = conn.execute("select session_id from web_session where account_id = %s order by created_at, session_id", [person[1]]).fetchall()
    assert client.post("/account/sessions/end", data={"csrf": csrf_of(page), "session_id": rows[-1][0]}).status_code == 303
    assert phone.get("/account").status_code == 303
    sign_in(phone, person[0])
    client.post("/account/sessions/end", data={"csrf": csrf_of(page)})
    assert (phone.get("/account").status_code, client.get("/account").status_code) == (303, 200)


def test_session_of_somebody_else_is_not_ended(web: Any, browser: Browser, csrf_of: Callable[..., Any]) -> None:
    client, other = browser("viewer"), browser("operator")
    with web.pool.connection() as conn:
        row = conn.execute(
            "select max(session_id) from web_session where account_id = (select account_id from account where name = 'the-operator')"
        ).fetchone()
    form = {"csrf": csrf_of(client.get("/account")), "session_id": row[0]}
    assert client.post("/account/sessions/end", data=form).status_code == 404
    assert other.get("/account").status_code == 200


@pytest.mark.parametrize("path", ["/account", "/account/factor", "/login"])
def test_pages_need_no_inline_script_or_style(browser: Browser, path: str) -> None:
    text = browser("viewer", factor=False).get(path).text
    assert not any(word in text for word in ("<style", " style=", " onclick=", " onload=", "javascript:", "hx-on"))


@pytest.mark.parametrize(("language", "word"), [("zh-CN", "第二因素"), ("en", "Second factor")])
def test_page_speaks_the_language(browser: Browser, language: str, word: str) -> None:
    assert word in browser("viewer", language=language).get("/account").text
