"""Sessions on a real database."""

from __future__ import annotations

import pytest

from central.db.pool import Connection
from central.identity.accounts import add_account, change_access, set_disabled
from central.identity.permissions import Role
from central.identity.principal import CONSOLE
from central.identity.sessions import ABSOLUTE_S, IDLE_S, KEEP_PER_ACCOUNT, end_session, find_session, open_session

NOW = 1_763_769_600.0


@pytest.fixture
def account(conn: Connection) -> int:
    return add_account(conn, "wang", "seven green kettles", Role.OPERATOR, NOW)


def test_session_ends_when_idle(conn: Connection, account: int) -> None:
    secret = open_session(conn, account, NOW)
    assert find_session(conn, secret, NOW + IDLE_S - 1, touch=False)
    assert find_session(conn, secret, NOW + IDLE_S) is None


def test_activity_keeps_a_session_until_the_absolute_end(conn: Connection, account: int) -> None:
    secret = open_session(conn, account, NOW)
    for at in range(3600, int(ABSOLUTE_S), 3600):
        assert find_session(conn, secret, NOW + at)
    assert find_session(conn, secret, NOW + ABSOLUTE_S) is None


def test_looking_without_touching_is_no_activity(conn: Connection, account: int) -> None:
    secret = open_session(conn, account, NOW)
    find_session(conn, secret, NOW + IDLE_S - 1, touch=False)
    assert find_session(conn, secret, NOW + IDLE_S + 1) is None


def test_login_rotates_the_session_the_browser_came_with(conn: Connection, account: int) -> None:
    planted = open_session(conn, account, NOW)
    fresh = open_session(conn, account, NOW, replaces=planted)
    assert fresh != planted
    assert find_session(conn, planted, NOW) is None
    assert find_session(conn, fresh, NOW)


def test_logout_revokes(conn: Connection, account: int) -> None:
    secret = open_session(conn, account, NOW)
    end_session(conn, secret)
    assert find_session(conn, secret, NOW) is None


def test_oldest_session_gives_way_to_one_too_many(conn: Connection, account: int) -> None:
    secrets = [open_session(conn, account, NOW + number) for number in range(KEEP_PER_ACCOUNT + 1)]
    alive = [find_session(conn, secret, NOW + 20, touch=False) is not None for secret in secrets]
    assert alive == [False] + [True] * KEEP_PER_ACCOUNT


def test_disabled_account_is_out_at_once(conn: Connection, account: int) -> None:
    secret = open_session(conn, account, NOW)
    set_disabled(conn, account, True, CONSOLE, NOW)
    assert find_session(conn, secret, NOW) is None


def test_new_role_holds_from_the_next_request(conn: Connection, account: int) -> None:
    secret = open_session(conn, account, NOW)
    change_access(conn, account, Role.VIEWER, None, CONSOLE)
    session = find_session(conn, secret, NOW)
    assert session is not None
    assert session.role is Role.VIEWER


def test_database_holds_only_digests(conn: Connection, account: int) -> None:
    secret = open_session(conn, account, NOW)
    assert secret not in str(conn.execute("select * from web_session").fetchall())
