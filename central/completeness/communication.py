"""How one device is heard: its main quantity with when it is due next, what of the last days is there, how exchanges on its line go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from central.completeness.expected import period_s
from central.completeness.hours import main_quantity
from central.completeness.model import GRACE_MS, share_bp
from central.consumption.days import day_of
from central.consumption.load import site_zone
from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.fleet.gateways import GatewayRow, get_gateway
from central.fleet.wellness import reported_line
from central.metering.device import get_device
from central.metering.model import DeviceView
from protocol.errors import NotFound
from protocol.messages import DeviceHealth
from protocol.profile import AnyProfile

_SQL = load_statements("central.completeness")
DAYS = 7
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class DeviceDay:
    """One local day. `looked_ms`: when it was counted; None before the first count."""

    day: date
    due: int
    measured: int
    made_up: int
    looked_ms: int | None

    @property
    def missing(self) -> int:
        """Due and neither measured nor made up."""
        return self.due - self.measured - self.made_up

    @property
    def measured_bp(self) -> int | None:
        """Measured of due in basis points; None where nothing was due."""
        return share_bp(self.measured, self.due)


@dataclass(frozen=True, slots=True)
class LastValue:
    """The newest reading of a quantity."""

    at_ms: int
    value: int
    quality: int


@dataclass(frozen=True, slots=True)
class Communication:
    """`quantity`: what stands for the device; `last`: its newest reading. `due_at_ms`: when the next one is expected, `late_ms`: how long it may
    take beyond that before it counts as late; None where the device was never heard. `reports`: it reports by itself.

    `days`: today first, then those before; a day on which nothing was counted is left out. `gateway_state` None: it has no gateway, or one that is
    no longer on the plan. `told`: what its gateway tells of exchanges since it started; None where it does not: it names those with most trouble and
    the slowest only. `told_ms`: of the health message. `line_state` None: the gateway has not told of the line.
    """

    device: str
    quantity: str
    every_s: int
    reports: bool
    last: LastValue | None
    due_at_ms: int | None
    late_ms: int
    days: Sequence[DeviceDay]
    week_due: int
    week_measured: int
    week_made_up: int
    gateway: str | None
    line: str | None
    gateway_state: str | None
    line_state: str | None
    set_aside: bool
    told: DeviceHealth | None
    told_ms: int | None

    @property
    def week_bp(self) -> int | None:
        """Measured of due over the days, today up to now."""
        return share_bp(self.week_measured, self.week_due)

    def day(self, wanted: date) -> DeviceDay | None:
        """One of the days; None where nothing was counted."""
        return next((one for one in self.days if one.day == wanted), None)


def communication(conn: Connection, profiles: Mapping[str, AnyProfile], code: str, now_ms: int) -> Communication:
    """Of any device, removed ones included. Raises NotFound."""
    view = get_device(conn, code)
    profile = profiles.get(view.profile)
    quantity = main_quantity(conn, view, profile)
    reporting = rows(conn, _SQL["reporting_of_device"], _Reporting, device=code)
    every_s = reporting[0].every_h * _HOUR_S if reporting else period_s(profile, view.poll_s, quantity)
    late_ms = reporting[0].window_h * _HOUR_S * 1000 if reporting else GRACE_MS
    last = next(iter(rows(conn, _SQL["last_of_quantity"], LastValue, device=code, quantity=quantity)), None)
    today = day_of(now_ms, site_zone(conn))
    days = rows(conn, _SQL["days_of_device"], DeviceDay, device=code, first=today - timedelta(days=DAYS - 1), last=today)
    return Communication(
        device=code,
        quantity=quantity,
        every_s=every_s,
        reports=bool(reporting),
        last=last,
        due_at_ms=None if last is None or view.removed else last.at_ms + every_s * 1000,
        late_ms=late_ms,
        days=days,
        week_due=sum(one.due for one in days),
        week_measured=sum(one.measured for one in days),
        week_made_up=sum(one.made_up for one in days),
        gateway=view.gateway,
        line=view.line,
        **_on_the_line(conn, view),
    )


@dataclass(frozen=True, slots=True)
class _Reporting:
    every_h: int
    window_h: int


def _on_the_line(conn: Connection, view: DeviceView) -> dict[str, Any]:
    """What the newest health message of its gateway says of the device and its line."""
    gateway = _gateway(conn, view.gateway)
    said = ((gateway.health or {}).get("lines") or ()) if gateway else ()
    line: dict[str, Any] = next((one for one in said if one.get("id") == view.line), {})
    known = reported_line(line)
    return {
        "gateway_state": gateway.state if gateway else None,
        "line_state": line.get("state"),
        "set_aside": view.code in (line.get("quarantined") or ()),
        "told": None if known is None else next((one for one in known.devices or () if one.id == view.code), None),
        "told_ms": (gateway.health or {}).get("at_ms") if gateway else None,
    }


def _gateway(conn: Connection, code: str | None) -> GatewayRow | None:
    try:
        return get_gateway(conn, code or "")
    except NotFound:  # an earlier plan's, or none: it reports by itself
        return None
