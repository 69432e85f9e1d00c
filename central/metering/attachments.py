"""Photos kept as evidence, named by the hash of their bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, one, run
from central.identity.audit import record
from protocol.errors import ConfigError

_SQL = load_statements("central.metering")
MAX_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored photo. `media_type` is what its bytes are."""

    media_type: str
    content: bytes


def keep_attachment(conn: Connection, content: bytes, actor: str) -> str:
    """Store a photo, once however often it is sent; returns its SHA-256 in hex. Raises ConfigError unless it is JPEG, PNG or WebP up to 8 MiB."""
    if len(content) > MAX_BYTES:
        raise ConfigError(f"the photo has {len(content)} bytes; at most {MAX_BYTES} are taken: send a smaller one")
    media_type = sniff(content)
    if media_type is None:
        raise ConfigError("these bytes are no JPEG, PNG or WebP picture; take the photo again and send it unchanged")
    sha256 = hashlib.sha256(content).hexdigest()
    if run(conn, _SQL["write_attachment"], sha256=sha256, media_type=media_type, content=content, actor=actor):
        record(conn, actor, "attachment.kept", sha256, {"media_type": media_type, "bytes": len(content)})
    return sha256


def get_attachment(conn: Connection, sha256: str) -> Attachment:
    """A stored photo; raises NotFound."""
    return one(conn, _SQL["attachment"], Attachment, f"there is no attachment {sha256[:70]!r}", sha256=sha256)


def sniff(content: bytes) -> str | None:
    """What a picture's first bytes say it is; None for anything else, whatever the sender called it."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None
