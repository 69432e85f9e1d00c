"""What people do about alarms: allowed or refused, kept in the history and the audit trail, once per key."""

from __future__ import annotations

import pytest

from central.alarms.life_cycle import Action, act, act_on_many, get_alarm, mark_seen
from central.alarms.maintenance import NewWindow, add_window, end_window
from central.alarms.overrides import Changes, override_rule, rules_in_force
from central.alarms.summary import Chosen, alarm_counts, list_alarms, open_alarms
from central.alarms.trial import try_rule
from central.identity.accounts import add_account
from protocol.errors import ConfigError, Conflict, NotFound

MINUTE_MS = 60_000


@pytest.fixture
def alarm(site, heard, evaluate, now_ms) -> int:
    """A standing alarm: gateway gw-1 in building b1 is offline."""
    heard("gw-1", now_ms - 10 * MINUTE_MS)
    evaluate(now_ms - 2 * MINUTE_MS)
    evaluate(now_ms)
    (row,) = open_alarms(site, None)
    return row.id


def kinds(conn, number):
    return [change.kind for change in reversed(get_alarm(conn, None, number).changes)]


def test_acknowledge_assign_comment_stand_in_history_and_audit(site, alarm, now_ms):
    add_account(site, "wang", "seven green kettles", "operator", now_ms / 1000)

    act(site, None, alarm, Action(action="acknowledge", note="on my way"), "li", now_ms)
    row = act(site, None, alarm, Action(action="assign", assignee="wang"), "li", now_ms)
    act(site, None, alarm, Action(action="comment", note="switch is dark"), "wang", now_ms)

    assert (row.state, row.acknowledged_by, row.assignee) == ("acknowledged", "li", "wang")
    assert kinds(site, alarm) == ["raised", "acknowledged", "assigned", "commented"]
    actions = site.execute("select action, target from audit where action like 'alarms.%' order by audit_id").fetchall()
    assert actions == [(f"alarms.{name}", str(alarm)) for name in ("acknowledge", "assign", "comment")]


def test_the_same_key_is_done_once_and_for_one_thing_only(site, alarm, now_ms):
    for _ in range(2):
        act(site, None, alarm, Action(action="comment", note="once", key="form-0001"), "li", now_ms)

    assert kinds(site, alarm) == ["raised", "commented"]
    with pytest.raises(Conflict, match="form-0001"):
        act(site, None, alarm, Action(action="acknowledge", key="form-0001"), "li", now_ms)


def test_one_put_aside_is_out_of_sight_and_comes_back_by_itself(site, heard, evaluate, alarm, now_ms):
    until = now_ms + 30 * MINUTE_MS
    act(site, None, alarm, Action(action="snooze", until_ms=until, note="parts ordered"), "li", now_ms)

    evaluate(until - 1)
    hidden = alarm_counts(site, None).total
    evaluate(until)

    assert (hidden, alarm_counts(site, None).total) == (0, 1)
    assert kinds(site, alarm) == ["raised", "snoozed", "unsnoozed"]


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"action": "snooze", "note": "why not"}, ConfigError),
        ({"action": "snooze", "until_ms": 1, "note": "the past"}, ConfigError),
        ({"action": "comment"}, ConfigError),
        ({"action": "close", "cause": "magic"}, ConfigError),
        ({"action": "close", "cause": "repaired"}, Conflict),  # it still holds
        ({"action": "reopen"}, Conflict),
        ({"action": "assign", "assignee": "nobody-here"}, NotFound),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(site, alarm, now_ms, action, error):
    with pytest.raises(error):
        act(site, None, alarm, Action(**action), "li", now_ms)

    assert kinds(site, alarm) == ["raised"]


def test_closed_while_it_holds_it_is_not_raised_again_before_it_was_over(site, heard, evaluate, alarm, now_ms):
    act(site, None, alarm, Action(action="close", cause="out_of_use"), "li", now_ms)

    evaluate(now_ms + MINUTE_MS)
    assert open_alarms(site, None) == []
    heard("gw-1", now_ms + 2 * MINUTE_MS)
    evaluate(now_ms + 2 * MINUTE_MS)
    heard("gw-1", now_ms + 3 * MINUTE_MS + 1)
    evaluate(now_ms + 3 * MINUTE_MS + 1)
    assert get_alarm(site, None, alarm).alarm.cleared_ms is not None
    evaluate(now_ms + 6 * MINUTE_MS)
    evaluate(now_ms + 8 * MINUTE_MS)

    assert [row.id > alarm for row in open_alarms(site, None)] == [True]


def test_a_closed_one_can_be_reopened(site, alarm, now_ms):
    act(site, None, alarm, Action(action="close", cause="accepted"), "li", now_ms)

    assert act(site, None, alarm, Action(action="reopen", note="not so"), "li", now_ms).state == "open"
    assert kinds(site, alarm) == ["raised", "closed", "reopened"]


def test_several_are_done_each_by_itself(site, alarm, now_ms):
    results = act_on_many(site, None, [alarm, 999], Action(action="acknowledge"), "li", now_ms)

    assert [(one.id, one.done) for one in results] == [(alarm, True), (999, False)]
    assert "999" in results[1].problem


def test_an_alarm_outside_the_scope_does_not_exist(site, alarm, now_ms):
    assert open_alarms(site, ["b2"]) == []
    assert [row.id for row in open_alarms(site, ["b1"])] == [alarm]
    with pytest.raises(NotFound):
        get_alarm(site, ["b2"], alarm)
    with pytest.raises(NotFound):
        act(site, ["b2"], alarm, Action(action="acknowledge"), "li", now_ms)


def test_seen_is_each_account_s_own(site, alarm, now_ms):
    mine = add_account(site, "wang", "seven green kettles", "operator", now_ms / 1000)
    account = mine if isinstance(mine, int) else site.execute("select account_id from account where name = 'wang'").fetchone()[0]

    assert (mark_seen(site, None, [alarm], account, now_ms), mark_seen(site, None, [alarm], account, now_ms)) == (1, 0)
    assert [list_alarms(site, None, Chosen(), account=one).items[0].seen for one in (account, account + 1)] == [True, False]
    with pytest.raises(Conflict):
        mark_seen(site, None, [alarm], None, now_ms)


def test_raised_in_planned_work_it_is_shown_when_the_work_is_over_and_it_is_still_so(site, heard, evaluate, now_ms):
    window = add_window(site, None, NewWindow(place="b1", from_ms=now_ms, until_ms=now_ms + 3600_000, reason="new cables"), "li", now_ms)
    heard("gw-1", now_ms - 10 * MINUTE_MS)
    heard("gw-2", now_ms - 10 * MINUTE_MS)
    evaluate(now_ms)
    evaluate(now_ms + 2 * MINUTE_MS)
    meanwhile = [row.subject for row in open_alarms(site, None)]
    (kept,) = list_alarms(site, None, Chosen(shown="suppressed")).items
    end_window(site, None, window.id, "li", now_ms + 3 * MINUTE_MS)
    evaluate(now_ms + 3 * MINUTE_MS)

    assert (meanwhile, kept.subject, kept.suppressed_by) == (["gw-2"], "gw-1", window.id)
    assert sorted(row.subject for row in open_alarms(site, None)) == ["gw-1", "gw-2"]
    assert kinds(site, kept.id) == ["raised", "suppressed", "unsuppressed"]


def test_a_window_names_something_the_asker_may_see_and_ends_after_it_begins(site, now_ms):
    times = {"from_ms": now_ms, "until_ms": now_ms + 1000, "reason": "work"}
    for new, scope, error in (
        (NewWindow(**times), None, ConfigError),
        (NewWindow(place="nowhere", **times), None, NotFound),
        (NewWindow(place="b1", **times), ["b2"], NotFound),
        (NewWindow(rule="device_silent", **times), ["b2"], ConfigError),
        (NewWindow(place="b1", **(times | {"until_ms": now_ms})), None, ConfigError),
        (NewWindow(place="b1", weekdays=1, **times), None, ConfigError),
    ):
        with pytest.raises(error):
            add_window(site, scope, new, "li", now_ms)


def test_an_override_is_in_force_at_once_with_its_version_and_can_be_tried_before(site, heard, now_ms):
    heard("gw-1", now_ms - 10 * MINUTE_MS)
    lenient = Changes(raise_at=3600, clear_at=1800)

    before = try_rule(site, rules_in_force(site)["gateway_offline"], now_ms, lambda: None)
    override_rule(site, "gateway_offline", lenient, "slow links", "li", now_ms)
    after = try_rule(site, rules_in_force(site)["gateway_offline"], now_ms, lambda: None)

    assert (before.would_raise, before.subjects, after.would_raise) == (1, (("gw-1", 600),), 0)
    assert rules_in_force(site)["gateway_offline"].version == 1
    assert override_rule(site, "gateway_offline", Changes(), "back again", "li", now_ms).version == 2
    assert rules_in_force(site)["gateway_offline"].raise_at == 120
