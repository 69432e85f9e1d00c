"""One transaction of the consumption job: some points computed again, and everything that follows from what differs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from central.consumption.days import bounds, day_of, month_of
from central.consumption.days_table import DayChange, Days, differences, present_days, write_days
from central.consumption.findings import FAILED, REGISTER, Found, Looked, record
from central.consumption.load import (
    Clocks,
    PointStay,
    Restart,
    Window,
    load_held,
    load_marks,
    load_readings,
    load_restarts,
    load_stays,
    load_verdicts,
)
from central.consumption.months import refresh_months
from central.consumption.places import PointCount, add_changes
from central.consumption.recompute import Computed, Job, compute
from central.consumption.tariffs import RateOfSlot
from central.consumption.tree import load_tree
from central.consumption.virtual import load_terms, refresh_virtual
from central.db.pool import Connection
from central.db.statements import load_statements, run

log = logging.getLogger(__name__)

_SQL = load_statements("central.consumption")
DAY_MS = 86_400_000
RETRY_S = 600
_AHEAD_DAYS = (4, 16, None)  # how far past a change readings are loaded to see it meet what stands; at last all


@dataclass(frozen=True, slots=True)
class Task:
    """A point, and the first and last instant that may have changed. `in_pieces`: what comes after will be done later."""

    point_id: int
    from_ms: int
    to_ms: int
    reason: str
    in_pieces: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """What all groups of a round share. `proven_from`: days before it stay as they stand, their readings are gone."""

    zone: str
    rates: RateOfSlot
    count: PointCount
    clocks: Clocks
    proven_from: date = date.min


def compute_group(conn: Connection, scene: Scene, group: Sequence[Task]) -> tuple[int, int]:
    """Compute some points in the caller's transaction; returns how many day rows changed and how many points failed and were put off."""
    run(conn, _SQL["lock_consumption"])
    tasks = {task.point_id: task for task in group}
    virtual = {row[0] for row in conn.execute(_SQL["virtual_of"], {"ids": list(tasks)})}
    computed, failed = _compute_real(conn, scene, {point: task for point, task in tasks.items() if point not in virtual})
    present = present_days(conn, [Days(one.point_id, one.since, one.until) for one in computed])
    found = differences(present.values(), [row for one in computed for row in one.rows])
    changes = [change for change in found if change.key[1] >= scene.proven_from]
    write_days(conn, changes)
    _record(conn, scene.zone, computed)
    asked = [Days(point, day_of(tasks[point].from_ms, scene.zone), day_of(tasks[point].to_ms, scene.zone)) for point in sorted(virtual)]
    made = _follow(conn, scene, changes, asked, "; ".join(sorted({task.reason for task in group}))[:500])
    put_off(conn, failed)
    return len(changes) + len(made), len(failed)


def put_off(conn: Connection, failed: Mapping[Task, str]) -> None:
    """Tell of points that could not be computed and have them tried again later."""
    if failed:
        note_later(conn, list(failed), RETRY_S)
        record(conn, (), (), [Found(FAILED, task.point_id, task.from_ms, task.to_ms, {"error": error}) for task, error in failed.items()])


def note_later(conn: Connection, tasks: Sequence[Task], wait_s: int) -> None:
    """Note tasks as dirty again, not to be taken before `wait_s`."""
    for reason in sorted({task.reason for task in tasks}):
        some = [task for task in tasks if task.reason == reason]
        columns = {name: [getattr(task, field) for task in some] for name, field in (("ids", "point_id"), ("from_ms", "from_ms"), ("to_ms", "to_ms"))}
        run(conn, _SQL["note_later"], **columns, reason=reason, wait_s=wait_s)


def compute_from_raw(conn: Connection, scene: Scene, tasks: Mapping[int, Task], whole: bool) -> list[Computed]:
    """What the registers say of points with meters, writing nothing. `whole`: from their first reading, whatever figures stand."""
    stays = load_stays(conn, tasks, scene.clocks)
    media = {row[0]: row[1] for row in conn.execute(_SQL["media"], {"ids": list(tasks)})}
    marks = load_marks(conn, tasks)
    if whole:
        firsts = {point: min((one.stay.from_ms for one in stays.get(point, ())), default=0) for point in tasks}
        restarts = {point: Restart(point, day_of(first_ms, scene.zone), None, None, None) for point, first_ms in firsts.items()}
    else:
        restarts = load_restarts(conn, {point: (task.from_ms, day_of(task.from_ms, scene.zone)) for point, task in tasks.items()}, stays)
    jobs = [_job(scene.zone, task, media[point], stays.get(point, []), restarts[point], None) for point, task in tasks.items()]
    windows = _windows(scene.zone, jobs)
    readings, stored = load_readings(conn, windows), load_verdicts(conn, windows)
    found = [compute(job, scene.zone, readings, stored, marks.get(job.point_id, ()), scene.rates) for job in jobs]
    return [one for one in found if one is not None]


def _compute_real(conn: Connection, scene: Scene, tasks: Mapping[int, Task]) -> tuple[list[Computed], dict[Task, str]]:
    """Points with meters; with ever more readings until each meets what stands."""
    computed: list[Computed] = []
    failed: dict[Task, str] = {}
    if not tasks:
        return computed, failed
    stays = load_stays(conn, tasks, scene.clocks)
    restarts = load_restarts(conn, {point: (task.from_ms, day_of(task.from_ms, scene.zone)) for point, task in tasks.items()}, stays)
    marks = load_marks(conn, tasks)
    media = {row[0]: row[1] for row in conn.execute(_SQL["media"], {"ids": list(tasks)})}
    waiting = dict(tasks)
    for ahead in _AHEAD_DAYS:
        jobs = [_job(scene.zone, task, media[point], stays.get(point, []), restarts[point], ahead) for point, task in waiting.items()]
        windows = _windows(scene.zone, jobs)
        readings, stored = load_readings(conn, windows), load_verdicts(conn, windows)
        held = load_held(conn, [_meeting_days(scene.zone, job) for job in jobs if job.until_ms is not None])
        for job in jobs:
            try:
                result = compute(job, scene.zone, readings, stored, marks.get(job.point_id, ()), scene.rates, held.get(job.point_id, ()))
            except Exception as error:  # a point is a unit of work of its own: it must not stop the others
                log.exception("point %d could not be computed; the others go on", job.point_id)
                failed[waiting.pop(job.point_id)] = f"{type(error).__name__}: {error}"[:500]
                continue
            if result is not None:
                computed.append(result)
                del waiting[job.point_id]
        if not waiting:
            break
    return computed, failed


def _job(zone: str, task: Task, medium: str, stays: Sequence[PointStay], restart: Restart, ahead: int | None) -> Job:
    first_ms = min([task.from_ms, *(one.stay.from_ms for one in stays[:1])])
    day = day_of(first_ms, zone) if restart.day is None else restart.day
    end_ms = bounds(day_of(task.to_ms, zone), zone)[1]
    newest = restart.last_day is None or bounds(restart.last_day, zone)[0] <= end_ms + _AHEAD_DAYS[0] * DAY_MS
    until_ms = None if ahead is None or (newest and not task.in_pieces) else end_ms + ahead * DAY_MS
    return Job(task.point_id, medium, stays, day, restart.anchor, task.to_ms, until_ms, task.in_pieces)


def _meeting_days(zone: str, job: Job) -> tuple[int, date, date]:
    """The point, and the days on one of which what is computed may meet what stands."""
    assert job.until_ms is not None  # noqa: S101 - asked for what is loaded in part only
    return job.point_id, day_of(job.to_ms, zone), day_of(job.until_ms, zone)


def _windows(zone: str, jobs: Sequence[Job]) -> list[Window]:
    """Which readings the jobs need: one window a series, however many stays it has had."""
    windows: dict[int, Window] = {}
    for job in jobs:
        since_ms = bounds(job.day, zone)[0] if job.anchor is None else job.anchor[0] + 1
        for one in job.stays:
            stay, series_id = one.stay, one.series_id
            until_ms = min((end for end in (job.until_ms, None if stay.until_ms is None else stay.until_ms + 1) if end is not None), default=None)
            if series_id is not None and (until_ms is None or until_ms > since_ms):
                window = Window(series_id, max(since_ms, stay.from_ms), until_ms, one.offsets)
                windows[series_id] = _hull(windows.get(series_id, window), window)
    return list(windows.values())


def _hull(one: Window, other: Window) -> Window:
    until_ms = None if one.until_ms is None or other.until_ms is None else max(one.until_ms, other.until_ms)
    return Window(one.series_id, min(one.from_ms, other.from_ms), until_ms, one.offsets)


def _record(conn: Connection, zone: str, computed: Sequence[Computed]) -> None:
    """Verdicts, doubts, and that points which failed before do no more."""
    written = [(*key, *verdict) for one in computed for key, verdict in one.verdicts.items()]
    gone = [key for one in computed for key in one.withdrawn]
    if written:
        run(
            conn, _SQL["write_verdicts"], **dict(zip(("series_id", "at_ms", "verdict", "reason"), map(list, zip(*written, strict=True)), strict=True))
        )
    if gone:
        run(conn, _SQL["delete_verdicts"], series_id=[series for series, _ in gone], at_ms=[at_ms for _, at_ms in gone])
    looked = [Looked(one.point_id, bounds(one.since, zone)[0], one.limit_ms) for one in computed]
    found = [Found(doubt.code, one.point_id, doubt.at_ms, doubt.until_ms, doubt.data) for one in computed for doubt in one.doubts]
    record(conn, REGISTER, looked, found)
    record(conn, (FAILED,), [Looked(one.point_id, 0, None) for one in computed], ())


def _follow(conn: Connection, scene: Scene, changes: Sequence[DayChange], asked: Sequence[Days], reason: str) -> list[DayChange]:
    """What follows from changed days: virtual points, months, places. Returns the changed days of virtual points."""
    if not changes and not asked:
        return []
    ids = {change.key[0] for change in changes} | {one.point_id for one in asked}
    terms = load_terms(conn, ids)
    media = {row[0]: row[1] for row in conn.execute(_SQL["media"], {"ids": sorted(ids | set(terms))})}
    made = refresh_virtual(conn, scene.zone, scene.rates, media, terms, changes, asked)
    every = [*changes, *made]
    refresh_months(conn, scene.zone, sorted({(point, month_of(day)) for point, day in (change.key for change in every)}), reason)
    add_changes(conn, load_tree(conn, scene.zone, {change.key[0] for change in every}), every, media, scene.count)
    return made
