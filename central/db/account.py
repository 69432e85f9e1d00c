"""The operating-system account the embedded PostgreSQL runs as: our own, or a system account when we are root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import ConfigError

SYSTEM_ACCOUNT = "campus-postgres"
_ADMIN_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server. `switched`: we are root and become somebody else for it, because PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int
    switched: bool

    def run(self, command: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run a program as this account and return what it printed; never raises on its exit status."""
        identity = {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switched else {}
        environment = {"PATH": _ADMIN_PATH, "LC_ALL": "C", "TZ": "UTC"}
        return subprocess.run(  # type: ignore[no-any-return,call-overload]  # the identity keywords depend on who we are
            command, cwd="/", env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False, **identity
        )

    def own(self, path: Path, mode: int) -> None:
        """Give a file or directory to this account."""
        if self.switched:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        path.chmod(mode)


def server_account() -> Account:
    """The account for the server; creates the system account when we are root and it is missing."""
    if os.geteuid() != 0:
        return Account(user_name(), os.geteuid(), os.getegid(), switched=False)
    try:
        entry = pwd.getpwnam(SYSTEM_ACCOUNT)
    except KeyError:
        _create_system_account()
        entry = pwd.getpwnam(SYSTEM_ACCOUNT)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switched=True)


def user_name() -> str:
    """The name of the user we run as; PostgreSQL knows its clients by it."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise ConfigError(
            f"user id {os.geteuid()} has no name on this system, and the embedded PostgreSQL needs one; "
            "add a passwd entry for it or set [database] dsn to a server of your own"
        ) from None


def blocked_directory(account: Account, path: Path) -> Path | None:
    """The first directory on the way to `path` the account may not pass, or None."""
    if not account.switched:
        return None
    for directory in [*reversed(path.parents), path]:
        if account.run(["test", "-x", str(directory)], timeout_s=10).returncode:
            return directory
    return None


def _create_system_account() -> None:
    for command in (
        ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", SYSTEM_ACCOUNT],
        ["adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", SYSTEM_ACCOUNT],
    ):
        program = shutil.which(command[0], path=_ADMIN_PATH)
        if program and subprocess.run([program, *command[1:]], capture_output=True, check=False, timeout=60).returncode == 0:
            return
    raise ConfigError(
        f"running as root, and the system account {SYSTEM_ACCOUNT!r} for the embedded PostgreSQL could not be created; "
        f"create it by hand, run central as another user, or set [database] dsn to a server of your own"
    )
