"""One point computed again from its registers: from where it is taken up to where nothing differs any more. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from central.consumption.course import judge
from central.consumption.days import bounds, day_of, days_between
from central.consumption.days_table import DayRow, to_row
from central.consumption.load import NO_READINGS, PointStay, Read, VerdictRow
from central.consumption.model import LOOK_AHEAD_MS, Course, Doubt, Integers, Samples, Spans, Verdict
from central.consumption.slots import day_figures
from protocol.reading import Quality

RateOfSlot = Callable[[str, date], Integers]


@dataclass(frozen=True, slots=True)
class Job:
    """A point to compute. `day`: the first to renew; `anchor`: the accepted reading before it. `to_ms`: the last instant that may have changed.

    `until_ms`: readings are loaded up to here (None: all there are).
    """

    point_id: int
    medium: str
    stays: Sequence[PointStay]
    day: date
    anchor: tuple[int, int] | None
    to_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Computed:
    """What the registers say of a point from `since` to `until` (None: to the end). Doubts and verdicts up to `limit_ms` (None: all).

    `verdicts`: (series, instant) -> (verdict, reason) of those that do not stand yet; `withdrawn`: of those that stand and hold no more.
    """

    point_id: int
    since: date
    until: date | None
    limit_ms: int | None
    rows: list[DayRow]
    verdicts: Mapping[tuple[int, int], tuple[str, str]]
    withdrawn: Sequence[tuple[int, int]]
    doubts: Sequence[Doubt]


def compute(
    job: Job, zone: str, readings: Mapping[int, Read], stored: Mapping[int, Sequence[VerdictRow]], marks: Sequence[tuple[int, int]], rates: RateOfSlot
) -> Computed | None:
    """The point's figures; None when more readings are needed to know where they meet what stands."""
    judged = [(one, *_judged(job, one, readings)) for one in _stays(job, zone)]
    accepted = np.concatenate([course.accepted.at_ms for _, _, course in judged] or [NO_READINGS.at_ms])
    limit_ms, until = None, None
    if job.until_ms is not None:
        limit_ms = _meeting(job, zone, accepted, {row.at_ms for one, _, _ in judged for row in stored.get(one.series_id or 0, ()) if _rejects(row)})
        if limit_ms is None:
            return None
        until = day_of(limit_ms, zone)
    reads = [read for _, read, _ in judged]
    courses = [course for _, _, course in judged]
    rows = _rows(job, zone, until, reads, courses, accepted, marks, rates)
    now = {
        (one.series_id, at_ms): (str(verdict), reason)
        for one, _, course in judged
        if one.series_id is not None
        for at_ms, (verdict, reason) in course.verdicts.items()
        if limit_ms is None or at_ms <= limit_ms
    }
    start_ms = bounds(job.day, zone)[0]
    standing = {
        (row.series_id, row.at_ms): (row.verdict, row.reason)
        for one, _, _ in judged
        for row in stored.get(one.series_id or 0, ())
        if max(start_ms, one.stay.from_ms) <= row.at_ms and all(end is None or row.at_ms <= end for end in (limit_ms, one.stay.until_ms))
    }
    verdicts = {key: verdict for key, verdict in now.items() if standing.get(key) != verdict}
    withdrawn = [key for key in standing if key not in now]
    doubts = [doubt for course in courses for doubt in course.doubts if limit_ms is None or (doubt.until_ms or doubt.at_ms) <= limit_ms]
    return Computed(job.point_id, job.day, until, limit_ms, rows, verdicts, withdrawn, doubts)


def _stays(job: Job, zone: str) -> list[PointStay]:
    """The stays that matter from the start on: with an anchor the one it lies in and those after it."""
    if job.anchor is None:
        start_ms = bounds(job.day, zone)[0]
        return [one for one in job.stays if one.stay.until_ms is None or one.stay.until_ms >= start_ms]
    at_ms = job.anchor[0]
    begun = [one for one in job.stays if one.stay.from_ms < at_ms or (one.stay.from_ms == at_ms and one.stay.opening is not None)]
    return [*begun[-1:], *job.stays[len(begun) :]]


def _judged(job: Job, one: PointStay, readings: Mapping[int, Read]) -> tuple[Read, Course]:
    """A stay's own readings, and how they were read."""
    stay, anchor = one.stay, job.anchor
    if job.until_ms is not None and (stay.until_ms is None or stay.until_ms >= job.until_ms):
        stay = replace(stay, closing=None)
    anchored = anchor is not None and stay.from_ms <= anchor[0]
    since_ms = anchor[0] + 1 if anchor is not None and anchored else stay.from_ms
    read = readings.get(one.series_id or 0, NO_READINGS).between(since_ms, stay.until_ms)
    at_ms, value = read.at_ms, read.value
    if anchor is not None and anchored:
        at_ms, value = np.append(np.int64(anchor[0]), at_ms), np.append(np.int64(anchor[1]), value)
    return read, judge(stay, Samples(at_ms, value), anchored)


def _rejects(row: VerdictRow) -> bool:
    return row.verdict == Verdict.REJECTED


def _meeting(job: Job, zone: str, accepted: Integers, refused_before: set[int]) -> int | None:
    """The first instant after the change whose reading counts now as it did before: from there on nothing differs. None if not in sight.

    Judged for good is only what has LOOK_AHEAD of readings behind it, and the day it lies in needs one reading after its end.
    """
    assert job.until_ms is not None  # noqa: S101 - asked for what is loaded in part only
    settled = accepted[accepted < job.until_ms - LOOK_AHEAD_MS]
    for at_ms in settled[np.searchsorted(settled, job.to_ms, "right") :].tolist():
        if at_ms not in refused_before:
            return at_ms if settled[-1] >= bounds(day_of(at_ms, zone), zone)[1] else None
    return None


def _rows(
    job: Job,
    zone: str,
    until: date | None,
    reads: Sequence[Read],
    courses: Sequence[Course],
    accepted: Integers,
    marks: Sequence[tuple[int, int]],
    rates: RateOfSlot,
) -> list[DayRow]:
    spans = Spans(*(np.concatenate([getattr(one.spans, name) for one in courses] or [accepted]) for name in ("start_ms", "end_ms", "amount")))
    samples = Samples(accepted, np.concatenate([one.accepted.value for one in courses] or [accepted]))
    at_ms = np.concatenate([read.at_ms for read in reads] or [accepted])
    quality = np.concatenate([read.quality for read in reads] or [accepted])
    due = (quality == Quality.GOOD) | (quality == Quality.SUSPECT)
    pending = min((one.pending_from_ms for one in courses if one.pending_from_ms is not None), default=None)
    start_ms = bounds(job.day, zone)[0]
    first_ms = max(start_ms, min((int(known[0]) for known in (spans.start_ms, accepted, at_ms) if len(known)), default=start_ms))
    end_ms = bounds(until, zone)[1] if until is not None else max([start_ms, *accepted[-1:].tolist(), *at_ms[-1:].tolist()]) + 1
    rows = []
    for day in days_between(first_ms, end_ms, zone):
        figures = day_figures(
            day,
            zone,
            spans,
            samples,
            rates(job.medium, day),
            taken_ms=at_ms[due],
            made_up_ms=at_ms[~due],
            marks=marks,
            pending_from_ms=pending,
        )
        row = to_row(job.point_id, figures)
        if row is not None:
            rows.append(row)
    return rows
