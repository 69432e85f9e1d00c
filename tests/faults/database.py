"""One PostgreSQL with fsync on for all scenarios of a process, started when the first one needs it; databases that know the fault campus."""

from __future__ import annotations

import atexit
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from psycopg.conninfo import make_conninfo

from central.database import bring_up_to_date
from central.db.embedded import embedded
from central.db.pool import Connection, connect
from tests.faults import campus

_TEMPLATE = "faults_template"


@contextmanager
def database() -> Iterator[str]:
    """DSN of a new database that knows the fault campus."""
    name = f"chain_{secrets.token_hex(4)}"
    with connect(server(), autocommit=True) as conn:
        conn.execute(f"create database {name} template {_TEMPLATE}")
    try:
        yield make_conninfo(server(), dbname=name)
    finally:
        with connect(server(), autocommit=True) as conn:
            conn.execute(f"drop database {name} with (force)")


@cache
def data_dir() -> Path:
    """Data directory of this process's database server. Its account must be able to pass the folders above."""
    folder = Path(tempfile.mkdtemp(prefix="ce-faults-"))
    folder.chmod(0o711)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / "data"


@cache
def server() -> str:
    """DSN of this process's database server."""
    stack = ExitStack()
    dsn = stack.enter_context(embedded(data_dir()))
    atexit.register(stack.close)
    with connect(dsn, autocommit=True) as conn:
        conn.execute(f"create database {_TEMPLATE} template template0")
    template = make_conninfo(dsn, dbname=_TEMPLATE)
    bring_up_to_date(template)
    with connect(template, autocommit=True) as conn:
        register(conn)
    return dsn


def register(conn: Connection) -> None:
    """Enter the fault campus into a migrated database."""
    conn.execute("insert into place values ('campus', null, 'campus', '校', 'Campus', 0)")
    for gateway in campus.GATEWAYS:
        conn.execute("insert into gateway (code, place, name_zh, name_en, position) values (%s, 'campus', '网关', 'Gateway', 0)", [gateway])
        conn.execute("insert into line (gateway, code, settings, position) values (%s, 'l1', '{}', 0)", [gateway])
        conn.execute(
            "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position) "
            "select %(g)s || '-m' || n, 'a/b', 'electricity_meter', n::text, 'campus', %(g)s, 'l1', 'm', 'm', n "
            "from generate_series(0, %(last)s) as n",
            {"g": gateway, "last": campus.DEVICES - 1},
        )
