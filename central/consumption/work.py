"""The consumption job: takes what arrived and what was noted as dirty, computes the points it touches, and writes what differs.

A group of points is one transaction; what was taken is forgotten in the last one. A crash in between costs the work, not the result: the same is
computed again and found to stand already.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from central.consumption.arrivals import unpack_arrivals
from central.consumption.days import bounds, day_of
from central.consumption.days_table import Days, DayChange, differences, present_days, write_days
from central.consumption.findings import FAILED, REGISTER, Found, Looked, record
from central.consumption.load import PointStay, Restart, Window, load_marks, load_readings, load_restarts, load_stays, load_verdicts
from central.consumption.months import refresh_months
from central.consumption.places import PointCount, add_changes, point_counter, rebuild_places
from central.consumption.recompute import Computed, Job, compute
from central.consumption.tariffs import RateOfSlot, load_rates
from central.consumption.tree import load_tree
from central.consumption.verdicts import write_verdicts
from central.consumption.virtual import load_terms, refresh_virtual
from central.consumption.zone import site_zone
from central.db.pool import CONTENT_ERRORS, Connection
from central.db.statements import load_statements, rows, run

log = logging.getLogger(__name__)

_SQL = load_statements("central.consumption")
_DAY_MS = 86_400_000
ARRIVALS = 400  # rows a round; what is more waits for the next one
DIRTY = 4000
GROUP_POINTS = 200
GROUP_DAYS = 3000  # point days of a group: bounds memory and the length of a transaction
TASK_DAYS = 62  # a longer stretch of a point is done in pieces, the rest is noted again
_AHEAD_DAYS = (4, 16)  # how far past a change readings are loaded to see it meet what stands; then all
RETRY_S = 600.0
_PLACE_DAYS = 31


@dataclass(frozen=True, slots=True)
class Task:
    """A point, and the first and last instant that may have changed."""

    point_id: int
    from_ms: int
    to_ms: int
    reason: str
    in_pieces: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """What all groups of a round share."""

    zone: str
    rates: RateOfSlot
    count: PointCount


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
        tasks, rest = _tasks(conn, [bytes(row[1]) for row in arrivals], noted)
        zone = site_zone(conn)
        scene = Scene(zone, load_rates(conn, zone), point_counter(lambda: load_tree(conn, zone, None)))
    done.taken = len(arrivals) + len(noted)
    for group in _groups(tasks):
        still_leader()
        _work_group(conn, scene, group, done)
    if done.taken:
        with conn.transaction():
            _note_later(conn, rest, 0.0)
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
class _Arrived:
    point_id: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class _DirtyPlace:
    id: int
    place: str
    reason: str
    from_day: date | None
    to_day: date | None


def _tasks(conn: Connection, packed: Sequence[bytes], noted: Sequence[_Dirty]) -> tuple[list[Task], list[Task]]:
    """One task a point, and what of the long ones is left for later."""
    merged: dict[int, Task] = {}
    for one in noted:
        if one.to_ms >= one.from_ms:
            _merge(merged, Task(one.point_id, one.from_ms, one.to_ms, one.reason))
    arrived = unpack_arrivals(packed)
    if arrived:
        first_s, last_s = zip(*arrived.values(), strict=True)
        for row in rows(conn, _SQL["arrived_points"], _Arrived, ids=list(arrived), first_s=list(first_s), last_s=list(last_s)):
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
    cut_ms = task.from_ms + TASK_DAYS * _DAY_MS
    if task.to_ms <= cut_ms:
        return task, []
    return replace(task, to_ms=cut_ms, in_pieces=True), [replace(task, from_ms=cut_ms)]


def _groups(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    group: list[Task] = []
    days = 0
    for task in tasks:
        length = (task.to_ms - task.from_ms) // _DAY_MS + 1
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
            _put_off(conn, {group[0]: str(error)})
    done.points += len(group)
    done.days += days
    done.failed += failed


def compute_group(conn: Connection, scene: Scene, group: Sequence[Task]) -> tuple[int, int]:
    """Compute some points in the caller's transaction; returns how many day rows changed and how many points failed."""
    run(conn, _SQL["lock_consumption"])
    tasks = {task.point_id: task for task in group}
    virtual = {row[0] for row in conn.execute(_SQL["virtual_of"], {"ids": list(tasks)})}
    computed, failed = _compute_real(conn, scene, {point: task for point, task in tasks.items() if point not in virtual})
    wanted = [Days(one.point_id, one.since, one.until) for one in computed]
    rows_by_point = {one.point_id: one for one in computed}
    changes = differences(present_days(conn, wanted).values(), [row for one in computed for row in one.rows])
    write_days(conn, changes)
    _record(conn, scene.zone, rows_by_point)
    asked = [Days(point, day_of(tasks[point].from_ms, scene.zone), day_of(tasks[point].to_ms, scene.zone)) for point in sorted(virtual)]
    changes += _refresh_sums(conn, scene, tasks, changes, asked)
    if failed:
        _put_off(conn, failed)
    return len(changes), len(failed)


def _refresh_sums(conn: Connection, scene: Scene, tasks: Mapping[int, Task], changes: list[DayChange], asked: Sequence[Days]) -> list[DayChange]:
    """What follows from changed days: virtual points, months, places. Returns the changes of virtual points."""
    if not changes and not asked:
        return []
    ids = {change.key[0] for change in changes} | {one.point_id for one in asked}
    terms = load_terms(conn, ids)
    media = {row[0]: row[1] for row in conn.execute(_SQL["media"], {"ids": sorted(ids | set(terms))})}
    made = refresh_virtual(conn, scene.zone, scene.rates, media, terms, changes, asked)
    every = [*changes, *made]
    refresh_months(conn, scene.zone, every, "; ".join(sorted({task.reason for task in tasks.values()}))[:500])
    add_changes(conn, load_tree(conn, scene.zone, {change.key[0] for change in every}), every, media, scene.count)
    return made


def _compute_real(conn: Connection, scene: Scene, tasks: Mapping[int, Task]) -> tuple[list[Computed], dict[Task, str]]:
    if not tasks:
        return [], {}
    stays = load_stays(conn, tasks)
    restarts = load_restarts(conn, {point: (task.from_ms, day_of(task.from_ms, scene.zone)) for point, task in tasks.items()})
    marks = load_marks(conn, tasks)
    computed: list[Computed] = []
    failed: dict[Task, str] = {}
    waiting = dict(tasks)
    for ahead in (*_AHEAD_DAYS, None):
        jobs = [_job(scene.zone, task, stays.get(point, []), restarts[point], ahead) for point, task in waiting.items()]
        windows = _windows(scene.zone, jobs)
        readings, stored = load_readings(conn, windows), load_verdicts(conn, windows)
        for job in jobs:
            try:
                result = compute(job, scene.zone, readings, stored, marks.get(job.point_id, ()), scene.rates)
            except Exception as error:  # a unit of work of its own: one point must not stop the others
                log.exception("point %d could not be computed; the others go on", job.point_id)
                failed[waiting.pop(job.point_id)] = f"{type(error).__name__}: {error}"[:500]
                continue
            if result is not None:
                computed.append(result)
                del waiting[job.point_id]
        if not waiting:
            break
    return computed, failed
