"""A rule asked now, without raising anything: what it would find with other numbers, and what a thing's value is at this moment."""

from __future__ import annotations

from dataclasses import dataclass

from central.alarms.collect import Disk, collect
from central.alarms.model import Fact
from central.alarms.rule import Rule
from central.db.pool import Connection
from central.db.statements import load_statements, number
from protocol.errors import ConfigError, StorageError

_SQL = load_statements("central.alarms")
MAX_NAMED = 50


@dataclass(frozen=True, slots=True)
class Trial:
    """What the rule says of now, minimum times left aside. `would_raise`: things over its threshold, the first MAX_NAMED of them in `subjects` with
    their values, worst first; `standing`: alarms of the rule that stand now; `asked`: things looked at; `unknown`: those of which nothing is known.
    """

    rule: str
    would_raise: int
    standing: int
    asked: int
    unknown: int
    subjects: tuple[tuple[str, int], ...]


def try_rule(conn: Connection, rule: Rule, now_ms: int, disk: Disk) -> Trial:
    """Ask the rule's watch once. Raises ConfigError for a rule that watches nothing yet, StorageError where the watch cannot be asked."""
    if rule.missing:
        raise ConfigError(f"rule {rule.name} cannot be tried: {rule.missing.en}")
    facts = facts_of(conn, rule.watch, now_ms, disk)
    over = [(fact.subject, fact.value) for fact in facts.values() if fact.value is not None and rule.over(fact.value)]
    worst = sorted(over, key=lambda one: one[1], reverse=rule.when == "above")[:MAX_NAMED]
    standing = number(conn, _SQL["standing_of_rule"], rule=rule.name)
    return Trial(rule.name, len(over), standing, len(facts), sum(fact.value is None for fact in facts.values()), tuple(worst))


def value_now(conn: Connection, rule: Rule, subject: str, now_ms: int, disk: Disk) -> Fact | None:
    """The newest fact of one thing; None where the watch does not name it or cannot be asked."""
    if rule.missing:
        return None
    return collect(conn, [rule.watch], now_ms, disk).facts.get(rule.watch, {}).get(subject)


def facts_of(conn: Connection, watch: str, now_ms: int, disk: Disk) -> dict[str, Fact]:
    """Every fact of a watch. Raises StorageError where it cannot be asked."""
    found = collect(conn, [watch], now_ms, disk)
    if found.failed:
        raise StorageError(f"what the rule watches cannot be asked now: {found.failed[watch]}; try again", watch=watch)
    return dict(found.facts[watch])
