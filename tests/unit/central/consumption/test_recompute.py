"""A point computed again in part is, bit for bit, what computing all of it gives."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from central.consumption.days import bounds, day_of
from central.consumption.days_table import DayRow
from central.consumption.load import PointStay, Read, VerdictRow
from central.consumption.model import Integers, Stay
from central.consumption.recompute import Computed, Job, compute

ZONE = "Asia/Shanghai"
START_MS = bounds(date(2025, 3, 1), ZONE)[0]
HOUR_MS = 3_600_000
STAY = PointStay(1, 7, "electricity", Stay(START_MS, None, Fraction(1), 100_000))


def rates(_medium: str, _day: date) -> Integers:
    """Everything is flat."""
    return np.full(96, 2, np.int64)


def read(rows: dict[int, int]) -> Read:
    """Readings by instant."""
    at_ms = np.array(sorted(rows), np.int64)
    return Read(at_ms, np.array([rows[at] for at in at_ms.tolist()], np.int64), np.zeros(len(rows), np.int64), at_ms)


def whole(rows: dict[int, int]) -> Computed:
    """The point from its first reading to its last."""
    found = compute(Job(1, "electricity", [STAY], date(2025, 3, 1), None, START_MS, None), ZONE, {7: read(rows)}, {}, (), rates)
    assert found is not None
    return found


def after(before: Computed, rows: dict[int, int], first_ms: int, last_ms: int, ahead_ms: int) -> list[DayRow] | None:
    """The day rows once readings from first_ms to last_ms came late, computed only to where they meet those that stood; None: not in sight."""
    stood = [VerdictRow(7, at_ms, at_ms, *verdict) for (_, at_ms), verdict in before.verdicts.items()]
    held = {(row.last_at_ms, row.last_value) for row in before.rows if row.last_at_ms is not None and row.last_value is not None}
    until_ms = bounds(day_of(last_ms, ZONE), ZONE)[1] + ahead_ms
    job = Job(1, "electricity", [STAY], date(2025, 3, 1), None, last_ms, until_ms)
    loaded = {at: value for at, value in rows.items() if at < until_ms}
    stored = {7: [row for row in stood if row.at_ms < until_ms]}
    part = compute(job, ZONE, {7: read(loaded)}, stored, (), rates, held)
    if part is None or part.until is None:
        return None
    assert {(7, row.stamp_ms): (row.verdict, row.reason) for row in stood if row.stamp_ms > (part.limit_ms or 0)} == {
        key: verdict for key, verdict in whole(rows).verdicts.items() if key[1] > (part.limit_ms or 0)
    }
    return [*part.rows, *(row for row in before.rows if row.day > part.until)]


def broken(chance: random.Random) -> dict[int, int]:
    """Three weeks of an hourly register with faults."""
    rows: dict[int, int] = {}
    value = chance.choice([0, 300, 50_000])
    for number in range(21 * 24):
        value += chance.choice([0, 0, 3, 40, 900])
        if chance.random() < 0.01:
            value = max(0, value - chance.choice([5, 300, value]))
        shown = chance.choices([value, 0, max(value - 8, 0), value + 300, value + 10**7, -3], [90, 3, 3, 2, 1, 1])[0]
        if chance.random() > 0.1:
            rows[START_MS + number * HOUR_MS + chance.choice([0, 120_000])] = shown
    return rows


def test_a_late_reading_that_holds_up_those_after_it_changes_days_beyond_the_first_that_counted_before() -> None:
    rows = {START_MS + number * 6 * HOUR_MS: 280 + number // 20 for number in range(80)}
    rows = {START_MS + HOUR_MS: 0} | {at + 2 * HOUR_MS: value for at, value in rows.items()}
    late_ms = START_MS
    before, now = whole(rows), whole(rows | {late_ms: 290})

    found = after(before, rows | {late_ms: 290}, late_ms, late_ms, 16 * 24 * HOUR_MS)

    assert [row.last_value for row in before.rows[:3]] != [row.last_value for row in now.rows[:3]]
    assert found in (None, now.rows)


@pytest.mark.parametrize("some", range(8))
def test_computing_to_where_it_meets_is_computing_everything(some: int) -> None:
    met = 0
    for seed in range(some * 60, some * 60 + 60):
        chance = random.Random(seed)
        rows = broken(chance)
        instants = sorted(rows)
        first = chance.randrange(len(instants) // 2)
        late = {at: rows[at] for at in instants[first : first + chance.choice([1, 1, 5, 30])] if chance.random() < 0.8} or {instants[first]: 1}
        before = whole({at: value for at, value in rows.items() if at not in late})
        found = after(before, rows, min(late), max(late), chance.choice([4, 10]) * 24 * HOUR_MS)
        if found is not None:
            met += 1
            assert found == whole(rows).rows, seed
    assert met > 20


def garbled(chance: random.Random) -> dict[int, int]:
    """Three weeks of a register that is read a few times a day and often wrong."""
    rows: dict[int, int] = {}
    value, wrong, step = chance.choice([0, 300, 50_000]), chance.choice([0.02, 0.1, 0.3]), chance.choice([6, 8, 12, 24])
    for number in range(21 * 24 // step):
        value += chance.choice([0, 0, 3, 40, 900])
        if chance.random() < wrong / 2:
            value = max(0, value - chance.choice([5, 300, value]))
        shown = chance.choices([value, 0, max(value - 8, 0), value + 300, value + 10**7, -3], [1 - wrong] + [wrong / 5] * 5)[0]
        if chance.random() > 0.1:
            rows[START_MS + number * step * HOUR_MS + chance.choice([0, 120_000])] = shown
    return rows


@pytest.mark.parametrize("seed", [442, 489, 1643])
def test_a_verdict_before_the_next_reading_means_they_have_not_met(seed: int) -> None:
    """In these the last reading of a day counts as before and what follows it is judged otherwise all the same."""
    chance = random.Random(seed)
    rows = garbled(chance)
    instants = sorted(rows)
    first = chance.randrange(max(1, len(instants) // 2))
    late = {at: rows[at] for at in instants[first : first + chance.choice([1, 1, 2, 5])]}
    before = whole({at: value for at, value in rows.items() if at not in late})

    found = after(before, rows, min(late), max(late), chance.choice([4, 10]) * 24 * HOUR_MS)

    assert found in (None, whole(rows).rows)


def test_a_piece_that_others_follow_needs_nothing_to_meet_and_no_more_readings() -> None:
    rows = {START_MS + number * HOUR_MS: number for number in range(20 * 24)}
    last_ms = START_MS + 3 * 24 * HOUR_MS
    job = Job(1, "electricity", [STAY], date(2025, 3, 1), None, last_ms, last_ms + 96 * HOUR_MS, onward=True)
    loaded = read({at: value for at, value in rows.items() if at < last_ms + 96 * HOUR_MS})

    part = compute(job, ZONE, {7: loaded}, {}, (), rates)

    assert part is not None
    assert part.rows == whole(rows).rows[: len(part.rows)]
    assert 4 <= len(part.rows) < 6
    empty = compute(job, ZONE, {}, {}, (), rates)
    assert empty is not None
    assert (empty.rows, empty.until) == ([], date(2025, 3, 4))


def test_without_a_day_that_ends_as_before_there_is_no_meeting() -> None:
    rows = {START_MS + number * HOUR_MS: number for number in range(20 * 24)}
    before = whole(rows)
    moved = replace(before, rows=[replace(row, last_value=(row.last_value or 0) + 1) for row in before.rows])

    assert after(before, rows, START_MS, START_MS, 96 * HOUR_MS) == before.rows
    assert after(moved, rows, START_MS, START_MS, 96 * HOUR_MS) is None
