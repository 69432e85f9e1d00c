"""One series hour by hour, and that it says the same as the day's count."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date

import pytest

from central.completeness.days import By, completeness
from central.completeness.hours import series_hours
from central.completeness.model import Hour
from central.consumption.days import bounds
from central.db.pool import Connection
from protocol.errors import NotFound, Refused
from protocol.reading import Quality

DAY = date(2026, 3, 10)
FROM_MS, TO_MS = bounds(DAY, "Asia/Shanghai")
Q = 900_000
HOUR = 3_600_000
Run = Callable[..., None]


def test_a_gap_shows_in_its_hours(standing: Connection, read: Run):
    read("m1", [FROM_MS + n * Q + 5 for n in range(96) if not 9 <= n < 14])
    read("m1", [FROM_MS + 9 * Q + 5], Quality.MAKEUP)

    found = series_hours(standing, {}, "m1", None, FROM_MS, TO_MS, TO_MS + HOUR)

    assert (found.quantity, found.period_s, len(found.hours)) == ("energy_active_forward", 900, 24)
    assert found.hours[2] == Hour(FROM_MS + 2 * HOUR, 4, 1, 1)
    assert found.hours[3] == Hour(FROM_MS + 3 * HOUR, 4, 2, 0)
    assert all(hour.measured == 4 for number, hour in enumerate(found.hours) if number not in {2, 3})


def test_nothing_is_due_in_the_future_or_before_it_stood(standing: Connection):
    standing.execute("update installation set installed_at = to_timestamp(%s) where device = 'm1'", ((FROM_MS + 5 * HOUR) // 1000,))

    found = series_hours(standing, {}, "m1", None, FROM_MS, TO_MS, FROM_MS + 8 * HOUR)

    assert [(hour.from_ms - FROM_MS) // HOUR for hour in found.hours] == [5, 6, 7]
    assert found.hours[-1].due == 3


@pytest.mark.parametrize("seed", range(12))
def test_hours_and_day_agree(standing: Connection, read: Run, count: Run, seed: int):
    chance = random.Random(seed)
    phase = chance.choice([0, 3_000, Q // 2, Q - 2_000])
    at_ms = sorted({FROM_MS + n * Q + phase + chance.randint(-5_000, 5_000) for n in range(-2, 98) if chance.random() < 0.9})
    made_up = set(chance.sample(at_ms, 9))
    begins = [FROM_MS + chance.randint(-HOUR, 3 * HOUR), FROM_MS + chance.randint(9 * HOUR, 12 * HOUR)]
    query = "update installation set installed_at = to_timestamp(%s / 1000.0), removed_at = to_timestamp(%s / 1000.0) where device = 'm1'"
    standing.execute(query, (begins[0], begins[0] + 6 * HOUR))
    standing.execute("insert into installation (point, device, installed_at) values ('p1', 'm1', to_timestamp(%s / 1000.0))", (begins[1],))
    read("m1", [at for at in at_ms if at not in made_up])
    read("m1", made_up, Quality.SUBSTITUTED)
    count()

    day = next(row for row in completeness(standing, DAY, By.DEVICE, TO_MS) if row.code == "m1")
    hours = series_hours(standing, {}, "m1", None, FROM_MS, TO_MS, TO_MS + HOUR).hours

    assert day.due > 0
    assert (day.due, day.measured, day.made_up) == tuple(sum(column) for column in zip(*((h.due, h.measured, h.made_up) for h in hours), strict=True))


def test_what_cannot_be_asked(standing: Connection):
    with pytest.raises(NotFound):
        series_hours(standing, {}, "m9", None, FROM_MS, TO_MS, TO_MS)
    with pytest.raises(Refused):
        series_hours(standing, {}, "m1", None, FROM_MS, FROM_MS + 100 * 24 * HOUR, TO_MS)
