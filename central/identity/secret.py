"""Random secrets handed to people and browsers, and the digests kept of them."""

from __future__ import annotations

import hashlib
import hmac
import secrets

_BYTES = 32


def new_secret() -> str:
    """256 random bits as URL-safe text. Shown once; only its digest is stored."""
    return secrets.token_urlsafe(_BYTES)


def digest(secret: str) -> bytes:
    """What the database keeps: SHA-256. Enough for 256 random bits; passwords go through argon2 instead."""
    return hashlib.sha256(secret.encode()).digest()


def derived(secret: str, purpose: str) -> str:
    """A second secret bound to the first, hex. Knowing it does not reveal the first."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())
