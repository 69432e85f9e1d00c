"""A selection's preview, its confirmation, and how far the work is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from central.batches.model import BATCH_STATES, ITEM_STATES, Batch
from central.batches.routes import BatchId, Reader
from central.batches.start import (
    batch_items,
    batch_places,
    cancel_batch,
    check_factor,
    draft_batch,
    find_batch,
    list_batches,
    retry_batch,
    start_batch,
)
from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal
from central.web.batch import MAX_ROWS
from central.web.batch_list import ACTIONS
from central.web.render import render
from central.web.site import load_site
from central.web.table_list import TABLES
from protocol.errors import CampusError, ConfigError, Conflict

_PAGE_ROWS = 100


def router(central: Central) -> APIRouter:
    """`/batches` and `/batches/{batch}`."""
    routes = APIRouter(prefix="/batches", include_in_schema=False)
    _look(routes, central)
    _change(routes, central)
    return routes


def _look(routes: APIRouter, central: Central) -> None:
    @routes.get("")
    def batches(request: Request, principal: Reader) -> Response:
        with central.pool.connection() as conn:
            context = {"site": load_site(conn), "batches": list_batches(conn, principal), "titles": _titles(), "states": BATCH_STATES}
        return render(request, "batches.html", context)

    @routes.get("/{batch}")
    def batch_page(request: Request, principal: Reader, batch: BatchId, offset: Annotated[int, Query(ge=0, le=MAX_ROWS)] = 0) -> Response:
        with central.pool.connection() as conn:
            context = _context(conn, principal, find_batch(conn, principal, batch), offset)
        return render(request, _template(request, context["batch"]), context)


def _change(routes: APIRouter, central: Central) -> None:
    @routes.post("")
    def draft(
        request: Request,
        principal: Reader,
        action: Annotated[str, Form(max_length=64)],
        table: Annotated[str, Form(max_length=64)],
        key: Annotated[list[str] | None, Form(max_length=MAX_ROWS)] = None,
        query: Annotated[str, Form(max_length=4000)] = "",
        every: Annotated[bool, Form()] = False,
    ) -> Response:
        """A new draft and its preview; the address becomes the draft's own, so that reloading asks for nothing new."""
        with central.pool.connection() as conn:
            batch = draft_batch(conn, principal, action, table, key or [], query if every else None, central.clock())
        return RedirectResponse(f"/batches/{batch.id}", status_code=303)

    @routes.post("/{batch}/start")
    async def start(request: Request, principal: Reader, batch: BatchId) -> Response:
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        given = {name[2:]: value for name, value in form.items() if name.startswith("p.")}
        return await run_in_threadpool(_started, request, principal, batch, given, form.get("typed", "")[:20])

    def _started(request: Request, principal: Principal, batch: int, given: dict[str, str], typed: str) -> Response:
        try:
            with central.pool.connection() as conn:
                start_batch(conn, principal, batch, given, typed, central.clock())
        except (ConfigError, Conflict) as error:
            with central.pool.connection() as conn:
                context = _context(conn, principal, find_batch(conn, principal, batch), 0, error, given)
            return render(request, "batch.html", context, status=422)
        return RedirectResponse(f"/batches/{batch}", status_code=303)

    @routes.post("/{batch}")
    def change(principal: Reader, batch: BatchId, do: Annotated[Literal["cancel", "retry"], Form()]) -> Response:
        with central.pool.connection() as conn:
            if do == "retry":
                retry_batch(conn, principal, batch)
            elif cancel_batch(conn, principal, batch, central.clock()) is None:
                return RedirectResponse("/batches", status_code=303)
        return RedirectResponse(f"/batches/{batch}", status_code=303)


def _context(
    conn: Connection, principal: Principal, batch: Batch, offset: int, problem: CampusError | None = None, given: dict[str, str] | None = None
) -> dict[str, Any]:
    action = ACTIONS.get(batch.action)
    context = {"site": load_site(conn), "batch": batch, "action": action, "title": _titles().get(batch.action, batch.action), "given": given or {}}
    context |= {"items": batch_items(conn, principal, batch.id, None, offset, _PAGE_ROWS), "places": batch_places(conn, batch.id)}
    context |= {"item_states": ITEM_STATES, "states": BATCH_STATES, "offset": offset, "page_rows": _PAGE_ROWS, "problem": problem}
    spec = TABLES.get(batch.table)
    return context | {
        "table_title": spec.title if spec else batch.table,
        "busy": batch.state == "running",
        "factor_missing": _factor(principal, batch),
    }


def _factor(principal: Principal, batch: Batch) -> str:
    """Why the button will refuse, before somebody types a number: the message of the missing second factor, or nothing."""
    try:
        check_factor(principal, ACTIONS[batch.action])
    except (CampusError, KeyError) as error:
        return str(getattr(error, "message", ""))
    return ""


def _template(request: Request, batch: Batch) -> str:
    alone = request.headers.get("hx-target") == "batch-progress" and batch.state != "draft"
    return "batch_progress.html" if alone else "batch.html"


def _titles() -> dict[str, str]:
    return {name: action.title for name, action in ACTIONS.items()}
