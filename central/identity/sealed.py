"""Secrets at rest: encrypted with a key that stands in a file beside the database's data, so that a copy of the database alone opens nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from central.settings import Settings
from protocol.errors import ConfigError, Refused

_KEY_BYTES = 44  # a Fernet key as text


def key_path(settings: Settings) -> Path:
    """Where the key stands: the setting, else below the data directory."""
    return settings.identity.key_file or settings.data_dir / "secrets" / "identity.key"


def seal(key: Path, text: str, now: float) -> bytes:
    """Encrypt; the key is made (mode 0600) where there is none. `now`: Unix seconds, kept inside. Raise ConfigError for an unusable key file."""
    return _cipher(key).encrypt_at_time(text.encode(), int(now))


def unseal(key: Path, sealed: bytes, now: float, within_s: int | None = None) -> str:
    """Decrypt; raise Refused where it was changed, made with another key, or is older than `within_s`."""
    cipher = _cipher(key)
    try:
        if within_s is None:
            return cipher.decrypt(sealed).decode()
        return cipher.decrypt_at_time(sealed, within_s, int(now)).decode()
    except InvalidToken as error:
        raise Refused(f"what was encrypted cannot be read with {key.name}: too old, changed, or made with another key", problem="unsealed") from error


def ensure_key(key: Path) -> None:
    """Make the key where there is none. Two processes that start together end up with one key."""
    if key.exists():
        return
    key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = key.with_name(f"{key.name}.{os.getpid()}.{os.urandom(4).hex()}")
    draft.touch(mode=0o600)
    try:
        with draft.open("wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, key)
    finally:
        draft.unlink(missing_ok=True)


def _cipher(key: Path) -> Fernet:
    try:
        ensure_key(key)
        if key.stat().st_mode & 0o077:
            raise ConfigError(f"{key}: others may read the key; expected mode 0600, do: chmod 600 {key}")
        return Fernet(key.read_bytes()[:_KEY_BYTES])
    except OSError as error:
        raise ConfigError(f"{key}: the key of encrypted secrets cannot be read or made: {error.strerror}; see setting identity.key_file") from error
    except ValueError as error:
        raise ConfigError(f"{key}: expected {_KEY_BYTES} characters of a Fernet key; restore the file from a backup") from error
