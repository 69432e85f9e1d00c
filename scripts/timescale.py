"""Run a command against a real TimescaleDB: `timescale.py COMMAND...` with CE_TEST_DSN set to a superuser of a server made for it.

The server comes from a Debian root tree that is built once (mmdebstrap, some minutes) into a cache of the user's, outside the checkout. It runs in a
chroot on 127.0.0.1 with a port and a data folder of its own, and in a mount namespace of its own: when its processes end, so do the mounts.
Plain standard library, needs root. Where it cannot be done the command is not run; one line says why and the exit status is 0.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from debian import find_program, install_packages
from steps import SetupError, run_command, say

_SUITE, _PACKAGES = "trixie", "postgresql-17,postgresql-17-timescaledb"
_PROGRAMS = "usr/lib/postgresql/17/bin"
_BUILT = Path(_PROGRAMS) / "postgres"
_START_S, _STOP_S = 60.0, 60.0
_MEMORY = Path("dev/shm")
_ROOM_BYTES = 4 * 2**30
# In a mount namespace of its own; "exec" keeps the process id, so that the server can be stopped by it.
_LAUNCH = 'mount --bind /dev/shm "$1/dev/shm" && mount -t proc proc "$1/proc" && tree=$1 && shift && exec chroot --userspec=postgres "$tree" "$@"'
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "0",  # a worker in a database would keep it from being cloned
    "max_locks_per_transaction": "256",
    "fsync": "off",
    "full_page_writes": "off",
    "logging_collector": "off",
}


def main(command: list[str]) -> int:
    """Run `command` beside a server; its exit status, or 0 with a line that says why it was not run."""
    try:
        tree = root_tree()
        with server(tree) as dsn:
            return subprocess.run(command, env={**os.environ, "CE_TEST_DSN": dsn}, check=False).returncode
    except SetupError as error:
        say(f"TimescaleDB: skipped: {error}")
        return 0


def root_tree() -> Path:
    """The tree with the server in it, built if it is not there yet. Raises SetupError with the reason where it cannot be."""
    if os.geteuid() != 0:
        raise SetupError("a chroot needs root\n  next step: run it as root, or give CE_TEST_DSN a TimescaleDB server of your own and run pytest")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "campus-energy"
    cache.mkdir(parents=True, exist_ok=True)
    tree = cache / f"timescaledb-{_SUITE}"
    with (cache / "timescaledb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (tree / _BUILT).is_file():
            _build(tree)
    return tree


@contextlib.contextmanager
def server(tree: Path) -> Iterator[str]:
    """A running server of the tree with an empty cluster; yields a superuser's DSN. Stopped, and its folder removed, whatever happens."""
    roomy = shutil.disk_usage("/" / _MEMORY).free > _ROOM_BYTES
    outside = Path("/") / _MEMORY if roomy else tree / "var/tmp"
    folder = Path(tempfile.mkdtemp(prefix="ce-timescale-", dir=outside))
    inside = Path("/") / (_MEMORY if roomy else "var/tmp") / folder.name
    try:
        account = next(line.split(":") for line in (tree / "etc/passwd").read_text().splitlines() if line.startswith("postgres:"))
        os.chown(folder, int(account[2]), int(account[3]))
        with _running(tree, folder, inside) as dsn:
            yield dsn
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _build(tree: Path) -> None:
    if find_program("mmdebstrap") is None:
        install_packages(["mmdebstrap"])
    say(f"TimescaleDB: building its root tree in {tree} (once, some minutes) ...")
    shutil.rmtree(tree, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix="building-", dir=tree.parent))
    try:
        command = ["mmdebstrap", "--variant=apt", f"--include={_PACKAGES}", _SUITE, str(part)]
        run_command("timescale-tree", command, "check the network and that a Debian mirror can be reached, then try again")
        part.rename(tree)
    except BaseException:
        subprocess.run(["rm", "-rf", "--one-file-system", str(part)], check=False)
        raise


@contextlib.contextmanager
def _running(tree: Path, folder: Path, inside: Path) -> Iterator[str]:
    password, port = secrets.token_hex(16), _free_port()
    (folder / "password").write_text(password)
    (folder / "password").chmod(0o644)  # the folder is closed to others
    programs = Path("/") / _PROGRAMS
    access = ["--username=campus", f"--pwfile={inside}/password", "--auth=scram-sha-256"]
    initdb = [str(programs / "initdb"), f"--pgdata={inside}/data", *access, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    run_command("timescale-initdb", _enter(tree, initdb), f"delete {tree} and try again")
    settings = [part for name, value in {**_SETTINGS, "port": str(port)}.items() for part in ("-c", f"{name}={value}")]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _enter(tree, [str(programs / "postgres"), "-D", f"{inside}/data", *settings]), stdout=output, stderr=output, start_new_session=True
        )
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped then too
    try:
        _wait_until_up(process, port, log)
        yield f"host=127.0.0.1 port={port} user=campus password={password} dbname=postgres"
    finally:
        signal.signal(signal.SIGTERM, previous)
        process.send_signal(signal.SIGINT)  # fast shutdown: sessions are ended
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _enter(tree: Path, command: list[str]) -> list[str]:
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", _LAUNCH, "sh", str(tree), *command]


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while b"ready to accept connections" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SetupError(f"the server did not start on port {port}:\n{log.read_text(errors='replace')[-1500:]}")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
