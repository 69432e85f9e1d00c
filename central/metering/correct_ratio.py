"""A wrong transformer ratio or meter constant, found later: the whole stay is computed with the right one; the wrong one stays on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from pydantic import Field

from central.consumption.dirty import note_dirty
from central.db.pool import Connection
from central.db.statements import load_statements, one, run
from central.fleet.desired import refresh_documents
from central.identity.audit import record
from central.metering.drift import note_edit
from central.metering.replacement import Instant
from central.metering.standing import closed_since, note_event
from protocol.errors import Conflict, NotFound
from protocol.record import Record

_SQL = load_statements("central.metering")


class Ratio(Record):
    """Consumption = register difference x ct x pt x numerator / denominator. What is not given stays."""

    ct: int | None = Field(default=None, ge=1, le=100_000)
    pt: int | None = Field(default=None, ge=1, le=10_000)
    numerator: int | None = Field(default=None, ge=1, le=10**9)
    denominator: int | None = Field(default=None, ge=1, le=10**9)


class Correction(Record):
    """A correction of one stay: `installation`, or the stay of `point` at `at_ms` (default: the present one)."""

    installation: int | None = Field(default=None, ge=1)
    point: str | None = None
    at_ms: Instant | None = None
    ratio: Ratio
    reason: str = Field(min_length=3, max_length=1000)


@dataclass(frozen=True, slots=True)
class Corrected:
    """What was corrected: the ratio as it was and as it is, and the closed months whose difference becomes an adjustment."""

    installation: int
    point: str
    device: str
    from_ms: int
    until_ms: int | None
    before: dict[str, int]
    after: dict[str, int]
    version: int
    closed_months: tuple[str, ...]
    preview: bool


@dataclass(frozen=True, slots=True)
class _Stay:
    installation: int
    point: str
    device: str
    gateway: str | None
    installed_at_ms: int
    removed_at_ms: int | None
    ct: int
    pt: int
    numerator: int
    denominator: int
    version: int


def correct_ratio(conn: Connection, correction: Correction, actor: str, now_ms: int, preview: bool = False) -> Corrected:
    """Correct a stay from its first day on and have it computed again, in one transaction. Open reports change, closed ones get adjustments.

    Raises NotFound for an unknown stay, Conflict when nothing would change. A ratio that changed at some instant is `change_ratio`.
    """
    with conn.transaction(force_rollback=preview):
        run(conn, _SQL["lock_registry"])
        asked = {"installation": correction.installation, "point": correction.point, "at_ms": correction.at_ms}
        stay = one(conn, _SQL["stay"], _Stay, f"there is no such stay: {correction.installation or correction.point!r}", **asked)
        before = {name: int(getattr(stay, name)) for name in ("ct", "pt", "numerator", "denominator")}
        after = before | correction.ratio.model_dump(exclude_none=True)
        if after == before:
            raise Conflict(f"installation {stay.installation} ({stay.device} at {stay.point}) has this ratio already: {before}")
        run(conn, _SQL["set_ratio"], installation=stay.installation, **after)
        packed = {"before": orjson.dumps(before).decode(), "after": orjson.dumps(after).decode()}
        run(conn, _SQL["note_correction"], installation=stay.installation, reason=correction.reason, actor=actor, **packed)
        _tell(conn, stay, correction, before, after, actor, now_ms)
        closed = tuple(month for month in closed_since(conn, stay.installed_at_ms) if _ends_after(stay, month))
        return Corrected(
            stay.installation, stay.point, stay.device, stay.installed_at_ms, stay.removed_at_ms, before, after, stay.version + 1, closed, preview
        )


def _ends_after(stay: _Stay, month: str) -> bool:
    """Whether the stay lasts into a month (YYYY-MM; a day's doubt at its beginning is no harm: this is only told)."""
    return stay.removed_at_ms is None or f"{datetime.fromtimestamp(stay.removed_at_ms / 1000, UTC):%Y-%m}" >= month


def _tell(conn: Connection, stay: _Stay, correction: Correction, before: dict[str, int], after: dict[str, int], actor: str, now_ms: int) -> None:
    until = None if stay.removed_at_ms is None else datetime.fromtimestamp(stay.removed_at_ms / 1000, UTC)
    note_dirty(conn, [stay.point], datetime.fromtimestamp(stay.installed_at_ms / 1000, UTC), until, "ratio corrected")
    what = f"the ratio of {stay.device} at point {stay.point} was corrected from {_text(before)} to {_text(after)}"
    if stay.removed_at_ms is None:
        refresh_documents(conn, {stay.gateway})
        if (before["ct"], before["pt"]) != (after["ct"], after["pt"]):
            facts = [{"device": stay.device, "ct": ratio["ct"], "pt": ratio["pt"]} for ratio in (before, after)]
            note_edit(conn, stay.point, "ratio", facts[0], facts[1], what, actor)
    record(
        conn,
        actor,
        "meter.ratio_corrected",
        stay.point,
        {"installation": stay.installation, "before": before, "after": after, "reason": correction.reason},
    )
    note_event(conn, "meter.ratio_corrected", stay.device, what, {"installation": stay.installation, "point": stay.point}, now_ms)


def _text(ratio: dict[str, int]) -> str:
    return " ".join(f"{name} {value}" for name, value in ratio.items())


def point_of_stay(conn: Connection, installation: int | None) -> str:
    """The point a stay is of; raises NotFound."""
    row = conn.execute(_SQL["point_of_stay"], {"id": installation}).fetchone()
    if row is None:
        raise NotFound(f"there is no installation {installation}; name one, or a point and an instant")
    return str(row[0])
