"""The folder of a rehearsal: who owns it, which ports it uses, its secrets. All of it survives a restart."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import StorageBusy
from provisioning.rehearse.broker import write_secret

_LOOPBACK = "127.0.0.1"
_SYSTEM_HOME = Path("/var/lib/campus-energy")
_LEFTOVER_WAIT_S = 45.0  # programs of a rehearsal that was killed get this long to end by themselves


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths below a rehearsal's data directory. The directory itself is open, so that a database server of another user can enter."""

    root: Path

    @property
    def plan(self) -> Path:
        """The plan with the ports of this rehearsal, as imported at central."""
        return self.root / "site-plan.json"

    @property
    def token(self) -> Path:
        """The API token of the rehearsal itself."""
        return self.root / "secrets" / "api-token"

    def central(self) -> Path:
        """Central's data directory: below the root, or, where root keeps the folder closed to others, one of its own under /var/lib.

        PostgreSQL refuses to run as root and gets an account of its own, which cannot enter a checkout in /root.
        """
        home = self.root / "central"
        if home.exists() or os.geteuid() != 0 or _open_to_others(self.root):
            return home
        name = self.root / "central.location"
        if not name.is_file():
            name.write_text(f"rehearsal-{secrets.token_hex(8)}\n", encoding="utf-8")
        return _SYSTEM_HOME / name.read_text(encoding="utf-8").strip()

    def log(self, program: str) -> Path:
        """Where a program's output goes."""
        return self.root / "logs" / f"{program}.log"

    def secret(self, name: str) -> str:
        """A random password, made on first use and kept in a file only its owner can read."""
        path = self.secret_file(name)
        if not path.is_file():
            self.token.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # `parents` would make it with the usual mode
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_secret(path, secrets.token_urlsafe(24) + "\n")
        return path.read_text(encoding="utf-8").strip()

    def secret_file(self, name: str) -> Path:
        """The file of a secret."""
        return self.root / "secrets" / name

    def port(self, name: str, wanted: int | None = None, host: str = _LOOPBACK, kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
        """A free port for `name`: the wanted one, else the one of last time, else `wanted`'s followers or any. Kept for next time."""
        file = self.root / "ports.json"
        known: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        candidates = [port for port in (wanted, known.get(name)) if port is not None]
        known[name] = next((port for port in candidates if port_is_free(port, host, kind)), 0) or _any_port(host, kind)
        file.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        return known[name]


@contextlib.contextmanager
def owned(root: Path, say: Callable[[str], None]) -> Iterator[tuple[Folder, int]]:
    """Own a folder until the block ends; yield it and the lock's descriptor, which child processes inherit.

    Children hold the lock too, so after a rehearsal was killed the next one waits for what is left of it. Raises StorageBusy.
    """
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (root / "rehearsal.lock").open("a+", encoding="utf-8") as lock:
        _lock(lock.fileno(), root, say)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield Folder(root), lock.fileno()


def port_is_free(port: int, host: str = _LOOPBACK, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    """True if a server could listen there now."""
    try:
        with _bound(host, port, kind):
            return True
    except OSError:
        return False


def _open_to_others(folder: Path) -> bool:
    """True if every user may pass all directories down to the folder."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


def _any_port(host: str, kind: socket.SocketKind) -> int:
    with _bound(host, 0, kind) as probe:
        return int(probe.getsockname()[1])


def _bound(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    if kind is socket.SOCK_STREAM:
        return socket.create_server((host, port))
    made = socket.socket(socket.AF_INET, kind)
    try:
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def _lock(descriptor: int, root: Path, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + _LEFTOVER_WAIT_S
    said = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = _owner(root)
            if owner is not None or time.monotonic() > deadline:
                whose = f"process {owner}" if owner is not None else "programs left over from a rehearsal that was killed"
                raise StorageBusy(f"{root} is in use by {whose}; stop that rehearsal first, or choose another folder with --data") from None
            if not said:
                say("waiting for the programs of an earlier rehearsal to end")
                said = True
            time.sleep(0.2)
        else:
            return


def _owner(root: Path) -> int | None:
    """The process that wrote the lock file, if it lives."""
    try:
        owner = int((root / "rehearsal.lock").read_text(encoding="utf-8"))
        os.kill(owner, 0)
    except (OSError, ValueError):
        return None
    return owner
