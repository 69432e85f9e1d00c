"""Alarms as lists and counts: for the alarm pages, the home page, the wall and the badge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

from central.alarms.model import AlarmRow, Counts, Severity
from central.alarms.rule import shipped_rules
from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.identity.scope import Scope
from central.metering.model import Page

_SQL = load_statements("central.alarms")
MAX_ROWS = 500
Shown = Literal["standing", "snoozed", "suppressed", "over", "any"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which alarms. Empty or None: all. `node`: a place with everything below. `shown`: standing ones leave out what is put aside or in planned work;
    over: cleared or closed. `top`: without those another one explains. `assignee`: an account's name, `-` for nobody's. `kind`: of the subject.
    `newest`: newest first, not worst first.
    """

    node: str = ""
    shown: Shown = "standing"
    severity: str = ""
    rule: str = ""
    state: str = ""
    assignee: str = ""
    subject: str = ""
    kind: str = ""
    parent: int | None = None
    id: int | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    top: bool = False
    newest: bool = False


def alarm_counts(conn: Connection, scope: Scope, node: str = "") -> Counts:
    """How many alarms stand now, within the scope and below `node`; one scan of a small partial index."""
    return one(conn, _SQL["alarm_counts"], Counts, "a count has a row", scope=scope, node=node)


def open_alarms(conn: Connection, scope: Scope, node: str = "", limit: int = 20) -> list[AlarmRow]:
    """The alarms that stand now and are nobody's child: worst first, unacknowledged before acknowledged, newest first."""
    return list(list_alarms(conn, scope, Chosen(node=node, top=True), limit=limit).items)


def list_alarms(conn: Connection, scope: Scope, chosen: Chosen, offset: int = 0, limit: int = 50, account: int | None = None) -> Page[AlarmRow]:
    """A page of alarms. `account`: whose "seen" marks to tell."""
    asked: Mapping[str, object] = {("view" if part.name == "shown" else part.name): getattr(chosen, part.name) for part in fields(chosen)}
    limit = min(limit, MAX_ROWS)
    found = rows(conn, _SQL["alarms"], _Row, scope=scope, account=account, offset=offset, limit=limit, **asked)
    return Page(tuple(_titled(row) for row in found), found[0].total if found else 0, offset, limit)


def _titled(row: _Row) -> AlarmRow:
    rule = shipped_rules().get(row.rule)
    if rule is None:  # of a release that had it
        return replace(row, severity=Severity(row.severity), title_zh=row.rule, title_en=row.rule)
    return replace(row, severity=Severity(row.severity), title_zh=rule.title.zh, title_en=rule.title.en, unit=rule.unit)


@dataclass(frozen=True, slots=True)
class _Row(AlarmRow):
    total: int = 0
