"""Counters that rise until the agent starts again become hours that sum to what was counted."""

from __future__ import annotations

from typing import Any

import pytest

from central.fleet.line_history import COUNTERS, Rise, restarted, rises
from protocol.messages import Health, LineHealth


def report(uptime_s: int, **counters: int) -> Health:
    values: dict[str, Any] = dict.fromkeys(COUNTERS, 0) | counters
    line = LineHealth(id="l1", state="open", utilisation_permille=0, **values)
    return Health(at_ms=0, uptime_s=uptime_s, backlog_batches=0, backlog_bytes=0, outbox_bytes=0, lines=(line,))


def rise(before: Health | None, after: Health) -> list[tuple[dict[str, int], int]]:
    told = None if before is None else before.model_dump(mode="json")
    return [({name: value for name, value in zip(COUNTERS, one.counted, strict=True) if value}, one.seconds) for one in rises(told, after)]


@pytest.mark.parametrize(
    ("before", "after", "counted", "seconds"),
    [
        (None, report(30, exchanges=7, timeouts=1), {"exchanges": 7, "timeouts": 1}, 30),
        (report(30, exchanges=7), report(90, exchanges=27, busy_ms=900), {"exchanges": 20, "busy_ms": 900}, 60),
        (report(90, exchanges=27), report(10, exchanges=3), {"exchanges": 3}, 10),
        (report(90, exchanges=27), report(150, exchanges=3), {"exchanges": 3}, 60),
    ],
    ids=["first report", "a minute later", "the agent started again", "the line began anew"],
)
def test_what_was_counted_between_two_reports(before: Health | None, after: Health, counted: dict[str, int], seconds: int) -> None:
    assert rise(before, after) == [(counted, seconds)]


def test_a_line_that_is_new_counts_from_its_start() -> None:
    empty = Health(at_ms=0, uptime_s=30, backlog_batches=0, backlog_bytes=0, outbox_bytes=0)
    assert list(rises(empty.model_dump(mode="json"), report(90, exchanges=4))) == [Rise("l1", (4, 0, 0, 0, 0, 0), 60)]


def test_counters_of_more_than_an_hour_belong_to_no_hour() -> None:
    assert rise(report(0), report(3601, exchanges=9)) == []


def test_a_start_is_seen_by_the_uptime() -> None:
    before = report(90).model_dump(mode="json")
    assert restarted(before, report(10))
    assert not restarted(before, report(91))
    assert not restarted(None, report(10))
