"""What `water_meter_health.html` needs, for every page that shows a water meter's health."""

from __future__ import annotations

from typing import Any

from central.analytics.charts import Translate, battery_chart
from central.analytics.health import meter_health
from central.analytics.tables import FLAGS, SIGNALS, STATES
from central.consumption.load import site_zone
from central.db.pool import Connection


def health_panel(conn: Connection, code: str, now: float, text: Translate) -> dict[str, Any] | None:
    """The template's context; None for a device that is no water meter. `now`: Unix seconds; `text`: central.web.render.text_of."""
    found = meter_health(conn, code, now)
    if found is None:
        return None
    chart = battery_chart(found.voltages, found.battery, site_zone(conn), text) if found.voltages else None
    return {"health": found, "chart_of_battery": chart, "states": STATES, "signals": SIGNALS, "flag_words": FLAGS}
