"""Signed requests of vendor platforms: HMAC-SHA256 over time stamp, nonce and body with the source's own secret. Pure.

What is signed is the time stamp (Unix seconds, decimal), a line end, the nonce, a line end, and the body's bytes as they are sent.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from protocol.errors import NotSignedIn

WINDOW_S = 300
MIN_SECRET_BYTES = 16
_STAMP = re.compile(r"[0-9]{1,12}")
_NONCE = re.compile(r"[A-Za-z0-9_\-]{8,64}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request says of itself, as its headers have it. None: the header is missing."""

    timestamp: str | None
    nonce: str | None
    signature: str | None = field(repr=False)


def sign(secret: bytes, timestamp: str, nonce: str, body: bytes) -> str:
    """The signature, 64 hexadecimal digits."""
    return hmac.new(secret, f"{timestamp}\n{nonce}\n".encode() + body, hashlib.sha256).hexdigest()


def check(secrets: Sequence[bytes], signed: Signed, body: bytes, now_s: float) -> str:
    """The nonce of a request signed with one of the secrets at this time; raises NotSignedIn, whose `problem` says what is wrong.

    Whether the nonce was seen before is for the caller to find out.
    """
    stamp, nonce, signature = signed.timestamp or "", signed.nonce or "", (signed.signature or "").lower()
    if not _STAMP.fullmatch(stamp) or not _NONCE.fullmatch(nonce) or not _SIGNATURE.fullmatch(signature):
        raise NotSignedIn("send X-CE-Timestamp (Unix seconds), X-CE-Nonce (8 to 64 of A-Z a-z 0-9 _ -) and X-CE-Signature", problem="unsigned")
    right = [hmac.compare_digest(sign(secret, stamp, nonce, body), signature) for secret in secrets]
    if not any(right):
        raise NotSignedIn("the signature is not that of this body, time stamp and nonce with the source's secret", problem="bad_signature")
    if abs(now_s - int(stamp)) > WINDOW_S:
        raise NotSignedIn(f"the time stamp is more than {WINDOW_S} s from this server's clock", problem="clock", server_time_s=int(now_s))
    return nonce


def secrets_of(text: str) -> list[bytes]:
    """The secrets in a key file: one a line, so that a new one can be added before the old one goes. Too short ones are left out."""
    lines = (line.strip().encode() for line in text.splitlines())
    return [line for line in lines if len(line) >= MIN_SECRET_BYTES]
