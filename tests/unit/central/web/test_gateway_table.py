"""The table of gateways: who needs somebody, and what a filter leaves."""

from __future__ import annotations

from typing import Any

import pytest

from central.fleet.gateways import GatewayRow
from central.web.gateway_table import gateway_lines

FACTS = {"place": "b1", "name_zh": "网关", "name_en": "Gateway", "generation": 1, "state_at_ms": 1, "agent_version": "1", "lines": 1, "devices": 9}


def line(**changed: Any) -> dict[str, Any]:
    """A line's health."""
    return {"id": "l1", "state": "open", "exchanges": 200, "timeouts": 3, "utilisation_permille": 400, "quarantined": [], **changed}


def gateway(code: str, *lines: dict[str, Any], state: str = "online", seen: int | None = 1, reported: int = 1, uptime_s: int = 600) -> GatewayRow:
    """A gateway that is well unless told otherwise."""
    version: Any = {"wanted_version": 1, "reported_version": reported, "reported_error": None}
    health = {"uptime_s": uptime_s, "lines": list(lines)}
    return GatewayRow(code=code, state=state, last_seen_at_ms=seen, health=health, **version, **FACTS)  # type: ignore[arg-type]


FLEET = [
    gateway("well", line()),
    gateway("deaf", line(quarantined=["m1", "m2"])),
    gateway("new", state="offline", seen=None, reported=0),
    gateway("old", line(), reported=0),
    gateway("gone", line(), state="offline"),
]


def test_most_urgent_stands_first() -> None:
    assert [one.gateway.code for one in gateway_lines(FLEET)] == ["gone", "old", "deaf", "new", "well"]


@pytest.mark.parametrize(
    ("state", "codes"),
    [("trouble", ["gone", "old", "deaf", "new"]), ("never", ["new"]), ("offline", ["gone"]), ("online", ["old", "deaf", "well"]), ("nonsense", 5)],
)
def test_filter_leaves_what_it_says(state: str, codes: list[str] | int) -> None:
    found = [one.gateway.code for one in gateway_lines(FLEET, state=state)]
    assert (len(found) if isinstance(codes, int) else found) == codes


def test_text_is_looked_for_in_code_and_both_names() -> None:
    assert [one.gateway.code for one in gateway_lines(FLEET, q=" WEL ")] == ["well"]
    assert len(gateway_lines(FLEET, q="网关")) == len(FLEET)


def test_lines_are_summed_up() -> None:
    (one,) = gateway_lines([gateway("g", line(timeouts=10), line(id="l2", state="unavailable", utilisation_permille=900, quarantined=["m1"]))])
    assert (one.timeouts_permille, one.busiest_permille, one.set_aside, one.lines_down, one.urgency) == (32, 900, 1, 1, 3)


def test_port_that_is_not_open_yet_is_no_trouble() -> None:
    (one,) = gateway_lines([gateway("g", line(state="unavailable"), uptime_s=0)])
    assert (one.lines_down, one.urgency) == (0, 0)


def test_box_without_health_report_has_no_numbers() -> None:
    (one,) = gateway_lines([gateway("g")])
    assert (one.timeouts_permille, one.busiest_permille) == (None, None)
