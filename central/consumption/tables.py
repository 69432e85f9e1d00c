"""The table of findings, and settling many of them at once."""

from __future__ import annotations

from collections.abc import Sequence

from central.consumption.findings import resolve_finding
from central.context import Central
from central.db.pool import Connection
from central.db.statements import load_statements, records, rows
from central.identity import audit
from central.identity.guard import Principal
from central.identity.scope import Scope
from central.metering.search import contains
from central.web.batch import BatchAction, Item, Outcome, Parameter, Preview, Turn
from central.web.tables import Asked, Column, Fetched, Filter, TableSpec
from central.web.translations import N_

_SQL = load_statements("central.consumption")
CODES = {
    "register.fall": ("warn", N_("register fell")),
    "register.jump": ("warn", N_("register jumped")),
    "register.rollover": ("idle", N_("register rolled over")),
    "register.freeze": ("warn", N_("daily freeze does not fit")),
    "consumption.filled": ("warn", N_("readings look filled in")),
    "residual.negative": ("bad", N_("a day is negative")),
    "virtual.cycle": ("bad", N_("computed in a circle")),
    "computation.failed": ("bad", N_("could not be computed")),
}
STATES = {"open": ("warn", N_("unsettled")), "settled": ("ok", N_("settled"))}


def fetch(conn: Connection, scope: Scope, asked: Asked, limit: int) -> Fetched:
    """Findings of the node and below it, as far as the scope goes."""
    text = asked.filters.get("q", "")
    found = records(
        conn,
        _SQL["finding_table"],
        scope=scope,
        node=asked.node or None,
        pattern=contains(text) if text else None,
        code=asked.filters.get("code"),
        state=asked.filters.get("state"),
        sort=asked.sort,
        descending=asked.descending,
        offset=asked.offset,
        limit=limit,
    )
    return Fetched(found, found[0]["total"] if found else 0)


FINDINGS = TableSpec(
    name="findings",
    title=N_("Findings"),
    permission="metering.read",
    columns=(
        Column("code", N_("Finding"), "state", sortable=True, words=CODES),
        Column("state", N_("State"), "state", sortable=True, words=STATES),
        Column("point", N_("Metering point"), "point", sortable=True),
        Column("device", N_("Device"), "device"),
        Column("place", N_("Place"), "place", sortable=True),
        Column("at", N_("From"), "stamp", sortable=True),
        Column("until", N_("Until"), "stamp", shown=False),
        Column("opened_at", N_("Found"), "stamp", sortable=True),
        Column("resolved_at", N_("Settled"), "stamp", shown=False),
        Column("resolution", N_("How it was settled"), "text"),
        Column("id", N_("Number"), "integer", shown=False),
    ),
    fetch=fetch,
    filters=(
        Filter("q", N_("Point, device or place")),
        Filter("state", N_("State"), tuple((value, label) for value, (_, label) in STATES.items())),
        Filter("code", N_("Finding"), tuple((value, label) for value, (_, label) in CODES.items())),
    ),
    key="id",
    default_sort="opened_at",
    default_descending=True,
    empty_title=N_("Nothing was found"),
    empty_next=N_("What a computation cannot settle by itself (a register that fell, a residual below zero) appears here."),
)


def _preview(conn: Connection, principal: Principal, keys: Sequence[str]) -> Preview:
    return Preview(rows(conn, _SQL["findings_asked"], Item, keys=list(keys), scope=principal.scope))


def _settle(central: Central, principal: Principal, key: str, turn: Turn) -> Outcome:
    with central.pool.connection() as conn:
        found = resolve_finding(conn, int(key), f"{principal.name}: {turn.parameters['resolution']}")
        audit.record(conn, principal.name, "finding.resolve", found.point or key, {"finding": int(key), "by": turn.once})
    return Outcome(True, found.resolution or "")


SETTLE = BatchAction(
    name="settle-findings",
    title=N_("Settle findings"),
    tables=("findings",),
    permission="metering.manage",
    dangerous=False,
    preview=_preview,
    run_one=_settle,
    parameters=(Parameter("resolution", N_("How they are settled")),),
)
N_("it is settled already")  # what findings_asked says of such a row
