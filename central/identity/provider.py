"""What is fetched from an identity provider: with time-outs, without proxies of the environment, never more than a page of it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import httpx

from central.settings import IdentitySettings
from protocol.errors import StorageError

MAX_BYTES = 256 << 10


class ProviderDown(StorageError):
    """The campus's identity provider does not answer as it should. Passwords of this server still work; tell who runs the provider."""

    code = "identity.provider_down"


def fetch(settings: IdentitySettings, url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    """GET, or POST a form; return the body of a 200. Redirects are not followed. Raise ProviderDown."""
    try:
        with httpx.Client(timeout=settings.timeout_s, trust_env=False, verify=_context(settings), max_redirects=0) as client:
            method = "POST" if form is not None else "GET"
            with client.stream(method, url, data=form, headers=headers) as answer:
                body = _limited(answer)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise _down(url, f"{type(error).__name__}: {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise _down(url, f"status {answer.status_code}")
    return body


def _limited(answer: httpx.Response) -> bytes:
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise _down(str(answer.url), f"more than {MAX_BYTES} bytes")
    return body


def _context(settings: IdentitySettings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=settings.ca_file)


def _down(url: str, what: str) -> ProviderDown:
    """Without the query, which may hold a ticket."""
    return ProviderDown(
        f"{url.partition('?')[0]} does not answer as it should: {what}; sign in with a password, or try later", problem="provider_down"
    )
