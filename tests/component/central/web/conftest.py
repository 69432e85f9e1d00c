"""The web application on a real database: a small site with a day of readings, and browsers that are signed in."""

from __future__ import annotations

import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from central.context import Central
from central.db.grants import DatabaseRole
from central.db.pool import Connection, Pool, connect, open_pool
from central.db.roles import as_role
from central.identity.accounts import add_account
from central.identity.permissions import Role
from central.identity.secret import digest
from central.metering.import_plan import import_site_plan
from central.settings import IdentitySettings, Settings, WebSettings
from central.web.app import create_app

PASSWORD = "seven green kettles"

PLAN = """
schema: 1
site: {id: north, name: {zh: 北校区, en: North campus}, timezone: Asia/Shanghai}
places:
  - {id: campus, kind: campus, name: {zh: 北校区, en: North campus}}
  - {id: b1, kind: building, parent: campus, name: {zh: 一号楼, en: Building 1}}
  - {id: b1f1, kind: floor, parent: b1, name: {zh: 一层, en: Floor 1}}
  - {id: r101, kind: room, parent: b1f1, name: {zh: 101 室, en: Room 101}}
  - {id: b2, kind: building, parent: campus, name: {zh: 二号楼, en: Building 2}}
gateways:
  - id: gw1
    name: {zh: 一号楼网关, en: Gateway of building 1}
    place: b1
    lines:
      - id: l1
        port: {kind: serial, path: /dev/ttyS1}
        baud: 9600
        devices:
          - {id: m1, profile: acrel/adl400, address: "1", place: r101, name: {zh: 101 室电表, en: Meter of room 101}, ct: 40}
          - {id: m2, profile: acrel/adl400, address: "2", place: b1f1, name: {zh: 一层总表, en: Main meter of floor 1}}
          - {id: m3, profile: acrel/adl400, address: "3", place: b1f1, name: {zh: 从未上报的表, en: Meter never heard}}
"""


@dataclass
class Clock:
    """A clock tests move by hand; starts at the real time, because the database has its own."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Web:
    """The application, served by its database role, and what stands behind it. `pool`: of the owner, for tests."""

    url: str
    app: FastAPI
    central: Central
    pool: Pool
    clock: Clock


@contextmanager
def _served(
    dsn: str, public_url: str = "http://127.0.0.1:8080", identity: IdentitySettings | None = None, web: WebSettings | None = None
) -> Iterator[Web]:
    """The application on a database, answering on a port of its own. `web` replaces `public_url`."""
    clock, served = Clock(), as_role(dsn, DatabaseRole.WEB)
    with tempfile.TemporaryDirectory() as data, open_pool(dsn, max_size=4) as pool, open_pool(served, max_size=8) as web_pool:
        settings = Settings(data_dir=Path(data), web=web or WebSettings(public_url=public_url), identity=identity or IdentitySettings())
        central = Central(settings, web_pool, clock, served)
        app = create_app(central)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Web(f"http://127.0.0.1:{port}", app, central, pool, clock)
        server.should_exit = True
        thread.join(10)


def _insert_reading(conn: Connection, device: str, quantity: str, at_s: float, value: int, quality: int = 0) -> None:
    """One reading as ingest leaves it, the notification included."""
    conn.execute("insert into series (device, quantity) values (%s, %s) on conflict do nothing", [device, quantity])
    conn.execute(
        "insert into reading select id, to_timestamp(%s), %s, %s from series where device = %s and quantity = %s",
        [at_s, value, quality, device, quantity],
    )
    conn.execute(
        "insert into device_status values (%s, to_timestamp(%s)) on conflict (device) do update "
        "set last_measured_at = greatest(device_status.last_measured_at, excluded.last_measured_at)",
        [device, at_s],
    )
    conn.execute("select pg_notify('ce_reading', %s)", [device])


def _fill_site(conn: Connection, now: float) -> None:
    """Import the plan and give m1 three readings of this hour, m2 one of last week."""
    import_site_plan(conn, PLAN, "plan.yaml", "test", preview=False)
    for minutes, energy_wh in ((40, 1_234_000), (25, 1_234_500), (1, 1_234_567)):
        _insert_reading(conn, "m1", "energy_active_forward", now - minutes * 60, energy_wh)
    _insert_reading(conn, "m1", "power_active", now - 60, 1_234_567)
    _insert_reading(conn, "m2", "energy_active_forward", now - 7 * 86_400, 5_000)


@pytest.fixture(scope="module")
def web(database: str) -> Iterator[Web]:
    """The application on the module's database, with the small site in it."""
    with _served(database) as web:
        with connect(database) as conn:
            _fill_site(conn, web.clock.now)
            for role in Role:
                add_account(conn, f"the-{role}", PASSWORD, role, web.clock.now)
        yield web


def _csrf_of(page: httpx.Response) -> str:
    """The CSRF token a page shows."""
    found = re.search(r'name="csrf" (?:value|content)="([0-9a-f]+)"', page.text)
    assert found, page.text
    return found.group(1)


def _sign_in(client: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
    """Post the login form as a browser would."""
    form = {"csrf": _csrf_of(client.get("/login")), "name": name, "password": password}
    return client.post("/login", data=form)


def _show_factor(web: Web, client: httpx.Client) -> None:
    """As if a second factor had been shown in the browser's session."""
    with web.pool.connection() as conn:
        key = digest(client.cookies["ce_session"])
        conn.execute("update web_session set factor_at = now() where token_digest = %s", [key])


@pytest.fixture
def browser(web: Web) -> Iterator[Callable[..., httpx.Client]]:
    """`browser("admin", language="en")`: a browser, signed in when a role is given, with a second factor shown unless told otherwise."""

    with ExitStack() as open_clients:

        def make(role: str | None = None, language: str = "en", factor: bool = True) -> httpx.Client:
            client = open_clients.enter_context(httpx.Client(base_url=web.url, headers={"accept": "text/html", "accept-language": language}))
            if role:
                assert _sign_in(client, f"the-{role}").status_code == 303
                if factor:
                    _show_factor(web, client)
            return client

        yield make


@pytest.fixture(scope="session")
def serve() -> Callable[..., AbstractContextManager[Web]]:
    """`with serve(dsn, public_url=...) as web`."""
    return _served


@pytest.fixture(scope="session")
def csrf_of() -> Callable[[httpx.Response], str]:
    """The CSRF token a page shows."""
    return _csrf_of


@pytest.fixture(scope="session")
def sign_in() -> Callable[..., httpx.Response]:
    """`sign_in(client, name, password)` posts the login form."""
    return _sign_in


@pytest.fixture(scope="session")
def insert_reading() -> Callable[..., None]:
    """`insert_reading(conn, device, quantity, at_s, value)` as ingest leaves it."""
    return _insert_reading


@pytest.fixture(scope="session")
def import_site() -> Callable[[Connection], None]:
    """Import the small site's plan, without readings."""

    def run(conn: Connection) -> None:
        import_site_plan(conn, PLAN, "plan.yaml", "test", preview=False)

    return run
