"""The registry as plain rows, from a plan and from the database, and how they differ. Pure but for `load`.

Rows are dictionaries because seven tables are compared in one way; their keys are the tables' columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from central.metering.meters import Model
from central.metering.model import Change, PlanRow
from protocol.record import Text
from protocol.site_plan import Place, ReportingDevice, SitePlan, medium_of

Kind = Literal["place", "gateway", "line", "device", "reporter", "point"]
KINDS: tuple[Kind, ...] = ("place", "gateway", "line", "device", "reporter", "point")  # parents first
PLACE_FACTS = ("area_m2", "people", "building_type")  # what a plan may say of a place
Row = Mapping[str, Any]
Rows = Mapping[str, Row]


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows of one kind: what people are told, what is written, what is marked removed, and how many stay as they are."""

    kind: Kind
    told: tuple[PlanRow, ...]
    write: tuple[Row, ...]
    remove: tuple[str, ...]
    unchanged: int


def planned(plan: SitePlan, models: Mapping[str, Model]) -> dict[Kind, Rows]:
    """The rows a plan asks for, by kind and key. `models`: profile -> what such a device is."""
    return {
        "place": {place.id: _place(place) for place in plan.places},
        "gateway": {one.id: {"code": one.id, "place": one.place, **_name(one.name)} for one in plan.gateways},
        "line": dict(_lines(plan)),
        "device": dict(_devices(plan, models)),
        "reporter": {one.id: _reporter(one) for one in plan.reporting_devices},
        "point": dict(_points(plan, models)),
    }


def differences(present: Mapping[Kind, Rows], wanted: Mapping[Kind, Rows]) -> list[Difference]:
    """How each kind has to change. Order inside the plan is written but is no change worth telling."""
    return [_difference(kind, present[kind], wanted[kind]) for kind in KINDS]


def _difference(kind: Kind, present: Rows, wanted: Rows) -> Difference:
    told: list[PlanRow] = []
    write: list[Row] = []
    for position, (key, row) in enumerate(wanted.items()):
        before = present.get(key)
        fields = {} if before is None else {name: (before[name], value) for name, value in row.items() if before[name] != value}
        if before is None:
            told.append(PlanRow(kind, key, Change.CREATED))
        elif fields or before["removed"]:
            told.append(PlanRow(kind, key, Change.UPDATED, fields | ({"removed": (True, False)} if before["removed"] else {})))
        if before is None or fields or before["removed"] or before["position"] != position:
            write.append({**row, "position": position})
    gone = tuple(key for key, row in present.items() if key not in wanted and not row["removed"])
    told.extend(PlanRow(kind, key, Change.REMOVED) for key in gone)
    return Difference(kind, tuple(told), tuple(write), gone, len(wanted) - sum(row.change is not Change.REMOVED for row in told))


def _place(place: Place) -> Row:
    return {"code": place.id, "parent": place.parent, "kind": place.kind, **_name(place.name), **place.model_dump(include=_FACTS, exclude_none=True)}


_FACTS = set(PLACE_FACTS)  # those the plan does not say stay as they are known


def _name(name: Text) -> dict[str, str]:
    return {"name_zh": name.zh, "name_en": name.en}


def _item(item: str | None) -> dict[str, str]:
    return {} if item is None else {"item": item}


def _lines(plan: SitePlan) -> Iterator[tuple[str, Row]]:
    for gateway in plan.gateways:
        for line in gateway.lines:
            settings = line.model_dump(mode="json", exclude={"devices"})
            yield f"{gateway.id}/{line.id}", {"gateway": gateway.id, "code": line.id, "settings": settings}


def _devices(plan: SitePlan, models: Mapping[str, Model]) -> Iterator[tuple[str, Row]]:
    asked = {device.id: {"gateway": gateway.id, "line": line.id, "poll_s": dict(device.poll_s)} for gateway, line, device in plan.devices()}
    for _, device in plan.placed():
        name = device.name or Text(zh=device.id, en=device.id)
        yield (
            device.id,
            {
                "code": device.id,
                "profile": device.profile,
                "kind": models[device.profile].kind.value,
                "address": device.address,
                "place": device.place,
                **asked.get(device.id, _ASKED_BY_NOBODY),
                **_name(name),
            },
        )


_ASKED_BY_NOBODY: Row = {"gateway": None, "line": None, "poll_s": {}}


def _reporter(device: ReportingDevice) -> Row:
    """How a meter that reports by itself is known, and what is expected of it."""
    card: Row = {"device": device.id, "number": str(int(device.address)), "imei": device.imei, "iccid": device.iccid}
    return {**card, "via": device.via, "every_h": device.expects_every_h, "window_h": device.window_h}


def _points(plan: SitePlan, models: Mapping[str, Model]) -> Iterator[tuple[str, Row]]:
    """Measured points in the order of their devices, then virtual ones."""
    for _, device in plan.placed():
        name = device.name or Text(zh=device.id, en=device.id)
        tree: Row = {"role": device.role or "sub", "upstream": device.upstream, "terms": {}}
        medium = medium_of(models[device.profile].kind).value
        yield device.stands_at, {"code": device.stands_at, "place": device.place, "medium": medium, **tree, **_name(name), **_item(device.item)}
    for point in plan.virtual_points:
        tree = {"role": "virtual", "upstream": None, "terms": dict(point.terms)}
        yield point.id, {"code": point.id, "place": point.place, "medium": point.medium, **tree, **_name(point.name), **_item(point.item)}


@dataclass(frozen=True, slots=True)
class Stay:
    """A device standing at a point now, or to stand there. The first four make it; the others are facts about it that may be put right.

    `installed`: the local day at whose midnight it is to begin, None for now; no fact of a stay that has begun.
    """

    device: str
    point: str
    ct: int
    pt: int
    register: str | None = None
    rollover: int | None = None
    max_per_hour: int | None = None
    installed: date | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What another stay must begin for when it changes."""
        return self.device, self.point, self.ct, self.pt


def planned_stays(plan: SitePlan, models: Mapping[str, Model]) -> list[Stay]:
    """Who stands where according to the plan, and what counts there."""
    return [
        Stay(device.id, device.stands_at, device.ct, device.pt, model.register, model.rollover, device.max_per_hour, device.installed)
        for _, device in plan.placed()
        for model in (models[device.profile],)
    ]


def moves(present: Iterable[Stay], wanted: Iterable[Stay]) -> tuple[list[Stay], list[Stay]]:
    """Stays to end and stays to begin. A changed ratio ends one and begins another: consumption is computed per stay."""
    before, after = {stay.key: stay for stay in present}, {stay.key: stay for stay in wanted}
    ended, begun = [before[key] for key in before.keys() - after.keys()], [after[key] for key in after.keys() - before.keys()]
    return sorted(ended, key=lambda stay: stay.device), sorted(begun, key=lambda stay: stay.device)


def corrections(present: Iterable[Stay], wanted: Iterable[Stay]) -> list[tuple[Stay, Stay]]:
    """Stays that go on, with facts to be put right: (as it is, as it is to be)."""
    before = {stay.key: stay for stay in present}
    return [(before[stay.key], stay) for stay in wanted if stay.key in before and before[stay.key] != stay]
