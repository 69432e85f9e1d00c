"""What people do about an alarm: acknowledge, assign, put aside, comment, close with a cause, reopen. Each leaves a change row and an audit entry.

Facts clear an alarm, people close it. One that still holds is closed only with a cause that says so on purpose; it is not raised again before the
condition was over. The same key with the same action is answered again, not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson
from pydantic import Field

from central.alarms.causes import CAUSES
from central.alarms.model import AlarmRow, ChangeRow
from central.alarms.summary import Chosen, list_alarms
from central.db.pool import Connection
from central.db.statements import load_statements, one, rows, run
from central.identity import audit
from central.identity.scope import Scope
from protocol.errors import CampusError, ConfigError, Conflict, NotFound
from protocol.record import Record

_SQL = load_statements("central.alarms")
MAX_AT_ONCE = 500
MAX_SNOOZE_MS = 31 * 86_400_000
ActionName = Literal["acknowledge", "assign", "snooze", "unsnooze", "comment", "close", "reopen"]
_CHANGE = {
    "acknowledge": "acknowledged",
    "assign": "assigned",
    "snooze": "snoozed",
    "unsnooze": "unsnoozed",
    "comment": "commented",
    "close": "closed",
    "reopen": "reopened",
}


class Action(Record):
    """What to do. assign: `assignee`, an account's name, empty for nobody. snooze: `until_ms` and a note. close: `cause`. comment: a note."""

    action: ActionName
    note: str = Field(default="", max_length=1000)
    assignee: str = Field(default="", max_length=40)
    until_ms: int | None = Field(default=None, ge=0, lt=1 << 43)
    cause: str = Field(default="", max_length=40)
    key: str | None = Field(default=None, min_length=8, max_length=80)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one alarm of several. `problem`: the error's message where it was not done."""

    id: int
    done: bool
    problem: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm whole: what was seen (`data`), its history, what it explains and what explains it, and when all was well last."""

    alarm: AlarmRow
    data: Mapping[str, object]
    over_since_ms: int
    clear_value: int | None
    closed_by: str | None
    last_good_ms: int | None
    changes: tuple[ChangeRow, ...]
    children: tuple[AlarmRow, ...]
    explained_by: AlarmRow | None
    before: tuple[AlarmRow, ...]


def act(conn: Connection, scope: Scope, number: int, action: Action, actor: str, now_ms: int) -> AlarmRow:
    """Do one thing to one alarm. Raises NotFound outside the scope, ConfigError for what is incomplete, Conflict where the state forbids it."""
    _check(action, now_ms)
    held = one(conn, _SQL["hold_alarm"], _Held, _missing(number), id=number, scope=scope)
    if action.key and (done := rows(conn, _SQL["change_of_key"], _Done, alarm=number, key=action.key)):
        if done[0].kind != _CHANGE[action.action]:
            raise Conflict(f"key {action.key!r} was used for {done[0].kind!r} of alarm {number}; choose a new one")
        return get_row(conn, scope, number)
    facts = _DO[action.action](conn, held, action, now_ms)
    if facts is not None:
        _note(conn, number, action, {**facts, "by": actor}, actor, now_ms)
    return get_row(conn, scope, number)


def act_on_many(conn: Connection, scope: Scope, numbers: Sequence[int], action: Action, actor: str, now_ms: int) -> list[Result]:
    """The same for several alarms, each by itself: one that cannot be done stops no other."""
    return [_try(conn, scope, number, action, actor, now_ms) for number in dict.fromkeys(numbers)]


def mark_seen(conn: Connection, scope: Scope, numbers: Sequence[int], account: int | None, now_ms: int) -> int:
    """Note that an account has looked at alarms; returns how many were new to it. A program has no eyes."""
    if account is None:
        raise Conflict("only a person's account can mark alarms as seen; a token cannot")
    return run(conn, _SQL["mark_seen"], ids=list(numbers), account=account, scope=scope, now_ms=now_ms)


def assignable(conn: Connection) -> list[str]:
    """Names of the accounts an alarm can be assigned to."""
    return [row.name for row in rows(conn, _SQL["assignable"], _Name)]


def get_row(conn: Connection, scope: Scope, number: int, account: int | None = None) -> AlarmRow:
    """One alarm as lists show it; raises NotFound."""
    found = list_alarms(conn, scope, Chosen(id=number, shown="any"), limit=1, account=account).items
    if not found:
        raise NotFound(_missing(number))
    return found[0]


def get_alarm(conn: Connection, scope: Scope, number: int, account: int | None = None) -> AlarmView:
    """One alarm whole; raises NotFound. At most 200 changes and children are told, newest and worst first."""
    row = get_row(conn, scope, number, account)
    more = one(conn, _SQL["alarm_details"], _Details, _missing(number), id=number)
    children = list_alarms(conn, scope, Chosen(parent=number, shown="any"), limit=200).items
    parent = list_alarms(conn, scope, Chosen(id=row.parent, shown="any"), limit=1).items if row.parent else ()
    same = list_alarms(conn, scope, Chosen(subject=row.subject, shown="any", newest=True), limit=11).items
    changes = rows(conn, _SQL["changes"], ChangeRow, alarm=number)
    before = tuple(other for other in same if other.id != number and other.kind == row.kind and (row.kind != "site" or other.rule == row.rule))[:10]
    facts = (more.data, more.over_since_ms, more.clear_value, more.closed_by, more.last_good_ms)
    return AlarmView(row, *facts, tuple(changes), children, parent[0] if parent else None, before)


@dataclass(frozen=True, slots=True)
class _Held:
    id: int
    rule: str
    kind: str
    subject: str
    state: str
    cleared: bool
    snoozed: bool


@dataclass(frozen=True, slots=True)
class _Done:
    kind: str


@dataclass(frozen=True, slots=True)
class _Details:
    data: Mapping[str, object]
    over_since_ms: int
    clear_value: int | None
    closed_by: str | None
    last_good_ms: int | None


@dataclass(frozen=True, slots=True)
class _Name:
    name: str


@dataclass(frozen=True, slots=True)
class _Account:
    account_id: int


def _check(action: Action, now_ms: int) -> None:
    if action.action == "snooze":
        if action.until_ms is None or not now_ms < action.until_ms <= now_ms + MAX_SNOOZE_MS:
            raise ConfigError("an alarm is put aside until an instant in the next 31 days (until_ms)")
        if len(action.note) < 3:
            raise ConfigError("say in the note why the alarm is put aside; whoever looks for it will ask")
    if action.action == "comment" and not action.note:
        raise ConfigError("a comment needs a text (note)")
    if action.action == "close" and action.cause not in CAUSES:
        raise ConfigError(f"a closed alarm names its cause: one of {', '.join(CAUSES)}; got {action.cause!r}")


def _acknowledge(conn: Connection, held: _Held, action: Action, now_ms: int) -> dict[str, object] | None:
    if held.state in ("closed", "acknowledged"):
        if held.state == "closed":
            raise Conflict(f"alarm {held.id} is closed; reopen it first")
        return None
    return {}


def _assign(conn: Connection, held: _Held, action: Action, now_ms: int) -> dict[str, object] | None:
    account = None
    if action.assignee:
        missing = f"there is no account {action.assignee!r} that can sign in; see the list of accounts"
        account = one(conn, _SQL["account_of_name"], _Account, missing, name=action.assignee).account_id
    run(conn, _SQL["assign"], id=held.id, assignee=account)
    return {"assignee": action.assignee}


def _snooze(conn: Connection, held: _Held, action: Action, now_ms: int) -> dict[str, object] | None:
    if held.cleared or held.state == "closed":
        raise Conflict(f"alarm {held.id} is over; there is nothing to put aside")
    run(conn, _SQL["snooze"], id=held.id, until_ms=action.until_ms)
    return {"until_ms": action.until_ms}


def _unsnooze(conn: Connection, held: _Held, action: Action, now_ms: int) -> dict[str, object] | None:
    if not held.snoozed:
        return None
    run(conn, _SQL["snooze"], id=held.id, until_ms=None)
    return {}


def _comment(conn: Connection, held: _Held, action: Action, now_ms: int) -> dict[str, object] | None:
    return {}


def _close(conn: Connection, held: _Held, action: Action, now_ms: int) -> dict[str, object] | None:
    if held.state == "closed":
        raise Conflict(f"alarm {held.id} is closed already")
    if not held.cleared and not CAUSES[action.cause].while_it_holds:
        lasting = ", ".join(name for name, cause in CAUSES.items() if cause.while_it_holds)
        raise Conflict(f"alarm {held.id} still holds; it clears by itself when the cause is gone. Put it aside, or close it as one of {lasting}")
    return {"cause": action.cause}


def _reopen(conn: Connection, held: _Held, action: Action, now_ms: int) -> dict[str, object] | None:
    if held.state != "closed":
        raise Conflict(f"alarm {held.id} is not closed")
    run(conn, _SQL["reopen"], id=held.id)
    return {}


_DO: Mapping[str, Callable[[Connection, _Held, Action, int], dict[str, object] | None]] = {
    "acknowledge": _acknowledge,
    "assign": _assign,
    "snooze": _snooze,
    "unsnooze": _unsnooze,
    "comment": _comment,
    "close": _close,
    "reopen": _reopen,
}


def _note(conn: Connection, number: int, action: Action, facts: Mapping[str, object], actor: str, now_ms: int) -> None:
    """The change row with whatever of the alarm's row says by whom, and the audit entry."""
    kind = _CHANGE[action.action]
    if kind in ("acknowledged", "closed"):
        run(conn, _SQL[f"note_{kind}"], id=number, actor=actor, cause=action.cause, now_ms=now_ms)
    told = orjson.dumps({name: value for name, value in facts.items() if name != "by"}).decode()
    run(conn, _SQL["add_change"], alarm=number, kind=kind, actor=actor, note=action.note, data=told, key=action.key, now_ms=now_ms)
    audit.record(conn, actor, f"alarms.{action.action}", str(number), {"note": action.note, **{k: v for k, v in facts.items() if k != "by"}})


def _try(conn: Connection, scope: Scope, number: int, action: Action, actor: str, now_ms: int) -> Result:
    try:
        with conn.transaction():
            act(conn, scope, number, action, actor, now_ms)
    except CampusError as error:
        return Result(number, False, error.message, error.code)
    return Result(number, True)


def _missing(number: int) -> str:
    return f"there is no alarm {number} that this account may see; see the list of alarms"
