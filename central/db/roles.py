"""Database roles: they are created, given exactly what `grants` says, and taken on by the connections of each part of central.

A role is taken on at connect (libpq option `role`), so it costs nothing afterwards. It keeps a part from doing by mistake what is not its business;
what runs arbitrary SQL could lay it aside again. Who wants a wall there gives each process a login of its own that is a member of one role.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from central.db.grants import GRANTS, HIDDEN, LETTERS, DatabaseRole
from central.db.pool import Connection

_LOCK = 1667563528  # advisory lock: two processes that start together would change the same rows of the catalogue
_SET_KNOWN = 160000  # since PostgreSQL 16 a membership says by itself whether the role may be taken on
_ALL = tuple(DatabaseRole)


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One privilege on a table, or on one column of it."""

    role: str
    table: str
    privilege: str
    column: str = ""

    def __str__(self) -> str:
        return f"{self.privilege} on {self.table}{f' ({self.column})' if self.column else ''}"


def apply_roles(conn: Connection) -> str | None:
    """Create the roles and give and take privileges until they are as `grants` has them; safe to repeat, `conn` in autocommit mode.

    Returns what keeps the roles from being used by this login (None: nothing), with what a database administrator has to run.
    """
    try:
        with conn.transaction():
            conn.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
            for role in _ALL:
                _create(conn, role)
            if not _missing(conn, _ALL):
                _open_surroundings(conn)
                _apply_grants(conn)
    except errors.InsufficientPrivilege as error:
        return f"{str(error).strip()}; {_remedy(conn)}"
    return lacking(conn)


def lacking(conn: Connection, roles: Collection[DatabaseRole] = _ALL) -> str | None:
    """What keeps this login from taking on these roles, as a sentence with the remedy; None: nothing does."""
    if missing := _missing(conn, roles):
        return f"this server has no role {', '.join(missing)}; {_remedy(conn)}"
    if closed := [role for role in roles if not _may_take_on(conn, role)]:
        return f"{_user(conn)} may not take on role {', '.join(closed)}; {_remedy(conn)}"
    wanting = sorted(grant for grant in _wanted(conn) - _present(conn) if grant.role in roles)
    if wanting:
        return f"role {wanting[0].role} lacks {len(wanting)} privileges ({wanting[0]}, ...); run: central migrate"
    return None


def as_role(dsn: str, role: DatabaseRole) -> str:
    """The DSN whose connections work as a role from the start."""
    options = conninfo_to_dict(dsn).get("options") or ""
    return make_conninfo(dsn, options=f"{options} -c role={role}".strip(), application_name=f"central-{role.name.lower()}")


def _missing(conn: Connection, roles: Collection[DatabaseRole]) -> list[str]:
    found = {row[0] for row in conn.execute("select rolname from pg_roles where rolname = any(%s)", [list(roles)])}
    return [role for role in roles if role not in found]


def _may_take_on(conn: Connection, role: DatabaseRole) -> bool:
    kind = "SET" if conn.info.server_version >= _SET_KNOWN else "MEMBER"
    return _true(conn, "select pg_has_role(session_user, %s, %s)", role, kind)


def _create(conn: Connection, role: DatabaseRole) -> None:
    """The role, and that we may take it on, as far as we may do that: a superuser or a login with CREATEROLE can."""
    if not _true(conn, "select rolsuper or rolcreaterole from pg_roles where rolname = session_user"):
        return
    if _missing(conn, [role]):
        try:
            with conn.transaction():
                conn.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
        except (errors.DuplicateObject, errors.UniqueViolation):
            pass  # another database's central was faster; the role is the server's
    if not _may_take_on(conn, role):
        conn.execute(sql.SQL("grant {} to session_user").format(sql.Identifier(role)))


def _open_surroundings(conn: Connection) -> None:
    """The database and the schema: what every user has by default and a careful administrator may have taken away. Nobody may create tables."""
    names = conn.execute("select current_database(), current_schema()").fetchone() or ("", "")
    database, schema = map(sql.Identifier, names)
    for role in _ALL:
        name = sql.Identifier(role)
        for right in ("connect", "temporary"):  # ingest sorts late readings in temporary tables
            if not _true(conn, "select has_database_privilege(%s, current_database(), %s)", role, right):
                conn.execute(sql.SQL("grant {} on database {} to {}").format(sql.SQL(right), database, name))
        if not _true(conn, "select has_schema_privilege(%s, current_schema(), 'usage')", role):
            conn.execute(sql.SQL("grant usage on schema {} to {}").format(schema, name))
        if _true(conn, "select has_schema_privilege(%s, current_schema(), 'create')", role):
            conn.execute(sql.SQL("revoke create on schema {} from public, {}").format(schema, name))


def _apply_grants(conn: Connection) -> None:
    wanted, present = _wanted(conn), _present(conn)
    for role, table, privileges in _grouped(present - wanted):
        conn.execute(sql.SQL("revoke {} on {} from {}").format(privileges, table, role))
    for role, table, privileges in _grouped(wanted - present):
        conn.execute(sql.SQL("grant {} on {} to {}").format(privileges, table, role))


def _wanted(conn: Connection) -> set[Grant]:
    """What `grants` says, for the tables that are there: a database that waits for migrations has not all of them yet."""
    columns: dict[str, set[str]] = defaultdict(set)
    for table, column in conn.execute(
        "select c.relname, a.attname from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
        "where c.relnamespace = current_schema()::regnamespace and c.relname = any(%s)",
        [list(GRANTS)],
    ):
        columns[table].add(column)
    return {grant for table in columns for grant in _grants_on(table, columns[table])}


def _grants_on(table: str, columns: set[str]) -> Iterator[Grant]:
    for role, letters in zip(DatabaseRole, GRANTS[table], strict=True):
        hidden = HIDDEN.get((role, table))
        for privilege in (LETTERS[letter] for letter in letters):
            shown = columns - hidden if hidden else [""]
            yield from (Grant(role, table, privilege, column) for column in shown)


def _present(conn: Connection) -> set[Grant]:
    found = conn.execute(
        "with relation as (select oid, relname, relacl from pg_class where relnamespace = current_schema()::regnamespace) "
        "select r.rolname, c.relname, a.privilege_type, '' from relation as c, aclexplode(c.relacl) as a, pg_roles as r "
        "where r.oid = a.grantee and r.rolname = any(%(roles)s) union all "
        "select r.rolname, c.relname, a.privilege_type, t.attname from relation as c, pg_attribute as t, aclexplode(t.attacl) as a, pg_roles as r "
        "where t.attrelid = c.oid and not t.attisdropped and r.oid = a.grantee and r.rolname = any(%(roles)s)",
        {"roles": list(_ALL)},
    )
    return {Grant(*row) for row in found}


def _grouped(grants: Iterable[Grant]) -> Iterator[tuple[sql.Identifier, sql.Identifier, sql.Composed]]:
    """Role, table and list of privileges of each statement to come."""
    together: dict[tuple[str, str], list[Grant]] = defaultdict(list)
    for grant in sorted(grants):
        together[grant.role, grant.table].append(grant)
    for (role, table), group in together.items():
        yield sql.Identifier(role), sql.Identifier(table), sql.SQL(", ").join(map(_privilege, group))


def _privilege(grant: Grant) -> sql.Composable:
    word = sql.SQL(grant.privilege)  # of LETTERS or of PostgreSQL's own catalogue
    return sql.SQL("{} ({})").format(word, sql.Identifier(grant.column)) if grant.column else word


def _remedy(conn: Connection) -> str:
    roles = "; ".join(f"create role {role} nologin" for role in _missing(conn, _ALL))
    return (
        f"let an administrator of the server run: {roles}{'; ' if roles else ''}grant {', '.join(_ALL)} to {_user(conn)}; "
        "then run as the owner of the tables: central migrate"
    )


def _user(conn: Connection) -> str:
    row = conn.execute("select quote_ident(session_user)").fetchone()
    return str(row[0]) if row else ""


def _true(conn: Connection, statement: str, *params: object) -> bool:
    row = conn.execute(statement.encode(), params).fetchone()
    return bool(row and row[0])
