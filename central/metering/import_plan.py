"""Bring the registry in line with a site plan: create, update, mark removed; never delete, and do nothing the second time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import orjson
from pydantic import TypeAdapter

from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.fleet.desired import refresh_documents
from central.metering.model import Change, PlanDiff, PlanRow
from central.metering.registry import KINDS, Difference, Kind, Row, Rows, Stay, differences, moves, planned, planned_stays
from firmware_profiles.loader import load_profiles
from protocol.document import Location, parse_yaml
from protocol.profile import DeviceKind
from protocol.site_plan import Problem, Site, SitePlan, problems

_SQL = load_statements("central.metering")
_ADAPTER: TypeAdapter[SitePlan] = TypeAdapter(SitePlan)
Kinds = Mapping[str, DeviceKind]


def import_site_plan(conn: Connection, text: str, name: str, actor: str, preview: bool, kinds: Kinds | None = None) -> PlanDiff:
    """Apply a plan (YAML text) in the caller's transaction, or only tell what it would do. Raises ConfigError with `name:line: problem` lines.

    `kinds`: known profiles and what they are; default is the shipped registry. Imports wait for each other.
    """
    known = _shipped_kinds() if kinds is None else kinds
    plan = parse_yaml(text, name, _ADAPTER, lambda plan: _problems(plan, known))
    with conn.transaction():
        run(conn, _SQL["lock_registry"])
        found = differences({kind: _present(conn, kind) for kind in KINDS}, planned(plan, known))
        ended, begun = moves(rows(conn, _SQL["present_stays"], Stay), planned_stays(plan))
        diff = _summary(found, ended, begun, len(planned_stays(plan)), preview)
        if preview:
            return diff
        for difference in found:
            _write(conn, difference)
        _move(conn, ended, begun)
        refresh_documents(conn)
        run(conn, _SQL["notify_registry"])
        return _remember(conn, text, name, actor, diff, plan.site)


@cache
def _shipped_kinds() -> Kinds:
    return {key: profile.kind for key, profile in load_profiles().items()}


def _problems(plan: SitePlan, kinds: Kinds) -> Iterator[Problem]:
    """What only central can know: profiles that do not exist, two devices that stand at one point."""
    yield from problems(plan)
    stands: dict[str, str] = {}
    for g, gateway in enumerate(plan.gateways):
        for n, line in enumerate(gateway.lines):
            for d, device in enumerate(line.devices):
                path: Location = ("gateways", g, "lines", n, "devices", d)
                point = device.point or device.id
                if device.profile not in kinds:
                    yield (*path, "profile"), f"there is no device profile {device.profile!r}; list them with: python -m firmware_profiles"
                if point in stands:
                    yield (
                        (*path, "point"),
                        f"devices {stands[point]!r} and {device.id!r} stand at one metering point, {point!r}",
                    )
                stands[point] = device.id


def _present(conn: Connection, kind: Kind) -> Rows:
    """Rows of the registry as they are, by key, with `position` and `removed` beside the plan's columns."""
    return {key: row for key, row in conn.execute(_SQL[f"present_{kind}"])}  # noqa: C416 - a cursor's rows are no pairs to mypy


def _summary(found: Sequence[Difference], ended: Sequence[Stay], begun: Sequence[Stay], stays: int, preview: bool) -> PlanDiff:
    told = [row for difference in found for row in difference.told if difference.kind != "point"]
    replaced = {stay.point for stay in ended} & {stay.point for stay in begun}
    told += [PlanRow("installation", stay.point, Change.UPDATED, _stay_fields(stay, ended)) for stay in begun if stay.point in replaced]
    told += [PlanRow("installation", stay.point, Change.CREATED) for stay in begun if stay.point not in replaced]
    told += [PlanRow("installation", stay.point, Change.REMOVED) for stay in ended if stay.point not in replaced]
    unchanged = sum(difference.unchanged for difference in found if difference.kind != "point") + stays - len(begun)
    counts = {change: sum(row.change is change for row in told) for change in Change}
    return PlanDiff(counts[Change.CREATED], counts[Change.UPDATED], unchanged, counts[Change.REMOVED], tuple(told), preview)


def _stay_fields(stay: Stay, ended: Sequence[Stay]) -> dict[str, tuple[object, object]]:
    before = next(one for one in ended if one.point == stay.point)
    return {name: (getattr(before, name), getattr(stay, name)) for name in ("device", "ct", "pt") if getattr(before, name) != getattr(stay, name)}


def _write(conn: Connection, difference: Difference) -> None:
    if difference.write:
        run(conn, _SQL[f"write_{difference.kind}"], rows=_json(difference.write))
    if difference.remove:
        run(conn, _SQL[f"remove_{difference.kind}"], keys=list(difference.remove))


def _move(conn: Connection, ended: Sequence[Stay], begun: Sequence[Stay]) -> None:
    run(conn, _SQL["end_stays"], devices=[stay.device for stay in ended])
    rows_json = _json([{"device": stay.device, "point": stay.point, "ct": stay.ct, "pt": stay.pt} for stay in begun])
    run(conn, _SQL["begin_stays"], rows=rows_json)


def _remember(conn: Connection, text: str, name: str, actor: str, diff: PlanDiff, site: Site) -> PlanDiff:
    """Keep the plan's text unless it is the newest one already. The summary says whose plan it is, so that pages need not parse the text."""
    summary = {
        "site": site.model_dump(),
        "created": diff.created,
        "updated": diff.updated,
        "unchanged": diff.unchanged,
        "removed": diff.removed,
    }
    kept = conn.execute(
        _SQL["keep_plan"],
        {"name": name, "text": text, "sha256": hashlib.sha256(text.encode()).hexdigest(), "actor": actor, "summary": orjson.dumps(summary).decode()},
    ).fetchone()
    return PlanDiff(diff.created, diff.updated, diff.unchanged, diff.removed, diff.rows, False, kept[0] if kept else None)


def _json(items: Sequence[Row]) -> str:
    return orjson.dumps(items).decode()
