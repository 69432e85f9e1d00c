"""The rules in force at this site: as shipped, with the newest override of each on top. An override has a version, a reason and a name behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import Field, ValidationError

from central.alarms.model import Severity
from central.alarms.rule import Flap, Rule, Rules, rule_problems, shipped_rules
from central.db.pool import Connection
from central.db.statements import load_statements, number, rows
from central.identity import audit
from protocol.errors import ConfigError, NotFound
from protocol.record import Record

_SQL = load_statements("central.alarms")


class Changes(Record):
    """What a site sets otherwise; None: as shipped."""

    severity: Severity | None = None
    raise_at: int | None = Field(default=None, ge=-(10**15), le=10**15)
    clear_at: int | None = Field(default=None, ge=-(10**15), le=10**15)
    raise_after_s: int | None = Field(default=None, ge=0, le=31 * 86_400)
    clear_after_s: int | None = Field(default=None, ge=0, le=31 * 86_400)
    flap: Flap | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """One version of a rule's override: who set what, when, why. `changes` empty: as shipped again."""

    rule: str
    version: int
    changes: Mapping[str, Any]
    reason: str
    actor: str
    at_ms: int


def rules_in_force(conn: Connection) -> Rules:
    """Every rule by name. An override that no longer fits the shipped rule (it changed with a release) is left out, as the list of rules shows."""
    shipped = shipped_rules()
    newest = {row.rule: row for row in rows(conn, _SQL["overrides"], _Newest)}
    return MappingProxyType({name: _in_force(rule, newest.get(name)) for name, rule in shipped.items()})


def find_rule(conn: Connection, name: str) -> Rule:
    """One rule in force; raises NotFound."""
    rule = rules_in_force(conn).get(name)
    if rule is None:
        raise NotFound(f"there is no rule {name!r}; see the list of rules")
    return rule


def changed_rule(name: str, changes: Changes, version: int = 0) -> Rule:
    """The rule as it would be. Raises NotFound, and ConfigError where the numbers do not fit together."""
    shipped = shipped_rules().get(name)
    if shipped is None:
        raise NotFound(f"there is no rule {name!r}; see the list of rules")
    rule = shipped.model_copy(update={**_set(changes), "version": version})
    if problems := [problem for _, problem in rule_problems(rule)]:
        raise ConfigError(f"rule {name}: {'; '.join(problems)}")
    return rule


def override_rule(conn: Connection, name: str, changes: Changes, reason: str, actor: str, now_ms: int) -> Rule:
    """Put an override in force from the next evaluation on; empty changes bring back what was shipped. Raises as `changed_rule`."""
    changed_rule(name, changes)
    facts = changes.model_dump(mode="json", exclude_none=True)
    packed = orjson.dumps(facts).decode()
    version = number(conn, _SQL["add_override"], rule=name, changes=packed, reason=reason, actor=actor, now_ms=now_ms)
    audit.record(conn, actor, "alarms.rule", name, {"version": version, "reason": reason, **facts})
    return changed_rule(name, changes, version)


def override_history(conn: Connection, name: str) -> list[Override]:
    """Versions of a rule's override, newest first, at most 50."""
    return rows(conn, _SQL["override_history"], Override, rule=name)


@dataclass(frozen=True, slots=True)
class _Newest:
    rule: str
    version: int
    changes: Mapping[str, Any]


def _set(changes: Changes) -> dict[str, Any]:
    return {name: value for name, value in changes if value is not None}


def _in_force(rule: Rule, override: _Newest | None) -> Rule:
    if override is None:
        return rule
    try:
        return changed_rule(rule.name, Changes.model_validate(override.changes), override.version)
    except (ConfigError, ValidationError):
        return rule
