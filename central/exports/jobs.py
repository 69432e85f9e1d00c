"""Asking for files: who may, how many, and what an owner can do with a job. Everything here is about the asker's own jobs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

from central.db.pool import Connection
from central.db.statements import load_statements, number, one, rows, run
from central.exports.model import MAX_LISTED, MAX_OPEN, Export, Format
from central.identity import audit
from central.identity.guard import Principal
from central.identity.scope import About, Scope, check_in_scope
from central.web.table_list import TABLES
from central.web.table_page import asked_of, whole_query
from central.web.tables import TableSpec
from central.web.translations import Language
from protocol.errors import Conflict, NotFound, Refused

_SQL = load_statements("central.exports")


def request_export(conn: Connection, principal: Principal, table: str, kind: Format, query: str, language: Language, now: float) -> Export:
    """Queue a file of what `query` (a table's address, see table_page.whole_query) asks for.

    Raises NotFound for an unknown table or a node outside the scope, Refused without the table's permission, Conflict at MAX_OPEN open jobs.
    """
    spec = readable_table(principal, table)
    asked = asked_of(spec, dict(parse_qsl(query)) | {"c.language": language.value})
    if asked.node:
        check_in_scope(conn, principal.scope, About.PLACE, asked.node)
    owner = {"owner": principal.name, "account_id": principal.account_id}
    conn.execute(_SQL["lock_owner"], {"owner": principal.name})
    if number(conn, _SQL["open_exports"], **owner) >= MAX_OPEN:
        raise Conflict(f"{MAX_OPEN} exports of yours are in work; wait for one or cancel one", problem="too_many_exports")
    columns = [column.key for column in spec.chosen(asked)]
    job = {"scope": principal.scope, "table": table, "format": kind.value, "query": whole_query(spec, asked), "columns": columns}
    made = number(conn, _SQL["add_export"], **owner, **job, language=language.value, now=now)
    audit.record(conn, principal.name, "export.requested", f"export {made}", {"table": table, "format": kind.value, "query": job["query"]})
    return find_export(conn, principal, made)


def readable_table(principal: Principal, table: str) -> TableSpec:
    """The table. Raises NotFound, and Refused without its permission."""
    spec = TABLES.get(table)
    if spec is None:
        raise NotFound(f"there is no table {table!r}; GET /api/v1/tables lists them")
    if spec.permission not in principal.permissions:
        raise Refused(f"{principal.name} may not read this table: it needs the permission {spec.permission}", permission=spec.permission)
    return spec


def list_exports(conn: Connection, principal: Principal) -> list[Export]:
    """The asker's jobs, newest first."""
    return rows(conn, _SQL["exports"], Export, **_owner(principal), id=None, limit=MAX_LISTED)


def find_export(conn: Connection, principal: Principal, job: int) -> Export:
    """One of the asker's jobs. Raises NotFound for another's as for one that never was."""
    return one(conn, _SQL["exports"], Export, f"there is no export {job}", **_owner(principal), id=job, limit=1)


def file_of(conn: Connection, principal: Principal, job: int, folder: Path) -> tuple[Export, Path]:
    """The file to send, audited. Raises NotFound when it is gone, Refused where its owner may see less today than when it was made."""
    export = find_export(conn, principal, job)
    if not export.ready:
        raise NotFound(f"export {job} has no file: it is {export.removed or export.state}; ask for it again")
    readable_table(principal, export.table)
    scope: Scope = conn.execute(_SQL["export_scope"], {"id": job}).fetchone()[0]  # type: ignore[index]  # found just above
    if principal.scope is not None and sorted(scope or []) != sorted(principal.scope):
        raise Refused(f"export {job} was made when you could see other places; ask for it again", problem="scope_changed")
    path = path_of(folder, job)
    if not path.is_file():
        raise NotFound(f"the file of export {job} is not on this server; ask for it again, or look at the server that made it")
    audit.record(conn, principal.name, "export.downloaded", f"export {job}", {"table": export.table, "sha256": export.sha256})
    return export, path


def cancel_export(conn: Connection, principal: Principal, job: int, now: float) -> Export:
    """Stop it; one that has ended stays as it is."""
    find_export(conn, principal, job)
    run(conn, _SQL["cancel_export"], id=job, now=now)
    return find_export(conn, principal, job)


def retry_export(conn: Connection, principal: Principal, job: int) -> Export:
    """Queue a failed or cancelled one again. Raises Conflict for any other, and at MAX_OPEN open jobs."""
    find_export(conn, principal, job)
    conn.execute(_SQL["lock_owner"], {"owner": principal.name})
    if number(conn, _SQL["open_exports"], **_owner(principal)) >= MAX_OPEN:
        raise Conflict(f"{MAX_OPEN} exports of yours are in work; wait for one or cancel one", problem="too_many_exports")
    if not run(conn, _SQL["retry_export"], id=job):
        raise Conflict(f"export {job} has neither failed nor been cancelled; there is nothing to try again", problem="nothing_to_retry")
    return find_export(conn, principal, job)


def delete_export(conn: Connection, principal: Principal, job: int, folder: Path, now: float) -> None:
    """Take it off the list, and its file off the disk."""
    export = find_export(conn, principal, job)
    run(conn, _SQL["cancel_export"], id=job, now=now)
    run(conn, _SQL["remove_file"], id=job, why="deleted")
    run(conn, _SQL["remove_export"], id=job)
    audit.record(conn, principal.name, "export.deleted", f"export {job}", {"table": export.table})
    path_of(folder, job).unlink(missing_ok=True)


def path_of(folder: Path, job: int) -> Path:
    """Where a job's file lies. Its name holds nothing anybody typed."""
    return folder / f"{job}.file"


def _owner(principal: Principal) -> dict[str, object]:
    return {"owner": principal.name, "account_id": principal.account_id}
