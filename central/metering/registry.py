"""The registry as plain rows, from a plan and from the database, and how they differ. Pure but for `load`.

Rows are dictionaries because six tables are compared in one way; their keys are the tables' columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from central.metering.model import Change, PlanRow
from protocol.profile import DeviceKind, Text
from protocol.site_plan import SitePlan

Kind = Literal["place", "gateway", "line", "device", "point"]
KINDS: tuple[Kind, ...] = ("place", "gateway", "line", "device", "point")  # parents first
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


def planned(plan: SitePlan, kinds: Mapping[str, DeviceKind]) -> dict[Kind, Rows]:
    """The rows a plan asks for, by kind and key. `kinds`: profile -> what such a device is."""
    return {
        "place": {place.id: {"code": place.id, "parent": place.parent, "kind": place.kind, **_name(place.name)} for place in plan.places},
        "gateway": {one.id: {"code": one.id, "place": one.place, **_name(one.name)} for one in plan.gateways},
        "line": dict(_lines(plan)),
        "device": dict(_devices(plan, kinds)),
        "point": dict(_points(plan)),
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


def _name(name: Text) -> dict[str, str]:
    return {"name_zh": name.zh, "name_en": name.en}


def _lines(plan: SitePlan) -> Iterator[tuple[str, Row]]:
    for gateway in plan.gateways:
        for line in gateway.lines:
            settings = line.model_dump(mode="json", exclude={"devices"})
            yield f"{gateway.id}/{line.id}", {"gateway": gateway.id, "code": line.id, "settings": settings}


def _devices(plan: SitePlan, kinds: Mapping[str, DeviceKind]) -> Iterator[tuple[str, Row]]:
    for gateway, line, device in plan.devices():
        name = device.name or Text(zh=device.id, en=device.id)
        yield (
            device.id,
            {
                "code": device.id,
                "profile": device.profile,
                "kind": kinds[device.profile].value,
                "address": device.address,
                "place": device.place,
                "gateway": gateway.id,
                "line": line.id,
                "poll_s": dict(device.poll_s),
                **_name(name),
            },
        )


def _points(plan: SitePlan) -> Iterator[tuple[str, Row]]:
    for _, _, device in plan.devices():
        name = device.name or Text(zh=device.id, en=device.id)
        yield device.point or device.id, {"code": device.point or device.id, "place": device.place, **_name(name)}


@dataclass(frozen=True, slots=True)
class Stay:
    """A device standing at a point now, or to stand there."""

    device: str
    point: str
    ct: int
    pt: int


def planned_stays(plan: SitePlan) -> list[Stay]:
    """Who stands where according to the plan."""
    return [Stay(device.id, device.point or device.id, device.ct, device.pt) for _, _, device in plan.devices()]


def moves(present: Iterable[Stay], wanted: Iterable[Stay]) -> tuple[list[Stay], list[Stay]]:
    """Stays to end and stays to begin. A changed ratio ends one and begins another: consumption is computed per stay."""
    before, after = set(present), set(wanted)
    return sorted(before - after, key=lambda stay: stay.device), sorted(after - before, key=lambda stay: stay.device)
