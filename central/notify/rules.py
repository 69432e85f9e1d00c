"""Rules: who is told what. Those with a channel belong to the site, those of an inbox to their account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from central.alarms.model import Severity
from central.db.pool import Connection
from central.db.statements import load_statements, number, rows
from central.identity import audit
from central.notify.model import Rule
from protocol.errors import NotFound, Refused
from protocol.record import Record

_SQL = load_statements("central.notify")
MAX_RULES = 100
Minute = Annotated[int, Field(ge=0, le=1439)]
Kind = Literal["raised", "flapping", "cleared", "acknowledged", "assigned", "closed"]


class NewRule(Record):
    """A rule to be made. Without `channel` it fills the asker's inbox. `raised` includes alarms that come back (after planned work, a snooze)."""

    name: str = Field(min_length=1, max_length=60)
    channel: int | None = Field(default=None, ge=1)
    place: str | None = Field(default=None, max_length=64)
    severities: tuple[Severity, ...] = Field(default=tuple(Severity), min_length=1, max_length=3)
    alarm_rules: tuple[str, ...] = Field(default=(), max_length=50)
    kinds: tuple[Kind, ...] = Field(default=("raised", "cleared"), min_length=1, max_length=8)
    after_s: int = Field(default=0, ge=0, le=86_400)
    quiet_from: Minute | None = None
    quiet_to: Minute | None = None
    quiet_passes: tuple[Severity, ...] = Field(default=(Severity.URGENT,), max_length=3)

    @model_validator(mode="after")
    def _whole_quiet(self) -> NewRule:
        if (self.quiet_from is None) != (self.quiet_to is None):
            raise ValueError("quiet hours need both quiet_from and quiet_to")
        return self


@dataclass(frozen=True, slots=True)
class ShownRule:
    """A rule as lists show it."""

    id: int
    name: str
    channel: int | None
    channel_name: str | None
    account: int | None
    account_name: str | None
    place: str | None
    place_zh: str | None
    place_en: str | None
    severities: list[str]
    alarm_rules: list[str]
    kinds: list[str]
    after_s: int
    quiet_from: int | None
    quiet_to: int | None
    quiet_passes: list[str]
    enabled: bool


def load_rules(conn: Connection) -> list[Rule]:
    """Rules in force."""
    return [_rule(row) for row in rows(conn, _SQL["rules"], _Row)]


def list_rules(conn: Connection, account: int | None = None) -> list[ShownRule]:
    """All of them, or those of one inbox."""
    return rows(conn, _SQL["shown_rules"], ShownRule, account=account)


def add_rule(conn: Connection, new: NewRule, account: int | None, actor: str, now: float) -> int:
    """Store a rule of a channel, or of the inbox of `account`. Raises Refused where neither is given or there are too many."""
    if new.channel is None and account is None:
        raise Refused("a program has no inbox; name a channel", problem="no_inbox")
    owner = None if new.channel is not None else account
    if number(conn, _SQL["count_rules"], account=owner) >= MAX_RULES:
        raise Refused(f"there are {MAX_RULES} rules already; remove one first", problem="too_many")
    values = new.model_dump(mode="json") | {"account": owner, "actor": actor, "now": now}
    found = number(conn, _SQL["add_rule"], **{key: list(value) if isinstance(value, tuple) else value for key, value in values.items()})
    audit.record(conn, actor, "notify.rule_made", new.name, new.model_dump(mode="json"))
    return found


def remove_rule(conn: Connection, number_: int, account: int | None, actor: str) -> None:
    """Remove a rule with its log; `account`: only one of this inbox. Raises NotFound."""
    row = conn.execute(_SQL["remove_rule"], {"id": number_, "account": account}).fetchone()
    if row is None:
        raise NotFound(f"there is no notification rule {number_}")
    audit.record(conn, actor, "notify.rule_removed", row[0])


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    channel: int | None
    account: int | None
    place: str | None
    severities: list[str]
    alarm_rules: list[str]
    kinds: list[str]
    after_s: int
    quiet_from: int | None
    quiet_to: int | None
    quiet_passes: list[str]


def _rule(row: _Row) -> Rule:
    quiet = None if row.quiet_from is None or row.quiet_to is None else (row.quiet_from, row.quiet_to)
    lists = (tuple(row.severities), tuple(row.alarm_rules), tuple(row.kinds))
    return Rule(row.id, row.channel, row.account, row.place, *lists, row.after_s, quiet, tuple(row.quiet_passes))
