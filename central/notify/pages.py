"""Pages of notifications: channels, rules and the log of what was sent; the reader's own inbox."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from central.alarms.model import Severity
from central.context import Central
from central.db.pool import Connection
from central.identity.attempt import Tried, tried
from central.identity.guard import Principal, require
from central.identity.scope import About, check_in_scope
from central.identity.sealed import key_path
from central.notify.channels import NewChannel, add_channel, enable_channel, list_channels, remove_channel
from central.notify.log import inbox, mark_read, send_again, sent_log
from central.notify.model import Way
from central.notify.rounds import try_channel
from central.notify.rules import NewRule, add_rule, list_rules, remove_rule
from central.web.render import render
from central.web.site import load_site
from protocol.errors import Refused

Manager = Annotated[Principal, Depends(require("notify.manage"))]
Person = Annotated[Principal, Depends(require("alarms.read", About.OWN))]
Word = Annotated[str, Form(max_length=1000)]
Words = Annotated[list[str], Form(max_length=60)]
_LOG_ROWS = 100


def router(central: Central) -> APIRouter:
    """`/notifications` for who manages them, `/inbox` for everybody."""
    routes = APIRouter(include_in_schema=False)
    _manage(routes, central)
    _change_rules(routes, central)
    _mine(routes, central)
    return routes


def _manage(routes: APIRouter, central: Central) -> None:
    @routes.get("/notifications")
    def page(request: Request, _: Manager) -> Response:
        with central.pool.connection() as conn:
            return _page(request, conn)

    @routes.post("/notifications/channels")
    def make(
        request: Request,
        who: Manager,
        name: Word,
        kind: Annotated[Way, Form()],
        language: Word,
        to: Word = "",
        url: Word = "",
        secret: Word = "",
    ) -> Response:
        given = {"name": name, "kind": kind, "language": language, "to": tuple(to.replace(",", " ").split()), "url": url.strip(), "secret": secret}

        def add(conn: Connection) -> int:
            key, http = key_path(central.settings), central.settings.notify.allow_http
            return add_channel(conn, key, _valid(NewChannel, given), who.name, central.clock(), http)

        return _changed(request, central, add)

    @routes.post("/notifications/channels/{number}/enabled")
    def enable(request: Request, who: Manager, number: int, enabled: Annotated[bool, Form()]) -> Response:
        return _changed(request, central, lambda conn: enable_channel(conn, number, enabled, who.name))

    @routes.post("/notifications/channels/{number}/remove")
    def remove(request: Request, who: Manager, number: int) -> Response:
        return _changed(request, central, lambda conn: remove_channel(conn, number, who.name))

    @routes.post("/notifications/channels/{number}/test")
    def test(request: Request, who: Manager, number: int) -> Response:
        found = try_channel(central.pool, central.settings, number, who.name, central.clock())
        with central.pool.connection() as conn:
            return _page(request, conn, answer=found)

    @routes.post("/notifications/log/{number}/again")
    def again(request: Request, who: Manager, number: int) -> Response:
        return _changed(request, central, lambda conn: send_again(conn, number, who.name, central.clock()))


def _change_rules(routes: APIRouter, central: Central) -> None:
    @routes.post("/notifications/rules")
    def make(request: Request, who: Manager, form: Annotated[dict[str, Any], Depends(rule_form)], channel: Annotated[int, Form(ge=1)]) -> Response:
        new = partial(_valid, NewRule, form | {"channel": channel})
        return _changed(request, central, lambda conn: add_rule(conn, new(), None, who.name, central.clock()))

    @routes.post("/notifications/rules/{number}/remove")
    def remove(request: Request, who: Manager, number: int) -> Response:
        return _changed(request, central, lambda conn: remove_rule(conn, number, None, who.name))


def _mine(routes: APIRouter, central: Central) -> None:
    @routes.get("/inbox")
    def page(request: Request, who: Person) -> Response:
        with central.pool.connection() as conn:
            return _inbox(request, conn, who)

    @routes.post("/inbox/read")
    def read(request: Request, who: Person) -> Response:
        with central.pool.connection() as conn:
            mark_read(conn, who.account_id, None, central.clock())
        return RedirectResponse("/inbox", status_code=303)

    @routes.post("/inbox/rules")
    def want(request: Request, who: Person, form: Annotated[dict[str, Any], Depends(rule_form)]) -> Response:
        def add(conn: Connection) -> int:
            new: NewRule = _valid(NewRule, form)
            if new.place is not None:
                check_in_scope(conn, who.scope, About.PLACE, new.place)
            return add_rule(conn, new, who.account_id, who.name, central.clock())

        with central.pool.connection() as conn:
            return _inbox(request, conn, who, tried(conn, lambda: add(conn)))

    @routes.post("/inbox/rules/{number}/remove")
    def stop(request: Request, who: Person, number: int) -> Response:
        with central.pool.connection() as conn:
            return _inbox(request, conn, who, tried(conn, lambda: remove_rule(conn, number, who.account_id or 0, who.name)))


def rule_form(
    name: Word,
    severities: Words,
    kinds: Words,
    place: Word = "",
    after_min: Annotated[int, Form(ge=0, le=1440)] = 0,
    quiet_from: Word = "",
    quiet_to: Word = "",
) -> dict[str, Any]:
    """Dependency: the fields of a rule's form, for NewRule."""
    found: dict[str, Any] = {"name": name, "severities": tuple(severities), "kinds": tuple(kinds), "place": place.strip() or None}
    return found | {"after_s": 60 * after_min, "quiet_from": _minute(quiet_from), "quiet_to": _minute(quiet_to)}


def _minute(text: str) -> int | None:
    hours, _, minutes = text.strip().partition(":")
    return 60 * int(hours) + int(minutes) if hours.isdigit() and minutes.isdigit() else None


def _valid(kind: Any, given: dict[str, Any]) -> Any:
    """The record, or Refused with what is wrong first; the words of a form are not the asker's secret."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Refused(f"{'.'.join(map(str, first['loc'])) or 'form'}: {first['msg']}", problem="bad_form") from error


def _changed(request: Request, central: Central, change: Callable[[Connection], Any]) -> Response:
    with central.pool.connection() as conn:
        return _page(request, conn, tried(conn, lambda: change(conn)))


def _page(request: Request, conn: Connection, outcome: Tried[Any] | None = None, answer: Any = None) -> Response:
    outcome = outcome or Tried()
    context = {
        "site": load_site(conn),
        "channels": list_channels(conn),
        "rules": list_rules(conn),
        "log": sent_log(conn, None, None, 0, _LOG_ROWS),
        "ways": list(Way),
        "severities": list(Severity),
        "error": outcome.error,
        "answer": answer,
    }
    return render(request, "notify.html", context, status=outcome.status)


def _inbox(request: Request, conn: Connection, who: Principal, outcome: Tried[Any] | None = None) -> Response:
    outcome = outcome or Tried()
    found = inbox(conn, who.account_id, who.scope, 200)
    context = {
        "site": load_site(conn),
        "items": found,
        "rules": list_rules(conn, who.account_id or 0),
        "severities": list(Severity),
        "error": outcome.error,
    }
    return render(request, "notify_inbox.html", context, status=outcome.status)
