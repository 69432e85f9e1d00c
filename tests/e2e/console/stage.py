"""The console on a stage: a PostgreSQL of its own, the seeded campus, the web role served by uvicorn, and the jobs pages wait for.

Everything runs in this process; the clock of central can be moved. scripts/screenshots.py uses the same stage.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from central.batches.work import work_batches
from central.context import Central
from central.db.embedded import embedded, prepare
from central.db.pool import Connection, connect, open_pool
from central.exports.work import work_exports
from central.identity.accounts import add_account
from central.identity.permissions import PERMISSIONS, Role
from central.identity.principal import Principal
from central.identity.sessions import Visitor, open_session
from central.notify.rounds import notify
from central.settings import NotifySettings, Settings, WebSettings
from central.web.app import create_app
from tests.e2e.console.campus import begin_work, seed

CHIEF, VIEWER = "chief", "guest"  # an administrator, and one who may only look
# Charts that are shown and not there yet. A locator and no function: the policy forbids what playwright does to ask a function again.
UNDRAWN = ":is(.plot, .chart[data-source]):visible:not(:has(canvas))"
PASSWORD = "seven green kettles"
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 1 << 30


class Clock:
    """The real time, moved by `ahead_s`: PostgreSQL has its own clock, so tests move this one only where central's is asked."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        """Unix seconds."""
        return time.time() + self.ahead_s


@dataclass(frozen=True)
class Stage:
    """What is served, and what stands behind it."""

    url: str
    dsn: str
    app: FastAPI
    clock: Clock
    numbers: Mapping[str, object]  # of things pages are about, for addresses

    def session(self, name: str, factor: bool = True) -> str:
        """The secret of a new session of an account, as its cookie `ce_session` holds it."""
        with self.connection() as conn:
            (number,) = conn.execute("select account_id from account where name = %s", [name]).fetchone() or (None,)
            return open_session(conn, int(number), time.time(), visitor=Visitor("127.0.0.1", "Firefox on a desk"), factor=factor)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection of its own, committed at the end."""
        with connect(self.dsn) as conn:
            yield conn


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Seeded and served; gone without a trace at the end. Some seconds."""
    with _database() as dsn, tempfile.TemporaryDirectory() as data, open_pool(dsn, max_size=12) as pool:
        clock = Clock()
        web = WebSettings(requests_per_s=2_000, requests_at_once=10_000)  # one session asks for what a dozen people would
        settings = Settings(data_dir=Path(data), web=web, notify=NotifySettings(allow_http=True))
        central = Central(settings, pool, clock, dsn)
        seed(dsn, pool)
        with connect(dsn) as conn:
            chief = Principal(CHIEF, PERMISSIONS, account_id=add_account(conn, CHIEF, PASSWORD, Role.ADMIN, time.time()), factor=True)
            add_account(conn, VIEWER, PASSWORD, Role.VIEWER, time.time())
            numbers = begin_work(conn, chief, time.time())
        app = create_app(central)
        with _served(app) as url, _working(central):
            yield Stage(url, dsn, app, clock, numbers)


@contextmanager
def _database() -> Iterator[str]:
    """A server of its own, in memory where there is room, without the care for durability that tests do not need."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="ce-", dir=_MEMORY if roomy else None))
    folder.chmod(0o711)  # the server's system account passes through it
    try:
        server = prepare(folder / "data")
        site = server.data / "site.conf"
        site.write_text("fsync = off\nfull_page_writes = off\n")
        server.account.own(site, 0o600)
        with embedded(folder / "data") as dsn:
            yield dsn
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _served(app: FastAPI) -> Iterator[str]:
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@contextmanager
def _working(central: Central) -> Iterator[None]:
    stop = threading.Event()
    jobs: dict[str, Callable[[], None]] = {
        "exports": partial(work_exports, central, stop),
        "batches": partial(work_batches, central, stop),
        "notify": partial(notify, central, stop),
    }
    threads = [threading.Thread(target=job, name=name, daemon=True) for name, job in jobs.items()]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join(5)
