"""Alarms as pages: what stands, one alarm, the table and history. Rules and planned work: rule_pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from central.alarms import words
from central.alarms.causes import CAUSES
from central.alarms.life_cycle import MAX_AT_ONCE, Action, Result, act, act_on_many, assignable, get_alarm, get_row, mark_seen
from central.alarms.model import Severity
from central.alarms.overrides import rules_in_force
from central.alarms.rounds import free_percent, newest_round
from central.alarms.summary import Chosen, Shown, alarm_counts, list_alarms
from central.alarms.tables import ALARMS_HISTORY, ALARMS_OPEN
from central.alarms.trial import value_now
from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.web.node import node_context
from central.web.render import language_of, render
from central.web.site import load_site
from central.web.table_page import asked_table, render_table, table_context
from protocol.errors import CampusError, ConfigError

Reader = Annotated[Principal, Depends(require("alarms.read", About.OWN))]
Manager = Annotated[Principal, Depends(require("alarms.manage", About.OWN))]
Number = Annotated[int, Path(ge=1, lt=1 << 62)]
Word = Annotated[str, Query(max_length=64)]
_PAGE_ROWS = 100
_STALE_MS = 120_000  # rules not evaluated for so long: the page says so
TABS: dict[str, Shown] = {"": "standing", "snoozed": "snoozed", "planned": "suppressed"}
TABLES = {"table": ALARMS_OPEN, "history": ALARMS_HISTORY}


def router(central: Central) -> APIRouter:
    """`/alarms?node=&tab=`, `/alarms/{number}`."""
    routes = APIRouter(prefix="/alarms", include_in_schema=False)

    def now_ms() -> int:
        return int(central.clock() * 1000)

    @routes.get("")
    def alarms(request: Request, principal: Reader, node: Word = "", tab: Word = "") -> Response:
        with central.pool.connection() as conn:
            if tab in TABLES:
                return _table_page(request, conn, principal, node, tab, now_ms())
            return _list_page(request, conn, principal, _asked(dict(request.query_params)), now_ms())

    @routes.get("/badge")
    def badge(request: Request, principal: Reader) -> Response:
        with central.pool.connection() as conn:
            return render(request, "alarm_badge.html", {"counts": alarm_counts(conn, principal.scope)})

    @routes.post("/actions")
    def actions(
        request: Request,
        principal: Manager,
        form: Annotated[dict[str, str], Depends(_form)],
        ids: Annotated[list[int] | None, Form(max_length=MAX_AT_ONCE)] = None,
        only: Annotated[int | None, Form()] = None,
    ) -> Response:
        with central.pool.connection() as conn:
            chosen = [only] if only else ids or []
            results, problem = _act_on(conn, principal, chosen, {**form, "action": "acknowledge"} if only else form, now_ms())
            asked = _asked({part: form[part] for part in ("node", "tab", "severity", "rule", "state", "assignee_filter")})
            names = {number: get_row(conn, principal.scope, number) for number in [one.id for one in results if not one.done][:20]}
            told = {"results": results, "problem": problem, "names": names, "action": form["action"]}
            return _changed(_list_page(request, conn, principal, asked, now_ms(), told))

    @routes.get("/{number}/children")
    def children(request: Request, principal: Reader, number: Number) -> Response:
        with central.pool.connection() as conn:
            get_alarm(conn, principal.scope, number, principal.account_id)  # 404 for what may not be seen
            found = list_alarms(conn, principal.scope, Chosen(parent=number, shown="any"), limit=200, account=principal.account_id)
            return render(request, "alarm_children.html", {"rows": found.items, "total": found.total, **_words(conn)})

    @routes.get("/{number}")
    def alarm(request: Request, principal: Reader, number: Number) -> Response:
        with central.pool.connection() as conn:
            if principal.account_id is not None:
                mark_seen(conn, principal.scope, [number], principal.account_id, now_ms())
            return _alarm_page(request, conn, principal, number, central)

    @routes.post("/{number}/actions")
    def action(request: Request, principal: Manager, number: Number, form: Annotated[dict[str, str], Depends(_form)]) -> Response:
        with central.pool.connection() as conn:
            problem = ""
            try:
                with conn.transaction():
                    act(conn, principal.scope, number, _action(form, now_ms()), principal.name, now_ms())
            except CampusError as error:
                problem = error.message
            return _changed(_alarm_page(request, conn, principal, number, central, problem))

    return routes


def _changed(response: Response) -> Response:
    """Tells the badge in the sidebar to count again."""
    response.headers["hx-trigger"] = "alarms-changed"
    return response


def _form(
    action: Annotated[str, Form(max_length=20)] = "",
    note: Annotated[str, Form(max_length=1000)] = "",
    hours: Annotated[int, Form(ge=0, le=744)] = 0,
    cause: Annotated[str, Form(max_length=40)] = "",
    assignee: Annotated[str, Form(max_length=40)] = "",
    key: Annotated[str, Form(max_length=80)] = "",
    node: Annotated[str, Form(max_length=64)] = "",
    tab: Annotated[str, Form(max_length=20)] = "",
    severity: Annotated[str, Form(max_length=20)] = "",
    rule: Annotated[str, Form(max_length=64)] = "",
    state: Annotated[str, Form(max_length=20)] = "",
    assignee_filter: Annotated[str, Form(max_length=40)] = "",
) -> dict[str, str]:
    """What a form on these pages holds: the action, and the list it was taken from."""
    told = {"action": action, "note": note.strip(), "hours": str(hours), "cause": cause, "assignee": assignee, "key": key}
    return told | {"node": node, "tab": tab, "severity": severity, "rule": rule, "state": state, "assignee_filter": assignee_filter}


def _action(form: dict[str, str], now_ms: int) -> Action:
    until_ms = now_ms + int(form["hours"]) * 3_600_000 if form["action"] == "snooze" else None
    told = {name: form[name] for name in ("action", "note", "cause", "assignee")}
    try:
        return Action.model_validate({**told, "until_ms": until_ms, "key": form["key"] or None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}, got {first['input']!r}") from error


def _act_on(conn: Connection, principal: Principal, numbers: Sequence[int], form: dict[str, str], now_ms: int) -> tuple[list[Result], str]:
    """What became of each; and what is wrong with the action itself."""
    try:
        return act_on_many(conn, principal.scope, numbers, _action(form, now_ms), principal.name, now_ms), ""
    except ConfigError as error:
        return [], error.message


def _asked(parts: dict[str, str]) -> dict[str, str]:
    """What of the list is asked for; unknown words are left out."""
    tab = parts.get("tab", "")
    severity, state = parts.get("severity", ""), parts.get("state", "")
    offset = parts.get("offset", "")
    return {
        "node": parts.get("node", "")[:64].replace("\0", ""),
        "tab": tab if tab in TABS else "",
        "severity": severity if severity in set(Severity) else "",
        "rule": parts.get("rule", "")[:64].replace("\0", ""),
        "state": state if state in ("open", "acknowledged") else "",
        "assignee": (parts.get("assignee", "") or parts.get("assignee_filter", ""))[:40].replace("\0", ""),
        "offset": offset if offset.isascii() and offset.isdigit() and len(offset) < 7 else "",
    }


def _list_page(
    request: Request, conn: Connection, principal: Principal, asked: dict[str, str], now_ms: int, told: dict[str, Any] | None = None
) -> Response:
    node = node_context(conn, principal, asked["node"])
    chosen = Chosen(node.code, TABS[asked["tab"]], asked["severity"], asked["rule"], asked["state"], asked["assignee"], top=asked["tab"] == "")
    found = list_alarms(conn, principal.scope, chosen, int(asked["offset"] or 0), _PAGE_ROWS, principal.account_id)
    if not found.items and asked["offset"]:
        found, asked = list_alarms(conn, principal.scope, chosen, 0, _PAGE_ROWS, principal.account_id), asked | {"offset": ""}
    context = _common(conn, principal, node.code, asked["tab"], now_ms) | {"node": node, "asked": asked, "page": found, "told": told}
    return render(request, "alarm_rows.html" if request.headers.get("hx-target") == "alarm-list" else "alarm_list.html", context)


def _table_page(request: Request, conn: Connection, principal: Principal, node_code: str, tab: str, now_ms: int) -> Response:
    node, spec = node_context(conn, principal, node_code), TABLES[tab]
    asked = replace(asked_table(request, spec), node=node.code)
    context = _common(conn, principal, node.code, tab, now_ms) | {"node": node}
    context |= table_context(conn, principal, spec, asked, language_of(request), f"/alarms?node={node.code}&tab={tab}")
    return render_table(request, "alarm_table.html", context)


def _alarm_page(request: Request, conn: Connection, principal: Principal, number: int, central: Central, problem: str = "") -> Response:
    now_ms = int(central.clock() * 1000)
    view = get_alarm(conn, principal.scope, number, principal.account_id)
    rule = rules_in_force(conn).get(view.alarm.rule)
    standing = view.alarm.cleared_ms is None
    fact = value_now(conn, rule, view.alarm.subject, now_ms, lambda: free_percent(central.settings.data_dir)) if rule and standing else None
    context = {"view": view, "alarm": view.alarm, "rule": rule, "fact": fact, "problem": problem, "accounts": assignable(conn), **_words(conn)}
    return render(request, "alarm.html", context, status=422 if problem else 200)


def _common(conn: Connection, principal: Principal, node: str, tab: str, now_ms: int) -> dict[str, Any]:
    round_ = newest_round(conn)
    stale = round_ is None or now_ms - round_.at_ms > _STALE_MS
    found = {"counts": alarm_counts(conn, principal.scope, node), "tab": tab, "round": round_, "stale": stale, "rules": rules_in_force(conn)}
    return found | _words(conn) | {"accounts": assignable(conn), "manages": "alarms.manage" in principal.permissions}


def _words(conn: Connection) -> dict[str, Any]:
    return {"words": words, "causes": CAUSES, "site": load_site(conn)}
