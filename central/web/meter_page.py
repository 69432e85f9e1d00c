"""What each tab of a device's page shows. A tab computes only its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from central.alarms import words as alarm_words
from central.alarms.model import AlarmRow
from central.alarms.summary import Chosen, list_alarms
from central.analytics.health_panel import health_panel
from central.completeness.communication import Communication, communication
from central.consumption.findings import list_findings
from central.consumption.tables import CODES
from central.control.panel import read_panel
from central.db.pool import Connection
from central.fleet.gateways import GatewayRow, get_gateway
from central.identity.guard import Principal
from central.metering.device_events import device_events
from central.metering.device_points import DevicePoint
from central.metering.factors import factors
from central.metering.freezes import FREEZES
from central.metering.model import DeviceView, LatestValue
from central.metering.replacement_log import replacements
from central.metering.values import latest_values
from central.web import meter_words
from central.web.device_curve import AskedCurve, curve_context, known_registers, quantity_order
from central.web.meter_figures import consumption, figure_words, use_now
from central.web.meter_registers import readings
from central.web.site import Site
from central.web.status_flags import word_flags
from central.web.translations import N_, Language
from central.web.view import View
from protocol.errors import NotFound
from protocol.profile import AnyProfile
from protocol.quantities import QUANTITIES, Quantity
from protocol.status_words import Flag

Context = dict[str, Any]
_METERS = frozenset({"electricity_meter", "water_meter"})
_MAX_ALARMS, _MAX_EVENTS, _MAX_FINDINGS = 10, 50, 10


@dataclass(frozen=True, slots=True)
class Question:
    """What the page is asked. `point`: whose consumption it shows, None where there is none the asker may see; `points`: all there are."""

    conn: Connection
    principal: Principal
    site: Site
    device: DeviceView
    profiles: Mapping[str, AnyProfile]
    points: Sequence[DevicePoint]
    point: DevicePoint | None
    view: View
    curve: AskedCurve
    now: float
    language: Language
    say: Callable[[str], str]

    @property
    def profile(self) -> AnyProfile | None:
        """What its model is known for; None for one this version does not know."""
        return self.profiles.get(self.device.profile)

    @property
    def now_ms(self) -> int:
        """Unix milliseconds UTC."""
        return int(self.now * 1000)


@dataclass(frozen=True, slots=True)
class ShownValue:
    """A newest value with what its bits mean, None where it is no status word."""

    quantity: Quantity
    value: LatestValue
    flags: Sequence[Flag] | None


def overview(asked: Question) -> Context:
    """What it is, what it says now, how its day goes, what is wrong with it."""
    heard = communication(asked.conn, asked.profiles, asked.device.code, asked.now_ms)
    context = {
        "heard": heard,
        "gateway": _gateway(asked.conn, asked.device.gateway),
        "profile": asked.profile,
        "values": shown_values(latest_values(asked.conn, asked.device.code)),
        "installation": asked.device.installations[:1],
        "panel": read_panel(asked.conn, asked.device.code, asked.now_ms),
        "switches": may_switch(asked.principal, asked.device, asked.profile),
        "use": use_now(asked.conn, asked.site, asked.point, asked.view.today, asked.now_ms),
    } | figure_words(asked.point.medium if asked.point else "")
    return (
        context | _trouble(asked) | _heard(asked, heard) | curve_context(asked.conn, asked.now, asked.site, asked.device, asked.profile, asked.curve)
    )


def history(asked: Question) -> Context:
    """Where it stood, by which factor it counted, what happened to it."""
    device = asked.device
    stays = [(stay, known_registers(stay.opening), known_registers(stay.closing)) for stay in device.installations]
    events = [(one, *meter_words.event_name(one.code, asked.language)) for one in device_events(asked.conn, device.code, _MAX_EVENTS)]
    return {
        "stays": stays,
        "replacements": replacements(asked.conn, None, device.code, scope=asked.principal.scope),
        "factors": factors(asked.conn, device=device.code),
        "alarms": _alarms(asked, Chosen(subject=device.code, kind="device", shown="any", newest=True)),
        "alarm_words": alarm_words,
        "events": events,
        "severities": meter_words.SEVERITIES,
        "manages": "metering.manage" in asked.principal.permissions,
    }


def heard_tab(asked: Question) -> Context:
    """How it is heard: completeness, exchanges, raw frames."""
    heard = communication(asked.conn, asked.profiles, asked.device.code, asked.now_ms)
    gateway = _gateway(asked.conn, asked.device.gateway)
    return {"heard": heard, "gateway": gateway, "panel": read_panel(asked.conn, asked.device.code, asked.now_ms)} | _heard(asked, heard)


def health(asked: Question) -> Context:
    """Of a water meter: battery, signal, valve, what it says is wrong."""
    return health_panel(asked.conn, asked.device.code, asked.now, asked.say) or {"health": None}


def consumption_tab(asked: Question) -> Context:
    """What it used over the asked period."""
    return {} if asked.point is None else consumption(asked.conn, asked.site, asked.point, asked.view, asked.now_ms, asked.say, _path(asked))


def readings_tab(asked: Question) -> Context:
    """Registers as they came, and what counts of them."""
    context = readings(asked.conn, asked.device, asked.point, asked.view, asked.site, asked.now_ms)
    return context | {"verdicts": meter_words.VERDICTS, "verdict_reasons": meter_words.REASONS, "finding_words": CODES}


TABS: Mapping[str, tuple[str, Callable[[Question], Context]]] = {
    "overview": (N_("Overview"), overview),
    "consumption": (N_("Consumption"), consumption_tab),
    "health": (N_("Meter health"), health),
    "readings": (N_("Readings"), readings_tab),
    "history": (N_("History"), history),
    "communication": (N_("Communication"), heard_tab),
}


def tabs_of(device: DeviceView) -> dict[str, str]:
    """Tab -> its label, in order; what a kind of device does not have is left out."""
    left_out = set() if device.kind == "water_meter" else {"health"}
    if device.kind not in _METERS:
        left_out |= {"consumption", "readings"}
    return {tab: label for tab, (label, _) in TABS.items() if tab not in left_out}


def may_switch(principal: Principal, device: DeviceView, profile: AnyProfile | None) -> bool:
    """Whether the page leads to switching."""
    able = profile is not None and bool(profile.commands) and device.gateway is not None and not device.removed
    return able and "control.operate" in principal.permissions


def shown_values(found: Sequence[LatestValue]) -> list[ShownValue]:
    """Newest values in the vocabulary's order. What this version does not know is left out, and freezes: they are of days and months, not of now."""
    now = [value for value in found if value.quantity in QUANTITIES and value.quantity not in FREEZES]
    known = sorted(now, key=lambda value: quantity_order(value.quantity))
    return [ShownValue(QUANTITIES[value.quantity], value, word_flags(value.quantity, value.value)) for value in known]


def _trouble(asked: Question) -> Context:
    """Alarms that stand, and what of the point is not settled."""
    findings = list_findings(asked.conn, True, asked.point.code, _MAX_FINDINGS) if asked.point else []
    alarms = _alarms(asked, Chosen(subject=asked.device.code, kind="device"))
    return {"alarms": alarms, "alarm_words": alarm_words, "findings": findings, "finding_words": CODES}


def _alarms(asked: Question, chosen: Chosen) -> Sequence[AlarmRow] | None:
    """None where the asker may see no alarms."""
    if "alarms.read" not in asked.principal.permissions:
        return None
    return list_alarms(asked.conn, asked.principal.scope, chosen, limit=_MAX_ALARMS, account=asked.principal.account_id).items


def _heard(asked: Question, heard: Communication) -> Context:
    """What the words about communication need beside it."""
    overdue = heard.due_at_ms is not None and asked.now_ms > heard.due_at_ms + heard.late_ms
    return {"register": QUANTITIES.get(heard.quantity), "overdue": overdue, "today": asked.view.today}


def _gateway(conn: Connection, code: str | None) -> GatewayRow | None:
    try:
        return get_gateway(conn, code or "")
    except NotFound:  # an earlier plan's, or none: it reports by itself
        return None


def _path(asked: Question) -> str:
    return f"/devices/{quote(asked.device.code)}"
