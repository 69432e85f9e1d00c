"""What each part of central may do to each table: ce_web serves people, ce_ingest takes what gateways and meters send, ce_jobs works by itself.

Every table, view and sequence of the schema has a line here, also when nobody may touch it; a test compares. Nobody has `truncate`, nobody owns
anything, and readings and packed blocks are removed by the owner's storage rounds only. A table that is append-only is so here as well as by trigger.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class DatabaseRole(StrEnum):
    """The roles, in the order of the columns below. They are the server's, shared by all its databases; the privileges are each database's own."""

    WEB = "ce_web"
    INGEST = "ce_ingest"
    JOBS = "ce_jobs"


LETTERS: Mapping[str, str] = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "U": "USAGE"}  # as PostgreSQL shows them (psql: \dp)
HIDDEN: Mapping[tuple[str, str], frozenset[str]] = {  # columns that are left out where the table may be read
    ("ce_jobs", "account"): frozenset({"password_hash"}),
    ("ce_jobs", "api_token"): frozenset({"token_digest"}),
}
# fmt: off
GRANTS: Mapping[str, tuple[str, str, str]] = {
    #                    web     ingest jobs
    "academic_term":        ("raw", "", "r"),
    "account":              ("raw", "", "r"),
    "account_external":     ("rawd", "", ""),
    "account_factor":       ("rawd", "", ""),
    "ack_cursor":           ("r", "raw", "r"),
    "adjustment":           ("r", "", "ra"),
    "alarm":                ("rw", "", "rawd"),
    "alarm_change":         ("ra", "", "ra"),
    "alarm_round":          ("raw", "", "raw"),
    "alarm_rule_override":  ("ra", "", "r"),
    "alarm_seen":           ("ra", "", "r"),
    "alarm_track":          ("r", "", "rawd"),
    "alarm_window":         ("raw", "", "r"),
    "analytics_round":      ("r", "", "rad"),
    "api_token":            ("raw", "", "r"),
    "arrival":              ("ra", "a", "rad"),
    "attachment":           ("ra", "", "r"),
    "audit":                ("ra", "a", "ra"),
    "audit_seal":           ("r", "", "ra"),
    "batch":                ("r", "ra", "rd"),
    "batch_item":           ("raw", "", "rw"),
    "batch_job":            ("rawd", "", "rwd"),
    "battery_day":          ("r", "", "rawd"),
    "battery_forecast":     ("r", "", "raw"),
    "building_of":          ("r", "", "r"),
    "calendar_day":         ("raw", "", "r"),
    "clock_offset":         ("r", "", "rawd"),
    "closed_figure":        ("ra", "", "r"),
    "closed_month":         ("ra", "", "r"),
    "closed_place":         ("ra", "", "r"),
    "command":              ("raw", "rw", "rawd"),
    "command_event":        ("ra", "a", "ra"),
    "completeness_day":     ("r", "", "raw"),
    "consumption_day":      ("r", "", "rawd"),
    "consumption_mark":     ("raw", "", "raw"),
    "consumption_month":    ("r", "", "rawd"),
    "desired_document":     ("raw", "", "r"),
    "device":               ("raw", "r", "r"),
    "device_status":        ("raw", "raw", "raw"),
    "dirty":                ("ra", "", "rad"),
    "dirty_place":          ("ra", "", "rad"),
    "event":                ("ra", "a", "ra"),
    "export_job":           ("rawd", "", "rwd"),
    "external_login":       ("rad", "", ""),
    "finding":              ("rw", "", "raw"),
    "gateway":              ("raw", "rw", "rw"),
    "gateway_gap":          ("r", "", "rawd"),
    "gateway_heard":        ("r", "", "r"),
    "gateway_hour":         ("r", "", "rawd"),
    "gateway_replacement":  ("ra", "", "r"),
    "gateway_status":       ("r", "", "raw"),
    "installation":         ("rawd", "", "r"),
    "iot_command":          ("raw", "rw", "rw"),
    "iot_meter":            ("raw", "r", "rw"),
    "iot_nonce":            ("rad", "", "rd"),
    "iot_report":           ("ra", "ra", "rad"),
    "iot_state":            ("raw", "raw", "raw"),
    "kiosk_token":          ("raw", "", ""),
    "leader_epoch":         ("", "", "U"),
    "leak":                 ("rawd", "", "rawd"),
    "leak_known_use":       ("ra", "", "r"),
    "leak_watch":           ("raw", "", "raw"),
    "line":                 ("raw", "", "r"),
    "line_hour":            ("r", "", "rawd"),
    "load_shape":           ("r", "", "rawd"),
    "login_failure":        ("rawd", "", ""),
    "login_step":           ("rad", "", ""),
    "metering_point":       ("raw", "", "r"),
    "night_flow":           ("r", "", "rawd"),
    "notification":         ("rw", "", "raw"),
    "notify_channel":       ("rawd", "", "r"),
    "notify_rule":          ("rad", "", "r"),
    "notify_todo":          ("ra", "", "rawd"),
    "old_box_acceptance":   ("ra", "", "r"),
    "one_time_link":        ("rawd", "", ""),
    "place":                ("raw", "", "r"),
    "place_day":            ("r", "", "rawd"),
    "place_fact":           ("raw", "", "r"),
    "place_month":          ("r", "", "rawd"),
    "place_within":         ("rad", "", "r"),
    "point_item":           ("raw", "", "r"),
    "point_position":       ("raw", "", "r"),
    "quarantine":           ("raw", "raw", "rawd"),
    "ratio_correction":     ("ra", "", "r"),
    "reading":              ("ra", "ra", "ra"),
    "reading_block":        ("r", "r", "r"),
    "reading_verdict":      ("r", "", "rawd"),
    "recovery_code":        ("rawd", "", ""),
    "registry_edit":        ("ra", "", "r"),
    "replacement":          ("raw", "", "r"),
    "reported_place_month": ("r", "", "r"),
    "reported_point_month": ("r", "", "r"),
    "rise_figure":          ("r", "", "rawd"),
    "schema_migration":     ("r", "r", "r"),
    "series":               ("ra", "ra", "ra"),
    "site_plan":            ("ra", "r", "r"),
    "storage_state":        ("r", "r", "r"),
    "table_preference":     ("rawd", "", ""),
    "table_view":           ("rawd", "", ""),
    "tariff_version":       ("raw", "", "r"),
    "virtual_term":         ("rad", "", "r"),
    "web_session":          ("rawd", "", ""),
}
# fmt: on
