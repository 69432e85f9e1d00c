"""The morning round among the leader's: once a day, a slice a turn."""

from __future__ import annotations

from central.analytics.leaks import open_leaks
from central.analytics.rounds import AnalyticsRounds


def test_the_round_is_done_once_from_seven_on(campus, today, at):
    campus.nights("w1", [0] * 10 + [20])
    now = [at(today, 6)]
    rounds = AnalyticsRounds(lambda: now[0])
    while rounds.turn(campus.pool):
        pass
    assert open_leaks(campus.conn, None, None, 10) == []
    campus.conn.commit()

    now[0] = at(today, 7)
    turns = 0
    while rounds.turn(campus.pool):
        turns += 1

    assert turns > 2
    assert len(open_leaks(campus.conn, None, None, 10)) == 1
    now[0] += 3600
    assert not rounds.turn(campus.pool)


def test_a_sites_first_round_waits_until_its_past_is_computed(campus, today, at):
    now = [at(today, 8)]
    rounds = AnalyticsRounds(lambda: now[0])
    assert not rounds.turn(campus.pool)
    campus.nights("w1", [0] * 10 + [20])
    campus.sql("insert into arrival (packed) values ('')")

    now[0] += 5
    assert not rounds.turn(campus.pool)
    campus.sql("delete from arrival")
    now[0] += 4
    assert not rounds.turn(campus.pool)
    now[0] += 1
    while rounds.turn(campus.pool):
        pass

    assert len(open_leaks(campus.conn, None, None, 10)) == 1


def test_another_leader_does_not_repeat_it(campus, today, at):
    campus.nights("w1", [0] * 10 + [20])
    first = AnalyticsRounds(lambda: at(today, 8))
    while first.turn(campus.pool):
        pass

    assert not AnalyticsRounds(lambda: at(today, 9)).turn(campus.pool)
