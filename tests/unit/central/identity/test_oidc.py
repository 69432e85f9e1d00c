"""ID tokens: every check of OpenID Connect Core 1.0, 3.1.3.7, one token each."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from central.identity.oidc import OidcProvider, listed, verified_claims
from central.settings import IdentitySettings
from protocol.errors import Refused

NOW = 1_763_769_600
KEY = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
STRANGER = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
KEYS = KeySet.import_key_set({"keys": [KEY.as_dict(private=False)]})
CLAIMS = {"iss": "https://id.example", "aud": "energy", "sub": "u1", "nonce": "n", "iat": NOW - 5, "exp": NOW + 300}


def token(key: Any = KEY, head: dict[str, str] | None = None, **changed: object) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    return jwt.encode(head or {"alg": "RS256", "kid": "one"}, claims, key)


def verify(text: str) -> Any:
    return verified_claims(text, KEYS, "https://id.example", "energy", "n", NOW)


@pytest.mark.parametrize("changed", [{}, {"aud": ["energy"]}, {"aud": ["energy", "other"], "azp": "energy"}, {"exp": NOW - 59}])
def test_right_token_is_taken(changed: dict[str, object]) -> None:
    assert verify(token(**changed))["sub"] == "u1"


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"aud": "other"}, "audience"),
        ({"aud": ["energy", "other"]}, "audience"),
        ({"azp": "other"}, "audience"),
        ({"exp": NOW - 60}, "expiry"),
        ({"exp": None}, "expiry"),
        ({"exp": True}, "expiry"),
        ({"iat": NOW + 61}, "issue time"),
        ({"iat": None}, "issue time"),
        ({"nonce": "other"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": ""}, "subject"),
        ({"sub": 7}, "subject"),
    ],
)
def test_token_for_another_sign_in_is_refused(changed: dict[str, object], check: str) -> None:
    with pytest.raises(Refused) as refused:
        verify(token(**changed))
    assert refused.value.details["checks"] == [check]


def test_foreign_signature_is_refused() -> None:
    with pytest.raises(Refused, match="signature"):
        verify(token(STRANGER))


def test_token_signed_with_a_shared_secret_is_refused() -> None:
    public = OctKey.import_key(orjson.dumps(KEY.as_dict(private=False)))
    with pytest.raises(Refused, match="signature"):
        verify(token(public, {"alg": "HS256", "kid": "one"}))


def test_unsigned_token_is_refused() -> None:
    parts = [base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in ({"alg": "none"}, CLAIMS)]
    with pytest.raises(Refused, match="signature"):
        verify(".".join([*parts, ""]))


@pytest.mark.parametrize("text", ["", "a.b.c", "....", "é.é.é"])
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        verify(text)


def test_challenge_is_the_digest_of_the_verifier() -> None:
    provider = OidcProvider(IdentitySettings(oidc_issuer="https://id.example", oidc_client_id="energy"))
    provider._facts, provider._facts_at = {"authorization_endpoint": "https://id.example/auth?tenant=1"}, NOW
    asked = parse_qs(urlsplit(provider.login_url("https://here/back", "s", "n", "verifier", NOW)).query)
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).rstrip(b"=").decode()
    assert asked["code_challenge"] == [digest]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["tenant"] == ["1"]


@pytest.mark.parametrize(("value", "texts"), [(None, None), ("b1", ("b1",)), (["b1", "b2"], ("b1", "b2"))])
def test_claim_holds_one_text_or_several(value: object, texts: object) -> None:
    assert listed(value) == texts
