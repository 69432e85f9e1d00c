"""Retention: a dry run first, then whole weeks of closed months, audited; what arrives for them afterwards is refused and told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from central.consumption.arrivals import unpack_arrivals
from central.identity.audit import newest
from central.storage.block import WEEK_MS
from central.storage.horizon import raise_horizon, storage_state
from central.storage.retain import plan_retention, retain
from protocol.reading import Reading

WEEK = 2800 * WEEK_MS  # 2023-08-31
LATER_MS = WEEK + 150 * WEEK_MS  # July 2026: two years and ten months later
Make = Callable[..., Reading]


def close(stored: Any, month: str) -> None:
    stored.conn.execute("insert into closed_month (month, actor, inputs) values (%s, 'tester', '{}')", [month])
    stored.conn.commit()


def fill(stored: Any, make_reading: Make) -> None:
    """A reading a week for 60 weeks, half of them packed."""
    stored.arrive([make_reading(n * WEEK_MS, n) for n in range(60)])
    raise_horizon(stored.conn, WEEK + 31 * WEEK_MS, 7)
    stored.pack()


def test_only_whole_weeks_of_closed_months_go_and_the_trail_says_so(stored: Any, make_reading: Make):
    fill(stored, make_reading)
    close(stored, "2023-11-01")  # everything before December 2023 may go: weeks 0 to 12
    planned = plan_retention(stored.conn, LATER_MS, 24)
    before = len(stored.known())

    removed = retain(stored.conn, LATER_MS, 24, "tester")

    assert removed == planned
    assert (before, removed.readings, removed.blocks) == (60, 13, 13)
    assert sorted(value for value, _ in stored.known().values()) == list(range(13, 60))
    assert storage_state(stored.conn).packed_readings == 30 - 13
    (row,) = newest(stored.conn, 1)
    assert (row.actor, row.action, row.details["readings"]) == ("tester", "storage.retain", 13)


def test_a_dry_run_and_keeping_for_ever_remove_nothing(stored: Any, make_reading: Make):
    fill(stored, make_reading)
    close(stored, "2023-11-01")

    plan_retention(stored.conn, LATER_MS, 24)

    assert retain(stored.conn, LATER_MS, 0, "tester").before_ms is None
    assert len(stored.known()) == 60


def test_what_arrives_for_the_time_removed_is_refused_and_told(stored: Any, make_reading: Make):
    fill(stored, make_reading)
    close(stored, "2023-11-01")
    retain(stored.conn, LATER_MS, 24, "tester")
    stored.conn.execute("truncate arrival")
    stored.conn.commit()

    stored.arrive([make_reading(WEEK_MS, 1), make_reading(40 * WEEK_MS + 1, 7)])

    assert len(stored.known()) == 47 + 1
    assert stored.conn.execute("select code, data ->> 'count' from event").fetchall() == [("reading.expired", "1")]
    (span,) = unpack_arrivals([row[0] for row in stored.conn.execute("select packed from arrival")]).values()
    assert span == (storage_state(stored.conn).kept_from_ms // 1000, (WEEK + 40 * WEEK_MS + 1) // 1000)
