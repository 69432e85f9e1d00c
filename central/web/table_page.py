"""A table on a page: what the address asks of it, and what its template draws.

A page with a table, in full (one table an address; its parameters are f.KEY, sort, desc, offset and cols, the page's own are untouched):

    @routes.get("/water/health")
    def health(request: Request, principal: Reader, asked_view: ...) -> Response:
        asked = replace(asked_table(request, SILENT), node=view.node, context={"month": "2026-11"})      # node and context are the page's to say
        with central.pool.connection() as conn:
            context |= table_context(conn, principal, SILENT, asked, language_of(request), f"/water/health?{view.query()}")
        return render_table(request, "water_health.html", context)

`water_health.html` says `{% include "table.html" %}` where the table stands. Sorting, paging and filtering swap only the table's body (the answer to
them is `table_body.html` alone, which `render_table` picks by the HX-Target header) while the address bar keeps everything. Without scripts the same
links and forms load whole pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse

from central.db.pool import Connection
from central.identity.guard import Principal
from central.web.batch import BatchAction
from central.web.batch_list import actions_for
from central.web.render import render
from central.web.site import load_site
from central.web.table_preference import SavedView, chosen_columns, saved_views
from central.web.tables import MAX_OFFSET, PAGE_ROWS, Asked, Column, Fetched, Filter, TableSpec
from central.web.translations import Language

_MAX_FILTER = 80
_MAX_CONTEXT = 200
_PAGES_BESIDE = 2  # page links on either side of the present one


def asked_table(request: Request, spec: TableSpec) -> Asked:
    """What the address asks of the table. Unknown sorts, filters, choices and columns are left out, an offset beyond all reason is 0."""
    return asked_of(spec, dict(request.query_params))


def asked_of(spec: TableSpec, parts: Mapping[str, str]) -> Asked:
    """As `asked_table`, from the parts of a query string; an export's also holds the page's context as c.KEY."""
    sortable = {column.key for column in spec.columns if column.sortable}
    sort = parts.get("sort", "")
    given = sort in sortable
    offset = parts.get("offset", "")
    known = {column.key for column in spec.columns}
    return Asked(
        node=parts.get("node", "")[:64].replace("\0", ""),
        filters={one.key: value for one in spec.filters if (value := _filter_value(one, parts.get(f"f.{one.key}", "")))},
        sort=sort if given else spec.default_sort,
        descending=parts.get("desc", "") == "1" if given else spec.default_descending,
        offset=min(int(offset), MAX_OFFSET) if offset.isascii() and offset.isdigit() and len(offset) < 9 else 0,
        columns=tuple(key for key in parts.get("cols", "").split(",") if key in known),
        context={name[2:]: value[:_MAX_CONTEXT].replace("\0", "") for name, value in parts.items() if name.startswith("c.")},
    )


def table_parts(spec: TableSpec, asked: Asked) -> dict[str, str]:
    """The address's parts that ask for this: filters, sort and columns; without node, offset and context."""
    parts = {f"f.{key}": value for key, value in asked.filters.items()}
    if (asked.sort, asked.descending) != (spec.default_sort, spec.default_descending):
        parts |= {"sort": asked.sort, "desc": "1" if asked.descending else ""}
    return {key: value for key, value in (parts | {"cols": ",".join(asked.columns)}).items() if value}


def whole_query(spec: TableSpec, asked: Asked) -> str:
    """Everything but the offset as one query string: what an export or a selection of all rows is made from."""
    parts = {"node": asked.node} if asked.node else {}
    return urlencode(parts | table_parts(spec, asked) | {f"c.{key}": value for key, value in asked.context.items()})


@dataclass(frozen=True)
class TableView:
    """What table.html draws. `address`: the page's own path and query, without the table's parts. `kept`: columns come from the account's memory."""

    spec: TableSpec
    asked: Asked
    columns: list[Column]
    fetched: Fetched
    saved: list[SavedView]
    actions: list[BatchAction]
    address: str
    keeps: bool
    may_export: bool

    @property
    def id(self) -> str:
        """The element's id; `…-body` is the part that filtering and paging swap."""
        return f"table-{self.spec.name}"

    @property
    def query(self) -> str:
        """What an export and "all that match" are made from."""
        return whole_query(self.spec, self.asked)

    @property
    def first(self) -> int:
        """The number of the first row shown, from 1."""
        return self.asked.offset + 1

    @property
    def last(self) -> int:
        """The number of the last row shown."""
        return self.asked.offset + len(self.fetched.rows)

    @property
    def here(self) -> str:
        """The address of what is shown, but for the offset."""
        return self.href()

    @property
    def base_parts(self) -> list[tuple[str, str]]:
        """The page's own parameters, for hidden fields of a form that asks by GET."""
        return _own_parts(self.address)

    @property
    def path(self) -> str:
        """The page's path."""
        return urlsplit(self.address).path

    def href(self, **changes: str) -> str:
        """An address with some of the table's parts otherwise; empty leaves a part out."""
        parts = dict(_own_parts(self.address)) | table_parts(self.spec, self.asked) | changes
        query = urlencode({key: value for key, value in parts.items() if value})
        return f"{self.path}?{query}" if query else self.path

    def sort_href(self, column: Column) -> str:
        """Sorted by the column; the other way round when it already is."""
        turned = self.asked.sort == column.key and not self.asked.descending
        return self.href(sort=column.key, desc="1" if turned else "")

    def all_href(self) -> str:
        """Without any filter."""
        return self.href(**{f"f.{key}": "" for key in self.asked.filters})

    def saved_href(self, saved: SavedView) -> str:
        """The page with a saved view's filters, sort and columns instead of the present ones."""
        parts = dict(_own_parts(self.address)) | dict(parse_qsl(saved.query))
        return f"{self.path}?{urlencode(parts)}" if parts else self.path

    def pages(self) -> list[tuple[str, int | None]]:
        """(page number, offset) for the page links: first, some around the present one, last; ("…", None) where pages are left out."""
        count = -(-self.fetched.total // PAGE_ROWS)
        here = self.asked.offset // PAGE_ROWS
        reachable = MAX_OFFSET // PAGE_ROWS
        wanted = sorted({0, count - 1, *range(here - _PAGES_BESIDE, here + _PAGES_BESIDE + 1)} & set(range(min(count, reachable + 1))))
        links: list[tuple[str, int | None]] = []
        for before, page in zip([-1, *wanted], wanted, strict=False):
            if page - before > 1:
                links.append(("…", None))
            links.append((str(page + 1), page * PAGE_ROWS))
        return links

    def filters_in_force(self) -> list[tuple[Filter, str]]:
        """(filter, label of the value) of the filters in force; labels of choices are message ids."""
        return [(one, dict(one.choices).get(value, value)) for one in self.spec.filters if (value := self.asked.filters.get(one.key))]


def table_context(conn: Connection, principal: Principal, spec: TableSpec, asked: Asked, language: Language, address: str) -> dict[str, Any]:
    """What `{% include "table.html" %}` needs: the rows the asker may see, sorted, filtered and paged, with the columns they chose.

    `address`: the page's path and query without the table's own parts. An offset behind the last row shows the first page.
    """
    if not asked.columns:
        asked = replace(asked, columns=chosen_columns(conn, principal.account_id, spec))
    asked = replace(asked, context={"language": language.value, **asked.context})
    fetched = spec.fetch(conn, principal.scope, asked, PAGE_ROWS)
    if not fetched.rows and asked.offset:
        asked = replace(asked, offset=0)
        fetched = spec.fetch(conn, principal.scope, asked, PAGE_ROWS)
    view = TableView(
        spec,
        asked,
        spec.chosen(asked),
        fetched,
        saved_views(conn, principal.account_id, spec.name),
        [action for action in actions_for(spec.name) if spec.key and action.permission in principal.permissions],
        address,
        principal.account_id is not None,
        "reports.read" in principal.permissions,
    )
    return {"table": view, "site": load_site(conn), "page_rows": PAGE_ROWS}


def render_table(request: Request, template: str, context: Mapping[str, Any]) -> HTMLResponse:
    """The page, or the body of its table alone when that is what the browser wants to swap."""
    table: TableView = context["table"]
    alone = request.headers.get("hx-target") == f"{table.id}-body" and "hx-history-restore-request" not in request.headers
    return render(request, "table_body.html" if alone else template, context)


def _filter_value(one: Filter, value: str) -> str:
    value = value.strip()[:_MAX_FILTER].replace("\0", "")
    return value if not one.choices or value in dict(one.choices) else ""


def _own_parts(address: str) -> list[tuple[str, str]]:
    """Parameters of a page's address that are not a table's."""
    own = parse_qsl(urlsplit(address).query)
    return [(key, value) for key, value in own if key not in {"sort", "desc", "offset", "cols"} and not key.startswith("f.")]
