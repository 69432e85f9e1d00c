"""One point computed again from its registers: from where it is taken up to where nothing differs any more. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from central.consumption.course import judge
from central.consumption.days import bounds, day_of, days_between
from central.consumption.days_table import DayRow, to_row
from central.consumption.load import NO_READINGS, PointStay, Read, VerdictRow
from central.consumption.model import LOOK_AHEAD_MS, Course, Doubt, Integers, Samples, Spans
from central.consumption.slots import day_figures
from protocol.reading import Quality

RateOfSlot = Callable[[str, date], Integers]
_Judged = tuple[PointStay, Read, Course]


@dataclass(frozen=True, slots=True)
class Job:
    """A point to compute. `day`: the first to renew; `anchor`: the accepted reading before it. `to_ms`: the last instant that may have changed.

    `until_ms`: readings are loaded up to here (None: all there are). `onward`: what comes after will be computed too, nothing has to meet.
    """

    point_id: int
    medium: str
    stays: Sequence[PointStay]
    day: date
    anchor: tuple[int, int] | None
    to_ms: int
    until_ms: int | None
    onward: bool = False


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
    job: Job,
    zone: str,
    readings: Mapping[int, Read],
    stored: Mapping[int, Sequence[VerdictRow]],
    marks: Sequence[tuple[int, int]],
    rates: RateOfSlot,
    held: Collection[tuple[int, int]] = (),
) -> Computed | None:
    """The point's figures; None when more readings are needed to know where they meet what stands. `held`: days' last readings that stand."""
    judged = [(one, *_judged(job, one, readings)) for one in _stays(job, zone)]
    limit_ms, until = None, None
    if job.until_ms is not None:
        limit_ms = _meeting(job, zone, judged, stored, held)
        if limit_ms is None:
            return None
        until = day_of(limit_ms, zone)
    reads = [read for _, read, _ in judged]
    courses = [course for _, _, course in judged]
    rows = _rows(job, zone, until, reads, courses, marks, rates)
    now = _verdicts(judged, limit_ms)
    standing = _standing(judged, stored, bounds(job.day, zone)[0], limit_ms) if stored else {}
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


def _meeting(
    job: Job, zone: str, judged: Sequence[_Judged], stored: Mapping[int, Sequence[VerdictRow]], held: Collection[tuple[int, int]]
) -> int | None:
    """The first reading after the change from which on nothing differs, by the rule of `course`; None if not in sight.

    It is the last of its day, counts with the register it had before (unless all after it is computed too), and the reading after it has no verdict
    before or now. Judged for good is only what has LOOK_AHEAD of readings behind it.
    """
    samples = _joined([read for _, read, _ in judged], [course for _, _, course in judged])[1]
    at_ms, value = samples.at_ms, samples.value
    if job.onward and job.anchor is None and not len(at_ms) and not any(len(read.at_ms) for _, read, _ in judged):
        return job.to_ms  # from before the first reading
    doubtful = {row.at_ms for one, _, _ in judged for row in stored.get(one.series_id or 0, ())}
    doubtful_ms = np.array(sorted(doubtful.union(*(course.verdicts for _, _, course in judged))), np.int64)
    newest_ms = max((_newest_usable(read, course) for _, read, course in judged), default=job.to_ms)
    for place in range(int(np.searchsorted(at_ms, job.to_ms, "right")), len(at_ms) - 1):
        here, following = int(at_ms[place]), int(at_ms[place + 1])
        beside = np.searchsorted(doubtful_ms, [here, following], "right")
        ends_day = day_of(following, zone) > day_of(here, zone) if job.onward else (here, int(value[place])) in held
        if ends_day and beside[0] == beside[1]:
            return here if bounds(day_of(here, zone), zone)[1] + LOOK_AHEAD_MS <= newest_ms else None
    return None


def _newest_usable(read: Read, course: Course) -> int:
    """The last reading that judging could look at: one no register can show says nothing of those before it. 0 without any."""
    never = {at_ms for at_ms, (_, reason) in course.verdicts.items() if reason == "range"}
    return next((at_ms for at_ms in reversed(read.at_ms.tolist()) if at_ms not in never), 0)


def _verdicts(judged: Sequence[_Judged], limit_ms: int | None) -> dict[tuple[int, int], tuple[str, str]]:
    """Verdicts by series and the stamp the reading is stored under."""
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for one, read, course in judged:
        if one.series_id is not None and course.verdicts:
            stamps = dict(zip(read.at_ms.tolist(), read.stamp_ms.tolist(), strict=True))
            for at_ms, (verdict, reason) in course.verdicts.items():
                if limit_ms is None or at_ms <= limit_ms:
                    found[one.series_id, stamps[at_ms]] = (str(verdict), reason)
    return found


def _standing(
    judged: Sequence[_Judged], stored: Mapping[int, Sequence[VerdictRow]], start_ms: int, limit_ms: int | None
) -> dict[tuple[int, int], tuple[str, str]]:
    return {
        (row.series_id, row.stamp_ms): (row.verdict, row.reason)
        for one, _, _ in judged
        for row in stored.get(one.series_id or 0, ())
        if max(start_ms, one.stay.from_ms) <= row.at_ms and all(end is None or row.at_ms <= end for end in (limit_ms, one.stay.until_ms))
    }


def _rows(
    job: Job,
    zone: str,
    until: date | None,
    reads: Sequence[Read],
    courses: Sequence[Course],
    marks: Sequence[tuple[int, int]],
    rates: RateOfSlot,
) -> list[DayRow]:
    spans, samples, read = _joined(reads, courses)
    accepted, at_ms = samples.at_ms, read.at_ms
    if not len(spans.start_ms) and not len(accepted) and not len(at_ms):
        return []
    due = (read.quality == Quality.GOOD) | (read.quality == Quality.SUSPECT)
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


def _joined(reads: Sequence[Read], courses: Sequence[Course]) -> tuple[Spans, Samples, Read]:
    """The stays of a point one after the other."""
    if len(courses) == 1:
        return courses[0].spans, courses[0].accepted, reads[0]
    spans = Spans(*(_end_to_end([getattr(one.spans, name) for one in courses]) for name in ("start_ms", "end_ms", "amount")))
    samples = Samples(_end_to_end([one.accepted.at_ms for one in courses]), _end_to_end([one.accepted.value for one in courses]))
    return spans, samples, Read(*(_end_to_end([getattr(one, name) for one in reads]) for name in ("at_ms", "value", "quality", "stamp_ms")))


def _end_to_end(parts: Sequence[Integers]) -> Integers:
    return np.concatenate([NO_READINGS.at_ms, *parts])
