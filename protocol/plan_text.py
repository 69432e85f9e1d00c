"""Write a site plan as YAML that people can read and edit: one device, one place a line. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from protocol.site_plan import Gateway, Line, SitePlan

_PLAIN = re.compile(r"[A-Za-z\u4e00-\u9fff][\w/\u4e00-\u9fff-]*( [A-Za-z][\w-]*)*")
_WORDS_OF_YAML = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def plan_text(plan: SitePlan) -> str:
    """Return the plan as YAML; `parse_site_plan` of it gives the same plan."""
    return "\n".join(_plan_lines(plan)) + "\n"


def _plan_lines(plan: SitePlan) -> Iterator[str]:
    yield "schema: 1"
    yield f"site: {_flow(plan.site.model_dump(mode='json'))}"
    yield "places:"
    yield from (f"  - {_flow(place.model_dump(mode='json', exclude_none=True))}" for place in plan.places)
    yield "gateways:"
    for gateway in plan.gateways:
        yield from _gateway_lines(gateway)
    if plan.reporting_devices:
        yield "reporting_devices:"
        yield from (f"  - {_flow(one.model_dump(mode='json', exclude_none=True, exclude_defaults=True))}" for one in plan.reporting_devices)
    if plan.virtual_points:
        yield "virtual_points:"
        yield from (f"  - {_flow(point.model_dump(mode='json', exclude_none=True))}" for point in plan.virtual_points)
    if plan.rehearsal is not None:
        yield "rehearsal:"
        yield f"  seed: {plan.rehearsal.seed}"
        yield f"  tcp_lines: {_flow(plan.rehearsal.tcp_lines)}"
        yield "  devices:" if plan.rehearsal.devices else "  devices: []"
        yield from (f"    - {_flow(one.model_dump(mode='json', exclude_defaults=True))}" for one in plan.rehearsal.devices)


def _gateway_lines(gateway: Gateway) -> Iterator[str]:
    yield f"  - id: {_flow(gateway.id)}"
    yield f"    name: {_flow(gateway.name.model_dump(mode='json'))}"
    yield f"    place: {_flow(gateway.place)}"
    yield "    lines:"
    for line in gateway.lines:
        yield from _line_lines(line)


def _line_lines(line: Line) -> Iterator[str]:
    yield f"      - id: {_flow(line.id)}"
    yield f"        port: {_flow(line.port.model_dump(mode='json', exclude_defaults=True))}"
    yield from (f"        {name}: {_flow(getattr(line, name))}" for name in ("baud", "data_bits", "parity", "stop_bits", "gap_ms"))
    yield "        devices:" if line.devices else "        devices: []"
    yield from (f"          - {_flow(device.model_dump(mode='json', exclude_none=True, exclude_defaults=True))}" for device in line.devices)


def _flow(value: Any) -> str:
    """A value in one line: mappings and lists in YAML's flow style, text quoted only where it must be."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, Sequence):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return json.dumps(value)
