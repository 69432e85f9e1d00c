"""JSON API of exports: ask for a file, see how far it is, fetch it. Everybody sees their own only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Request
from fastapi.responses import FileResponse

from central.context import Central
from central.exports.jobs import cancel_export, delete_export, file_of, find_export, list_exports, request_export, retry_export
from central.exports.model import MEDIA_TYPES, Export, Format
from central.exports.work import folder_of
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.web.render import language_of

Reader = Annotated[Principal, Depends(require("reports.read", About.OWN))]
JobId = Annotated[int, Path(ge=1, le=1 << 62)]


@dataclass(frozen=True, slots=True)
class ExportState:
    """A job. `removed`: why the file is gone although the job is done; `sha256`: of the file; rows and bytes as far as they are known."""

    id: int
    table: str
    format: Format
    query: str
    columns: list[str]
    state: str
    rows_done: int
    rows_total: int | None
    error: str | None
    file_name: str | None
    bytes: int | None
    sha256: str | None
    removed: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None


def router(central: Central) -> APIRouter:
    """Routes below /api/v1/exports."""
    api = APIRouter(prefix="/api/v1/exports", tags=["exports"])

    @api.post("", status_code=202)
    def ask(
        request: Request,
        principal: Reader,
        table: Annotated[str, Body(max_length=64)],
        format: Annotated[Format, Body()],
        query: Annotated[str, Body(max_length=4000)] = "",
    ) -> ExportState:
        """Ask for a file of what a table's address shows (f.KEY, sort, desc, cols, node); 409 when five are in work, 404 for a node out of scope."""
        with central.pool.connection() as conn:
            return _state(request_export(conn, principal, table, format, query, language_of(request), central.clock()))

    @api.get("")
    def exports(principal: Reader) -> list[ExportState]:
        """The asker's jobs, newest first."""
        with central.pool.connection() as conn:
            return [_state(one) for one in list_exports(conn, principal)]

    @api.get("/{job}")
    def export(principal: Reader, job: JobId) -> ExportState:
        """One of the asker's jobs."""
        with central.pool.connection() as conn:
            return _state(find_export(conn, principal, job))

    @api.get("/{job}/file", response_class=FileResponse, responses={200: {"content": {"application/octet-stream": {}}}})
    def download(principal: Reader, job: JobId) -> FileResponse:
        """The file; audited."""
        return send_file(central, principal, job)

    @api.post("/{job}/cancel")
    def cancel(principal: Reader, job: JobId) -> ExportState:
        """Stop making it."""
        with central.pool.connection() as conn:
            return _state(cancel_export(conn, principal, job, central.clock()))

    @api.post("/{job}/retry")
    def retry(principal: Reader, job: JobId) -> ExportState:
        """Try a failed or cancelled one again."""
        with central.pool.connection() as conn:
            return _state(retry_export(conn, principal, job))

    @api.delete("/{job}")
    def delete(principal: Reader, job: JobId) -> None:
        """Delete the file and take the job off the list."""
        with central.pool.connection() as conn:
            delete_export(conn, principal, job, folder_of(central), central.clock())

    return api


def send_file(central: Central, principal: Principal, job: int) -> FileResponse:
    """The file as a download under its name, in pieces; never opened as a page."""
    with central.pool.connection() as conn:
        export, path = file_of(conn, principal, job, folder_of(central))
    headers = {"x-content-type-options": "nosniff", "cache-control": "private, no-store", "content-encoding": "identity"}
    return FileResponse(path, media_type=MEDIA_TYPES[Format(export.format)], filename=export.file_name, headers=headers)


def _state(one: Export) -> ExportState:
    return ExportState(
        one.id,
        one.table,
        Format(one.format),
        one.query,
        list(one.columns),
        one.state,
        one.rows_done,
        one.rows_total,
        one.error,
        one.file_name,
        one.bytes,
        one.sha256,
        one.removed,
        one.created_at,
        one.finished_at,
        one.expires_at,
    )
