"""Bring the registry in line with a site plan: create, update, mark removed; never delete, and do nothing the second time."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from pydantic import TypeAdapter

from central.consumption.days import day_of
from central.consumption.dirty import note_dirty
from central.db.pool import Connection
from central.db.statements import load_statements, number, rows, run
from central.fleet.desired import refresh_documents
from central.metering.drift import Edit, drift_problems, edits
from central.metering.installed import Stood, installed_problems, load_stood, newly_installed
from central.metering.meters import Models, shipped_models
from central.metering.model import Change, PlanDiff, PlanRow
from central.metering.plan_facts import code_problems, item_fits, write_place_facts, write_point_items
from central.metering.positions import Position, place_points, set_terms
from central.metering.registry import KINDS, Difference, Kind, Row, Rows, Stay, corrections, differences, moves, planned, planned_stays
from protocol.document import parse_yaml
from protocol.errors import Conflict
from protocol.profile import DeviceKind
from protocol.site_plan import Problem, ReportingDevice, Site, SitePlan, medium_of, medium_problems, problems

_SQL = load_statements("central.metering")
_ADAPTER: TypeAdapter[SitePlan] = TypeAdapter(SitePlan)
_Stays = tuple[Sequence[Stay], Sequence[Stay], Sequence[tuple[Stay, Stay]]]  # ended, begun, put right
_JUST_NOW = timedelta(hours=1)  # stays end by the database's clock; it may be a little before ours
_POINT_FACTS = ("medium", "place", "role", "upstream", "terms", "item")  # what a change of a point is told for; its name is its device's


def import_site_plan(conn: Connection, text: str, name: str, actor: str, preview: bool, models: Models | None = None) -> PlanDiff:
    """Apply a plan (YAML text) in the caller's transaction, or only tell what it would do. Raises ConfigError with `name:line: problem` lines.

    `models`: known profiles; default is the shipped registry. Imports wait for each other. A plan that is older than what was replaced or corrected
    at the console is refused.
    """
    known = shipped_models() if models is None else models
    noted, stood = edits(conn), load_stood(conn)
    plan = parse_yaml(text, name, _ADAPTER, partial(_problems, known=known, noted=noted, stood=stood))
    with conn.transaction():
        run(conn, _SQL["lock_registry"])
        if edits(conn) != noted:
            raise Conflict("a meter was replaced or corrected while the plan was read; look at the plan once more and import it again")
        registered = {kind: _present(conn, kind) for kind in KINDS}
        found = differences(registered, planned(plan, known))
        virtual = {point.id for point in plan.virtual_points} | {code for code, row in registered["point"].items() if row["role"] == "virtual"}
        present, wanted = rows(conn, _SQL["present_stays"], Stay), newly_installed(planned_stays(plan, known), stood)
        ended, begun = moves(present, wanted)
        corrected = corrections(present, wanted)
        diff = _summary(found, virtual, (ended, begun, corrected), len(wanted), preview)
        if preview:
            return diff
        for difference in found:
            _write(conn, difference, plan, name, actor)
        _move(conn, ended, begun, plan.site.timezone)
        _correct(conn, [after for _, after in corrected], known)
        kept = _remember(conn, text, name, actor, diff, plan.site)
        refresh_documents(conn)  # they carry the site's time zone
        run(conn, _SQL["notify_registry"])
        return kept


def _problems(plan: SitePlan, known: Models, noted: Mapping[str, Sequence[Edit]], stood: Stood) -> Iterator[Problem]:
    """What only central can know: profiles that do not exist, two devices that stand at one point, what was changed since the plan was written."""
    yield from problems(plan)
    yield from medium_problems(plan, {key: model.kind for key, model in known.items()})
    yield from drift_problems(plan, noted)
    yield from code_problems(plan)
    if not _is_zone(plan.site.timezone):
        yield ("site", "timezone"), f"{plan.site.timezone!r} is no time zone; expected a name such as Asia/Shanghai"
    else:
        yield from installed_problems(plan, stood)
    stands: dict[str, str] = {}
    for path, device in plan.placed():
        if device.profile not in known:
            yield (*path, "profile"), f"there is no device profile {device.profile!r}; list them with: provision profile list"
        elif isinstance(device, ReportingDevice) and known[device.profile].kind is not DeviceKind.WATER_METER:
            yield (*path, "profile"), f"{device.profile} is a {known[device.profile].kind.value}; only water meters report by themselves"
        elif device.item is not None and not item_fits(device.item, medium_of(known[device.profile].kind).value):
            yield (*path, "item"), f"{device.item!r} is no item of what {device.profile} measures"
        if device.stands_at in stands:
            yield (*path, "point"), f"devices {stands[device.stands_at]!r} and {device.id!r} stand at one metering point, {device.stands_at!r}"
        stands[device.stands_at] = device.id


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of the zone database, such as "Asia"
        return False
    return True


def _present(conn: Connection, kind: Kind) -> Rows:
    """Rows of the registry as they are, by key, with `position` and `removed` beside the plan's columns."""
    return {key: row for key, row in conn.execute(_SQL[f"present_{kind}"])}  # noqa: C416 - a cursor's rows are no pairs to mypy


def _summary(found: Sequence[Difference], virtual: Collection[str], stays: _Stays, total: int, preview: bool) -> PlanDiff:
    ended, begun, corrected = stays
    told = [row for difference in found for row in _told(difference, virtual)]
    replaced = {stay.point for stay in ended} & {stay.point for stay in begun}
    told += [PlanRow("installation", stay.point, Change.UPDATED, _stay_fields(stay, ended)) for stay in begun if stay.point in replaced]
    told += [PlanRow("installation", after.point, Change.UPDATED, _changed(before, after, _STAY_FACTS)) for before, after in corrected]
    told += [PlanRow("installation", stay.point, Change.CREATED, _since(stay)) for stay in begun if stay.point not in replaced]
    told += [PlanRow("installation", stay.point, Change.REMOVED) for stay in ended if stay.point not in replaced]
    alike = sum(difference.unchanged for difference in found if difference.kind not in ("point", "reporter"))
    unchanged = alike + total - len(begun) - len(corrected)
    counts = {change: sum(row.change is change for row in told) for change in Change}
    return PlanDiff(counts[Change.CREATED], counts[Change.UPDATED], unchanged, counts[Change.REMOVED], tuple(told), preview)


def _told(difference: Difference, virtual: Collection[str]) -> Sequence[PlanRow]:
    if difference.kind == "point":
        return _point_rows(difference, virtual)
    if difference.kind == "reporter":  # comes and goes with its device
        return [row for row in difference.told if row.change is Change.UPDATED and "removed" not in row.fields]
    return difference.told


def _point_rows(difference: Difference, virtual: Collection[str]) -> list[PlanRow]:
    """Changes of measured points beside those of the devices that stand there (name, place), and all of virtual ones."""
    told: list[PlanRow] = []
    for row in difference.told:
        fields = {name: values for name, values in row.fields.items() if name in _POINT_FACTS and (name != "place" or row.code in virtual)}
        if row.change is Change.UPDATED and fields:
            told.append(PlanRow("point", row.code, row.change, fields))
        elif row.code in virtual:
            told.append(row)
    return told


_STAY_FACTS = ("register", "rollover", "max_per_hour")


def _stay_fields(stay: Stay, ended: Sequence[Stay]) -> dict[str, tuple[object, object]]:
    return _changed(next(one for one in ended if one.point == stay.point), stay, ("device", "ct", "pt"))


def _since(stay: Stay) -> dict[str, tuple[object, object]]:
    return {} if stay.installed is None else {"installed": (None, stay.installed.isoformat())}


def _changed(before: Stay, after: Stay, names: Sequence[str]) -> dict[str, tuple[object, object]]:
    return {name: (getattr(before, name), getattr(after, name)) for name in names if getattr(before, name) != getattr(after, name)}


def _write(conn: Connection, difference: Difference, plan: SitePlan, name: str, actor: str) -> None:
    today = day_of(number(conn, _SQL["transaction_ms"]), plan.site.timezone)
    if difference.write:
        run(conn, _SQL[f"write_{difference.kind}"], rows=_json(difference.write))
    if difference.kind == "place":
        write_place_facts(conn, difference.write, today, name, actor)
    if difference.kind == "point":
        write_point_items(conn, difference.write, today, name, actor)
        wanted = [Position(row["code"], row["place"], row["upstream"], row["role"]) for row in difference.write]
        place_points(conn, wanted, difference.remove, plan.site.timezone)
        set_terms(conn, {row["code"]: row["terms"] for row in difference.write if row["role"] == "virtual"})
    if difference.remove:
        run(conn, _SQL[f"remove_{difference.kind}"], keys=list(difference.remove))


def _move(conn: Connection, ended: Sequence[Stay], begun: Sequence[Stay], zone: str) -> None:
    run(conn, _SQL["end_stays"], devices=[stay.device for stay in ended])
    run(conn, _SQL["begin_stays"], rows=_stay_rows(begun), zone=zone)
    if ended:
        note_dirty(conn, [stay.point for stay in ended], datetime.now(UTC) - _JUST_NOW, None, "plan: another installation")


def _correct(conn: Connection, corrected: Sequence[Stay], known: Models) -> None:
    """Stays that go on get their facts; ended ones of before there were such facts get the register of their model."""
    if corrected:
        run(conn, _SQL["correct_stays"], rows=_stay_rows(corrected))
        note_dirty(conn, [stay.point for stay in corrected], None, None, "plan: register, rollover or limit")
    counting = {key: model for key, model in known.items() if model.register}
    columns = {"registers": [model.register for model in counting.values()], "rollovers": [model.rollover for model in counting.values()]}
    filled = [row[0] for row in conn.execute(_SQL["fill_ended_stays"], {"profiles": list(counting), **columns})]
    note_dirty(conn, set(filled), None, None, "plan: register known now")


def _stay_rows(stays: Sequence[Stay]) -> str:
    return orjson.dumps(stays).decode()


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
