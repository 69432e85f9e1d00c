"""What was sent, to whom, and the proof; and the inboxes of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, number, rows, run
from central.identity import audit
from central.identity.scope import Scope
from central.metering.model import Page
from protocol.errors import NotFound

_SQL = load_statements("central.notify")


@dataclass(frozen=True, slots=True)
class Logged:
    """One notification by a channel. `proof`: what the other side answered; `told`: why the last try failed, or why none was needed."""

    id: int
    kind: str
    state: str
    alarm: int
    alarm_rule: str
    severity: str
    name_zh: str
    name_en: str
    rule_name: str
    channel_name: str
    made_ms: int
    due_ms: int
    sent_ms: int | None
    attempts: int
    told: str | None
    proof: str | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """One notification in an account's inbox."""

    id: int
    kind: str
    alarm: int
    alarm_rule: str
    severity: str
    name_zh: str
    name_en: str
    sent_ms: int
    read_ms: int | None


@dataclass(frozen=True, slots=True)
class _Row(Logged):
    total: int


def sent_log(conn: Connection, state: str | None, channel: int | None, offset: int, limit: int) -> Page[Logged]:
    """Newest first."""
    found = rows(conn, _SQL["log"], _Row, state=state, channel=channel, offset=offset, limit=limit)
    return Page(tuple(found), found[0].total if found else 0, offset, limit)


def send_again(conn: Connection, notification: int, actor: str, now: float) -> None:
    """Have a failed notification tried again; raises NotFound for any other."""
    if conn.execute(_SQL["send_again"], {"id": notification, "now": now}).fetchone() is None:
        raise NotFound(f"no failed notification has the number {notification}")
    audit.record(conn, actor, "notify.again", str(notification))


def inbox(conn: Connection, account: int | None, scope: Scope, limit: int) -> list[Inbox]:
    """An account's notifications, newest first; a program has none."""
    return rows(conn, _SQL["inbox"], Inbox, account=account, scope=scope, limit=limit)


def unread(conn: Connection, account: int | None) -> int:
    """How many of them were not read."""
    return number(conn, _SQL["unread"], account=account)


def mark_read(conn: Connection, account: int | None, ids: Sequence[int] | None, now: float) -> int:
    """Mark own notifications read (None: all); returns how many."""
    return run(conn, _SQL["mark_read"], account=account, ids=None if ids is None else list(ids), now=now)
