"""The proof that figures are what the readings say: days from raw readings, months from days, places from points, closed months with adjustments.

It looks at what stands with its own eyes and writes nothing; `repair` notes what does not agree to be computed again. Points with something still
to be worked off are left out: they are not wrong, only not done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from central.consumption.days import bounds, day_of, month_of
from central.consumption.days_table import DayRow, Days, differences, present_days, to_figures, to_row
from central.consumption.dirty import note_dirty, note_dirty_places
from central.consumption.group import Scene, Task, compute_from_raw
from central.consumption.load import Clocks, load_arrived, load_clocks, proven_from, site_zone
from central.consumption.months import ACTOR, adjust, months_of_days, present_months, refresh_months
from central.consumption.places import months_of_days as place_months_of_days
from central.consumption.places import place_days_between, point_counter, point_sums, refresh_place_months, to_place_day
from central.consumption.places import present_months as present_place_months
from central.consumption.tariffs import load_rates
from central.consumption.tree import load_tree
from central.consumption.virtual import combine, load_terms
from central.db.pool import Connection
from central.db.statements import load_statements, run
from central.ingest.store import append_events
from protocol.messages import Event

log = logging.getLogger(__name__)

_SQL = load_statements("central.consumption")
_GROUP = 100
_LISTED = 1000
_FOREVER_MS = 4_102_444_800_000  # 2100; beyond every reading
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that does not agree. `kind`: day, verdict, month, place_day, place_month or closed; `what`: point or place."""

    kind: str
    what: str
    when: date
    stands: str
    due: str


@dataclass(slots=True)
class Checked:
    """What was looked at and what does not agree. `waiting`: points left out because something of them is still to be worked off."""

    points: int = 0
    days: int = 0
    months: int = 0
    place_days: int = 0
    place_months: int = 0
    closed: int = 0
    waiting: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)


def check(
    conn: Connection,
    now: datetime,
    days: int | None = None,
    sample: int | None = None,
    repair: bool = False,
    progress: Progress = lambda done, total: None,
) -> Checked:
    """Compare the last `days` (None: all) of `sample` points (None: all; else others every day) and of all places."""
    with conn.transaction():
        run(conn, _SQL["snapshot"])
        zone = site_zone(conn)
        chosen = [(row[0], row[1]) for row in conn.execute(_SQL["points_to_check"], {"limit": sample, "seed": now.date().isoformat()})]
    since = None if days is None else day_of(int(now.timestamp() * 1000), zone) - timedelta(days=days)
    result = Checked()
    for start in range(0, len(chosen), _GROUP):
        some = dict(chosen[start : start + _GROUP])
        with conn.transaction():
            run(conn, _SQL["snapshot"])
            _check_points(conn, zone, some, since, result)
        progress(min(start + _GROUP, len(chosen)), len(chosen))
    for day in _days_of_places(conn, since):
        with conn.transaction():
            run(conn, _SQL["snapshot"])
            _check_places(conn, zone, day, result)
    with conn.transaction():
        run(conn, _SQL["snapshot"])
        _check_place_months(conn, since, result)
        _check_closed(conn, result)
    if repair and result.mismatches:
        _repair(conn, zone, result.mismatches)
    return result


def told(result: Checked) -> dict[str, object]:
    """The result as numbers, and the first mismatches in words."""
    listed = [f"{one.kind} {one.what} {one.when}: stands {one.stands}, due {one.due}" for one in result.mismatches[:_LISTED]]
    return {**_numbers(result), "mismatches": len(result.mismatches), "listed": listed}


def report_check(conn: Connection, result: Checked, at_ms: int) -> None:
    """The check's outcome as an event."""
    wrong = len(result.mismatches)
    looked = _numbers(result)
    text = f"{wrong} figures are not what the readings say; see: central consumption check" if wrong else "figures are what the readings say"
    event = Event(code="consumption.check", at_ms=at_ms, severity="error" if wrong else "info", message=text, data={**looked, "wrong": wrong})
    append_events(conn, [(None, 0, event)])
    log.log(logging.ERROR if wrong else logging.INFO, "check of consumption: %s %s", text, looked)


def _numbers(result: Checked) -> dict[str, int]:
    return {name: getattr(result, name) for name in ("points", "days", "months", "place_days", "place_months", "closed", "waiting")}


def _check_points(conn: Connection, zone: str, codes: dict[int, str], since: date | None, result: Checked) -> None:
    clocks = load_clocks(conn)
    waiting = _waiting(conn, clocks) & set(codes)
    result.waiting += len(waiting)
    wanted = {point: code for point, code in codes.items() if point not in waiting}
    scene = Scene(zone, load_rates(conn, zone), point_counter(lambda: load_tree(conn, zone, None)), clocks)
    virtual = {row[0] for row in conn.execute(_SQL["virtual_of"], {"ids": list(wanted)})}
    from_ms = 0 if since is None else bounds(since, zone)[0]
    tasks = {point: Task(point, from_ms, _FOREVER_MS, "check") for point in wanted if point not in virtual}
    computed = compute_from_raw(conn, scene, tasks, whole=since is None)
    asked = [Days(one.point_id, one.since, None) for one in computed]
    asked += [Days(point, since or date(1970, 1, 1), None) for point in virtual]
    present = present_days(conn, asked)
    due = [row for one in computed for row in one.rows] + _virtual_rows(conn, scene, virtual, since)
    result.points += len(wanted)
    result.days += len(due)
    kept = proven_from(conn, zone)
    for change in differences(present.values(), due):
        point, day = change.key
        if day < kept:
            continue
        result.mismatches.append(Mismatch("day", codes[point], day, str(change.before), str(change.after)))
    for one in computed:
        for (series, at_ms), verdict in [*one.verdicts.items(), *((key, None) for key in one.withdrawn)]:
            if day_of(at_ms, zone) >= kept:
                result.mismatches.append(Mismatch("verdict", codes[one.point_id], day_of(at_ms, zone), f"series {series}", str(verdict)))
    keys = sorted({(point, month_of(day)) for point, day in present})
    months, standing = months_of_days(conn, zone, keys), present_months(conn, keys)
    result.months += len(months)
    for key in sorted(months.keys() | standing.keys()):
        if months.get(key) != standing.get(key):
            result.mismatches.append(Mismatch("month", codes[key[0]], key[1], str(standing.get(key)), str(months.get(key))))


def _waiting(conn: Connection, clocks: Clocks) -> set[int]:
    packed = [bytes(row[0]) for row in conn.execute(_SQL["waiting_arrivals"])]
    waiting = {row[0] for row in conn.execute(_SQL["waiting_dirty"])}
    waiting |= {row.point_id for row in load_arrived(conn, clocks, packed)}
    return waiting | {row[0] for row in conn.execute(_SQL["virtual_above"], {"ids": list(waiting)})}


def _virtual_rows(conn: Connection, scene: Scene, virtual: set[int], since: date | None) -> list[DayRow]:
    """Virtual points' days from the days of their inputs that stand."""
    terms = {point: inputs for point, inputs in load_terms(conn, virtual).items() if point in virtual}
    media = {row[0]: row[1] for row in conn.execute(_SQL["media"], {"ids": list(virtual)})}
    inputs = {one for given in terms.values() for one, _ in given}
    found = present_days(conn, [Days(one, since or date(1970, 1, 1), None) for one in inputs])
    rows = []
    for point, given in terms.items():
        for day in sorted({day for one, day in found if one in {one for one, _ in given}}):
            parts = [(found.get((one, day)), sign) for one, sign in given]
            figures = combine(day, [(None if row is None else to_figures(row), sign) for row, sign in parts], scene.rates, media[point])
            row = None if figures is None else to_row(point, figures)
            if row is not None:
                rows.append(row)
    return rows


def _days_of_places(conn: Connection, since: date | None) -> list[date]:
    with conn.transaction():
        return [row[0] for row in conn.execute(_SQL["days_of_figures"], {"since": since or date(1970, 1, 1)})]


def _check_places(conn: Connection, zone: str, day: date, result: Checked) -> None:
    if conn.execute(_SQL["waiting_places"]).fetchone():
        return
    tree = load_tree(conn, zone, None)
    places = {place for sums in tree.sums.values() for place in sums}
    count = point_counter(lambda: tree)
    due = {}
    for key, sums in point_sums(conn, tree, list(tree.codes), places, day, day).items():
        row = to_place_day(key, sums, count(key))
        if row is not None:
            due[key] = row
    standing = {(row.place, row.medium, row.day): row for row in place_days_between(conn, places, day, day)}
    result.place_days += len(due)
    for key in sorted(due.keys() | standing.keys()):
        if due.get(key) != standing.get(key):
            result.mismatches.append(Mismatch("place_day", key[0], day, str(standing.get(key)), str(due.get(key))))


def _check_place_months(conn: Connection, since: date | None, result: Checked) -> None:
    keys = [(row[0], row[1], row[2]) for row in conn.execute(_SQL["place_months_since"], {"since": month_of(since or date(1970, 1, 1))})]
    due, standing = place_months_of_days(conn, keys), present_place_months(conn, keys)
    result.place_months += len(due)
    for key in sorted(due.keys() | standing.keys()):
        if due.get(key) != standing.get(key):
            result.mismatches.append(Mismatch("place_month", f"{key[0]} {key[1]}", key[2], str(standing.get(key)), str(due.get(key))))


def _check_closed(conn: Connection, result: Checked) -> None:
    row = conn.execute(_SQL["count_closed"]).fetchone()
    result.closed = int(row[0]) if row else 0
    for code, month, stands, due in conn.execute(_SQL["closed_mismatches"], {"limit": _LISTED}):
        result.mismatches.append(Mismatch("closed", code, month, str(stands), str(due)))


def _repair(conn: Connection, zone: str, mismatches: Sequence[Mismatch]) -> None:
    """Have days and places computed again, months summed again, differences of closed months entered."""
    with conn.transaction():
        run(conn, _SQL["lock_consumption"])
        ids = {code: number for number, code in conn.execute(_SQL["points_to_check"], {"limit": None, "seed": ""})}
        for one in mismatches:
            if one.kind in ("day", "verdict"):
                start_ms, end_ms = bounds(one.when, zone)
                note_dirty(conn, [one.what], datetime.fromtimestamp(start_ms / 1000, UTC), datetime.fromtimestamp(end_ms / 1000, UTC), "check")
            elif one.kind == "place_day":
                note_dirty_places(conn, [one.what], one.when, one.when, "check")
        refresh_months(conn, zone, [(ids[one.what], one.when) for one in mismatches if one.kind == "month"], "check")
        pairs = [(one.what.rsplit(" ", 1), one.when) for one in mismatches if one.kind == "place_month"]
        refresh_place_months(conn, [(place, medium, month) for (place, medium), month in pairs])
        adjust(conn, [(ids[one.what], one.when) for one in mismatches if one.kind == "closed"], f"{ACTOR} check")
