"""Channels: ways out, whose addresses and secrets are sealed when stored and never shown again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import orjson
from pydantic import Field

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.identity import audit
from central.identity.sealed import seal, unseal
from central.notify.model import Way
from central.notify.robots import Target
from central.web.translations import Language
from protocol.errors import Conflict, NotFound, Refused
from protocol.record import Record

_SQL = load_statements("central.notify")
_MAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
MAX_TO = 50


class NewChannel(Record):
    """A channel to be made. `to`: of mail; `url`, `secret`: of robots and webhooks (a webhook signs with its secret, WeCom has none)."""

    name: str = Field(min_length=1, max_length=60)
    kind: Way
    language: Language = Language.CHINESE
    to: tuple[str, ...] = Field(default=(), max_length=MAX_TO)
    url: str = Field(default="", max_length=1000)
    secret: str = Field(default="", max_length=200, repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """A channel as lists show it. `hint`: what of its address may be seen."""

    id: int
    name: str
    kind: Way
    language: Literal["zh_CN", "en"]
    hint: str
    enabled: bool
    sent_ms: int | None
    waiting: int
    failed: int


@dataclass(frozen=True, slots=True, repr=False)
class Channel:
    """A channel as the sender uses it."""

    id: int
    name: str
    way: Way
    language: Language
    target: Target


def list_channels(conn: Connection) -> list[Shown]:
    """By name; a site has a handful."""
    return rows(conn, _SQL["channels"], Shown)


def add_channel(conn: Connection, key: Path, new: NewChannel, actor: str, now: float, allow_http: bool) -> int:
    """Store a channel; raise Refused where it cannot work, Conflict where the name is taken."""
    if problem := _problem(new, allow_http):
        raise Refused(f"the channel was not made: {problem}", problem="bad_channel")
    packed = orjson.dumps({"to": new.to, "url": new.url, "secret": new.secret}).decode()
    hint = ", ".join(new.to)[:200] if new.kind is Way.EMAIL else urlsplit(new.url).hostname or ""
    values = {"name": new.name.strip(), "kind": new.kind, "language": new.language, "sealed": seal(key, packed, now), "hint": hint}
    row = conn.execute(_SQL["add_channel"], {**values, "actor": actor, "now": now}).fetchone()
    if row is None:
        raise Conflict(f"a channel named {new.name!r} exists; choose another name", problem="name_taken")
    audit.record(conn, actor, "notify.channel_made", new.name.strip(), {"kind": new.kind, "hint": hint})
    return int(row[0])


def open_channel(conn: Connection, key: Path, number: int, now: float) -> Channel:
    """With its secrets; raises NotFound, Refused where they cannot be read any more."""
    row = one(conn, _SQL["channel"], _Row, f"there is no channel {number}", id=number)
    held = orjson.loads(unseal(key, row.sealed, now))
    return Channel(row.id, row.name, Way(row.kind), Language(row.language), Target(held["url"], held["secret"], tuple(held["to"])))


def enable_channel(conn: Connection, number: int, enabled: bool, actor: str) -> None:
    """Let it rest or go on; what waits goes out when it goes on. Raises NotFound."""
    row = conn.execute(_SQL["enable_channel"], {"id": number, "enabled": enabled}).fetchone()
    if row is None:
        raise NotFound(f"there is no channel {number}")
    audit.record(conn, actor, "notify.channel_enabled" if enabled else "notify.channel_disabled", row[0])


def remove_channel(conn: Connection, number: int, actor: str) -> None:
    """Remove it with its rules and their log. Raises NotFound."""
    row = conn.execute(_SQL["remove_channel"], {"id": number}).fetchone()
    if row is None:
        raise NotFound(f"there is no channel {number}")
    audit.record(conn, actor, "notify.channel_removed", row[0])


@dataclass(frozen=True, slots=True, repr=False)
class _Row:
    id: int
    name: str
    kind: str
    language: str
    sealed: bytes
    hint: str
    enabled: bool


def _problem(new: NewChannel, allow_http: bool) -> str | None:
    if new.kind is Way.EMAIL:
        wrong = next((one for one in new.to if not _MAIL.fullmatch(one)), None)
        return "it needs at least one mail address" if not new.to else f"{wrong!r} is no mail address" if wrong else None
    parts = urlsplit(new.url)
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        return "its address must begin with https://"
    if not parts.hostname or parts.username or any(char.isspace() for char in new.url):
        return "its address must be that of a server, without a user name and spaces"
    if new.kind is Way.WEBHOOK and len(new.secret) < 16:
        return "a webhook needs a secret of at least 16 characters to sign with"
    return None
