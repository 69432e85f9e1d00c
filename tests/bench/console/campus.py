"""The filled database of the console's benchmark, kept under .cache/bench between runs of one day: filling takes minutes, and 7 GB of disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from central.db.account import blocked_directory, server_account
from central.db.embedded import embedded
from central.db.pool import Connection, connect
from tests.bench import campus_life, campus_year

_ROOT = Path(__file__).resolve().parents[3]
_MADE_BY = (
    *sorted((_ROOT / "central" / "db" / "migrations").glob("*.sql")),
    Path(campus_year.__file__),
    Path(campus_life.__file__),
    _ROOT / "provisioning" / "reference_site.py",
)
_DONE = "filled"  # written last, so that half a filling does not count


@contextmanager
def campus() -> Iterator[tuple[str, str]]:
    """The database runs; yields its DSN and how it came to be."""
    folder = _cache() / "campus" / _fingerprint()
    told = _made(folder)
    with embedded(folder / "data") as dsn:
        with connect(dsn, autocommit=True) as conn:
            _freshen(conn)
        yield dsn, told


def _made(folder: Path) -> str:
    done = folder / _DONE
    if done.exists():
        return "filled before: " + done.read_text(encoding="utf-8")
    shutil.rmtree(folder.parent, ignore_errors=True)
    started = time.perf_counter()
    sys.stderr.write(f"filling {folder}; some minutes\n")
    with embedded(folder / "data") as dsn, connect(dsn, autocommit=True) as conn:
        points = campus_year.fill(conn)
        filled_s = time.perf_counter() - started
        campus_life.live(conn, dsn)
    told = f"{len(points):,} points in {filled_s:.0f} s, readings, alarms and rounds in {time.perf_counter() - started - filled_s:.0f} s"
    done.write_text(told, encoding="utf-8")
    return "filled now: " + told


def _fingerprint() -> str:
    """What the content depends on; the local day as well, because a year that ended yesterday has no today."""
    sums = hashlib.sha256(f"{datetime.now(campus_year.ZONE).date()}".encode())
    for path in _MADE_BY:
        sums.update(path.name.encode() + path.read_bytes())
    return sums.hexdigest()[:12]


def _cache() -> Path:
    """Below the checkout, or where the database's account cannot pass, below the system's folder for files that stay."""
    inside = _ROOT / ".cache" / "bench"
    inside.mkdir(parents=True, exist_ok=True)
    if blocked_directory(server_account(), inside) is None:
        return inside
    return Path(tempfile.gettempdir()) / f"campus-energy-bench-{os.geteuid()}"


def _freshen(conn: Connection) -> None:
    """Messages of the moment of filling are of now again: the fleet did not fall silent while nobody measured."""
    row = conn.execute("select coalesce(now() - max(health_at), interval '0') from gateway_status").fetchone()
    for statement in (
        "update device_status set last_measured_at = last_measured_at + %s",
        "update gateway_status set health_at = health_at + %s, last_seen_at = last_seen_at + %s",
    ):
        conn.execute(statement.encode(), [row[0] if row else None] * statement.count("%s"))
