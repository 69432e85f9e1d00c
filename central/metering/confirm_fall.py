"""A register fell and nobody had said why: the engineer tells afterwards that the meter was replaced, and the finding is settled."""

from __future__ import annotations

from dataclasses import dataclass, replace

from central.db.pool import Connection
from central.db.statements import load_statements, one, run
from central.metering.meters import Models
from central.metering.replace_meter import replace_meter
from central.metering.replacement import Replaced, Swap
from protocol.errors import Conflict

_SQL = load_statements("central.metering")
FALL = "register.fall"


@dataclass(frozen=True, slots=True)
class _Finding:
    id: int
    code: str
    point: str | None
    device: str | None
    resolved: bool


def confirm_fall(
    conn: Connection, finding: int, swap: Swap, actor: str, now_ms: int, preview: bool = False, models: Models | None = None
) -> Replaced:
    """Log the replacement behind a fall and settle the finding, in one transaction. What was read since under the old name goes to the new meter
    when `swap.readings_are_new`. Raises NotFound, and Conflict when the finding is settled already or is of another point."""
    with conn.transaction(force_rollback=preview):
        found = one(conn, _SQL["finding"], _Finding, f"there is no finding {finding}", id=finding)
        other = any(said not in (None, here) for said, here in ((swap.point, found.point), (swap.device, found.device or swap.device)))
        if found.code != FALL or other:
            raise Conflict(f"finding {finding} is {found.code} of device {found.device} at point {found.point}; the replacement names another")
        if found.resolved and not run(conn, _SQL["key_known"], key=swap.key):
            raise Conflict(f"finding {finding} is settled already")
        answer = replace_meter(conn, swap.model_copy(update={"point": found.point}), actor, now_ms, False, models)
        run(conn, _SQL["resolve_finding"], id=finding, resolution=f"replaced by {answer.new_device}, replacement {answer.id}, told by {actor}")
    return replace(answer, id=None, preview=True) if preview else answer
