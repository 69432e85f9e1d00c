"""The dashboard for Grafana asks for metrics that are exported, with labels they have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import central.metrics
from central.db.statements import load_statements
from central.metrics.model import METRICS

DASHBOARD = Path(central.metrics.__file__).parents[2] / "docs" / "grafana" / "campus-energy.json"
_METRIC = re.compile(r"\b(campus_[a-z_]+)(?:\{([^}]*)\})?")


def test_every_metric_a_panel_asks_for_is_exported_with_its_labels() -> None:
    labels = {metric.name: set(metric.labels) for metric in METRICS}
    asked = [target["expr"] for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"] for target in panel["targets"]]
    found = [match for expression in asked for match in _METRIC.findall(expression)]
    assert len(found) >= len(asked) > 15
    for name, matchers in found:
        assert set(re.findall(r"(\w+)=~?\"", matchers)) <= labels[name], name


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        taken |= cells


def test_names_follow_the_rules_of_the_format_and_every_statement_is_asked() -> None:
    assert all(metric.name.endswith("_total") == (metric.kind == "counter") for metric in METRICS)
    assert {metric.statement for metric in METRICS} == set(load_statements("central.metrics"))
