"""One-time links on a real database."""

from __future__ import annotations

import pytest

from central.db.pool import Connection
from central.identity.accounts import any_account, list_accounts
from central.identity.links import LIFETIME_S, create_admin_link, create_invitation, create_password_link, open_link, use_link
from central.identity.permissions import Role
from central.identity.principal import CONSOLE
from central.identity.sessions import find_session, open_session
from protocol.errors import Refused

NOW = 1_763_769_600.0
PASSWORD = "seven green kettles"
URL = "https://energy.example"


def secret_of(link: str) -> str:
    return link.partition("#")[2]


def test_first_administrator_comes_from_a_link(conn: Connection) -> None:
    link = create_admin_link(conn, URL, NOW)
    assert link.startswith("https://energy.example/welcome#")
    assert not any_account(conn)
    use_link(conn, secret_of(link), "Wang", PASSWORD, NOW)
    assert [(account.name, account.role) for account in list_accounts(conn)] == [("wang", Role.ADMIN)]


def test_link_works_once(conn: Connection) -> None:
    secret = secret_of(create_admin_link(conn, URL, NOW))
    use_link(conn, secret, "wang", PASSWORD, NOW)
    with pytest.raises(Refused, match="already used"):
        use_link(conn, secret, "other", PASSWORD, NOW)


def test_link_dies_after_a_day(conn: Connection) -> None:
    secret = secret_of(create_admin_link(conn, URL, NOW))
    assert open_link(conn, secret, NOW + LIFETIME_S - 1).role is Role.ADMIN
    with pytest.raises(Refused):
        open_link(conn, secret, NOW + LIFETIME_S)


def test_newer_admin_link_kills_the_older(conn: Connection) -> None:
    older = secret_of(create_admin_link(conn, URL, NOW))
    newer = secret_of(create_admin_link(conn, URL, NOW))
    with pytest.raises(Refused):
        open_link(conn, older, NOW)
    assert open_link(conn, newer, NOW).role is Role.ADMIN


def test_secret_is_not_in_the_database(conn: Connection) -> None:
    secret = secret_of(create_admin_link(conn, URL, NOW))
    tables = ("one_time_link", "audit")
    stored = "".join(str(row) for table in tables for row in conn.execute(f"select * from {table}"))
    assert secret not in stored
    assert secret.encode().hex() not in stored


def test_weak_password_leaves_the_link_good(conn: Connection) -> None:
    secret = secret_of(create_admin_link(conn, URL, NOW))
    with pytest.raises(Refused) as refused, conn.transaction():
        use_link(conn, secret, "wang", "1234567890", NOW)
    assert refused.value.details["problem"] == "too_simple"
    use_link(conn, secret, "wang", PASSWORD, NOW)


def test_password_link_renews_the_password_and_ends_sessions(conn: Connection) -> None:
    account = use_link(conn, secret_of(create_invitation(conn, URL, Role.VIEWER, CONSOLE, NOW)), "li", PASSWORD, NOW)
    session = open_session(conn, account, NOW)
    use_link(conn, secret_of(create_password_link(conn, URL, account, CONSOLE, NOW)), "", "nine blue saucers", NOW)
    assert find_session(conn, session, NOW) is None
