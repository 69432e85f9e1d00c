"""What was changed at the console after a site plan was written, and plans that would silently undo it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from protocol.document import Problem
from protocol.site_plan import Device, ReportingDevice, SitePlan

_SQL = load_statements("central.metering")
_NEXT = "export the present plan with GET /api/v1/site-plan and edit that"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change. `before`, `after`: the plan's keys for the point; `what`: told to people; `told_at`: when, ISO."""

    point: str
    kind: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    what: str
    told_at: str


def note_edit(conn: Connection, point: str, kind: str, before: Mapping[str, object], after: Mapping[str, object], what: str, actor: str) -> None:
    """Remember a change in the transaction that makes it. `kind`: meter, ratio or position; the newest of a kind counts."""
    packed = {"before": orjson.dumps(dict(before)).decode(), "after": orjson.dumps(dict(after)).decode()}
    run(conn, _SQL["note_edit"], point=point, kind=kind, what=what, actor=actor, **packed)


def withdraw_edit(conn: Connection, point: str, kind: str) -> None:
    """Forget the newest change of a kind: it was undone."""
    run(conn, _SQL["withdraw_edit"], point=point, kind=kind)


def edits(conn: Connection) -> dict[str, list[Edit]]:
    """The changes that count, by point, oldest first."""
    found: dict[str, list[Edit]] = {}
    for edit in rows(conn, _SQL["edits"], Edit):
        found.setdefault(edit.point, []).append(edit)
    return found


def drift_problems(plan: SitePlan, noted: Mapping[str, Sequence[Edit]]) -> Iterator[Problem]:
    """Devices of a plan that still stand as they did before a change."""
    for path, device in plan.placed():
        for edit in _undone(device, noted.get(device.stands_at, ())):
            yield (*path, "id"), f"{edit.what} ({edit.told_at}); this plan is older: {_NEXT}"


def _undone(device: Device | ReportingDevice, edits_here: Sequence[Edit]) -> Iterator[Edit]:
    """For each kind of change the newest that the plan does not know of: it says what was before, and not what is now."""
    newest = {edit.kind: edit for edit in edits_here}
    for kind, last in newest.items():
        before = [edit for edit in edits_here if edit.kind == kind and _says(device, edit.before)]
        if before and not _says(device, last.after):
            yield before[-1]


def _says(device: Device | ReportingDevice, facts: Mapping[str, Any]) -> bool:
    tree = {"place": device.place, "upstream": device.upstream, "role": device.role or "sub"}
    planned = {"device": device.id, "ct": device.ct, "pt": device.pt, **tree}
    return all(planned[name] == value for name, value in facts.items())
