"""Central's settings: one TOML file, parsed once into frozen types; `CE_CENTRAL_<SECTION>_<KEY>` in the environment wins over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from protocol.document import parse_toml
from protocol.errors import ConfigError
from protocol.record import Record

_PREFIX = "CE_CENTRAL_"
Port = Annotated[int, Field(ge=1, le=65535)]


class DatabaseSettings(Record):
    """`dsn`: a libpq connection string; empty runs the embedded PostgreSQL below `data_dir`. `pool_size`: connections of the web role at most.

    `roles`: web, ingest and jobs each work as a database role that may do only what is its business. "auto": where the server and the login of `dsn`
    allow it, with a warning elsewhere; "require": central does not start without; "off": never.
    """

    dsn: str = ""
    roles: Literal["auto", "require", "off"] = "auto"
    pool_size: int = Field(default=16, ge=2, le=200)
    statement_timeout_s: float = Field(default=30, gt=0, le=3600)
    lock_timeout_s: float = Field(default=10, gt=0, le=600)


class BrokerSettings(Record):
    """The MQTT broker. Secrets stand in files: `password_file` holds one line; `cert_file` and `key_file` go together."""

    host: str = "127.0.0.1"
    port: Port = 1883
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = Field(default=30, ge=5, le=600)


class WebSettings(Record):
    """Where pages and API are served. `public_url`: how people reach them, for links in mails and one-time links.

    `requests_per_s`, `requests_at_once`: what one session, token or address without either may ask of one process; more is answered with 429.
    """

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: str = "http://127.0.0.1:8080"
    requests_per_s: float = Field(default=20, gt=0, le=10_000)
    requests_at_once: int = Field(default=200, ge=10, le=100_000)

    @field_validator("public_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("public_url must start with http:// or https://")
        return url.rstrip("/")


class IngestSettings(Record):
    """`commit_*`: a group is committed when any of the three is reached. `window`: messages the broker may send ahead of our acks.

    `workers` take what is reported live, `backfill_workers` what gateways caught up with: neither waits behind the other.
    """

    workers: int = Field(default=2, ge=1, le=32)
    backfill_workers: int = Field(default=1, ge=1, le=32)
    commit_messages: int = Field(default=50, ge=1, le=500)
    commit_bytes: int = Field(default=1 << 20, ge=1024, le=64 << 20)
    commit_wait_ms: int = Field(default=20, ge=0, le=1000)
    window: int = Field(default=150, ge=1, le=5000)


class JobsSettings(Record):
    """Retention of bookkeeping. Readings and events are never purged here."""

    ledger_keep_days: int = Field(default=180, ge=30, le=3650)
    quarantine_keep_days: int = Field(default=365, ge=7, le=3650)
    alarm_keep_days: int = Field(default=1095, ge=180, le=3650)


class StorageSettings(Record):
    """How readings are kept. `hot_days`: as rows, before they are packed or compressed; no shorter than the longest outage to be expected.

    `keep_months`: raw readings older than that are removed once their months are closed; 0 keeps them for ever, anything below 24 counts as 24.
    """

    hot_days: int = Field(default=14, ge=7, le=365)
    keep_months: int = Field(default=0, ge=0, le=1200)


class ConsumptionSettings(Record):
    """The nightly proof that figures are what the readings say: of so many points (others every night), over so many days."""

    check_points: int = Field(default=300, ge=1, le=100_000)
    check_days: int = Field(default=3, ge=1, le=366)


class IotSettings(Record):
    """Meters that report by themselves. `secrets_dir`: holds SOURCE.key for every platform that posts reports, one secret a line; none: no webhook.

    `mqtt`: hear reports over the broker. `tcp_port`, `udp_port`: listen for CJ/T 188 pushes there, unsigned, so on a private network only.
    `idle_s`: how long a TCP connection may be quiet. `keep_report_days`: what came, word by word; what was read from it is kept as readings are.
    """

    secrets_dir: Path | None = None
    mqtt: bool = False
    host: str = "127.0.0.1"
    tcp_port: Port | None = None
    udp_port: Port | None = None
    max_connections: int = Field(default=200, ge=1, le=5000)
    idle_s: float = Field(default=60, gt=0, le=3600)
    keep_report_days: int = Field(default=400, ge=31, le=3650)


class IdentitySettings(Record):
    """Signing in. `key_file`: encrypts second factors at rest; by default it is made as `secrets/identity.key` below `data_dir`. Back it up.

    `oidc_*`: an OpenID Connect provider, `cas_url`: a CAS 3.0 server, as people reach them; empty: none. Labels stand on the sign-in page.
    `*_second_factor`: the provider asks for a second factor itself, so that ours is not asked for. `ca_file`: certificates that sign the providers'.
    `auto_create`: a person who signs in for the first time gets an account of `external_role`; otherwise an administrator accepts them.
    `places_claim`: the claim or attribute that lists codes of the places a new account may see; empty: the whole site.
    `name_claim`: the claim or attribute that names a person.
    """

    key_file: Path | None = None
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_secret_file: Path | None = None
    oidc_label: str = Field(default="OpenID Connect", max_length=60)
    oidc_second_factor: bool = False
    cas_url: str = ""
    cas_label: str = Field(default="CAS", max_length=60)
    cas_second_factor: bool = False
    ca_file: Path | None = None
    timeout_s: float = Field(default=5, gt=0, le=60)
    auto_create: bool = False
    external_role: Literal["viewer", "engineer", "operator"] = "viewer"
    places_claim: str = Field(default="", max_length=100)
    name_claim: str = Field(default="preferred_username", max_length=100)

    @field_validator("oidc_issuer", "cas_url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "localhost"}):
            raise ValueError("an identity provider is reached by https://")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _is_whole(self) -> IdentitySettings:
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("oidc_issuer needs oidc_client_id: the name the provider knows this server under")
        return self


class NotifySettings(Record):
    """Mail for notifications; robots and webhooks are channels of the console. `smtp_password_file` holds one line.

    `allow_http`: webhooks without TLS, for programs on the same machine.
    """

    smtp_host: str = ""
    smtp_port: Port = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_username: str | None = None
    smtp_password_file: Path | None = None
    mail_from: str = Field(default="", pattern=r"^([^@\s<>]+@[^@\s<>]+)?$")
    mail_name: str = "Campus energy"
    allow_http: bool = False


class Settings(Record):
    """Everything central can be told."""

    data_dir: Path = Path("data")
    database: DatabaseSettings = DatabaseSettings()
    broker: BrokerSettings = BrokerSettings()
    web: WebSettings = WebSettings()
    ingest: IngestSettings = IngestSettings()
    jobs: JobsSettings = JobsSettings()
    storage: StorageSettings = StorageSettings()
    consumption: ConsumptionSettings = ConsumptionSettings()
    iot: IotSettings = IotSettings()
    notify: NotifySettings = NotifySettings()
    identity: IdentitySettings = IdentitySettings()


_ADAPTER = TypeAdapter(Settings)


def load_settings(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Settings of a file (or the defaults) with the environment on top. Relative paths are relative to the file. Raises ConfigError."""
    if path is None:
        return parse_settings("", "defaults", Path.cwd(), environment)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the settings file cannot be read: {error}") from error
    return parse_settings(text, str(path), path.resolve().parent, environment)


def parse_settings(text: str, name: str, base: Path, environment: Mapping[str, str]) -> Settings:
    """As `load_settings`, from text."""
    settings = _overlay(parse_toml(text, name, _ADAPTER), environment)
    files = {key: base / path for key, path in settings.broker if isinstance(path, Path)}
    found: dict[str, object] = {"data_dir": base / settings.data_dir, "broker": settings.broker.model_copy(update=files)}
    if settings.iot.secrets_dir is not None:
        found["iot"] = settings.iot.model_copy(update={"secrets_dir": base / settings.iot.secrets_dir})
    kept = {key: base / path for key, path in settings.identity if isinstance(path, Path)}
    found["identity"] = settings.identity.model_copy(update=kept)
    return settings.model_copy(update=found)


def _overlay(settings: Settings, environment: Mapping[str, str]) -> Settings:
    document: dict[str, Any] = settings.model_dump()
    places = {f"{_PREFIX}{section}_{key}".upper(): (table, key) for section, table in document.items() if isinstance(table, dict) for key in table}
    places[f"{_PREFIX}DATA_DIR"] = (document, "data_dir")
    for variable, text in environment.items():
        if not variable.startswith(_PREFIX):
            continue
        if variable not in places:
            raise ConfigError(f"environment variable {variable} is no setting of central; unset it or correct its spelling")
        table, key = places[variable]
        table[key] = text
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        variable = _PREFIX + "_".join(map(str, first["loc"])).upper()
        raise ConfigError(f"environment variable {variable}: {first['msg']}, got {first['input']!r}") from error
