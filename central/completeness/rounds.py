"""Completeness among the leader's rounds."""

from __future__ import annotations

from collections.abc import Callable

from central.completeness.days import begin_days, count_days
from central.completeness.model import Expected
from central.db.pool import Pool

_BEGIN_EVERY_S = 60.0
_LOOK_BACK_DAYS = 40  # for devices that were entered late


class CompletenessRounds:
    """Each minute begins today, yesterday and one older day in turn; in every turn counts a group of device days. `clock`: Unix seconds."""

    def __init__(self, expected: list[Expected], clock: Callable[[], float]) -> None:
        self._expected = expected
        self._clock = clock
        self._begun_s = float("-inf")
        self._older = 2

    def turn(self, pool: Pool) -> int:
        """One turn in transactions of its own; returns how many device days were counted. Raises DatabaseError."""
        now_s = self._clock()
        if abs(now_s - self._begun_s) >= _BEGIN_EVERY_S:  # abs: the clock may be set back
            with pool.connection() as conn:
                begin_days(conn, self._expected, int(now_s * 1000), (0, 1, self._older))
            self._begun_s = now_s
            self._older = 2 + (self._older - 1) % (_LOOK_BACK_DAYS - 1)
        with pool.connection() as conn:
            return count_days(conn, int(now_s * 1000))
