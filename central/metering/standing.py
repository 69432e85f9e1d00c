"""The stay of a meter at a point that goes on: who stands there, what was read of it, how it ends and another begins."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import orjson

from central.consumption.days import day_of, month_of
from central.consumption.load import site_zone
from central.db.pool import Connection
from central.db.statements import load_statements, number, rows, run
from central.ingest.store import append_events
from central.metering.replacement import Seen, Standing
from protocol.errors import Conflict, NotFound
from protocol.messages import Event

_SQL = load_statements("central.metering")
_LOOK_BACK_MS = (2 * 86_400_000, 60 * 86_400_000)  # where the last reading is looked for first; then in the whole stay
_STAY = ("point", "device", "ct", "pt", "numerator", "denominator", "register", "rollover", "max_per_hour")


def standing(conn: Connection, point: str | None, device: str | None) -> Standing:
    """Who stands there now. Raises NotFound, and Conflict when neither is named."""
    if point is None and device is None:
        raise Conflict("name the metering point or the device that stands there")
    found = rows(conn, _SQL["standing"], Standing, point=point, device=device)
    if not found:
        raise NotFound(f"no device stands at point {point!r} now" if device is None else f"device {device!r} stands at no point {point or ''} now")
    if len(found) > 1:
        raise Conflict(f"device {device!r} stands at several points; name the point")
    return found[0]


def last_registers(conn: Connection, device: str, quantities: Collection[str], since_ms: int, at_ms: int) -> dict[str, Seen]:
    """Each quantity as it was read last up to an instant, not before `since_ms`."""
    found: dict[str, Seen] = {}
    for back_ms in (*_LOOK_BACK_MS, at_ms - since_ms):
        wanted = [code for code in quantities if code not in found]
        if wanted:
            asked = {"device": device, "quantities": wanted, "from_ms": max(since_ms, at_ms - back_ms), "at_ms": at_ms}
            found |= {seen.quantity: seen for seen in rows(conn, _SQL["last_before"], Seen, **asked)}
    return found


def first_register(conn: Connection, device: str, quantity: str | None, at_ms: int) -> Seen | None:
    """A quantity as it was read first from an instant on."""
    found = rows(conn, _SQL["first_after"], Seen, device=device, quantities=[quantity], at_ms=at_ms)
    return found[0] if found else None


def closed_since(conn: Connection, at_ms: int) -> tuple[str, ...]:
    """Closed months that end after an instant."""
    month = month_of(day_of(at_ms, site_zone(conn)))
    return tuple(row[0] for row in conn.execute(_SQL["closed_since"], {"month": month}))


def end_stay(conn: Connection, installation: int, at_ms: int, closing: Mapping[str, int]) -> None:
    """Have a stay end at an instant with these registers."""
    run(conn, _SQL["end_stay"], installation=installation, at_ms=at_ms, closing=orjson.dumps(closing).decode())


def begin_stay(conn: Connection, stay: Standing, at_ms: int, opening: Mapping[str, int]) -> int:
    """Have a device stand at a point from an instant on; returns the installation."""
    params = {name: getattr(stay, name) for name in _STAY} | {"opening": orjson.dumps(opening).decode(), "at_ms": at_ms}
    return number(conn, _SQL["begin_stay"], **params)


def note_event(conn: Connection, code: str, device: str, message: str, data: Mapping[str, str | int], at_ms: int) -> None:
    """An event central itself raises about a device."""
    append_events(conn, [(None, 0, Event(code=code, at_ms=at_ms, severity="info", device=device, message=message, data=dict(data)))])
