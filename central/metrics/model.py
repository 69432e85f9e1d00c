"""What is exported, as data: names, what they mean, their labels, and the statement that answers them. Names are stable: dashboards hang on them.

Counters of lines start again with the agent, which Prometheus expects of a counter. Energy and volume are registers summed by building and day, not
readings: those are asked of the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family. `statement`: in queries.sql; its last column is the value, those before it are the labels, null values are left out."""

    name: str
    text: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    statement: str


METRICS = (
    Metric("campus_devices", "Devices on the plan by how they are heard.", "gauge", ("building", "kind", "state"), "devices"),
    Metric(
        "campus_readings_due_ratio", "Share of today's due readings that are there, made-up ones not counted.", "gauge", ("building",), "completeness"
    ),
    Metric("campus_gateway_up", "1 while a gateway is online.", "gauge", ("gateway", "building"), "gateway_up"),
    Metric("campus_gateway_last_seen_seconds", "Age of the newest sign of life of a gateway.", "gauge", ("gateway", "building"), "gateway_age"),
    Metric(
        "campus_gateway_backlog_batches",
        "Batches a gateway holds that central has not acknowledged.",
        "gauge",
        ("gateway", "building"),
        "gateway_backlog",
    ),
    Metric("campus_gateway_clock_offset_seconds", "How far a gateway's clock is ahead.", "gauge", ("gateway", "building"), "gateway_clock"),
    Metric("campus_line_exchanges_total", "Exchanges on a line since its agent's start.", "counter", ("gateway", "line"), "line_exchanges"),
    Metric("campus_line_timeouts_total", "Exchanges nobody answered in time.", "counter", ("gateway", "line"), "line_timeouts"),
    Metric("campus_line_checksum_errors_total", "Replies that arrived damaged.", "counter", ("gateway", "line"), "line_checksum_errors"),
    Metric("campus_line_busy_seconds_total", "Time a line was busy.", "counter", ("gateway", "line"), "line_busy"),
    Metric("campus_line_silent_devices", "Devices of a line that do not answer.", "gauge", ("gateway", "line"), "line_silent"),
    Metric("campus_alarms", "Alarms that stand and are nobody's child.", "gauge", ("severity", "state"), "alarms"),
    Metric("campus_consumption_today", "Consumption known of today, Wh or litres.", "gauge", ("building", "medium"), "today"),
    Metric("campus_consumption_month", "Consumption known of this month, Wh or litres.", "gauge", ("building", "medium"), "month"),
    Metric("campus_quarantine_messages", "Messages in quarantine nobody has looked at.", "gauge", (), "quarantine"),
    Metric("campus_batches_last_hour", "Batches stored in the last hour.", "gauge", (), "batches"),
    Metric("campus_readings_last_hour", "Readings stored in the last hour.", "gauge", (), "readings"),
    Metric("campus_consumption_pending", "Intervals that wait to be computed.", "gauge", (), "pending"),
    Metric("campus_notifications", "Notifications of the last 7 days by state.", "gauge", ("state",), "notifications"),
    Metric("campus_database_bytes", "Size of the database.", "gauge", (), "database"),
    Metric("campus_sessions", "Live sessions of people.", "gauge", (), "sessions"),
)
