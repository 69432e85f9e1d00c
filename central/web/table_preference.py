"""What an account remembers of a table: the columns it shows, and filters saved under a name. Tokens have no account and remember nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, number, rows, run
from central.web.tables import TableSpec
from protocol.errors import Conflict, NotFound

_SQL = load_statements("central.web")
MAX_SAVED = 50  # of one account on one table; one more is refused


@dataclass(frozen=True, slots=True)
class SavedView:
    """Filters, sort and columns under a name. `query`: as an address says them, without node, range and offset."""

    id: int
    name: str
    query: str


def chosen_columns(conn: Connection, account_id: int | None, spec: TableSpec) -> tuple[str, ...]:
    """The columns the account chose, those that still exist; empty: never chose."""
    if account_id is None:
        return ()
    row = conn.execute(_SQL["table_columns"], {"account_id": account_id, "table": spec.name}).fetchone()
    known = {column.key for column in spec.columns}
    return tuple(key for key in (row[0] if row else ()) if key in known)


def keep_columns(conn: Connection, account_id: int | None, spec: TableSpec, columns: Sequence[str]) -> None:
    """Remember a choice; none at all (or the usual ones) forgets it."""
    if account_id is None:
        return
    known = [column.key for column in spec.columns if column.key in set(columns)]
    usual = [column.key for column in spec.columns if column.shown]
    if not known or known == usual:
        run(conn, _SQL["forget_table_columns"], account_id=account_id, table=spec.name)
    else:
        run(conn, _SQL["keep_table_columns"], account_id=account_id, table=spec.name, columns=known)


def saved_views(conn: Connection, account_id: int | None, table: str) -> list[SavedView]:
    """The account's saved filters of a table, by name."""
    return rows(conn, _SQL["saved_views"], SavedView, account_id=account_id, table=table) if account_id is not None else []


def save_view(conn: Connection, account_id: int, table: str, name: str, query: str) -> SavedView:
    """Keep a query under a name; a name used before takes the new query. Raises Conflict when there are MAX_SAVED already."""
    name = _clean(name)
    if name not in {view.name for view in saved_views(conn, account_id, table)}:
        run(conn, _SQL["lock_saved_views"], account_id=account_id)
        if number(conn, _SQL["count_saved_views"], account_id=account_id, table=table) >= MAX_SAVED:
            raise Conflict(f"an account keeps at most {MAX_SAVED} saved filters of a table; delete one first", problem="too_many_saved")
    return rows(conn, _SQL["save_view"], SavedView, account_id=account_id, table=table, name=name, query=query)[0]


def rename_view(conn: Connection, account_id: int, table: str, view_id: int, name: str) -> None:
    """Another name. Raises NotFound for what is not the account's own, Conflict for a name another one has."""
    name = _clean(name)
    if any(view.name == name and view.id != view_id for view in saved_views(conn, account_id, table)):
        raise Conflict(f"there is a saved filter {name!r} already; choose another name", problem="saved_name_taken")
    if not run(conn, _SQL["rename_view"], account_id=account_id, table=table, id=view_id, name=name):
        raise NotFound(f"there is no saved filter {view_id}")


def delete_view(conn: Connection, account_id: int, table: str, view_id: int) -> None:
    """Forget it. Raises NotFound for what is not the account's own."""
    if not run(conn, _SQL["delete_view"], account_id=account_id, table=table, id=view_id):
        raise NotFound(f"there is no saved filter {view_id}")


def _clean(name: str) -> str:
    return " ".join(name.split())[:80]
