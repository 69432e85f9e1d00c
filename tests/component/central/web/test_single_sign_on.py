"""Signing in by an OpenID provider (oidc-provider-mock, a real server) and by CAS (our strict double, a real server)."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from central.identity.accounts import add_account, list_accounts
from central.identity.external import accept, list_waiting
from central.identity.permissions import Role
from central.identity.principal import CONSOLE
from central.settings import IdentitySettings

PASSWORD = "seven green kettles"
PUBLIC = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of a running OpenID provider."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"}
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None
        assert time.monotonic() < deadline
        try:
            httpx.get(f"{address}/jwks", trust_env=False).raise_for_status()
            break
        except httpx.HTTPError:
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def cas() -> Iterator[str]:
    """The address of a running CAS server."""
    double = Path(__file__).with_name("cas_double.py")
    with subprocess.Popen([sys.executable, str(double)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


@pytest.fixture(scope="module")
def web(database: str, serve: Callable[..., Any], provider: str, cas: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server that knows both."""
    secret = tmp_path_factory.mktemp("secrets") / "client"
    secret.write_text("s3cret\n")
    identity = IdentitySettings(
        oidc_issuer=provider, oidc_client_id="energy", oidc_secret_file=secret, oidc_label="Campus ID", cas_url=f"{cas}/cas", timeout_s=3
    )
    with serve(database, identity=identity) as web:
        with web.pool.connection() as conn:
            add_account(conn, "the-admin", PASSWORD, Role.ADMIN, web.clock())
        yield web


@pytest.fixture
def client(web: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web.url, headers={"accept": "text/html", "accept-language": "en"}, trust_env=False) as client:
        yield client


def to_provider(client: httpx.Client, name: str, next: str = "/") -> str:
    answer = client.get(f"/login/with/{name}?{urlencode({'next': next})}")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def approved(address: str, subject: str) -> str:
    """The person says yes at the OpenID provider; where their browser is sent."""
    answer = httpx.post(address, data={"sub": subject}, trust_env=False)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"].removeprefix(PUBLIC)


def ticketed(address: str, user: str = "20250001") -> str:
    """The person signed in at the CAS server; where their browser is sent."""
    return httpx.get(f"{address}&as={user}", trust_env=False).headers["location"].removeprefix(PUBLIC)


def accepted(web: Any, provider: str, subject: str, name: str, role: Role = Role.VIEWER) -> int:
    with web.pool.connection() as conn:
        return accept(conn, provider, subject, name, role, None, CONSOLE, web.clock())


def test_login_page_offers_both(client: httpx.Client) -> None:
    page = client.get("/login?next=/devices/m1").text
    assert re.findall(r'href="(/login/with/\w+\?next=[^"]+)">([^<]+)<', page) == [
        ("/login/with/oidc?next=/devices/m1", "Sign in with Campus ID"),
        ("/login/with/cas?next=/devices/m1", "Sign in with CAS"),
    ]


def test_person_of_the_openid_provider_waits_is_accepted_and_comes_in(web: Any, client: httpx.Client) -> None:
    stranger = client.get(approved(to_provider(client, "oidc"), "wang@example.edu"))
    assert stranger.status_code == 403
    assert "No account yet" in stranger.text
    with web.pool.connection() as conn:
        assert [one.subject for one in list_waiting(conn)] == ["wang@example.edu"]
        assert len(list_accounts(conn)) == 1
    accepted(web, "oidc", "wang@example.edu", "wang")
    answer = client.get(approved(to_provider(client, "oidc", "/account?done=x"), "wang@example.edu"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=x")
    page = client.get("/account")
    assert "identity provider" in page.text
    assert "Present password" not in page.text


def test_signing_out_offers_the_provider_s_own_way_out(web: Any, client: httpx.Client, provider: str, csrf_of: Callable[..., Any]) -> None:
    client.get(approved(to_provider(client, "oidc"), "out@example.edu"))
    accepted(web, "oidc", "out@example.edu", "out")
    client.get(approved(to_provider(client, "oidc"), "out@example.edu"))
    answer = client.post("/logout", data={"csrf": csrf_of(client.get("/account"))})
    assert answer.headers["location"] == "/login?left=oidc"
    assert f'href="{provider}/oauth2/end_session?' in client.get("/login?left=oidc").text
    assert client.get("/account").status_code == 303


def test_answer_meant_for_another_browser_or_used_twice_opens_nothing(web: Any, client: httpx.Client) -> None:
    back = approved(to_provider(client, "oidc"), "li@example.edu")
    stranger = httpx.get(web.url + back, headers={"accept": "text/html"}, trust_env=False)
    assert stranger.status_code == 422
    assert client.get(back).status_code == 403  # the right browser: waits for an account
    assert client.get(back).status_code == 422


def test_code_of_another_sign_in_is_refused(client: httpx.Client) -> None:
    """An attacker's code in the victim's journey: the nonce in the token is another."""
    theirs = parse_qs(urlsplit(approved(to_provider(client, "oidc"), "evil@example.edu")).query)
    state = parse_qs(urlsplit(to_provider(client, "oidc")).query)["state"][0]
    answer = client.get(f"/login/back/oidc?{urlencode({'state': state, 'code': theirs['code'][0]})}")
    assert answer.status_code == 422
    assert "did not confirm" in answer.text


@pytest.mark.parametrize("query", ["error=access_denied&state=x", "", "state=x&code=y", "state=x"])
def test_provider_s_no_is_told(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/login/back/oidc?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_enrolled_factor_is_asked_for_after_the_provider(web: Any, client: httpx.Client) -> None:
    client.get(approved(to_provider(client, "oidc"), "careful@example.edu"))
    account_id = accepted(web, "oidc", "careful@example.edu", "careful", Role.ADMIN)
    with web.pool.connection() as conn:
        conn.execute("insert into account_factor values (%s, 'x', 0, now())", [account_id])
    answer = client.get(approved(to_provider(client, "oidc"), "careful@example.edu"))
    assert answer.headers["location"] == "/login/code?next=%2F"
    assert client.get("/account").status_code == 303


def test_person_of_cas_waits_is_accepted_and_comes_in(web: Any, client: httpx.Client) -> None:
    assert client.get(ticketed(to_provider(client, "cas"), "20250007")).status_code == 403
    with web.pool.connection() as conn:
        waiting = {(one.subject, one.name) for one in list_waiting(conn)}
    assert ("20250007", "name-20250007") in waiting
    accepted(web, "cas", "20250007", "zhao")
    answer = client.get(ticketed(to_provider(client, "cas", "/account"), "20250007"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert client.get("/account").status_code == 200


def test_ticket_that_is_wrong_replayed_or_for_another_service_is_refused(client: httpx.Client, cas: str) -> None:
    service = parse_qs(urlsplit(to_provider(client, "cas")).query)["service"][0].removeprefix(PUBLIC)
    assert client.get(f"{service}&ticket=ST-99-invented").status_code == 422

    used = parse_qs(urlsplit(back := ticketed(to_provider(client, "cas"))).query)["ticket"][0]
    assert client.get(back).status_code == 403
    again = parse_qs(urlsplit(to_provider(client, "cas")).query)["service"][0].removeprefix(PUBLIC)
    assert client.get(f"{again}&ticket={used}").status_code == 422

    foreign = parse_qs(urlsplit(ticketed(f"{cas}/cas/login?{urlencode({'service': 'https://other.example/'})}")).query)["ticket"][0]
    mine = parse_qs(urlsplit(to_provider(client, "cas")).query)["service"][0].removeprefix(PUBLIC)
    refused = client.get(f"{mine}&ticket={foreign}")
    assert refused.status_code == 422
    assert "did not confirm" in refused.text


@pytest.mark.parametrize("mood", ["bomb", "html", "redirect", "huge", "down"])
def test_broken_or_hostile_server_is_told_and_opens_nothing(client: httpx.Client, cas: str, mood: str, sign_in: Callable[..., Any]) -> None:
    back = ticketed(to_provider(client, "cas"))
    httpx.get(f"{cas}/mood?{mood}", trust_env=False)
    try:
        answer = client.get(back)
    finally:
        httpx.get(f"{cas}/mood?good", trust_env=False)
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert sign_in(client, "the-admin").status_code == 303


def test_provider_that_is_away_is_told_and_passwords_still_work(fresh_database: str, serve: Callable[..., Any], sign_in: Callable[..., Any]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with serve(fresh_database, identity=IdentitySettings(oidc_issuer=gone, oidc_client_id="energy", timeout_s=1)) as web:
            with web.pool.connection() as conn:
                add_account(conn, "wang", PASSWORD, Role.VIEWER, web.clock())
            with httpx.Client(base_url=web.url, headers={"accept": "text/html", "accept-language": "en"}, trust_env=False) as client:
                answer = client.get("/login/with/oidc")
                assert answer.status_code == 503
                assert "Sign in with a password" in answer.text
                assert client.get("/login/with/cas").status_code == 404
                assert sign_in(client, "wang").status_code == 303
