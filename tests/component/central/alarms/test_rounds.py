"""A round reads what is in the database, raises, explains, clears, and says what it did."""

from __future__ import annotations

from central.alarms.summary import Chosen, alarm_counts, list_alarms, open_alarms

MINUTE_MS = 60_000


def rules_of(conn, **chosen):
    return sorted((row.rule, row.subject) for row in list_alarms(conn, None, Chosen(**chosen), limit=100).items)


def test_every_watch_can_be_asked(site, heard, evaluate, now_ms):
    heard("gw-1", devices=("m1", "m2"))

    assert dict(evaluate(now_ms).failed) == {}


def test_a_gateway_that_falls_silent_is_raised_and_clears_by_itself(site, heard, evaluate, now_ms):
    heard("gw-1", devices=("m1", "m2"))
    heard("gw-2", devices=("w1",))
    evaluate(now_ms)
    heard("gw-2", now_ms + 4 * MINUTE_MS)

    evaluate(now_ms + 3 * MINUTE_MS)
    pending = rules_of(site)
    evaluate(now_ms + 4 * MINUTE_MS + 1)
    raised = rules_of(site)
    heard("gw-1", now_ms + 5 * MINUTE_MS)
    evaluate(now_ms + 5 * MINUTE_MS)
    heard("gw-1", now_ms + 6 * MINUTE_MS)
    evaluate(now_ms + 6 * MINUTE_MS + 1)

    assert (pending, raised, rules_of(site)) == ([], [("gateway_offline", "gw-1")], [])
    history = list_alarms(site, None, Chosen(shown="over")).items
    assert [(row.rule, row.name_en, row.place, row.state) for row in history] == [("gateway_offline", "Gateway 1", "b1", "cleared")]


def test_a_dead_gateway_hides_its_silent_meters_until_it_is_back(site, heard, evaluate, now_ms):
    heard("gw-1", devices=("m1", "m2"))
    heard("gw-2", devices=("w1",))
    late = now_ms + 70 * MINUTE_MS
    heard("gw-2", late, devices=("w1",))
    evaluate(late - MINUTE_MS)
    evaluate(late)

    top = open_alarms(site, None)
    assert [(row.rule, row.children) for row in top] == [("gateway_offline", 2)]
    assert alarm_counts(site, None).total == 1

    # m2 is read again when the gateway is back; m1 stays dead
    for minute in range(0, 40, 5):
        heard("gw-1", late + minute * MINUTE_MS, devices=("m2",))
        heard("gw-2", late + minute * MINUTE_MS, devices=("w1",))
        evaluate(late + minute * MINUTE_MS + 1)

    assert [(row.rule, row.subject) for row in open_alarms(site, None)] == [("device_silent", "m1")]


def test_every_raise_and_clear_leaves_a_change_row(site, heard, evaluate, now_ms):
    heard("gw-1", now_ms - 10 * MINUTE_MS)
    evaluate(now_ms - MINUTE_MS)
    evaluate(now_ms)
    heard("gw-1", now_ms + 1)
    evaluate(now_ms + 1)
    evaluate(now_ms + MINUTE_MS + 1)

    changes = site.execute("select c.kind from alarm_change as c join alarm as a on a.id = c.alarm where a.rule = 'gateway_offline' order by c.id")
    assert [kind for (kind,) in changes] == ["raised", "cleared"]


def test_a_little_disk_is_told_and_an_unknown_one_is_not(site, evaluate, now_ms):
    evaluate(now_ms, free=None)
    evaluate(now_ms + 1, free=10)
    evaluate(now_ms + MINUTE_MS + 1, free=10)
    raised = rules_of(site, rule="disk_low")
    evaluate(now_ms + MINUTE_MS + 2, free=None)
    kept = rules_of(site, rule="disk_low")
    unknown = [row.unknown_since_ms for row in list_alarms(site, None, Chosen(rule="disk_low")).items]
    evaluate(now_ms + MINUTE_MS + 3, free=16)
    band = rules_of(site, rule="disk_low")
    evaluate(now_ms + MINUTE_MS + 4, free=30)

    assert raised == kept == band == [("disk_low", "site")]
    assert unknown == [now_ms + MINUTE_MS + 2]
    assert rules_of(site, rule="disk_low") == []
