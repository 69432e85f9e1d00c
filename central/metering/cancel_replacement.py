"""Undo a replacement that was entered by mistake: the old meter stands there as if it had never gone, the entry and its undoing stay on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from central.consumption.dirty import note_dirty
from central.db.pool import Connection
from central.db.statements import load_statements, one, run
from central.fleet.desired import refresh_documents
from central.identity.audit import record
from central.metering.drift import note_edit
from central.metering.replace_meter import UNDO_MS
from central.metering.standing import note_event
from protocol.errors import Conflict

_SQL = load_statements("central.metering")


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What stands again after the undoing."""

    id: int
    point: str
    device: str
    removed_device: str
    preview: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    """A replacement and what has happened since."""

    id: int
    point: str
    old_device: str
    new_device: str
    old_installation: int
    new_installation: int | None
    removed_at_ms: int
    done_at_ms: int
    adopted: int
    cancelled: bool
    stands: bool
    edited: bool
    corrected: bool
    read: int
    taken_by: str | None
    old_elsewhere: str | None
    gateways: list[str | None]


def cancel_replacement(conn: Connection, replacement: int, reason: str, actor: str, now_ms: int, preview: bool = False) -> Cancelled:
    """Restore the old meter in one transaction, or with `preview` only tell. Within a day, and only while nothing else has happened since.

    Raises NotFound, and Conflict with what has happened.
    """
    with conn.transaction(force_rollback=preview):
        run(conn, _SQL["lock_registry"])
        entry = one(conn, _SQL["replacement_entry"], _Entry, f"there is no replacement {replacement}", id=replacement)
        _check(entry, now_ms)
        run(conn, _SQL["drop_stay"], installation=entry.new_installation)
        run(conn, _SQL["reopen_stay"], installation=entry.old_installation)
        run(conn, _SQL["remove_device"], keys=[entry.new_device])
        run(conn, _SQL["restore_device"], code=entry.old_device)
        run(conn, _SQL["remove_reporter"], keys=[entry.new_device])
        run(conn, _SQL["restore_reporter"], device=entry.old_device)
        run(conn, _SQL["note_cancelled"], id=replacement, actor=actor, reason=reason)
        refresh_documents(conn, entry.gateways)
        run(conn, _SQL["notify_registry"])
        _tell(conn, entry, reason, actor, now_ms)
        return Cancelled(entry.id, entry.point, entry.old_device, entry.new_device, preview)


def _check(entry: _Entry, now_ms: int) -> None:
    next_step = f"replace {entry.new_device} at point {entry.point} instead"
    hindrances = (
        (entry.cancelled, "it is undone already"),
        (now_ms > entry.done_at_ms + UNDO_MS, f"it was entered more than {UNDO_MS // 3_600_000} hours ago"),
        (not entry.stands or entry.edited, "the point was changed since"),
        (entry.corrected, "a ratio was corrected since"),
        (entry.read > entry.adopted, f"{entry.new_device} has sent {entry.read - entry.adopted} readings of its own: it is there"),
        (entry.taken_by is not None, f"the address of {entry.old_device} is {entry.taken_by}'s now"),
        (entry.old_elsewhere is not None, f"{entry.old_device} stands at point {entry.old_elsewhere} now"),
    )
    found = [text for holds, text in hindrances if holds]
    if found:
        raise Conflict(f"replacement {entry.id} cannot be undone: {'; '.join(found)}. {next_step}", problems=found)


def _tell(conn: Connection, entry: _Entry, reason: str, actor: str, now_ms: int) -> None:
    note_dirty(conn, [entry.point], datetime.fromtimestamp((entry.removed_at_ms - UNDO_MS) / 1000, UTC), None, "meter replacement undone")
    what = f"replacement {entry.id} at point {entry.point} was undone: {entry.old_device} stands there"
    note_edit(conn, entry.point, "meter", {"device": entry.new_device}, {"device": entry.old_device}, what, actor)
    record(conn, actor, "meter.replacement_cancelled", entry.point, {"replacement": entry.id, "reason": reason})
    note_event(conn, "meter.replacement_cancelled", entry.old_device, what, {"replacement": entry.id, "point": entry.point}, now_ms)
