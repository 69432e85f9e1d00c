"""Rules: what is watched, when it is an alarm, how bad, what to do. Shipped as YAML beside this file; a site may override the numbers.

over    value >= raise_at (when: above) or value <= raise_at (when: below); an alarm once that has held for raise_after_s
normal  value <= clear_at (above) or value >= clear_at (below); over once that has held for clear_after_s. Between the two nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

from pydantic import Field, TypeAdapter

from central.alarms.model import Kind, Severity
from protocol.document import Location, parse_yaml
from protocol.errors import ConfigError
from protocol.record import Record, Text

Unit = Literal["s", "permille", "periods", "reports", "mV", "count", "bp", "percent", "flag", "litres_per_day"]
_NAME = r"^[a-z][a-z0-9_]{2,40}$"
_MONTH_S = 31 * 86_400


class Flap(Record):
    """`raises` times within `within_s` is flapping: one alarm that ends only after `quiet_s` without the condition."""

    raises: int = Field(default=5, ge=2, le=100)
    within_s: int = Field(default=14_400, ge=60, le=_MONTH_S)
    quiet_s: int = Field(default=3600, ge=60, le=_MONTH_S)


class Numbers(Record):
    """What a site may override of a rule."""

    severity: Severity
    raise_at: int = Field(ge=-(10**15), le=10**15)
    clear_at: int = Field(ge=-(10**15), le=10**15)
    raise_after_s: int = Field(default=0, ge=0, le=_MONTH_S)
    clear_after_s: int = Field(default=0, ge=0, le=_MONTH_S)
    flap: Flap = Flap()
    enabled: bool = True


class Rule(Numbers):
    """One rule. `under`: rules whose alarm explains this one, widest first; `surface_s`: how long one stays below an explanation that is over.

    `missing`: why it cannot be watched yet; such a rule is never enabled. `version`: of the site's override, 0 as shipped.
    """

    name: str = Field(pattern=_NAME)
    kind: Kind
    watch: str = Field(default="", max_length=40)
    unit: Unit
    when: Literal["above", "below"] = "above"
    title: Text
    runbook: Text
    under: tuple[str, ...] = ()
    surface_s: int = Field(default=0, ge=0, le=86_400)
    missing: Text | None = None
    version: int = 0

    @property
    def title_zh(self) -> str:
        """The title in Chinese."""
        return self.title.zh

    @property
    def title_en(self) -> str:
        """The title in English."""
        return self.title.en

    def over(self, value: int) -> bool:
        """Whether the condition holds."""
        return value >= self.raise_at if self.when == "above" else value <= self.raise_at

    def normal(self, value: int) -> bool:
        """Whether it certainly does not."""
        return value <= self.clear_at if self.when == "above" else value >= self.clear_at


Rules = Mapping[str, Rule]
_FILE: TypeAdapter[tuple[Rule, ...]] = TypeAdapter(tuple[Rule, ...])


@cache
def shipped_rules() -> Rules:
    """Every rule of the YAML files, by name, as shipped. Raises ConfigError for the first file that is wrong."""
    folder = files("central.alarms").joinpath("rules")
    texts = {entry.name: entry.read_text(encoding="utf-8") for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)}
    return load_rules({name: text for name, text in texts.items() if name.endswith(".yaml")})


def load_rules(texts: Mapping[str, str]) -> Rules:
    """Rules of file name -> text. Raises ConfigError with `file:line: problem` for each mistake of a file, or for rules that do not fit together."""
    found = [rule for name, text in texts.items() for rule in parse_yaml(text, name, _FILE, _file_problems)]
    names = [rule.name for rule in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"rules stand twice: {', '.join(twice)}; give each a name of its own")
    for rule in found:
        if unknown := sorted(set(rule.under) - set(names)):
            raise ConfigError(f"rule {rule.name}: under names {', '.join(unknown)}, which is no rule")
    return MappingProxyType({rule.name: rule for rule in found})


def rule_problems(rule: Rule) -> Iterator[tuple[Location, str]]:
    """What does not fit together within one rule."""
    above = rule.when == "above"
    if rule.clear_at >= rule.raise_at if above else rule.clear_at <= rule.raise_at:
        side = "below" if above else "above"
        yield (("clear_at",), f"clear_at must lie {side} raise_at {rule.raise_at} (the gap keeps it from going on and off), got {rule.clear_at}")
    if rule.flap.quiet_s < rule.clear_after_s:
        yield (("flap", "quiet_s"), f"flap.quiet_s must be at least clear_after_s {rule.clear_after_s}, got {rule.flap.quiet_s}")
    if rule.missing and rule.enabled:
        yield (("enabled",), f"rule {rule.name} cannot be switched on: {rule.missing.en}")
    if not rule.missing and not rule.watch:
        yield (("watch",), "a rule names what it watches, or says in `missing` why it cannot yet")


def _file_problems(rules: Iterable[Rule]) -> Iterator[tuple[Location, str]]:
    for position, rule in enumerate(rules):
        for path, problem in rule_problems(rule):
            yield (position, *path), problem
