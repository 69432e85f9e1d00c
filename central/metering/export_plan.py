"""The registry as a site plan that imports without a change: what stands now, whatever the console has changed since the last plan.

Comments of the file that was imported are not in it, and neither is its `rehearsal` section, which no registry knows. `installed` is written for
what began at a local midnight, as a plan's day does; what began during a day began with an import or a replacement.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.metering.registry import KINDS, PLACE_FACTS, Kind, Row, Stay
from protocol.errors import NotFound
from protocol.plan_text import plan_text
from protocol.site_plan import Site, SitePlan

_SQL = load_statements("central.metering")


def export_site_plan(conn: Connection) -> str:
    """The plan as YAML. Raises NotFound before the first import."""
    site = conn.execute(_SQL["planned_site"]).fetchone()
    if site is None:
        raise NotFound("there is no site plan yet; import one first")
    present = {kind: _present(conn, kind) for kind in KINDS}
    days = dict(conn.execute(_SQL["installed_days"], {"zone": Site.model_validate(site[0]).timezone}).fetchall())
    stays = {stay.device: replace(stay, installed=days.get(stay.device)) for stay in rows(conn, _SQL["present_stays"], Stay)}
    points = {row["code"]: row for row in present["point"]}
    cards = {row["device"]: row for row in present["reporter"]}
    devices: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in present["device"]:
        devices[row["gateway"], row["line"]].append(_device(row, stays.get(row["code"]), points))
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in present["line"]:
        lines[row["gateway"]].append(row["settings"] | {"devices": devices[row["gateway"], row["code"]]})
    document = {
        "schema": 1,
        "site": site[0],
        "places": [_place(row) for row in present["place"]],
        "gateways": [{"id": row["code"], "name": _name(row), "place": row["place"], "lines": lines[row["code"]]} for row in present["gateway"]],
        "reporting_devices": [
            _reporting(row, cards[row["code"]], stays.get(row["code"]), points) for row in present["device"] if row["code"] in cards
        ],
        "virtual_points": [_virtual(row) for row in present["point"] if row["role"] == "virtual"],
    }
    return plan_text(SitePlan.model_validate(document))


def _present(conn: Connection, kind: Kind) -> list[dict[str, Any]]:
    """Rows that stand, in the plan's order."""
    standing: Iterable[Row] = (row for _, row in conn.execute(_SQL[f"present_{kind}"]) if not row["removed"])
    return [dict(row) for row in sorted(standing, key=lambda row: row["position"])]


def _place(row: Row) -> dict[str, Any]:
    return {"id": row["code"], "kind": row["kind"], "parent": row["parent"], "name": _name(row), **{fact: row[fact] for fact in PLACE_FACTS}}


def _device(row: Row, stay: Stay | None, points: Mapping[str, Row]) -> dict[str, Any]:
    """A device as the plan writes it: what is as it is by default is left out."""
    device = {"id": row["code"], "profile": row["profile"], "address": row["address"], "place": row["place"], "poll_s": row["poll_s"]}
    if (row["name_zh"], row["name_en"]) != (row["code"], row["code"]):
        device["name"] = _name(row)
    if stay is None:
        return device
    point = points[stay.point]
    role = None if point["role"] == "sub" else point["role"]
    at = None if stay.point == row["code"] else stay.point
    tree = {"role": role, "upstream": point["upstream"], "item": point["item"]}
    return device | {"point": at, "ct": stay.ct, "pt": stay.pt, **tree, "max_per_hour": stay.max_per_hour, "installed": stay.installed}


def _reporting(row: Row, card: Row, stay: Stay | None, points: Mapping[str, Row]) -> dict[str, Any]:
    """A device without a line, with its card."""
    device = {name: value for name, value in _device(row, stay, points).items() if name not in ("poll_s", "ct", "pt")}
    device |= {"imei": card["imei"], "iccid": card["iccid"], "via": card["via"]}
    return device | {"expects_every_h": card["every_h"], "window_h": card["window_h"]}


def _virtual(row: Row) -> dict[str, Any]:
    point = {"id": row["code"], "place": row["place"], "name": _name(row), "medium": row["medium"], "terms": row["terms"]}
    return point | {"item": row["item"]}


def _name(row: Row) -> dict[str, str]:
    return {"zh": row["name_zh"], "en": row["name_en"]}
