"""One database a module: what a test does in `trial` is undone after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyotp
import pytest

from central.db.pool import Connection, connect
from central.identity.factor import enrol, new_candidate
from central.identity.permissions import PERMISSIONS
from central.identity.principal import Principal

NOW = 1_763_769_600.0


@pytest.fixture(scope="module")
def planned(database: str, import_plan_once: Callable[[Connection], None]) -> str:
    """DSN of the module's database, with the small plan in it."""
    with connect(database) as conn:
        import_plan_once(conn)
    return database


@pytest.fixture(scope="session")
def import_plan_once() -> Callable[[Connection], None]:
    """The places of the small plan: campus with b1 (and its room b1-101) and b2."""

    def run(conn: Connection) -> None:
        for code, parent, kind, zh, en in (
            ("campus", None, "campus", "大学", "University"),
            ("b1", "campus", "building", "一号楼", "Building 1"),
            ("b1-101", "b1", "room", "101室", "Room 101"),
            ("b2", "campus", "building", "二号楼", "Building 2"),
        ):
            row = [code, parent, kind, zh, en]
            conn.execute("insert into place (code, parent, kind, name_zh, name_en, position) values (%s, %s, %s, %s, %s, 0)", row)

    return run


@pytest.fixture
def trial(planned: str) -> Iterator[Connection]:
    """A connection whose work is undone."""
    with connect(planned) as conn:
        yield conn
        conn.rollback()


@pytest.fixture
def boss() -> Principal:
    """An administrator who showed a second factor; not one of the accounts in the database."""
    return Principal("boss", PERMISSIONS, account_id=1_000_000, factor=True)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Where secrets' key stands."""
    return tmp_path / "secrets" / "identity.key"


@pytest.fixture
def enrolled(key: Path) -> Callable[..., tuple[pyotp.TOTP, list[str]]]:
    """`enrolled(conn, account_id)` sets up a second factor: the app and the recovery codes. The code of NOW is used up."""

    def run(conn: Connection, account_id: int, now: float = NOW) -> tuple[pyotp.TOTP, list[str]]:
        secret, sealed = new_candidate(key, account_id, now)
        app = pyotp.TOTP(secret)
        return app, enrol(conn, key, account_id, sealed, app.at(int(now)), now)

    return run
