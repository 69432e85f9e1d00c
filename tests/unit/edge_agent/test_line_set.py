"""The running lines follow plan and time zone."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from edge_agent.line_set import LineSet
from edge_agent.lines.site_time import CHINA
from protocol.site_plan import Line


class Worker:
    """Notes what it is told."""

    def __init__(self, line: Line, zone: tzinfo) -> None:
        self.told: list[tuple[str, tzinfo]] = [(line.id, zone)]

    def start(self) -> None:
        pass

    def stop(self, timeout_s: float) -> None:
        self.told.append(("stopped", CHINA))

    def reload(self, line: Line, zone: tzinfo) -> None:
        self.told.append((line.id, zone))


def plan(name: str, baud: Any = 2400) -> Line:
    return Line.model_validate({"id": name, "port": {"kind": "serial", "path": f"/dev/{name}"}, "baud": baud})


def test_another_time_zone_reaches_every_line_and_nothing_else_does() -> None:
    made: dict[str, Worker] = {}

    def make(line: Line, zone: tzinfo) -> Any:
        return made.setdefault(line.id, Worker(line, zone))

    lines, far = LineSet(make), ZoneInfo("Asia/Urumqi")
    lines.apply([plan("a"), plan("b")])
    lines.apply([plan("a"), plan("b", 4800)])
    lines.apply([plan("a"), plan("b", 4800)], far)
    lines.apply([plan("a"), plan("b", 4800), plan("c")], far)

    assert made["a"].told == [("a", CHINA), ("a", far)]
    assert made["b"].told == [("b", CHINA), ("b", CHINA), ("b", far)]
    assert made["c"].told == [("c", far)]
