"""Following the nights of points and buildings, and keeping what comes of it: the leaks, and what is remembered of nights too old to change.

Every night that may still change is followed again each time, so late readings, a restart or a repeated round all end in the same leaks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Literal

import orjson

from central.analytics.leak_rule import Watch, acknowledged, follow
from central.analytics.model import Basis, KnownUse, Leak, Night
from central.analytics.nights import LOOK_BACK_NIGHTS
from central.consumption.days import bounds
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run

_SQL = load_statements("central.analytics")
_WINDOW_END_MS = 5 * 3_600_000
About = Literal["point", "place"]


def follow_nights(conn: Connection, zone: str, about: About, rooms: Mapping[str, bool], today: date) -> int:
    """Follow some points' (or buildings') nights up to today's and write their leaks; returns how many are open. `rooms`: code -> serves one room."""
    codes = list(rooms)
    watches, nights, uses = _load(conn, about, codes, today)
    settled_until = today - timedelta(days=LOOK_BACK_NIGHTS)
    kept: dict[str, tuple[date, Watch]] = {}
    found: list[tuple[str, Leak]] = []
    for code in codes:
        _, watch = watches.get(code, (date.min, Watch()))
        old = follow(watch, [night for night in nights[code] if night.day <= settled_until], uses[code], rooms[code])
        new = follow(old.watch, [night for night in nights[code] if night.day > settled_until], uses[code], rooms[code])
        last, over = acknowledged(new.watch, uses[code])
        found += [(code, leak) for leak in (*old.closed, *new.closed, over, last.open) if leak is not None]
        kept[code] = (settled_until, old.watch)
    settled = {code: watches[code][0] if code in watches else None for code in codes}
    _write(conn, zone, about, settled, uses, found)
    _keep(conn, about, kept)
    return sum(leak.cleared_on is None for _, leak in found)


def load_uses(conn: Connection, about: str, code: str) -> list[KnownUse]:
    """What is known to flow by right at one point or building, in the order it was said."""
    found = rows(conn, _SQL["known_uses"], _UseRow, about=about, codes=[code])
    return [KnownUse(use.after, use.floor_l_day, use.at_ms) for use in found]


@dataclass(frozen=True, slots=True)
class _NightRow:
    code: str
    day: date
    basis: Basis
    floor_l_day: int | None
    whole: bool


@dataclass(frozen=True, slots=True)
class _UseRow:
    code: str
    after: date
    floor_l_day: int
    at_ms: int


_Loaded = tuple[dict[str, tuple[date, Watch]], dict[str, list[Night]], dict[str, list[KnownUse]]]


def _load(conn: Connection, about: About, codes: Collection[str], today: date) -> _Loaded:
    nights: dict[str, list[Night]] = defaultdict(list)
    uses: dict[str, list[KnownUse]] = defaultdict(list)
    asked = {"about": about, "codes": list(codes)}
    watches = {code: (settled_on, _watch(state)) for code, settled_on, state in conn.execute(_SQL["watches"], asked)}
    for row in rows(conn, _SQL["nights_to_follow"], _NightRow, until=today, **asked):
        nights[row.code].append(Night(row.day, row.basis, row.floor_l_day, row.whole))
    for use in rows(conn, _SQL["known_uses"], _UseRow, **asked):
        uses[use.code].append(KnownUse(use.after, use.floor_l_day, use.at_ms))
    return watches, nights, uses


def _write(
    conn: Connection,
    zone: str,
    about: About,
    settled: Mapping[str, date | None],
    uses: Mapping[str, Sequence[KnownUse]],
    found: Sequence[tuple[str, Leak]],
) -> None:
    keys = {"code": [code for code, _ in found], "opened_on": [leak.opened_on for _, leak in found]}
    run(conn, _SQL["drop_leaks"], about=about, codes=list(settled), settled_on=list(settled.values()), **keys)
    if not found:
        return
    leaks = [leak for _, leak in found]
    columns: dict[str, Sequence[object]] = {
        name: [getattr(leak, name) for leak in leaks] for name in ("began_on", "basis", "reason", "nights", "last_on", "cleared_on", "clear_reason")
    }
    amounts = {
        "usual": [leak.usual_l_day for leak in leaks],
        "lim": [leak.limit_l_day for leak in leaks],
        "floor": [leak.floor_l_day for leak in leaks],
    }
    at = {
        "opened_ms": [_over_ms(zone, leak.basis, leak.opened_on) for leak in leaks],
        "cleared_ms": [_cleared_ms(zone, uses[c], x) for c, x in found],
    }
    run(conn, _SQL["put_leaks"], about=about, **keys, **columns, **amounts, **at)


def _cleared_ms(zone: str, uses: Sequence[KnownUse], leak: Leak) -> int | None:
    if leak.cleared_on is None:
        return None
    said = [use.at_ms for use in uses if use.after == leak.cleared_on] if leak.clear_reason == "known_use" else []
    return said[-1] if said else _over_ms(zone, leak.basis, leak.cleared_on)


def _over_ms(zone: str, basis: Basis, day: date) -> int:
    """When a night (or the whole day, where that is what is looked at) was over."""
    start_ms, end_ms = bounds(day, zone)
    return end_ms if basis == "day" else start_ms + _WINDOW_END_MS


def _keep(conn: Connection, about: About, kept: Mapping[str, tuple[date, Watch]]) -> None:
    states = [orjson.dumps(asdict(watch)).decode() for _, watch in kept.values()]
    run(conn, _SQL["put_watches"], about=about, code=list(kept), settled_on=[day for day, _ in kept.values()], state=states)


def _watch(state: Mapping[str, Any]) -> Watch:
    """A watch as `_keep` wrote it."""
    leak = state["open"]
    days = {name: _day(state[name]) for name in ("row_began", "row_last")}
    return Watch(**{**state, **days, "learned": tuple(state["learned"]), "open": None if leak is None else _leak(leak)})


def _leak(facts: Mapping[str, Any]) -> Leak:
    days = {name: _day(facts[name]) for name in ("began_on", "opened_on", "last_on", "cleared_on")}
    return Leak(**{**facts, **days})


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
