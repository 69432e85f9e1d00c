"""A private mosquitto: its configuration, passwords and access rules, written to one folder with mode 0600."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import ConfigError
from protocol.messages import MAX_PACKED_BYTES
from protocol.topics import PREFIX

CENTRAL_USER = "central"
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", str(Path(__file__).resolve().parents[2] / ".cache" / "tools" / "bin"))
_HASH_ROUNDS = 101  # mosquitto_passwd's own default; these passwords are random, so rounds add nothing
# One absent subscriber may queue this much; then the broker drops the newest. Nothing is lost: gateways resend until central acks.
_MAX_QUEUED_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """Where a broker's files lie. `persistence`: None keeps sessions and retained messages in memory only."""

    folder: Path
    persistence: Path | None = None

    @property
    def config(self) -> Path:
        """The configuration mosquitto is started with (`-c`)."""
        return self.folder / "mosquitto.conf"


def find_mosquitto() -> str | None:
    """Path of a mosquitto to run (PATH, the usual system folders, the project's own tools), or None."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(_PLACES))


def write_broker_files(files: BrokerFiles, port: int, passwords: Mapping[str, str], host: str = "127.0.0.1") -> None:
    """Write config, password and ACL files for `passwords` (user -> password); users but `central` are gateways' ids or meters' IMEIs."""
    for user in passwords:
        if not user or set(user) & set(":\n# "):
            raise ConfigError(f"broker user {user!r}: expected a name without colon, space, # or line end")
    files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if files.persistence is not None:
        files.persistence.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secret(files.folder / "passwords", "".join(f"{user}:{password_hash(password)}\n" for user, password in passwords.items()))
    write_secret(files.folder / "acl", _access_rules())
    write_secret(files.config, _configuration(files, port, host))


def write_secret(path: Path, text: str) -> None:
    """Replace a file's text; nobody but its owner can read it at any moment."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(path)


def password_hash(password: str) -> str:
    """Mosquitto's own format: `$7$rounds$salt$hash`, PBKDF2 with SHA-512, both parts base64."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _HASH_ROUNDS)
    return f"$7${_HASH_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _access_rules() -> str:
    """Two patterns cover the fleet because the gateway's id stands directly behind the prefix; two more the meters whose user is their IMEI.

    A `topic` line above the first `user` would hold for anonymous clients only, so the rule for all gateways is a pattern too.
    """
    return f"""\
pattern write {PREFIX}/%u/up/#
pattern read {PREFIX}/%u/down/#
pattern read {PREFIX}/all/down/#
pattern write {PREFIX}/iot/%u/report
pattern read {PREFIX}/iot/%u/command

user {CENTRAL_USER}
topic readwrite {PREFIX}/#
"""


def _configuration(files: BrokerFiles, port: int, host: str) -> str:
    lines = [
        f"listener {port} {host}",
        "allow_anonymous false",
        f"password_file {files.folder / 'passwords'}",
        f"acl_file {files.folder / 'acl'}",
        "set_tcp_nodelay true",
        f"max_packet_size {MAX_PACKED_BYTES + 65536}",
        f"max_queued_bytes {_MAX_QUEUED_BYTES}",
        "max_queued_messages 0",
        "persistent_client_expiration 7d",
        "log_dest stderr",
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
        "log_type error",
        "log_type warning",
        "log_type notice",
    ]
    if os.geteuid() == 0:
        lines.append("user root")  # started by root, mosquitto would change to a user that cannot read these files
    if files.persistence is not None:
        lines += ["persistence true", f"persistence_location {files.persistence}/", "autosave_interval 30"]
    return "\n".join(lines) + "\n"
