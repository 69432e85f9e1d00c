"""The list of a person's files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from central.context import Central
from central.exports.jobs import cancel_export, delete_export, list_exports, request_export, retry_export
from central.exports.model import KEEP_DAYS, REMOVED, STATES, Export, Format
from central.exports.routes import JobId, Reader, send_file
from central.exports.work import folder_of
from central.web.render import language_of, render
from central.web.site import load_site
from central.web.table_list import TABLES


@dataclass(frozen=True, slots=True)
class Line:
    """One export as the list shows it; texts are message ids."""

    export: Export
    title: str
    look: str
    word: str
    removed: str


def router(central: Central) -> APIRouter:
    """`/exports` and its forms."""
    routes = APIRouter(prefix="/exports", include_in_schema=False)

    @routes.get("")
    def exports(request: Request, principal: Reader) -> Response:
        with central.pool.connection() as conn:
            lines = [_line(one) for one in list_exports(conn, principal)]
            context = {"site": load_site(conn), "lines": lines, "busy": any(line.export.open for line in lines), "keep_days": KEEP_DAYS}
        alone = request.headers.get("hx-target") == "export-list"
        return render(request, "export_list.html" if alone else "exports.html", context)

    @routes.post("")
    def ask(
        request: Request,
        principal: Reader,
        table: Annotated[str, Form(max_length=64)],
        format: Annotated[Format, Form()],
        query: Annotated[str, Form(max_length=4000)] = "",
    ) -> Response:
        with central.pool.connection() as conn:
            request_export(conn, principal, table, format, query, language_of(request), central.clock())
        return RedirectResponse("/exports", status_code=303)

    @routes.get("/{job}/file")
    def download(principal: Reader, job: JobId) -> FileResponse:
        return send_file(central, principal, job)

    @routes.post("/{job}")
    def change(principal: Reader, job: JobId, do: Annotated[Literal["cancel", "retry", "delete"], Form()]) -> Response:
        with central.pool.connection() as conn:
            if do == "cancel":
                cancel_export(conn, principal, job, central.clock())
            elif do == "retry":
                retry_export(conn, principal, job)
            else:
                delete_export(conn, principal, job, folder_of(central), central.clock())
        return RedirectResponse("/exports", status_code=303)

    return routes


def _line(one: Export) -> Line:
    look, word = STATES[one.state]
    spec = TABLES.get(one.table)
    return Line(one, spec.title if spec else one.table, look, word, REMOVED.get(one.removed or "", ""))
