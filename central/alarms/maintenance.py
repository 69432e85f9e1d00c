"""Planned work: while it lasts, what breaks there waits; what still is broken afterwards is shown then. `covers` is pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import Field

from central.alarms.group import Where
from central.alarms.model import Cause
from central.alarms.rule import shipped_rules
from central.db.pool import Connection
from central.db.statements import load_statements, number, one, rows, run
from central.identity import audit
from central.identity.scope import About, Scope, check_in_scope
from protocol.errors import ConfigError, Conflict
from protocol.record import Record

_SQL = load_statements("central.alarms")
MAX_WINDOWS = 1000  # coming or in force; more is a mistake, and every raise looks at all of them
_MAX_DAYS = 366


@dataclass(frozen=True, slots=True)
class Window:
    """Work at a place, a gateway with its devices, a device, under a rule, or several together (all must fit). `weekdays` 0: once, from begin to end;
    else bits Monday=1 ... Sunday=64 of the local days on which it begins at `start_minute` and lasts `minutes`.
    """

    id: int
    place: str | None
    gateway: str | None
    device: str | None
    rule: str | None
    from_ms: int
    until_ms: int
    weekdays: int
    start_minute: int
    minutes: int
    reason: str
    actor: str
    created_ms: int
    ended_ms: int | None
    ended_by: str | None

    @property
    def names(self) -> list[tuple[str, str]]:
        """What it is about as (kind, code)."""
        parts = (("place", self.place), ("gateway", self.gateway), ("device", self.device), ("rule", self.rule))
        return [(kind, code) for kind, code in parts if code]

    @property
    def days(self) -> list[int]:
        """Weekdays on which it begins, Monday 0; none: once."""
        return [day for day in range(7) if self.weekdays >> day & 1]


class NewWindow(Record):
    """Planned work as somebody enters it. At least one of place, gateway, device, rule."""

    place: str | None = Field(default=None, max_length=64)
    gateway: str | None = Field(default=None, max_length=64)
    device: str | None = Field(default=None, max_length=64)
    rule: str | None = Field(default=None, max_length=64)
    from_ms: int = Field(ge=0, lt=1 << 43)
    until_ms: int = Field(ge=0, lt=1 << 43)
    weekdays: int = Field(default=0, ge=0, le=127)
    start_minute: int = Field(default=0, ge=0, le=1439)
    minutes: int = Field(default=0, ge=0, le=10_080)
    reason: str = Field(min_length=3, max_length=500)


def covers(window: Window, cause: Cause, where: Where, now_ms: int, zone: ZoneInfo) -> bool:
    """Whether what the cause is about lies in the work, and the work is going on. Pure."""
    return in_force(window, now_ms, zone) and all(
        (
            window.rule in (None, cause.rule),
            window.place is None or window.place in where.above,
            window.gateway in (None, where.gateway),
            window.device in (None, where.device),
        )
    )


def in_force(window: Window, now_ms: int, zone: ZoneInfo) -> bool:
    """Whether the work is going on. Pure. One that begins before midnight lasts into the next day."""
    if window.ended_ms is not None or not window.from_ms <= now_ms < window.until_ms:
        return False
    if not window.weekdays:
        return True
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    today = now.astimezone(zone).date()
    for back in range(window.minutes // 1440 + 2):
        day = today - timedelta(days=back)
        begins = datetime(day.year, day.month, day.day, *divmod(window.start_minute, 60), tzinfo=zone).astimezone(UTC)
        if window.weekdays >> day.weekday() & 1 and begins <= now < begins + timedelta(minutes=window.minutes):
            return True
    return False


def list_windows(conn: Connection, scope: Scope, now_ms: int, over: bool = False, limit: int = 200) -> list[Window]:
    """Windows in force or to come, soonest first; or, with `over`, past ones, newest first. Within the scope: those that are about a part of it."""
    return rows(conn, _SQL["windows"], Window, scope=scope, now_ms=now_ms, over=over, limit=limit)


def add_window(conn: Connection, scope: Scope, new: NewWindow, actor: str, now_ms: int) -> Window:
    """Enter planned work. Raises ConfigError for times that are none, NotFound for what the asker may not see, Conflict above MAX_WINDOWS."""
    if problem := _problem(new, now_ms, scope):
        raise ConfigError(problem)
    for about, code in ((About.PLACE, new.place), (About.GATEWAY, new.gateway), (About.DEVICE, new.device)):
        if code:
            one(conn, _SQL[f"known_{about.value}"], _Known, f"there is no {about.value} {code!r}; search for it", code=code)
            check_in_scope(conn, scope, about, code)
    if number(conn, _SQL["coming_windows"], now_ms=now_ms) >= MAX_WINDOWS:
        raise Conflict(f"{MAX_WINDOWS} maintenance windows are entered already; end some first")
    window = one(conn, _SQL["add_window"], Window, "an insert has a row", **new.model_dump(), actor=actor, now_ms=now_ms)
    audit.record(conn, actor, "alarms.window", str(window.id), new.model_dump(exclude_none=True))
    return window


def end_window(conn: Connection, scope: Scope, window: int, actor: str, now_ms: int) -> Window:
    """End planned work now. Raises NotFound; ending it again changes nothing."""
    found = one(conn, _SQL["window"], Window, f"there is no maintenance window {window} that this account may see", id=window, scope=scope)
    if found.ended_ms is None:
        run(conn, _SQL["end_window"], id=window, actor=actor, now_ms=now_ms)
        audit.record(conn, actor, "alarms.window_ended", str(window))
    return one(conn, _SQL["window"], Window, "it was there just now", id=window, scope=scope)


@dataclass(frozen=True, slots=True)
class _Known:
    code: str


def _problem(new: NewWindow, now_ms: int, scope: Scope) -> str | None:
    """The first thing wrong with planned work, as a text."""
    part = new.place or new.gateway or new.device
    checks = (
        (not (part or new.rule), "say what the work is about: a place, a gateway, a device or a rule"),
        (scope is not None and not part, "an account that may see a part of the site names a place, gateway or device of it"),
        (bool(new.rule) and new.rule not in shipped_rules(), f"there is no rule {new.rule!r}; see the list of rules"),
        (new.until_ms <= max(new.from_ms, now_ms), "the window must end after it begins, and not in the past"),
        (new.until_ms - new.from_ms > _MAX_DAYS * 86_400_000, f"a window is at most {_MAX_DAYS} days long; enter the next one then"),
        (bool(new.weekdays) != bool(new.minutes), "a weekly window needs both weekdays and a length in minutes; one that happens once has neither"),
    )
    return next((problem for wrong, problem in checks if wrong), None)
