"""Accounts, tokens and the audit trail on a real database."""

from __future__ import annotations

import pytest

from central.db.pool import Connection, DatabaseError
from central.identity import audit
from central.identity.accounts import add_account, change_access, set_disabled
from central.identity.permissions import PERMISSIONS, Role
from central.identity.principal import Principal
from central.identity.tokens import create_token, find_token, list_tokens, revoke_token
from protocol.errors import Conflict, NotFound, Refused

NOW = 1_763_769_600.0
PASSWORD = "seven green kettles"
BOSS = Principal("boss", PERMISSIONS, factor=True, account_id=1)


def test_name_is_taken_whatever_its_case(conn: Connection) -> None:
    add_account(conn, "wang", PASSWORD, Role.VIEWER, NOW)
    with pytest.raises(Conflict):
        add_account(conn, "WANG", PASSWORD, Role.VIEWER, NOW)


@pytest.mark.parametrize("name", ["", "x", "a b", "<script>", "n" * 41])
def test_odd_names_are_refused(conn: Connection, name: str) -> None:
    with pytest.raises(Refused, match="bad_name"):
        add_account(conn, name, PASSWORD, Role.VIEWER, NOW)


def test_last_administrator_stays(conn: Connection) -> None:
    boss = add_account(conn, "boss", PASSWORD, Role.ADMIN, NOW)
    with pytest.raises(Refused, match="last administrator"):
        set_disabled(conn, boss, True, BOSS, NOW)
    with pytest.raises(Refused, match="last administrator"):
        change_access(conn, boss, Role.VIEWER, None, BOSS)
    add_account(conn, "deputy", PASSWORD, Role.ADMIN, NOW)
    change_access(conn, boss, Role.VIEWER, None, BOSS)


def test_token_opens_until_revoked_and_is_stored_as_digest(conn: Connection) -> None:
    secret = create_token(conn, "provisioning", ["metering.read", "fleet.manage"], NOW)
    found = find_token(conn, secret, NOW)
    assert found is not None
    assert found.permissions == {"metering.read", "fleet.manage"}
    assert secret not in str(conn.execute("select * from api_token").fetchall())
    revoke_token(conn, "provisioning", "boss", NOW)
    assert find_token(conn, secret, NOW) is None
    assert list_tokens(conn, NOW) == []


def test_token_with_unknown_permission_or_used_name_is_refused(conn: Connection) -> None:
    with pytest.raises(Refused, match=r"metering\.raed"):
        create_token(conn, "a", ["metering.raed"], NOW)
    create_token(conn, "a", ["metering.read"], NOW)
    with pytest.raises(Conflict):
        create_token(conn, "a", ["metering.read"], NOW)
    with pytest.raises(NotFound):
        revoke_token(conn, "b", "boss", NOW)


@pytest.mark.parametrize("statement", ["update audit set actor = 'x'", "delete from audit", "truncate audit"])
def test_audit_can_only_grow(conn: Connection, statement: str) -> None:
    audit.record(conn, "wang", "device.replaced", "m1", {"from": 1})
    with pytest.raises(DatabaseError, match="never changed"):
        conn.execute(statement)


def test_audit_pages_backwards_and_filters_literally(conn: Connection) -> None:
    for number in range(5):
        audit.record(conn, "wang", "device.read", f"m{number}", {"n": number})
    audit.record(conn, "100%", "odd_name", "m_5")
    first = audit.newest(conn, 2)
    assert [row.target for row in first] == ["m_5", "m4"]
    assert [row.target for row in audit.newest(conn, 2, before=first[-1].id)] == ["m3", "m2"]
    assert [row.actor for row in audit.newest(conn, 9, q="%")] == ["100%"]


def test_audit_stands_only_when_the_action_does(conn: Connection) -> None:
    conn.commit()
    audit.record(conn, "wang", "device.replaced", "m1")
    conn.rollback()
    assert audit.newest(conn, 9) == []
