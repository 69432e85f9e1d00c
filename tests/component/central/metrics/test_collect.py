"""Every statement runs, and what it counts is what stands in the database."""

from __future__ import annotations

from datetime import date

from prometheus_client.parser import text_string_to_metric_families

from central.db.pool import Connection
from central.metrics.collect import exposition
from central.metrics.model import METRICS

HEALTH = (
    '{"backlog_batches": 3, "lines": [{"id": "l1", "exchanges": 50, "timeouts": 2, "checksum_errors": 1, "busy_ms": 1500, "quarantined": ["m2"]}]}'
)


def test_the_site_in_numbers(site: Connection) -> None:
    site.execute("insert into device_status values ('m1', now())")
    site.execute(
        "insert into gateway_status (gateway, state, state_at, last_seen_at, health, health_at, clock_offset_ms) "
        "values ('gw-1', 'online', now(), now(), %s, now(), 1500)",
        [HEALTH],
    )
    site.execute("insert into place_day values ('b1', 'electricity', '2026-11-22', 4200, 1, '{}', '{}', '{}')")

    families = {family.name: family for family in text_string_to_metric_families(exposition(site, date(2026, 11, 22)).decode())}
    samples = {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families.values() for one in family.samples}

    assert set(families) == {metric.name.removesuffix("_total") for metric in METRICS}
    assert samples["campus_devices", (("building", "b1"), ("kind", "electricity_meter"), ("state", "online"))] == 1
    assert samples["campus_devices", (("building", "b1"), ("kind", "electricity_meter"), ("state", "never"))] == 1
    assert samples["campus_gateway_up", (("building", "b1"), ("gateway", "gw-1"))] == 1
    assert samples["campus_gateway_up", (("building", "b2"), ("gateway", "gw-2"))] == 0
    assert samples["campus_gateway_clock_offset_seconds", (("building", "b1"), ("gateway", "gw-1"))] == 1.5
    assert samples["campus_line_timeouts_total", (("gateway", "gw-1"), ("line", "l1"))] == 2
    assert samples["campus_line_silent_devices", (("gateway", "gw-1"), ("line", "l1"))] == 1
    assert samples["campus_consumption_today", (("building", "b1"), ("medium", "electricity"))] == 4200
    assert ("campus_gateway_last_seen_seconds", (("building", "b2"), ("gateway", "gw-2"))) not in samples, "never seen is not zero"
