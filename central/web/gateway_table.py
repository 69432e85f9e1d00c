"""The table of gateways: each in a few numbers, those that need somebody first. Pure; a university has some hundred, so no paging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from central.fleet.gateways import GatewayRow

_SETTLE_S = 10  # the first report of an agent leaves before its ports are open
FILTERS = ("trouble", "online", "offline", "maintenance", "never")


@dataclass(frozen=True, slots=True)
class GatewayLine:
    """One line of the table. `state`: as reported, or `never`; `set_aside`: devices that do not answer; `urgency`: 0 when all is well."""

    gateway: GatewayRow
    state: str
    set_aside: int
    lines_down: int
    timeouts_permille: int | None
    busiest_permille: int | None
    urgency: int


def gateway_lines(gateways: Sequence[GatewayRow], q: str = "", state: str = "") -> list[GatewayLine]:
    """Matching gateways, most urgent first, else in the plan's order; an unknown state word means every state."""
    lines = [_line(one) for one in gateways if q.strip().lower() in f"{one.code} {one.name_zh} {one.name_en}".lower()]
    if state == "trouble":
        lines = [line for line in lines if line.urgency]
    elif state in FILTERS:
        lines = [line for line in lines if line.state == state]
    return sorted(lines, key=lambda line: -line.urgency)


def document_differs(gateway: GatewayRow) -> bool:
    """Whether the box refused its line document or has another version in force than it should."""
    return bool(gateway.reported_error) or gateway.reported_version != gateway.wanted_version


def _line(gateway: GatewayRow) -> GatewayLine:
    lines: Sequence[Mapping[str, Any]] = (gateway.health or {}).get("lines") or []
    state = "never" if gateway.state == "offline" and not gateway.last_seen_at_ms else gateway.state
    set_aside = sum(len(line.get("quarantined") or []) for line in lines)
    settled = gateway.health is not None and gateway.health["uptime_s"] >= _SETTLE_S
    down = sum(line["state"] == "unavailable" for line in lines) if settled else 0
    exchanges = sum(line["exchanges"] for line in lines)
    timeouts = 1000 * sum(line["timeouts"] for line in lines) // exchanges if exchanges else None
    busiest = max((int(line["utilisation_permille"]) for line in lines), default=None)
    return GatewayLine(gateway, state, set_aside, down, timeouts, busiest, _urgency(gateway, state, down, set_aside))


def _urgency(gateway: GatewayRow, state: str, lines_down: int, set_aside: int) -> int:
    """A box that fell silent counts most, then lines and documents, then devices; one that waits to be installed least."""
    if state == "never":
        return 1
    grades = ((4, state == "offline"), (3, bool(lines_down) or document_differs(gateway)), (2, bool(set_aside)))
    return next((grade for grade, applies in grades if applies), 0)
