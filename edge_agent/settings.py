"""The agent's settings: one TOML file, parsed once into frozen types; `CE_EDGE_<SECTION>_<KEY>` in the environment wins over it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from protocol.document import parse_toml
from protocol.errors import ConfigError
from protocol.record import Record
from protocol.site_plan import GatewayId

ENVIRONMENT_PREFIX = "CE_EDGE_"
_PATHS = (("state_dir",), ("uplink", "ca_file"), ("uplink", "cert_file"), ("uplink", "key_file"), ("uplink", "password_file"), ("lines", "file"))
Port = Annotated[int, Field(ge=1, le=65535)]


class UplinkSettings(Record):
    """The broker. Secrets stand in files: `password_file` holds one line; `cert_file` and `key_file` go together and need `ca_file`."""

    host: str = Field(min_length=1)
    port: Port = 8883
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    keepalive_s: int = Field(default=30, ge=5, le=600)
    session_expiry_s: int = Field(default=3600, ge=60, le=86_400)
    will_delay_s: int = Field(default=30, ge=0, le=600)
    reconnect_min_s: float = Field(default=1, ge=0.01, le=60)
    reconnect_max_s: float = Field(default=4, ge=0.01, le=3600)

    @model_validator(mode="after")
    def _is_whole(self) -> UplinkSettings:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together; give both or neither")
        if self.cert_file is not None and self.ca_file is None:
            raise ValueError("cert_file needs ca_file; without it the connection would not be encrypted")
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs username")
        if self.session_expiry_s <= self.will_delay_s:
            raise ValueError("session_expiry_s must be above will_delay_s, else a short cut looks like an outage")
        return self


class SenderSettings(Record):
    """How batches leave. `window`: batches without a receipt; `backfill_per_s`: history batches a second."""

    window: int = Field(default=8, ge=3, le=16)
    backfill_per_s: float = Field(default=50, gt=0, le=1000)
    retry_s: float = Field(default=30, ge=0.1, le=3600)
    retry_max_s: float = Field(default=600, ge=0.1, le=86_400)
    refused_s: float = Field(default=1, ge=0.1, le=3600)


class BufferSettings(Record):
    """What the outbox may use. `min_free_mib`: what must stay free on its file system."""

    quota_mib: int = Field(default=256, ge=8, le=65_536)
    min_free_mib: int = Field(default=16, ge=0, le=65_536)
    keep_acked_days: int = Field(default=7, ge=7, le=365)


class LinesSettings(Record):
    """`file`: a `lines` document on this box, for boxes without a server; it goes before what the server sends. SIGHUP reads it again."""

    file: Path | None = None


class LogSettings(Record):
    """`level`: least severity written to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(Record):
    """Everything an agent can be told. Without `uplink` it reads and stores, and tells nobody.

    `generation` rises each time a box takes over a gateway's identity, so that central can tell its batches from those of the box before.
    """

    gateway: GatewayId
    generation: int = Field(default=1, ge=1, lt=1 << 53)
    state_dir: Path = Path("/var/lib/edge-agent")
    uplink: UplinkSettings | None = None
    sender: SenderSettings = SenderSettings()
    buffer: BufferSettings = BufferSettings()
    lines: LinesSettings = LinesSettings()
    log: LogSettings = LogSettings()


def load_settings(path: Path, environment: Mapping[str, str]) -> Settings:
    """Return the settings in a file; relative paths start at the file's folder. Raises ConfigError with `file:line: problem` lines."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}; give the settings file with --config") from error
    return parse_settings(text, str(path), environment, path.parent)


def parse_settings(text: str, name: str, environment: Mapping[str, str], folder: Path) -> Settings:
    """Return settings from TOML text and the environment."""
    overrides = _overrides(environment)
    return parse_toml(text, name, TypeAdapter(Annotated[Settings, BeforeValidator(partial(_completed, overrides, folder))]))


def environment_names() -> list[str]:
    """Every environment variable that is understood."""
    return [ENVIRONMENT_PREFIX + "_".join(path).upper() for path in _setting_paths()]


def _overrides(environment: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    known = dict(zip(environment_names(), _setting_paths(), strict=True))
    given = {name: value for name, value in environment.items() if name.startswith(ENVIRONMENT_PREFIX)}
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        raise ConfigError(f"environment: {', '.join(unknown)}: no such setting; known are {', '.join(known)}")
    return {known[name]: value for name, value in given.items()}


def _setting_paths() -> list[tuple[str, ...]]:
    """Path of every single setting."""
    paths: list[tuple[str, ...]] = []
    for name, field in Settings.model_fields.items():
        section = next((kind for kind in _SECTIONS if kind is field.annotation or kind in getattr(field.annotation, "__args__", ())), None)
        paths += [(name,)] if section is None else [(name, key) for key in section.model_fields]
    return paths


def _completed(overrides: Mapping[tuple[str, ...], str], folder: Path, data: Any) -> Any:
    """The file's data with the environment's values put over it and paths made absolute."""
    data = {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}
    for path, value in overrides.items():
        _put(data, path, value)
    for path in _PATHS:
        value = _get(data, path)
        if isinstance(value, str):
            _put(data, path, str(folder / value))
    return data


def _get(data: dict[str, Any], path: tuple[str, ...]) -> Any:
    table: Any = data
    for key in path:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _put(data: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    table = data
    for key in path[:-1]:
        table = table.setdefault(key, {})
    table[path[-1]] = value


_SECTIONS: tuple[type[Record], ...] = (UplinkSettings, SenderSettings, BufferSettings, LinesSettings, LogSettings)
