"""Rules as data: what is shipped fits together, what is wrong is said with its line."""

from __future__ import annotations

import re

import pytest

from central.alarms.collect import WATCHES
from central.alarms.overrides import Changes, changed_rule
from central.alarms.rule import load_rules, shipped_rules
from central.db.statements import load_statements
from protocol.errors import ConfigError, NotFound

TEXT = """
- name: hot
  severity: general
  kind: device
  watch: device_silent
  unit: count
  raise_at: 10
  clear_at: 5
  title: {zh: 热, en: Hot}
  runbook: {zh: 冷却, en: Cool it}
"""


def test_every_shipped_rule_watches_something_that_can_be_asked():
    asked = set(load_statements("central.alarms"))
    for rule in shipped_rules().values():
        assert rule.missing or rule.watch in WATCHES, rule.name
    assert {name for name in WATCHES if f"watch_{name}" not in asked} == {"disk_free", "duplicate_address"}


def test_every_watch_has_a_rule():
    assert set(WATCHES) == {rule.watch for rule in shipped_rules().values() if rule.watch}


def test_what_explains_a_rule_is_wider_than_it_and_never_in_a_circle():
    rules = shipped_rules()
    for rule in rules.values():
        for name in rule.under:
            assert rule.name not in rules[name].under, (rule.name, name)


def test_every_runbook_says_it_in_both_languages():
    for rule in shipped_rules().values():
        assert re.search("[\u4e00-\u9fff]", rule.runbook.zh), rule.name
        assert not re.search("[\u4e00-\u9fff]", rule.runbook.en), rule.name


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("clear_at: 5", "clear_at: 10", "a.yaml:8: clear_at must lie below raise_at 10"),
        ("raise_at: 10", "raise_at: 10\n  when: below", "clear_at must lie above raise_at"),
        ("severity: general", "severity: grave", "a.yaml:3"),
        ("watch: device_silent", "wach: x", "unknown key"),
        ("unit: count", "unit: count\n  under: [cold]", "under names cold"),
        ("unit: count", "unit: count\n  clear_after_s: 7200", "quiet_s must be at least"),
        ("watch: device_silent", "missing: {zh: 无, en: nothing}", "cannot be switched on"),
    ],
)
def test_a_mistake_is_told_with_what_and_where(before, after, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        load_rules({"a.yaml": TEXT.replace(before, after)})


def test_a_rule_that_stands_twice_is_refused():
    with pytest.raises(ConfigError, match="hot"):
        load_rules({"a.yaml": TEXT, "b.yaml": TEXT})


def test_an_override_changes_numbers_only_as_far_as_they_fit():
    changed = changed_rule("gateway_offline", Changes(raise_at=300), version=4)

    assert (changed.raise_at, changed.clear_at, changed.version) == (300, shipped_rules()["gateway_offline"].clear_at, 4)
    with pytest.raises(ConfigError, match="clear_at"):
        changed_rule("gateway_offline", Changes(raise_at=10))
    with pytest.raises(ConfigError, match="certificate"):
        changed_rule("certificate_expiry", Changes(enabled=True))
    with pytest.raises(NotFound):
        changed_rule("nothing", Changes())
