"""Parts of a breakdown beside another period: only what is known in both counts, and no percentage is made of gaps.

Few points are laid beside each other day by day, each with itself; more of them month by month; buildings of a campus by the days (or months) of
which in both periods nearly everything is known. Which it was stands in the answer (`unit`, `common`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Literal

from central.consumption.days import month_bounds, month_of, next_month
from central.consumption.rounding import half_up
from central.db.pool import Connection
from central.reports.model import LEAST_COVERAGE, NOTHING, Change, Figure, Medium, Paired, Reason
from central.reports.span import Span, loose_days, whole_months
from central.reports.sums import Sum, by_part, fetch, sums
from central.reports.weigh import Share, Weigh

MAX_POINT_DAYS = 20_000  # pairs of rows read for a comparison by days: about a tenth of a second
_LEAST_PERCENT = int(LEAST_COVERAGE * 100)
_DAY = timedelta(days=1)
Unit = Literal["hour", "day", "month"]


def changes_of_parts(
    conn: Connection, period: Span, node: str, medium: Medium, weigh: Weigh, paired: Paired, now: Mapping[str, Sum], shares: Sequence[Share]
) -> dict[str, Change]:
    """Each part's change. `shares`: who counts for what today; the base's own figure is by the tree it had then."""
    if paired.base_first is None or paired.base_last is None:
        return {part: _none(Reason.NO_BASE) for part in now}
    months = month_pairs(paired)
    by_days = len(shares) * len(paired.pairs) <= MAX_POINT_DAYS
    if not by_days and not months:
        return {part: _none(Reason.TOO_MANY) for part in now}
    base = sums(conn, period.part(paired.base_first, paired.base_last), node, medium, weigh)
    unit: Unit = "day" if by_days else "month"
    common = _common_days(conn, shares, paired) if by_days else _common_months(conn, shares, months, period.zone)
    figures = {part: (one.figure, base[part].figure if part in base else NOTHING) for part, one in now.items()}
    return {part: change(figure, before, common.get(part), unit) for part, (figure, before) in figures.items()}


def changes_of_places(conn: Connection, period: Span, places: Sequence[str], medium: Medium, paired: Paired) -> dict[str, Change]:
    """Each place's change, by the sums that stand in the place tables."""
    if paired.base_first is None or paired.base_last is None:
        return {place: _none(Reason.NO_BASE) for place in places}
    now = place_figures(conn, period, places, medium)
    base = place_figures(conn, period.part(paired.base_first, paired.base_last), places, medium)
    asked: dict[str, object] = {"places": list(places), "medium": medium, "least_percent": _LEAST_PERCENT}
    months = month_pairs(paired)
    pairs = len(paired.pairs)
    if months and len(paired.pairs) > 62:
        pairs = len(months)
        columns = {"months": [month for month, _ in months], "bases": [month for _, month in months]}
        found = fetch(conn, "common_place_months", {**asked, **columns})
    else:
        found = fetch(conn, "common_place_days", {**asked, "days": [day for day, _ in paired.pairs], "bases": [day for _, day in paired.pairs]})
    common = {row[0]: row[1:] for row in found}
    unit: Unit = "month" if months and len(paired.pairs) > 62 else "day"
    return {place: change(now.get(place, NOTHING), base.get(place, NOTHING), common.get(place), unit, pairs) for place in places}


def place_figures(conn: Connection, period: Span, places: Sequence[str], medium: Medium) -> dict[str, Figure]:
    """What places with sums of their own used. Coverage: of the days of which something is known."""
    return {place: _place_figure(value, points_s, known_s) for place, value, points_s, known_s in place_sums(conn, period, places, medium)}


def place_sums(conn: Connection, period: Span, places: Sequence[str], medium: Medium) -> list[tuple[Any, ...]]:
    """Place, value, seconds that are due on the days of which something is known, seconds known of them."""
    months = whole_months(period.first, period.last) or (date.max, date.min)
    days = loose_days(period.first, period.last)
    asked = {"firsts": [first for first, _ in days], "lasts": [last for _, last in days], "month": months[0], "until": months[1]}
    return fetch(conn, "sums_of_places", {**asked, "places": list(places), "medium": medium})


def change(now: Figure, base: Figure, common: tuple[Any, ...] | None, unit: Unit, pairs: int = 0) -> Change:
    """The change of a figure against another one. `common`: (value, base, how many parts) of what is known in both; `pairs`: how many there could be,
    where the coverage of the figures does not know of days without a row.
    """
    value, before, count = common or (0, 0, 0)
    reason = None
    if min(now.coverage, base.coverage) < LEAST_COVERAGE or now.value is None or base.value is None:
        reason = Reason.COVERAGE
    elif not count:
        reason = Reason.NO_COMMON
    elif count < LEAST_COVERAGE * pairs:
        reason = Reason.COVERAGE
    elif before <= 0:
        reason = Reason.ZERO
    permille = half_up(Fraction(value - before, before) * 1000) if reason is None else None
    return Change(base, value, before, count, unit, permille, reason)


def month_pairs(paired: Paired) -> list[tuple[date, date]]:
    """The months of which every day is laid beside a day of one other month; nothing where any day is not."""
    by_month: dict[date, set[date]] = {}
    days: dict[date, int] = {}
    for day, base in paired.pairs:
        by_month.setdefault(month_of(day), set()).add(month_of(base))
        days[month_of(day)] = days.get(month_of(day), 0) + 1
    if any(len(bases) != 1 for bases in by_month.values()):
        return []
    return [(month, next(iter(bases))) for month, bases in by_month.items() if days[month] >= _least_days(month, next(iter(bases)))]


def _least_days(month: date, base: date) -> int:
    """How many days the shorter of two months has."""
    return min((next_month(one) - one) // _DAY for one in (month, base))


def _common_days(conn: Connection, shares: Sequence[Share], paired: Paired) -> dict[str, tuple[Any, ...]]:
    return by_part(conn, "common_days", shares, days=[day for day, _ in paired.pairs], bases=[base for _, base in paired.pairs])


def _common_months(conn: Connection, shares: Sequence[Share], months: Sequence[tuple[date, date]], zone: str) -> dict[str, tuple[Any, ...]]:
    """Month by month, added up: the planner reads one month's rows at once, where pairs of them make it try each point's."""
    total: dict[str, tuple[int, int, int]] = {}
    for month, base in months:
        lengths = {name: _length_s(day, zone) for name, day in (("length_s", month), ("base_length_s", base))}
        for part, found in by_part(conn, "common_months", shares, month=month, base=base, **lengths).items():
            value, before, count = total.get(part, (0, 0, 0))
            total[part] = (value + found[0], before + found[1], count + found[2])
    return dict(total)


def _length_s(month: date, zone: str) -> int:
    start_ms, end_ms = month_bounds(month, zone)
    return (end_ms - start_ms) // 1000


def _place_figure(value: int, points_s: int, known_s: int) -> Figure:
    if not known_s:
        return NOTHING
    coverage = min(1.0, known_s / points_s)
    return Figure(value, round(coverage, 4), "measured" if coverage == 1 else "partial")


def _none(reason: Reason) -> Change:
    return Change(NOTHING, 0, 0, 0, "day", None, reason)
