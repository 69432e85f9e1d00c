"""Register readings as they came beside what counts of them: the verdict on each, and the days computed from those that count. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from central.consumption.report import point_facts
from central.db.pool import Connection
from central.db.statements import load_statements, rows
from protocol.errors import ConfigError

_SQL = load_statements("central.consumption")
MAX_READINGS = 3000  # a day at one every 30 s is 2,880
MAX_JUDGED = 500
MAX_DAYS = 400


@dataclass(frozen=True, slots=True)
class RegisterReading:
    """A reading as it came, in the meter's base unit. `verdict`: rejected (as if never read), baseline (counting starts anew, the step to it is
    unknown), None where it simply counts. `reason`: range, spike, dip, fall, jump.
    """

    quantity: str
    at_ms: int
    value: int
    quality: int
    verdict: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class RegisterDay:
    """One computed day of a point. Registers (the meter's base unit) are those of its first and last reading that counts, None where there is none.

    `value`: the consumption that came of it, the point's base unit; None where nothing is known. `known_s`: seconds of the day that are known.
    `made_up`: readings that were made up or substituted stand in it. `pending`: judged without enough later readings. `version`: how often it was
    computed with another result.
    """

    day: date
    first_at_ms: int | None
    first_value: int | None
    last_at_ms: int | None
    last_value: int | None
    value: int | None
    known_s: int
    made_up: bool
    pending: bool
    version: int


def register_readings(conn: Connection, device: str, quantity: str, from_ms: int, to_ms: int, limit: int = MAX_READINGS) -> list[RegisterReading]:
    """Every reading of a register with from <= time < to, newest first, with the verdict on it."""
    asked = {"device": device, "quantity": quantity, "from_ms": from_ms, "to_ms": to_ms, "limit": min(limit, MAX_READINGS)}
    return rows(conn, _SQL["register_readings"], RegisterReading, **asked)


def judged_readings(conn: Connection, device: str, from_ms: int, to_ms: int, limit: int = 200) -> list[RegisterReading]:
    """The readings that do not simply count, newest first."""
    asked = {"device": device, "from_ms": from_ms, "to_ms": to_ms, "limit": min(limit, MAX_JUDGED)}
    return rows(conn, _SQL["judged_readings"], RegisterReading, **asked)


def register_days(conn: Connection, point: str, since: date, until: date) -> list[RegisterDay]:
    """Computed days, newest first; days nothing was computed of are left out. Raises NotFound, ConfigError."""
    if not 0 <= (until - since).days < MAX_DAYS:
        raise ConfigError(f"the range {since} to {until} must not end before it begins nor be longer than {MAX_DAYS} days")
    facts = point_facts(conn, point)
    return rows(conn, _SQL["register_days"], RegisterDay, id=facts.point_id, since=since, until=until)
