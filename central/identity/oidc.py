"""OpenID Connect, authorization code flow with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636): who does the provider say this is?"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from central.identity.provider import ProviderDown, fetch
from central.identity.secret import same
from central.settings import IdentitySettings
from protocol.errors import ConfigError, Refused

ALGORITHMS = ("RS256", "PS256", "ES256", "RS384", "ES384", "RS512", "ES512", "EdDSA")  # signatures only: a shared secret would let us forge
LEEWAY_S = 60  # the provider's clock
_KEEP_S = 3600.0  # discovery and keys
_REFETCH_S = 30.0  # an unknown key id is looked for at the provider no more often
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says it is. `subject` never changes; `name` is for people; `places` are codes, None where the claim is absent."""

    provider: str
    subject: str
    name: str
    places: tuple[str, ...] | None


@dataclass
class OidcProvider:
    """One provider as the settings name it; remembers its description and keys for an hour."""

    settings: IdentitySettings
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _facts: Mapping[str, Any] = field(default_factory=dict)
    _facts_at: float = float("-inf")
    _keys: KeySet | None = None
    _keys_at: float = float("-inf")

    def login_url(self, redirect_uri: str, state: str, nonce: str, verifier: str, now: float) -> str:
        """Where the browser is sent."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.settings.oidc_client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return _with_query(str(self.facts(now)["authorization_endpoint"]), asked)

    def identify(self, code: str, redirect_uri: str, nonce: str, verifier: str, now: float) -> Identity:
        """Change the code for the ID token and check it; raise ProviderDown or Refused."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.settings.oidc_client_id,
            "code_verifier": verifier,
        }
        body = fetch(self.settings, str(self.facts(now)["token_endpoint"]), form, {"accept": "application/json", **self._basic()})
        token = _document(body, "the token endpoint").get("id_token")
        if not isinstance(token, str):
            raise Refused("the provider sent no ID token; is the scope openid allowed for this client?", problem="external_refused")
        return self._named(self._claims(token, nonce, now))

    def logout_url(self, back: str) -> str | None:
        """Where the provider's own session ends; None where it does not say, or was not asked yet."""
        with self._lock:
            endpoint = self._facts.get("end_session_endpoint")
        asked = {"client_id": self.settings.oidc_client_id, "post_logout_redirect_uri": back}
        return _with_query(endpoint, asked) if isinstance(endpoint, str) else None

    def facts(self, now: float) -> Mapping[str, Any]:
        """The provider's description of itself (OpenID Connect Discovery 1.0)."""
        with self._lock:
            if now - self._facts_at < _KEEP_S:
                return self._facts
        issuer = self.settings.oidc_issuer
        found = _document(fetch(self.settings, f"{issuer}/.well-known/openid-configuration"), "discovery")
        if str(found.get("issuer", "")).rstrip("/") != issuer:
            raise ProviderDown(f"{issuer} describes another issuer, {found.get('issuer')!r}; correct identity.oidc_issuer", problem="provider_down")
        if missing := [name for name in _NEEDED if not isinstance(found.get(name), str)]:
            raise ProviderDown(f"{issuer} does not say its {missing[0]}", problem="provider_down")
        with self._lock:
            self._facts, self._facts_at = found, now
        return found

    def _claims(self, token: str, nonce: str, now: float) -> Mapping[str, Any]:
        try:
            return verified_claims(token, self._keyset(now), self._issuer(now), self.settings.oidc_client_id, nonce, now)
        except _UnknownKey:
            return verified_claims(token, self._keyset(now, again=True), self._issuer(now), self.settings.oidc_client_id, nonce, now)

    def _issuer(self, now: float) -> str:
        return str(self.facts(now)["issuer"])

    def _keyset(self, now: float, again: bool = False) -> KeySet:
        with self._lock:
            if self._keys is not None and now - self._keys_at < (_REFETCH_S if again else _KEEP_S):
                return self._keys
        document = _document(fetch(self.settings, str(self.facts(now)["jwks_uri"])), "the key set")
        try:
            keys = KeySet.import_key_set(document)  # type: ignore[arg-type]  # checked by the import
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderDown(f"the provider's keys cannot be read: {error}", problem="provider_down") from error
        with self._lock:
            self._keys, self._keys_at = keys, now
        return keys

    def _named(self, claims: Mapping[str, Any]) -> Identity:
        name = claims.get(self.settings.name_claim) or claims.get("name") or claims["sub"]
        return Identity("oidc", str(claims["sub"]), str(name)[:100], listed(claims.get(self.settings.places_claim)))

    def _basic(self) -> dict[str, str]:
        """The client's secret in the header (RFC 6749, 2.3.1); a client without one is public and relies on PKCE."""
        path = self.settings.oidc_secret_file
        if path is None:
            return {}
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(f"{path}: the client secret cannot be read: {error.strerror}; see identity.oidc_secret_file") from error
        pair = f"{quote(self.settings.oidc_client_id, safe='')}:{quote(secret, safe='')}"
        return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


class _UnknownKey(Refused):
    """Signed with a key that is not in the set: the provider may have changed its keys."""


def verified_claims(token: str, keys: KeySet, issuer: str, client_id: str, nonce: str, now: float) -> Mapping[str, Any]:
    """The claims of an ID token, all checks of OpenID Connect Core 1.0, 3.1.3.7 done; raise Refused with the check that failed."""
    try:
        claims: Mapping[str, Any] = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
    except (JoseError, ValueError, KeyError) as error:
        known = {key.kid for key in keys.keys}
        kind = _UnknownKey if _key_id(token) not in known else Refused
        raise kind(f"the ID token's signature does not hold: {error}", problem="external_refused") from error
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    checks = {
        "issuer": claims.get("iss") == issuer,
        "audience": client_id in audiences and claims.get("azp", client_id) == client_id and (len(audiences) == 1 or "azp" in claims),
        "expiry": _is_time(claims.get("exp")) and now < claims["exp"] + LEEWAY_S,
        "issue time": _is_time(claims.get("iat")) and claims["iat"] < now + LEEWAY_S,
        "nonce": same(str(claims.get("nonce", "")), nonce),
        "subject": isinstance(claims.get("sub"), str) and 1 <= len(claims["sub"]) <= 300,
    }
    if failed := [what for what, right in checks.items() if not right]:
        raise Refused(f"the ID token is not for this sign-in: wrong {', '.join(failed)}", problem="external_refused", checks=failed)
    return claims


def listed(value: object) -> tuple[str, ...] | None:
    """A claim or attribute that holds one text or several; None when absent."""
    if value is None:
        return None
    found = value if isinstance(value, list) else [value]
    return tuple(str(one) for one in found[:200])


def _key_id(token: str) -> object:
    try:
        head = token.partition(".")[0]
        return orjson.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("kid")
    except (ValueError, AttributeError):
        return None


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _document(body: bytes, what: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProviderDown(f"{what} of the identity provider sent no JSON", problem="provider_down") from error
    if not isinstance(found, dict):
        raise ProviderDown(f"{what} of the identity provider sent no JSON object", problem="provider_down")
    return found


def _with_query(url: str, asked: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}"
