"""Desired documents: what each gateway is to poll, with a version that rises whenever the registry changed it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from protocol.messages import LinesDocument, encode_record
from protocol.site_plan import Site
from protocol.topics import Down, down

_SQL = load_statements("central.fleet")
LINES = "lines"
_DEFAULT_ZONE = str(Site.model_fields["timezone"].default)
Publish = Callable[[str, bytes], bool]


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document as it goes to the broker."""

    gateway: str
    document: str
    version: int
    body: str

    @property
    def mark(self) -> str:
        """Names this version of this document."""
        return f"{self.gateway}/{self.document}/{self.version}"


@dataclass(frozen=True, slots=True)
class _Registered:
    gateway: str
    lines: list[Any]


@dataclass(frozen=True, slots=True)
class _Version:
    gateway: str
    version: int
    sha256: str


def refresh_documents(conn: Connection, gateways: Collection[str | None] | None = None) -> list[str]:
    """Recompute the `lines` document of some gateways (None: all) in the caller's transaction; returns those whose document changed.

    A None among the gateways is that of a device that reports by itself; it has no document.
    """
    chosen = None if gateways is None else [gateway for gateway in gateways if gateway is not None]
    known = {row.gateway: row for row in rows(conn, _SQL["document_versions"], _Version, document=LINES)}
    zone = _timezone(conn)
    registered = rows(conn, _SQL["registered_lines"], _Registered, gateways=chosen)
    return [row.gateway for row in registered if _refresh(conn, row, known.get(row.gateway), zone)]


def publish_documents(conn: Connection, publish: Publish, published: set[str]) -> int:
    """Publish (retained) every stored document whose mark is not in `published`, and note it there. Returns how many were handed over."""
    count, after = 0, ""
    while group := rows(conn, _SQL["documents"], Document, after=after, published=list(published)):
        for document in group:
            if not publish(down(document.gateway, Down.DESIRED, document.document), document.body.encode()):
                return count
            published.add(document.mark)
            count += 1
        after = group[-1].gateway
    return count


def _timezone(conn: Connection) -> str | None:
    """The site's time zone as documents tell it: None for the default one, which is left out."""
    row = conn.execute(_SQL["site_timezone"]).fetchone()
    return row[0] if row and row[0] != _DEFAULT_ZONE else None


def _refresh(conn: Connection, row: _Registered, known: _Version | None, zone: str | None) -> bool:
    version = known.version + 1 if known else 1
    document = LinesDocument.model_validate({"gateway": row.gateway, "version": version, "timezone": zone, "lines": row.lines})
    sha256 = hashlib.sha256(encode_record(document.model_copy(update={"version": 1}))).hexdigest()
    if known and known.sha256 == sha256:
        return False
    body = encode_record(document).decode()
    run(conn, _SQL["write_document"], gateway=row.gateway, document=LINES, version=version, sha256=sha256, body=body)
    return True
