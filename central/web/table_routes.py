"""Tables for programs (their rows, columns and saved filters), and the forms by which people choose columns and keep filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Body, Depends, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from central.context import Central
from central.identity.guard import Principal, require
from central.identity.pages import local_path
from central.identity.scope import About
from central.web.table_list import TABLES
from central.web.table_page import asked_of, table_parts
from central.web.table_preference import SavedView, chosen_columns, delete_view, keep_columns, rename_view, save_view, saved_views
from central.web.tables import TableSpec
from protocol.errors import NotFound, Refused

Reader = Annotated[Principal, Depends(require("metering.read", About.OWN))]
Name = Annotated[str, Path(max_length=64)]
ViewId = Annotated[int, Path(ge=1, le=1 << 62)]
NewName = Annotated[str, Body(embed=True, min_length=1, max_length=80, pattern=r"\S")]
ViewName = Annotated[str, Body(min_length=1, max_length=80, pattern=r"\S")]


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column a table can show. `label`: its English text."""

    key: str
    label: str
    kind: str
    sortable: bool


@dataclass(frozen=True, slots=True)
class TableRows:
    """A slice of a table: rows by column key (with the codes and names that go with them), and how many there are in all."""

    table: str
    columns: list[TableColumn]
    rows: Sequence[Mapping[str, Any]]
    offset: int
    total: int


def table_of(principal: Principal, name: str) -> TableSpec:
    """The table, if there is one and the principal may read it. Raises NotFound and Refused."""
    spec = TABLES.get(name)
    if spec is None:
        raise NotFound(f"there is no table {name!r}; GET /api/v1/tables lists them")
    if spec.permission not in principal.permissions:
        raise Refused(f"{principal.name} may not read this table: it needs the permission {spec.permission}", permission=spec.permission)
    return spec


def router(central: Central) -> APIRouter:
    """`/api/v1/tables/…` and the forms `/tables/…`."""
    routes = APIRouter()
    _rows(routes, central)
    _memory(routes, central)
    _forms(routes, central)
    return routes


def _rows(routes: APIRouter, central: Central) -> None:
    @routes.get("/api/v1/tables", tags=["tables"])
    def tables(principal: Reader) -> dict[str, list[TableColumn]]:
        """The tables the asker may read, with their columns."""
        return {name: _columns(spec) for name, spec in TABLES.items() if spec.permission in principal.permissions}

    @routes.get("/api/v1/tables/{name}", tags=["tables"])
    def rows(request: Request, principal: Reader, name: Name, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> TableRows:
        """Rows as a page shows them. Parameters are the page's: f.KEY, sort, desc=1, offset, node, and the page's context as c.KEY."""
        spec = table_of(principal, name)
        asked = asked_of(spec, dict(request.query_params))
        with central.pool.connection() as conn:
            found = spec.fetch(conn, principal.scope, asked, limit)
        return TableRows(name, _columns(spec), found.rows, asked.offset, found.total)


def _memory(routes: APIRouter, central: Central) -> None:
    @routes.get("/api/v1/tables/{name}/columns", tags=["tables"])
    def columns(principal: Reader, name: Name) -> list[str]:
        """Keys of the columns the asker chose; empty: the usual ones."""
        spec = table_of(principal, name)
        with central.pool.connection() as conn:
            return list(chosen_columns(conn, principal.account_id, spec))

    @routes.put("/api/v1/tables/{name}/columns", tags=["tables"])
    def put_columns(principal: Reader, name: Name, columns: Annotated[list[str], Body(max_length=200)]) -> list[str]:
        """Choose columns; none: the usual ones. Tokens have no account and remember nothing."""
        spec = table_of(principal, name)
        with central.pool.connection() as conn:
            keep_columns(conn, principal.account_id, spec, columns)
            return list(chosen_columns(conn, principal.account_id, spec))

    @routes.get("/api/v1/tables/{name}/views", tags=["tables"])
    def views(principal: Reader, name: Name) -> list[SavedView]:
        """The asker's saved filters."""
        with central.pool.connection() as conn:
            return saved_views(conn, principal.account_id, table_of(principal, name).name)

    @routes.post("/api/v1/tables/{name}/views", tags=["tables"])
    def add_view(principal: Reader, name: Name, title: ViewName, query: Annotated[str, Body(max_length=4000)]) -> SavedView:
        """Keep filters, sort and columns under a name; 409 when there are 50 already."""
        spec = table_of(principal, name)
        with central.pool.connection() as conn:
            return save_view(conn, _account(principal), spec.name, title, _kept(spec, query))

    @routes.patch("/api/v1/tables/{name}/views/{view_id}", tags=["tables"])
    def rename(
        principal: Reader, name: Name, view_id: ViewId, title: Annotated[str, Body(embed=True, min_length=1, max_length=80, pattern=r"\S")]
    ) -> None:
        """Give saved filters another name."""
        with central.pool.connection() as conn:
            rename_view(conn, _account(principal), table_of(principal, name).name, view_id, title)

    @routes.delete("/api/v1/tables/{name}/views/{view_id}", tags=["tables"])
    def delete(principal: Reader, name: Name, view_id: ViewId) -> None:
        """Forget saved filters."""
        with central.pool.connection() as conn:
            delete_view(conn, _account(principal), table_of(principal, name).name, view_id)


def _forms(routes: APIRouter, central: Central) -> None:
    """Every form carries the page's address and answers with a redirect back to it."""

    @routes.post("/tables/{name}/columns", include_in_schema=False)
    def choose(
        principal: Reader,
        name: Name,
        address: Annotated[str, Form(max_length=4000)],
        columns: Annotated[list[str] | None, Form(max_length=200)] = None,
        usual: Annotated[bool, Form()] = False,
    ) -> Response:
        spec = table_of(principal, name)
        wanted = [] if usual else [column.key for column in spec.columns if column.key in set(columns or [])]
        with central.pool.connection() as conn:
            keep_columns(conn, principal.account_id, spec, wanted)
        return _back(address, cols=",".join(wanted))

    @routes.post("/tables/{name}/views", include_in_schema=False)
    def keep(
        principal: Reader,
        name: Name,
        address: Annotated[str, Form(max_length=4000)],
        title: Annotated[str, Form(alias="name", max_length=80, pattern=r"\S")],
    ) -> Response:
        spec = table_of(principal, name)
        with central.pool.connection() as conn:
            save_view(conn, _account(principal), spec.name, title, _kept(spec, urlsplit(address).query))
        return _back(address)

    @routes.post("/tables/{name}/views/{view_id}", include_in_schema=False)
    def change(
        principal: Reader,
        name: Name,
        view_id: ViewId,
        address: Annotated[str, Form(max_length=4000)],
        title: Annotated[str, Form(alias="name", max_length=80)] = "",
        delete: Annotated[bool, Form()] = False,
    ) -> Response:
        spec = table_of(principal, name)
        with central.pool.connection() as conn:
            if delete:
                delete_view(conn, _account(principal), spec.name, view_id)
            elif title.strip():
                rename_view(conn, _account(principal), spec.name, view_id, title)
        return _back(address)


def _columns(spec: TableSpec) -> list[TableColumn]:
    return [TableColumn(column.key, column.label, column.kind, column.sortable) for column in spec.columns]


def _kept(spec: TableSpec, query: str) -> str:
    """What of a query is worth keeping: the table's own parts that it knows."""
    return urlencode(table_parts(spec, asked_of(spec, dict(parse_qsl(query)))))


def _account(principal: Principal) -> int:
    if principal.account_id is None:
        raise Refused("a token has no account that could keep filters; send the filters with each request", problem="no_account")
    return principal.account_id


def _back(address: str, **changes: str) -> Response:
    path = local_path(address)
    parts = dict(parse_qsl(urlsplit(path).query)) | changes
    query = urlencode({key: value for key, value in parts.items() if value and key != "offset"})
    return RedirectResponse(urlsplit(path).path + (f"?{query}" if query else ""), status_code=303)
