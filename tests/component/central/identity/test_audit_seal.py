"""Seals over the audit: whoever switches the trigger off leaves a mark."""

from __future__ import annotations

import time

import pytest

from central.db.pool import Connection, DatabaseError
from central.identity import audit, audit_seal
from central.identity.audit_seal import SETTLED_S, check_seals, seal_rows


def later() -> float:
    """When everything written now is settled; rows carry the database's clock."""
    return time.time() + SETTLED_S + 60


@pytest.fixture
def sealed(trial: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Nine rows in three seals."""
    monkeypatch.setattr(audit_seal, "MAX_ROWS", 3)
    for number in range(9):
        audit.record(trial, "wang", "device.read", f"m{number}", {"n": number})
    while seal_rows(trial, later()):
        pass
    return trial


def unlocked(conn: Connection, statement: str) -> None:
    """What a superuser can do."""
    conn.execute("set session_replication_role = replica")
    conn.execute(statement)
    conn.execute("set session_replication_role = origin")


def test_untouched_audit_agrees_with_its_seals(sealed: Connection) -> None:
    assert check_seals(sealed) == (9, [])
    assert sealed.execute("select count(*) from audit_seal").fetchone() == (3,)


def test_rows_that_may_still_be_joined_by_others_are_not_sealed(trial: Connection) -> None:
    audit.record(trial, "wang", "login", "wang")
    assert seal_rows(trial, time.time()) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "delete from audit where target = 'm4'",
        "update audit set actor = 'li' where target = 'm4'",
        "update audit set details = '{}' where target = 'm4'",
        "update audit set at = at + interval '1 second' where target = 'm4'",
        "update audit set actor = 'wan', action = 'gdevice.read' where target = 'm4'",
    ],
)
def test_row_taken_out_or_changed_is_noticed_where_it_was(sealed: Connection, statement: str) -> None:
    unlocked(sealed, statement)
    _, breaches = check_seals(sealed)
    assert len(breaches) == 1
    first = sealed.execute("select min(audit_id) from audit").fetchone()
    assert first is not None
    assert breaches[0].first_id == first[0] + 3


def test_seal_taken_out_with_its_rows_is_noticed(sealed: Connection) -> None:
    unlocked(sealed, "delete from audit where target in ('m3', 'm4', 'm5')")
    unlocked(sealed, "delete from audit_seal where last_id = (select last_id from audit_seal order by last_id offset 1 limit 1)")
    assert len(check_seals(sealed)[1]) == 1


def test_row_put_in_afterwards_is_noticed(sealed: Connection) -> None:
    unlocked(sealed, "delete from audit where target = 'm4'")
    sealed.execute(
        "insert into audit (audit_id, actor, action, target) overriding system value "
        "select s, 'x', 'y', 'z' from generate_series((select min(audit_id) from audit), (select max(audit_id) from audit)) as s "
        "where s not in (select audit_id from audit)"
    )
    assert len(check_seals(sealed)[1]) == 1


@pytest.mark.parametrize("statement", ["update audit_seal set rows = 1", "delete from audit_seal", "truncate audit_seal"])
def test_seals_can_only_grow(sealed: Connection, statement: str) -> None:
    with pytest.raises(DatabaseError, match="never changed"):
        sealed.execute(statement)
