"""Alarms as tables: those that stand and those that are over, with what can be done with many of them."""

from __future__ import annotations

from collections.abc import Sequence

from central.alarms.causes import CAUSES
from central.alarms.life_cycle import Action, ActionName, act
from central.alarms.rule import shipped_rules
from central.alarms.words import SEVERITIES, SNOOZES, STATES
from central.context import Central
from central.db.pool import Connection
from central.db.statements import load_statements, records
from central.identity.guard import Principal
from central.identity.scope import Scope
from central.metering.search import contains
from central.web.batch import BatchAction, Item, Outcome, Parameter, Preview, RunOne, Turn
from central.web.tables import Asked, Column, Fetched, Filter, Row, TableSpec
from central.web.translations import N_, Language

_SQL = load_statements("central.alarms")
_HOUR_MS = 3_600_000
_OPEN_STATES = tuple((value, STATES[value][1]) for value in ("open", "acknowledged"))
_OVER_STATES = tuple((value, STATES[value][1]) for value in ("cleared", "closed"))
_SEVERITY_CHOICES = tuple((value, label) for value, (_, label) in SEVERITIES.items())


def _fetch(conn: Connection, scope: Scope, asked: Asked, limit: int, over: bool) -> Fetched:
    text = asked.filters.get("q", "")
    chinese = asked.context.get("language", Language.CHINESE) == Language.CHINESE
    wanted = {key: asked.filters.get(key, "") for key in ("severity", "rule", "state", "cause")}
    slice_ = {"sort": asked.sort, "descending": asked.descending, "offset": asked.offset, "limit": limit}
    pattern = contains(text) if text else None
    found = records(conn, _SQL["alarm_table"], scope=scope, node=asked.node, over=over, pattern=pattern, chinese=chinese, **wanted, **slice_)
    for row in found:
        rule = shipped_rules().get(row["rule"])
        row["title"] = row["rule"]
        row["title_zh"], row["title_en"] = (rule.title.zh, rule.title.en) if rule else (row["rule"], row["rule"])
        row["subject_name_zh"], row["subject_name_en"] = row["subject_name_zh"] or row["subject"], row["subject_name_en"] or row["subject"]
    return Fetched(found, found[0]["total"] if found else 0)


def fetch_open(conn: Connection, scope: Scope, asked: Asked, limit: int) -> Fetched:
    """Alarms that stand, each by itself: those another one explains, put aside or in planned work too."""
    return _fetch(conn, scope, asked, limit, over=False)


def fetch_history(conn: Connection, scope: Scope, asked: Asked, limit: int) -> Fetched:
    """Alarms that are cleared or closed."""
    return _fetch(conn, scope, asked, limit, over=True)


_HEAD = (
    Column("title", N_("Alarm"), "text"),
    Column("severity", N_("Severity"), "state", sortable=True, words=SEVERITIES),
    Column("subject_name", N_("About"), "text", sortable=True),
    Column("subject", N_("Code"), "code", shown=False),
    Column("place", N_("Place"), "place", sortable=True),
    Column("state", N_("State"), "state", sortable=True, words=STATES),
    Column("raised", N_("Raised"), "stamp", sortable=True),
)
_TAIL = (
    Column("assignee", N_("Assigned to"), "text", sortable=True),
    Column("acknowledged_by", N_("Acknowledged by"), "text", shown=False),
    Column("flapping", N_("Flapping"), "flag", shown=False),
    Column("explained", N_("Explained by another"), "flag", shown=False),
)
_COMMON_FILTERS = (Filter("q", N_("Name or code")), Filter("severity", N_("Severity"), _SEVERITY_CHOICES))

ALARMS_OPEN = TableSpec(
    name="alarms-open",
    title=N_("Standing alarms"),
    permission="alarms.read",
    columns=(*_HEAD, *_TAIL),
    fetch=fetch_open,
    filters=(*_COMMON_FILTERS, Filter("state", N_("State"), _OPEN_STATES)),
    row_href=lambda row: f"/alarms/{row['id']}",
    key="id",
    default_sort="severity",
    empty_title=N_("No alarm stands"),
    empty_next=N_("Rules are evaluated every 15 seconds; what they find appears here by itself."),
)
ALARMS_HISTORY = TableSpec(
    name="alarms-history",
    title=N_("Alarms that are over"),
    permission="alarms.read",
    columns=(
        *_HEAD,
        Column("cleared", N_("Cleared"), "stamp", sortable=True),
        Column("minutes", N_("Lasted"), "integer", unit="min"),
        Column("close_cause", N_("Cause"), "text", words={name: ("", cause.label) for name, cause in CAUSES.items()}),
        Column("note", N_("Note"), "text", shown=False),
        *_TAIL,
    ),
    fetch=fetch_history,
    filters=(*_COMMON_FILTERS, Filter("state", N_("State"), _OVER_STATES)),
    row_href=lambda row: f"/alarms/{row['id']}",
    key="id",
    default_sort="raised",
    default_descending=True,
    empty_title=N_("No alarm is over yet"),
    empty_next=N_("Alarms come here when their condition is over, or when somebody closed them."),
)


def preview(conn: Connection, principal: Principal, keys: Sequence[str]) -> Preview:
    """The asked alarms the principal may see, with their buildings."""
    numbers = [int(key) for key in keys if key.isascii() and key.isdigit() and len(key) < 19]
    found = records(conn, _SQL["alarm_items"], ids=numbers, scope=principal.scope)
    return Preview([Item(row["id"], _name(row, "zh"), _name(row, "en"), row["place_zh"], row["place_en"]) for row in found])


def _name(row: Row, language: str) -> str:
    rule = shipped_rules().get(row["rule"])
    title = (rule.title.zh if language == "zh" else rule.title.en) if rule else row["rule"]
    return f"{title} · {row[f'name_{language}'] or row['subject']}"


def _run(action: ActionName) -> RunOne:
    def run_one(central: Central, principal: Principal, key: str, turn: Turn) -> Outcome:
        now_ms = int(central.clock() * 1000)
        given = turn.parameters
        until_ms = now_ms + int(given["hours"]) * _HOUR_MS if "hours" in given else None
        wanted = Action(action=action, key=turn.once, note=given.get("note", ""), cause=given.get("cause", ""), until_ms=until_ms)
        with central.pool.connection() as conn:
            act(conn, principal.scope, int(key), wanted, principal.name, now_ms)
        return Outcome(True)

    return run_one


_NOTE = Parameter("note", N_("Note"), required=False)
_REASON = Parameter("note", N_("Why"))
_HOURS = Parameter("hours", N_("For how long"), tuple((str(hours), label) for hours, label in SNOOZES.items()))
_CAUSES = Parameter("cause", N_("Cause"), tuple((name, cause.label) for name, cause in CAUSES.items()))


def _action(action: ActionName, title: str, parameters: Sequence[Parameter], tables: Sequence[str] = (ALARMS_OPEN.name,)) -> BatchAction:
    return BatchAction(f"alarms-{action}", title, tables, "alarms.manage", False, preview, _run(action), parameters)


ACTIONS = (
    _action("acknowledge", N_("Acknowledge"), (_NOTE,)),
    _action("snooze", N_("Put aside"), (_HOURS, _REASON)),
    _action("close", N_("Close"), (_CAUSES, _NOTE), (ALARMS_OPEN.name, ALARMS_HISTORY.name)),
)
