"""The whole schema as one file, for reading and for proof: `schema.sql` equals what the migrations build (a test compares).

Write it anew after adding a migration: `central migrate --write-schema FILE`.
"""

from __future__ import annotations

import re
import subprocess
from importlib.resources import files

from central.db.embedded import programs
from protocol.errors import StorageError

_NOISE = re.compile(r"^(--.*|SET .*;|SELECT pg_catalog\.set_config.*;|\\(un)?restrict .*|COMMENT ON EXTENSION .*;)\n", re.MULTILINE)
_HEAD = """-- The whole schema, written by `central migrate --write-schema`; change it through a migration.

set check_function_bodies = false;  -- functions stand before their tables

"""


def dump_schema(dsn: str) -> str:
    """The schema of a database as SQL, without anything that differs from run to run or belongs to the migration ledger."""
    command = [str(programs() / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", "--exclude-table=schema_migration", dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise StorageError(f"pg_dump failed: {done.stderr.strip()[-500:]}")
    return _HEAD + re.sub(r"\n{3,}", "\n\n", _NOISE.sub("", done.stdout)).strip() + "\n"


def stored_schema() -> str:
    """The file `schema.sql` beside this module."""
    return files("central.db").joinpath("schema.sql").read_text(encoding="utf-8")
