"""The few questions a rehearsal asks central, over HTTP like any other program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from protocol.errors import ConfigError

PERMISSIONS = ("fleet.manage", "fleet.read", "metering.read")  # what the token of a rehearsal may do
PAST_PERMISSIONS = ("metering.manage", "metrics.read")  # ... and of one that makes up a past: prices, a holiday, whether all is computed
_TIMEOUT_S = 10.0
_IMPORT_TIMEOUT_S = 300.0  # a plan of the reference site is 27,000 rows
_OVERVIEW = "/api/v1/overview"
_PENDING = "campus_consumption_pending"
_OLDER = "this plan is older"  # central's words for a plan that would undo what was changed at the console


@dataclass(frozen=True, slots=True)
class CentralApi:
    """Central's address and an API token."""

    address: str
    token: str = ""

    def is_up(self) -> bool:
        """True if central answers requests, whatever it answers."""
        try:
            return not self._get(_OVERVIEW).is_server_error
        except httpx.TransportError:
            return False

    def token_works(self) -> bool:
        """True if central accepts the token."""
        return bool(self.token) and self._get(_OVERVIEW).is_success

    def import_plan(self, text: str) -> dict[str, Any] | None:
        """Hand over the site plan; return central's counts, or None where the site was changed at the console since.

        Raise ConfigError with central's own list of problems.
        """
        headers = {**self._headers(), "Content-Type": "application/yaml"}
        address = f"{self.address}/api/v1/site-plan"
        answer = httpx.put(address, content=text.encode(), headers=headers, timeout=_IMPORT_TIMEOUT_S, trust_env=False)
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY and _OLDER in answer.text:
            return None
        if not answer.is_success:
            raise ConfigError(f"central refused the site plan ({answer.status_code}): {answer.text[:2000]}")
        document: dict[str, Any] = answer.json()
        return document

    def devices_heard(self, since_ms: int) -> int:
        """How many devices are online, once a batch came in after `since_ms` (Unix time); 0 before, and while central is away."""
        try:
            overview = self._get(_OVERVIEW).raise_for_status().json()
        except httpx.HTTPError:
            return 0
        return int(overview["devices_online"]) if (overview["last_received_at_ms"] or 0) > since_ms else 0

    def put(self, path: str, document: object) -> None:
        """Write a document of central's API. Raises ConfigError with central's own words."""
        answer = httpx.put(f"{self.address}/api/v1/{path}", json=document, headers=self._headers(), timeout=_TIMEOUT_S, trust_env=False)
        if not answer.is_success:
            raise ConfigError(f"central refused {path} ({answer.status_code}): {answer.text[:2000]}")

    def is_computed(self) -> bool:
        """True once no reading waits to be turned into consumption; False also while central is busy or away."""
        try:
            lines = self._get("/metrics").raise_for_status().text.splitlines()
        except httpx.HTTPError:
            return False
        return any(line.startswith(_PENDING) and float(line.split()[-1]) == 0 for line in lines)

    def _get(self, path: str) -> httpx.Response:
        return httpx.get(self.address + path, headers=self._headers(), timeout=_TIMEOUT_S, trust_env=False)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}
