"""The transformers were changed at some instant: the stay ends there and the same meter begins another one with the new ratio."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import Field

from central.consumption.dirty import note_dirty
from central.db.pool import Connection
from central.db.statements import load_statements, run
from central.fleet.desired import refresh_documents
from central.identity.audit import record
from central.metering.drift import note_edit
from central.metering.replacement import Instant, Standing
from central.metering.standing import begin_stay, closed_since, end_stay, first_register, last_registers, note_event, standing
from protocol.errors import Conflict
from protocol.record import Record
from protocol.site_plan import Id

_SQL = load_statements("central.metering")


class RatioChange(Record):
    """New transformers at `at_ms`. `register_value`: what the meter showed then, base units; without it, reckoned from the readings around."""

    point: Id
    at_ms: Instant
    ct: int = Field(ge=1, le=100_000)
    pt: int = Field(ge=1, le=10_000)
    register_value: int | None = Field(default=None, ge=0, le=2**53)
    reason: str = Field(min_length=3, max_length=1000)
    allow_closed: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """What was done. `estimated`: nobody read the register then; it was taken from the readings before and after, evenly."""

    installation: int
    point: str
    device: str
    at_ms: int
    register_value: int
    estimated: bool
    closed_months: tuple[str, ...]
    preview: bool


def change_ratio(conn: Connection, change: RatioChange, actor: str, now_ms: int, preview: bool = False) -> Changed:
    """End the present stay at `at_ms` and begin another of the same meter, in one transaction. Raises NotFound, and Conflict for impossible times."""
    with conn.transaction(force_rollback=preview):
        run(conn, _SQL["lock_registry"])
        old = standing(conn, change.point, None)
        closed = closed_since(conn, change.at_ms)
        _check(old, change, closed, now_ms)
        value, estimated = _register(conn, old, change)
        registers = {old.register: value} if old.register else {}
        end_stay(conn, old.installation, change.at_ms, registers)
        installation = begin_stay(conn, replace(old, ct=change.ct, pt=change.pt), change.at_ms, registers)
        refresh_documents(conn, {old.gateway})
        _tell(conn, old, change, value, actor)
        return Changed(installation, old.point, old.device, change.at_ms, value, estimated, closed, preview)


def _check(old: Standing, change: RatioChange, closed: tuple[str, ...], now_ms: int) -> None:
    if (old.ct, old.pt) == (change.ct, change.pt):
        raise Conflict(f"{old.device} at {old.point} has ct {old.ct} and pt {old.pt} already")
    if not old.installed_at_ms < change.at_ms <= now_ms:
        raise Conflict(f"at_ms must lie after {old.installed_at_ms}, when the present stay began, and not in the future (now {now_ms})")
    if closed and not change.allow_closed:
        raise Conflict(f"closed months are touched ({', '.join(closed)}); send allow_closed: true, their difference becomes an adjustment")


def _register(conn: Connection, old: Standing, change: RatioChange) -> tuple[int, bool]:
    """The register at the change, and whether it is only reckoned from the readings before and after."""
    if change.register_value is not None:
        return change.register_value, False
    before = last_registers(conn, old.device, [old.register or ""], old.installed_at_ms, change.at_ms).get(old.register or "")
    after = first_register(conn, old.device, old.register, change.at_ms)
    if before and before.at_ms == change.at_ms:
        return before.value, False
    if before is None or after is None or after.value < before.value:
        raise Conflict("the register at the change cannot be told from the readings around it; send register_value as the meter showed it")
    return before.value + (after.value - before.value) * (change.at_ms - before.at_ms) // (after.at_ms - before.at_ms), True


def _tell(conn: Connection, old: Standing, change: RatioChange, value: int, actor: str) -> None:
    note_dirty(conn, [old.point], datetime.fromtimestamp((change.at_ms - 86_400_000) / 1000, UTC), None, "ratio changed")
    what = f"the transformers of {old.device} at point {old.point} were changed from ct {old.ct} pt {old.pt} to ct {change.ct} pt {change.pt}"
    before = {"device": old.device, "ct": old.ct, "pt": old.pt}
    note_edit(conn, old.point, "ratio", before, before | {"ct": change.ct, "pt": change.pt}, what, actor)
    facts = {"at_ms": change.at_ms, "ct": change.ct, "pt": change.pt, "register": value, "reason": change.reason}
    record(conn, actor, "meter.ratio_changed", old.point, facts)
    note_event(conn, "meter.ratio_changed", old.device, what, {"point": old.point, "register": value}, change.at_ms)
