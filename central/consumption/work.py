"""The consumption job: takes what arrived and what was noted as dirty, computes the points it touches, and writes what differs.

A group of points is one transaction; what was taken is forgotten in the last one. A crash in between costs the work, not the result: the same is
computed again and found to stand already.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from central.consumption.group import DAY_MS, Scene, Task, compute_group, note_later, put_off
from central.consumption.load import Clocks, load_arrived, load_clocks, proven_from, site_zone
from central.consumption.places import point_counter, rebuild_places
from central.consumption.tariffs import load_rates
from central.consumption.tree import load_tree
from central.db.pool import CONTENT_ERRORS, Connection
from central.db.statements import load_statements, rows, run

log = logging.getLogger(__name__)

_SQL = load_statements("central.consumption")
ARRIVALS = 400  # rows a round; what is more waits for the next one
DIRTY = 4000
GROUP_POINTS = 200
GROUP_DAYS = 3000  # point days of a group: bounds memory and the length of a transaction
TASK_DAYS = 62  # a longer stretch of a point is done in pieces, the rest is noted again
_PLACE_DAYS = 31  # days of places built anew in one transaction
_NOTED_PLACES = 200


@dataclass(slots=True)
class Round:
    """What a round did. `taken`: rows of arrival, dirty and dirty_place; 0: there was nothing to do."""

    taken: int = 0
    points: int = 0
    days: int = 0
    failed: int = 0


def run_round(conn: Connection, still_leader: Callable[[], None] = lambda: None) -> Round:
    """Take what waits (bounded) and work it off. Raises DatabaseError; nothing is lost then."""
    done = Round()
    with conn.transaction():
        arrivals = conn.execute(_SQL["take_arrivals"], {"limit": ARRIVALS}).fetchall()
        noted = rows(conn, _SQL["take_dirty"], _Dirty, limit=DIRTY)
        zone, clocks = site_zone(conn), load_clocks(conn)
        tasks, rest = _tasks(conn, clocks, [bytes(row[1]) for row in arrivals], noted)
        scene = Scene(zone, load_rates(conn, zone), point_counter(lambda: load_tree(conn, zone, None)), clocks, proven_from(conn, zone))
    done.taken = len(arrivals) + len(noted)
    for group in _groups(tasks):
        still_leader()
        _work_group(conn, scene, group, done)
    if done.taken:
        with conn.transaction():
            note_later(conn, rest, 0)
            run(conn, _SQL["forget_arrivals"], ids=[row[0] for row in arrivals])
            run(conn, _SQL["forget_dirty"], ids=[one.id for one in noted])
    done.taken += _rebuild_noted_places(conn, zone)
    return done


def work_off(conn: Connection, most: int = 1000) -> Round:
    """Rounds until nothing waits: for tests and tools. `most` bounds them."""
    total = Round()
    for _ in range(most):
        done = run_round(conn)
        total.points, total.days, total.failed = total.points + done.points, total.days + done.days, total.failed + done.failed
        total.taken += done.taken
        if not done.taken:
            break
    return total


@dataclass(frozen=True, slots=True)
class _Dirty:
    id: int
    point_id: int
    reason: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class _DirtyPlace:
    id: int
    place: str
    reason: str
    from_day: date
    to_day: date


def _tasks(conn: Connection, clocks: Clocks, packed: Sequence[bytes], noted: Sequence[_Dirty]) -> tuple[list[Task], list[Task]]:
    """One task a point, and what of the long ones is left for later."""
    merged: dict[int, Task] = {}
    for one in noted:
        if one.to_ms >= one.from_ms:
            _merge(merged, Task(one.point_id, one.from_ms, one.to_ms, one.reason))
    for row in load_arrived(conn, clocks, packed):
        _merge(merged, Task(row.point_id, row.from_ms, row.to_ms, "late readings"))
    tasks, rest = [], []
    for task in sorted(merged.values(), key=lambda task: task.point_id):
        piece, left = _split(task)
        tasks.append(piece)
        rest += left
    return tasks, rest


def _merge(merged: dict[int, Task], task: Task) -> None:
    known = merged.get(task.point_id)
    if known is not None:
        reason = known.reason if known.reason == task.reason else f"{known.reason}; {task.reason}"[:500]
        task = Task(task.point_id, min(known.from_ms, task.from_ms), max(known.to_ms, task.to_ms), reason)
    merged[task.point_id] = task


def _split(task: Task) -> tuple[Task, list[Task]]:
    cut_ms = task.from_ms + TASK_DAYS * DAY_MS
    if task.to_ms <= cut_ms:
        return task, []
    return replace(task, to_ms=cut_ms, in_pieces=True), [replace(task, from_ms=cut_ms)]


def _groups(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    group: list[Task] = []
    days = 0
    for task in tasks:
        length = (task.to_ms - task.from_ms) // DAY_MS + 1
        if group and (len(group) == GROUP_POINTS or days + length > GROUP_DAYS):
            yield group
            group, days = [], 0
        group.append(task)
        days += length
    if group:
        yield group


def _work_group(conn: Connection, scene: Scene, group: Sequence[Task], done: Round) -> None:
    """One transaction; where a point's rows are refused by the database, each point has its own and the guilty one is put off."""
    try:
        with conn.transaction():
            days, failed = compute_group(conn, scene, group)
    except CONTENT_ERRORS as error:
        if len(group) > 1:
            log.warning("a group of %d points was refused by the database, trying them one by one: %s", len(group), error)
            for task in group:
                _work_group(conn, scene, [task], done)
            return
        days, failed = 0, 1
        with conn.transaction():
            put_off(conn, {group[0]: str(error)})
    done.points += len(group)
    done.days += days
    done.failed += failed


def _rebuild_noted_places(conn: Connection, zone: str) -> int:
    """Places whose tree changed, a piece of their days a round; returns how many rows were taken."""
    with conn.transaction():
        run(conn, _SQL["lock_consumption"])
        noted = rows(conn, _SQL["take_dirty_places"], _DirtyPlace, limit=_NOTED_PLACES)
        if not noted:
            return 0
        known = [(one.from_day, one.to_day) for one in noted if one.from_day <= one.to_day]
        if known:
            since, until = min(since for since, _ in known), max(until for _, until in known)
            end = min(until, since + timedelta(days=_PLACE_DAYS - 1))
            places = sorted({one.place for one in noted})
            changed = rebuild_places(conn, zone, places, since, end)
            log.info("built %d places anew from %s to %s: %d day rows changed", len(places), since, end, changed)
            if end < until:
                _note_rest(conn, noted, end)
        run(conn, _SQL["forget_dirty_places"], ids=[one.id for one in noted])
        return len(noted)


def _note_rest(conn: Connection, noted: Sequence[_DirtyPlace], end: date) -> None:
    for one in noted:
        if one.to_day > end:
            since = max(one.from_day, end + timedelta(days=1))
            run(conn, _SQL["note_place_later"], places=[one.place], from_day=since, to_day=one.to_day, reason=one.reason)
