"""Every point a gateway lacks is named, lines share what they take away, and what nobody knows takes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from central.fleet.score import FULL, NEVER, GatewayFacts, LineFacts, score

WELL = GatewayFacts("online", 20, (LineFacts("l1", "open", 32, 0, 5, 1, 5, 1),), 0, 3, 40, 0, False, 0, 0, "0.1", "0.1", 300)


def test_a_gateway_that_is_well_has_every_point() -> None:
    assert score(WELL).points == FULL
    assert score(WELL).deductions == ()


@pytest.mark.parametrize(
    ("changed", "code", "points"),
    [
        ({"state": "offline", "silent_s": 900}, "offline", 60),
        ({"silent_s": 181}, "quiet", 20),
        ({"oldest_unacked_s": 901}, "receipts_late", 10),
        ({"backlog_batches": 1001}, "backlog", 5),
        ({"clock_offset_ms": -300_001}, "clock", 10),
        ({"document_refused": True, "document_behind_s": 9999}, "document_refused", 15),
        ({"document_behind_s": 601}, "document_behind", 5),
        ({"restarts_24h": 3}, "restarts", 9),
        ({"restarts_24h": 30}, "restarts", 15),
        ({"lost_24h": 1}, "lost", 15),
        ({"version": "0.0"}, "version_behind", 2),
        ({"certificate_days": 59}, "certificate", 5),
        ({"certificate_days": 13}, "certificate", 20),
    ],
)
def test_each_trouble_takes_its_points(changed: dict[str, Any], code: str, points: int) -> None:
    found = score(replace(WELL, **changed))
    assert [(one.code, one.points) for one in found.deductions] == [(code, points)]
    assert found.points == FULL - points


@pytest.mark.parametrize(
    ("line", "code", "points"),
    [
        (LineFacts("l1", "unavailable", 32, 32), "port_unavailable", 40),
        (LineFacts("l1", "open", 30, 3), "devices_silent", 3),
        (LineFacts("l1", "open", 30, 30), "devices_silent", 30),
        (LineFacts("l1", "open", 30, 0, 101, 0, 40, 0), "timeouts", 10),
        (LineFacts("l1", "open", 30, 0, 0, 31, 0, 10), "checksums", 3),
    ],
)
def test_a_line_takes_points_by_what_it_usually_is(line: LineFacts, code: str, points: int) -> None:
    assert [(one.code, one.points, one.line) for one in score(replace(WELL, lines=(line,))).deductions] == [(code, points, "l1")]


@pytest.mark.parametrize(
    "line", [LineFacts("l1", "open", 30, 0, 80, 0, 45, 0), LineFacts("l1", "open", 30, 0, 15, 0, 0, 0), LineFacts("l1", "open", 30, 0)]
)
def test_a_line_no_worse_than_usual_takes_nothing(line: LineFacts) -> None:
    assert score(replace(WELL, lines=(line,))).points == FULL


def test_one_bad_line_of_eight_is_no_bad_gateway() -> None:
    lines = (LineFacts("l0", "unavailable", 32, 32), *(LineFacts(f"l{n}", "open", 32, 0) for n in range(1, 8)))
    assert score(replace(WELL, lines=lines)).points == FULL - 5


def test_trouble_adds_up_to_nothing_at_worst_and_the_largest_comes_first() -> None:
    worst = replace(WELL, state="offline", lost_24h=2, document_refused=True, clock_offset_ms=10**6, restarts_24h=9)
    found = score(worst)
    assert found.points == 0
    assert [one.points for one in found.deductions] == sorted((one.points for one in found.deductions), reverse=True)


def test_what_nobody_knows_is_named_and_takes_nothing() -> None:
    found = score(replace(WELL, clock_offset_ms=None, certificate_days=None, restarts_24h=None))
    assert found.points == FULL
    assert found.unknown == ("clock", "certificate", "restarts")


def test_a_gateway_never_seen_has_nothing() -> None:
    assert score(GatewayFacts("offline", None)) == NEVER
