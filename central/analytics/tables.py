"""The tables of water meters' health and of leaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any, cast

from central.analytics.health import NOT_REPORTING, HealthAsked, row_facts, water_health
from central.analytics.leaks import list_leaks
from central.analytics.model import HealthRow, LeakRow, LeakState
from central.db.pool import Connection
from central.db.statements import load_statements, number
from central.identity.scope import Scope
from central.web.tables import Asked, Column, Fetched, Filter, TableSpec
from central.web.translations import N_, Language

_SQL = load_statements("central.analytics")
Words = Mapping[str, tuple[str, str]]
STATES: Words = {
    "reporting": ("ok", N_("reporting")),
    "late": ("warn", N_("late")),
    "silent": ("bad", N_("silent")),
    "never": ("idle", N_("never reported")),
}
SIGNALS: Words = {
    "good": ("ok", N_("good signal")),
    "fair": ("ok", N_("fair signal")),
    "weak": ("warn", N_("weak signal")),
    "very_weak": ("bad", N_("very weak signal")),
}
VALVES: Words = {
    "open": ("ok", N_("open")),
    "closed": ("warn", N_("closed")),
    "fault": ("bad", N_("valve fault")),
    "unknown": ("warn", N_("not known")),
}
BATTERIES: Words = {
    "none": ("idle", N_("says no voltage")),
    "too_little": ("idle", N_("not enough data")),
    "steady": ("ok", N_("no end in sight")),
    "falling": ("idle", N_("falling")),
    "low": ("bad", N_("battery low")),
}
FLAGS: Words = {
    "low_battery": ("warn", N_("change the battery")),
    "valve_fault": ("bad", N_("valve fault")),
    "leak": ("bad", N_("meter reports a leak")),
    "burst": ("bad", N_("meter reports a burst")),
    "reverse_flow": ("warn", N_("reverse flow")),
    "magnetic_tamper": ("bad", N_("magnet on the meter")),
    "cover_open": ("bad", N_("cover open")),
    "weak_signal": ("warn", N_("weak signal")),
}
LEAK_STATES: Words = {"open": ("bad", N_("flows now")), "quiet": ("ok", N_("stopped flowing")), "known_use": ("ok", N_("known use"))}
REASONS: Words = {
    "above_zero": ("", N_("was still at night before")),
    "step": ("", N_("night flow rose")),
    "never_zero": ("", N_("never still in two weeks")),
}
_VALVE_WORDS = {0: "open", 1: "closed", 2: "unknown", 3: "fault"}


def valve_word(value: int | None) -> str | None:
    """The word's key for a valve's state; None where nothing was said."""
    return None if value is None else _VALVE_WORDS.get(value, "unknown")


def health_facts(row: HealthRow) -> dict[str, Any]:
    """A row as the table takes it."""
    facts = row_facts(row)
    names = {"device_zh": row.name_zh, "device_en": row.name_en, "attention": row.flags[0] if row.flags else None}
    volts = None if row.battery_mv is None else Decimal(row.battery_mv).scaleb(-3)
    return facts | names | {"battery_v": volts, "valve": valve_word(row.valve), "battery_state": row.battery_state or "none"}


def leak_facts(row: LeakRow) -> dict[str, Any]:
    """A leak as the table takes it."""
    cost = None if row.cost_fen_year is None else Decimal(row.cost_fen_year).scaleb(-2)
    state = "open" if row.is_open else row.clear_reason
    return asdict(row) | {"subject": row.point or row.place, "subject_zh": row.name_zh, "subject_en": row.name_en, "cost": cost, "state": state}


def _fetch_health(conn: Connection, scope: Scope, asked: Asked, limit: int) -> Fetched:
    state, maker, flag, text = (asked.filters.get(key, "") for key in ("state", "maker", "flag", "text"))
    chinese = asked.context.get("language") != Language.ENGLISH
    wanted = HealthAsked(asked.node, state, maker, flag, text, asked.sort, asked.descending, chinese)
    page = water_health(conn, scope, wanted, number(conn, _SQL["now_s"]), asked.offset, limit)
    return Fetched([health_facts(row) for row in page.items], page.total)


def _fetch_leaks(conn: Connection, scope: Scope, asked: Asked, limit: int) -> Fetched:
    state = cast(LeakState, asked.filters.get("state") or "all")
    page = list_leaks(conn, scope, asked.node, state, asked.offset, limit)
    return Fetched([leak_facts(row) for row in page.items], page.total)


WATER_HEALTH = TableSpec(
    name="water-health",
    title=N_("Water meters"),
    permission="metering.read",
    columns=(
        Column("number", N_("Number"), "code", sortable=True),
        Column("device", N_("Name"), "device"),
        Column("place", N_("Place"), "place", sortable=True),
        Column("profile", N_("Model"), "code", sortable=True, shown=False),
        Column("state", N_("State"), "state", sortable=True, words=STATES),
        Column("last_at_ms", N_("Last report"), "age", sortable=True),
        Column("due_at_ms", N_("Next due"), "stamp", sortable=True),
        Column("battery_v", N_("Battery"), "decimal", sortable=True, unit="V"),
        Column("battery_day", N_("Battery lasts until"), "day", sortable=True),
        Column("battery_state", N_("Battery course"), "state", shown=False, words=BATTERIES),
        Column("signal", N_("Signal"), "state", words=SIGNALS),
        Column("rsrp_dbm", N_("Signal power"), "quantity", sortable=True, shown=False, quantity="signal_rsrp"),
        Column("valve", N_("Valve"), "state", sortable=True, words=VALVES),
        Column("attention", N_("Look at"), "state", words=FLAGS),
        Column("imei", N_("IMEI"), "code", shown=False),
    ),
    fetch=_fetch_health,
    filters=(
        Filter("text", N_("Number, name or IMEI")),
        Filter("state", N_("State"), ((NOT_REPORTING, N_("not reporting")), *((value, label) for value, (_, label) in STATES.items()))),
        Filter("flag", N_("Look at"), tuple((value, label) for value, (_, label) in FLAGS.items())),
        Filter("maker", N_("Maker")),
    ),
    row_href=lambda row: f"/water/health/{row['device']}",
    key="device",
    empty_title=N_("No water meter here"),
    empty_next=N_("Choose a place further up, or register the meters in the site plan."),
)
WATER_LEAKS = TableSpec(
    name="water-leaks",
    title=N_("Water that flows all night"),
    permission="metering.read",
    columns=(
        Column("subject", N_("Where"), "text"),
        Column("place", N_("Place"), "place"),
        Column("state", N_("State"), "state", words=LEAK_STATES),
        Column("reason", N_("Why"), "text", words=REASONS),
        Column("began_on", N_("Since"), "day"),
        Column("nights", N_("Nights"), "integer"),
        Column("lost_l_day", N_("Loss a day"), "quantity", quantity="water_volume"),
        Column("cost", N_("Cost a year"), "decimal", unit=N_("yuan")),
        Column("cleared_on", N_("Until"), "day"),
        Column("known_reason", N_("Known use"), "text", shown=False),
        Column("known_by", N_("Accepted by"), "text", shown=False),
        Column("id", N_("Number"), "integer", shown=False),
    ),
    fetch=_fetch_leaks,
    filters=(Filter("state", N_("State"), (("open", N_("flows now")), ("past", N_("past")))),),
    row_href=lambda row: f"/water/leaks/{row['id']}",
    key="id",
    empty_title=N_("Nothing flows all night"),
    empty_next=N_("Nights are judged every morning at seven, once a week of them is known."),
)
