"""Ask the database what is exported and write it in Prometheus's text format."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from central.db.pool import Connection
from central.db.statements import load_statements
from central.metering.model import ONLINE_WITHIN_S, STALE_WITHIN_S
from central.metrics.model import METRICS, Metric

_SQL = load_statements("central.metrics")
Family = GaugeMetricFamily | CounterMetricFamily


def exposition(conn: Connection, today: date) -> bytes:
    """All metrics as text; `today` is the site's local day."""
    registry = CollectorRegistry()
    registry.register(_Site(conn, today))
    return generate_latest(registry)


class _Site(Collector):
    """What prometheus_client asks for families. Made for one request, on one connection."""

    def __init__(self, conn: Connection, today: date) -> None:
        self._conn = conn
        self._params = {"online_s": ONLINE_WITHIN_S, "stale_s": STALE_WITHIN_S, "today": today}

    def collect(self) -> Iterator[Family]:
        """One family after the other."""
        for metric in METRICS:
            yield self._family(metric)

    def describe(self) -> Iterator[Family]:
        """Nothing: registering must not ask the database."""
        return iter(())

    def _family(self, metric: Metric) -> Family:
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family: Family = kind(metric.name.removesuffix("_total"), metric.text, labels=metric.labels)
        for *labels, value in self._conn.execute(_SQL[metric.statement], self._params):
            if value is not None:
                family.add_metric([str(label) for label in labels], float(value))
        return family
