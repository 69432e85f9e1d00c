"""Parents beside their children: what a meter shows and those below it do not, over the time in which all of them are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from central.consumption.rounding import half_up
from central.db.pool import Connection
from central.db.statements import load_statements
from central.reports.dictionary import BalanceLimit, load_dictionary
from central.reports.exact import Exact, exact
from central.reports.model import Medium, Reason
from central.reports.place import get_place
from central.reports.span import Span
from central.reports.sums import counting
from central.reports.weigh import Counting, measured_below

_SQL = load_statements("central.reports")
MAX_PARENTS = 200
State = Literal["ok", "loss", "negative", "unknown"]


@dataclass(frozen=True, slots=True)
class Balance:
    """`parent` and `children` over `count` of `due` hours (days); `loss`: what is between them, below zero as it is; permille of the parent.

    `state`: ok, loss or negative (outside the limits), unknown (never all measured at once: `reason`).
    """

    code: str
    name_zh: str
    name_en: str
    role: str
    below: int
    parent: int | None
    children: int | None
    loss: int | None
    loss_permille: int | None
    count: int
    due: int
    unit: Literal["hour", "day"]
    least_permille: int
    most_permille: int
    state: State
    reason: Reason | None


def balances(conn: Connection, period: Span, node: str, medium: Medium) -> list[Balance]:
    """Every point of a place that measures others, by the tree of the period's last day; worst first, at most 200. Raises NotFound, ConfigError."""
    get_place(conn, node)
    points = counting(conn, period.part(period.reached, period.reached), node, medium)
    below = dict(sorted(measured_below(points).items())[:MAX_PARENTS])
    by_code = {one.point: one for one in points}
    groups = {code: [(code, by_code[code].point_id, 1), *((code, one.point_id, -1) for one in children)] for code, children in below.items()}
    found = exact(conn, period, groups)
    names = {row[0]: (row[1], row[2]) for row in conn.execute(_SQL["names_of_points"], {"codes": list(below)})}
    limit = next(one for one in load_dictionary().limits.balance if one.medium == medium)
    made = [_balance(by_code[code], names[code], children, found[code], limit) for code, children in below.items()]
    return sorted(made, key=lambda one: (one.loss_permille is None, one.state == "ok", -abs(one.loss_permille or 0), one.code))


def _balance(parent: Counting, name: tuple[str, str], children: Sequence[Counting], found: Exact, limit: BalanceLimit) -> Balance:
    shown, loss = found.added, found.value
    permille = half_up(Fraction(loss, shown) * 1000) if loss is not None and shown else None
    state, reason = _judged(loss, permille, limit)
    sum_below = None if shown is None or loss is None else shown - loss
    return Balance(
        parent.point,
        *name,
        role=parent.role,
        below=len(children),
        parent=shown,
        children=sum_below,
        loss=loss,
        loss_permille=permille,
        count=found.count,
        due=found.due,
        unit=found.unit,
        least_permille=limit.least_permille,
        most_permille=limit.most_permille,
        state=state,
        reason=reason,
    )


def _judged(loss: int | None, permille: int | None, limit: BalanceLimit) -> tuple[State, Reason | None]:
    if loss is None:
        return "unknown", Reason.PARTS_MISSING
    if permille is None:
        return ("negative", Reason.NEGATIVE) if loss < 0 else ("unknown", Reason.ZERO)
    if permille < limit.least_permille:
        return "negative", Reason.NEGATIVE
    return ("loss", None) if permille > limit.most_permille else ("ok", Reason.NEGATIVE if loss < 0 else None)
