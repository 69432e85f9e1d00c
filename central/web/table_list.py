"""Every table of the console by its name: what an export job, a saved filter or a batch action may name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from central.alarms.tables import ALARMS_HISTORY, ALARMS_OPEN
from central.analytics.tables import WATER_HEALTH, WATER_LEAKS
from central.consumption.tables import FINDINGS
from central.identity.tables import AUDIT
from central.reports.tables import REPORT_ITEMS, REPORT_PLACES, REPORT_POINTS
from central.web.device_table import DEVICES
from central.web.tables import TableSpec

_SPECS: tuple[TableSpec, ...] = (
    WATER_HEALTH,
    WATER_LEAKS,
    DEVICES,
    FINDINGS,
    AUDIT,
    REPORT_POINTS,
    REPORT_PLACES,
    REPORT_ITEMS,
    ALARMS_OPEN,
    ALARMS_HISTORY,
)

TABLES: Mapping[str, TableSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
