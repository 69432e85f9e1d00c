"""How well a gateway is, 0 to 100, as deductions that can be read: every point that is missing says why. Pure.

What central does not know takes nothing away and is named as unknown: a score is no guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

FULL = 100


@dataclass(frozen=True, slots=True)
class LineFacts:
    """One line, now and over its last seven days. Ratios are None where too little was exchanged to tell."""

    line: str
    state: str  # open, unavailable, stopped
    devices: int
    silent: int
    timeout_permille: int | None = None
    checksum_permille: int | None = None
    usual_timeout_permille: int | None = None
    usual_checksum_permille: int | None = None


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """What is known of one gateway. Times in seconds; None where nobody knows."""

    state: str  # online, offline, maintenance
    silent_s: int | None
    lines: Sequence[LineFacts] = field(default_factory=tuple)
    backlog_batches: int | None = None
    oldest_unacked_s: int | None = None
    clock_offset_ms: int | None = None
    document_behind_s: int | None = None
    document_refused: bool = False
    restarts_24h: int | None = None
    lost_24h: int | None = None
    version: str | None = None
    newest_version: str | None = None
    certificate_days: int | None = None


@dataclass(frozen=True, slots=True)
class Deduction:
    """`points` taken away for `code`; `line`: on which line; `value`: the number that decided, in the code's unit."""

    code: str
    points: int
    line: str | None = None
    value: int | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """`points` of FULL; `deductions` largest first; `unknown`: what could not be looked at."""

    points: int
    deductions: tuple[Deduction, ...]
    unknown: tuple[str, ...]


NEVER = Score(0, (Deduction("never_seen", FULL),), ())


def score(facts: GatewayFacts) -> Score:
    """The score of a gateway that was seen at least once; one never seen has NEVER."""
    if facts.silent_s is None:
        return NEVER
    found = sorted([*_box(facts), *_lines(facts)], key=lambda one: -one.points)
    return Score(max(0, FULL - sum(one.points for one in found)), tuple(found), tuple(_unknown(facts)))


def _box(facts: GatewayFacts) -> Iterator[Deduction]:
    if facts.state == "offline":
        yield Deduction("offline", 60, value=facts.silent_s)
    elif (facts.silent_s or 0) > 180:
        yield Deduction("quiet", 20, value=facts.silent_s)
    if (facts.oldest_unacked_s or 0) > 900:
        yield Deduction("receipts_late", 10, value=facts.oldest_unacked_s)
    if (facts.backlog_batches or 0) > 1000:
        yield Deduction("backlog", 5, value=facts.backlog_batches)
    if abs(facts.clock_offset_ms or 0) > 300_000:
        yield Deduction("clock", 10, value=facts.clock_offset_ms)
    if facts.document_refused:
        yield Deduction("document_refused", 15)
    elif (facts.document_behind_s or 0) > 600:
        yield Deduction("document_behind", 5, value=facts.document_behind_s)
    if (facts.restarts_24h or 0) > 2:
        yield Deduction("restarts", min(15, 3 * (facts.restarts_24h or 0)), value=facts.restarts_24h)
    if facts.lost_24h:
        yield Deduction("lost", 15, value=facts.lost_24h)
    if facts.version and facts.newest_version and facts.version != facts.newest_version:
        yield Deduction("version_behind", 2)
    if facts.certificate_days is not None and facts.certificate_days < 60:
        yield Deduction("certificate", 20 if facts.certificate_days < 14 else 5, value=facts.certificate_days)


def _lines(facts: GatewayFacts) -> Iterator[Deduction]:
    """What lines take away together is shared among them: one bad line of eight is not a bad gateway."""
    share = max(1, len(facts.lines))
    for line in facts.lines:
        if line.state == "unavailable":
            yield Deduction("port_unavailable", max(5, 40 // share), line.line)
            continue
        if line.devices and line.silent:
            points = round(30 * line.silent / line.devices / share)
            yield Deduction("devices_silent", max(1, points), line.line, line.silent)
        yield from _ratio("timeouts", line.line, line.timeout_permille, line.usual_timeout_permille, 20, share)
        yield from _ratio("checksums", line.line, line.checksum_permille, line.usual_checksum_permille, 10, share)


def _ratio(code: str, line: str, now: int | None, usual: int | None, slack: int, share: int) -> Iterator[Deduction]:
    """Worse than the line itself usually is: twice its own week, and by more than `slack` per mille."""
    if now is not None and now > 2 * (usual or 0) and now > (usual or 0) + slack:
        yield Deduction(code, max(1, min(20, now // 10) // share), line, now)


def _unknown(facts: GatewayFacts) -> Iterator[str]:
    if facts.clock_offset_ms is None:
        yield "clock"
    if facts.certificate_days is None:
        yield "certificate"
    if facts.restarts_24h is None:
        yield "restarts"
