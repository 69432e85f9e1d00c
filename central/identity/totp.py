"""Time-based one-time codes (RFC 6238: SHA-1, six digits, 30 s) and recovery codes; nothing here is stored."""

from __future__ import annotations

import base64
import secrets

import pyotp

from central.identity.secret import same

STEP_S = 30
DRIFT_STEPS = 1  # a phone's clock may be half a minute off (RFC 6238, 5.2)
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10  # 80 bits: a digest of it needs no slow hash


def new_totp_secret() -> str:
    """160 random bits as base32, the length RFC 4226 recommends."""
    return pyotp.random_base32(32)


def matching_counter(secret: str, code: str, now: float, after: int) -> int | None:
    """The time step whose code this is, within the drift; None when there is none newer than step `after` (a replay)."""
    generator, current = pyotp.HOTP(secret), int(now) // STEP_S
    found = None
    for counter in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if same(generator.at(counter), code) and counter > after:
            found = counter
    return found


def provisioning_uri(secret: str, account: str, site: str) -> str:
    """What the QR code says to an authenticator app."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=site)


def new_recovery_codes() -> list[str]:
    """Codes that each replace the phone once, in groups of four for people to copy."""
    return [_grouped(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()) for _ in range(RECOVERY_CODES)]


def folded_code(typed: str) -> str:
    """A typed code without the spaces and dashes people add."""
    return typed.strip().lower().replace(" ", "").replace("-", "")


def _grouped(text: str) -> str:
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))
