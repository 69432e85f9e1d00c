"""A real PostgreSQL for central's components: one embedded server a session, a migrated template, clones of it for modules and tests."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from central.database import bring_up_to_date
from central.db.embedded import embedded, prepare
from central.db.pool import Connection, Pool, connect, open_pool
from central.metering.import_plan import import_site_plan
from central.metering.meters import Model
from central.metering.model import PlanDiff
from protocol.profile import DeviceKind

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 3 * 2**30  # write-ahead log up to 1 GiB, and some databases of 10 MiB at a time


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder the server's system account may pass (pytest's own are closed to others), in memory where there is room."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="ce-", dir=_MEMORY if roomy else None))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[str]:
    """DSN of a running server: the one CE_TEST_DSN names (a superuser's, to run these tests on another edition), or our own."""
    if given := os.environ.get("CE_TEST_DSN"):
        yield given
        return
    server = prepare(server_folder / "data")
    site = server.data / "site.conf"
    site.write_text("fsync = off\nfull_page_writes = off\n")  # hundreds of databases; durability has tests of its own
    server.account.own(site, 0o600)
    with embedded(server_folder / "data") as dsn:
        yield dsn


@pytest.fixture(scope="session")
def clone(postgres: str) -> Callable[..., str]:
    """`clone() -> dsn` of a new migrated database; `clone(empty=True)` of one without any table."""
    names = (f"t{os.getpid()}_{number}" for number in itertools.count(1))
    template = _create(postgres, f"template_{os.getpid()}", "template0")
    bring_up_to_date(template)

    def make(empty: bool = False) -> str:
        return _create(postgres, next(names), "template0" if empty else f"template_{os.getpid()}")

    return make


def _create(server: str, name: str, template: str) -> str:
    with connect(server, autocommit=True) as conn:
        conn.execute(f"create database {name} template {template}")
    return make_conninfo(server, dbname=name)


def _drop(server: str, dsn: str) -> None:
    """Remove a database at once: hundreds of them left for the end take minutes to delete."""
    with connect(server, autocommit=True) as conn:
        conn.execute(f"drop database {conninfo_to_dict(dsn)['dbname']} with (force)")


@pytest.fixture(scope="module")
def database(postgres: str, clone: Callable[..., str]) -> Iterator[str]:
    """DSN of the module's own database."""
    dsn = clone()
    yield dsn
    _drop(postgres, dsn)


@pytest.fixture
def fresh_database(postgres: str, clone: Callable[..., str]) -> Iterator[str]:
    """DSN of the test's own database."""
    dsn = clone()
    yield dsn
    _drop(postgres, dsn)


@pytest.fixture
def conn(fresh_database: str) -> Iterator[Connection]:
    """A connection to the test's own database; the test commits."""
    with connect(fresh_database) as connection:
        yield connection


@pytest.fixture
def pool(fresh_database: str) -> Iterator[Pool]:
    """A pool on the test's own database."""
    with open_pool(fresh_database, max_size=4) as opened:
        yield opened


PLAN = """
schema: 1
site: {id: campus, name: {zh: 大学, en: University}}
places:
  - {id: campus, kind: campus, name: {zh: 大学, en: University}}
  - {id: b1, kind: building, parent: campus, name: {zh: 一号楼, en: Building 1}}
  - {id: b1-101, kind: room, parent: b1, name: {zh: 101室, en: Room 101}}
  - {id: b2, kind: building, parent: campus, name: {zh: 二号楼, en: Building 2}}
gateways:
  - id: gw-1
    name: {zh: 一号网关, en: Gateway 1}
    place: b1
    lines:
      - id: l1
        port: {kind: serial, path: /dev/ttyS0}
        baud: 2400
        devices:
          - {id: m1, profile: acme/one, address: "000000000001", place: b1, point: p1, ct: 40, name: {zh: 总表, en: Main meter}}
          - {id: m2, profile: acme/one, address: "000000000002", place: b1-101}
  - id: gw-2
    name: {zh: 二号网关, en: Gateway 2}
    place: b2
    lines:
      - id: l1
        port: {kind: tcp_client, host: 127.0.0.1, port: 4001}
        baud: 9600
        devices:
          - {id: w1, profile: acme/water, address: "00000000000003", place: b2}
"""
MODELS = {
    "acme/one": Model(DeviceKind.ELECTRICITY_METER, "energy_active_forward", 1_000_000_000),
    "acme/water": Model(DeviceKind.WATER_METER, "water_volume", 1_000_000_000),
}


@pytest.fixture
def plan() -> str:
    """A small site plan: two gateways, two electricity meters, one water meter."""
    return PLAN


@pytest.fixture(scope="session")
def import_plan() -> Callable[..., PlanDiff]:
    """`import_plan(conn, text, preview=False)` with the profiles the small plan names."""

    def run(conn: Connection, text: str = PLAN, preview: bool = False) -> PlanDiff:
        return import_site_plan(conn, text, "plan.yaml", "tester", preview, models=MODELS)

    return run


@pytest.fixture
def site(conn: Connection, import_plan: Callable[..., PlanDiff]) -> Connection:
    """A connection to a database that has the small plan."""
    import_plan(conn)
    conn.commit()
    return conn
