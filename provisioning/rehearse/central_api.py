"""The few questions a rehearsal asks central, over HTTP like any other program."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from protocol.errors import ConfigError, NotSignedIn

_TIMEOUT_S = 10.0
_IMPORT_TIMEOUT_S = 300.0  # a plan of the reference site is 15,000 rows


@dataclass(frozen=True, slots=True)
class CentralApi:
    """Central's address and an API token's file content."""

    address: str
    token: str = ""

    def is_up(self) -> bool:
        """True if central answers requests."""
        try:
            return self._get("/healthz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def token_works(self) -> bool:
        """True if central accepts the token."""
        return bool(self.token) and self._get("/api/v1/gateways").status_code == httpx.codes.OK

    def import_plan(self, text: str) -> None:
        """Hand over the site plan; raise ConfigError with central's own list of problems."""
        answer = httpx.put(
            f"{self.address}/api/v1/site-plan",
            content=text.encode(),
            headers={**self._headers(), "Content-Type": "application/yaml"},
            timeout=_IMPORT_TIMEOUT_S,
            trust_env=False,
        )
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            raise ConfigError(f"central refused the site plan ({answer.status_code}): {answer.text[:2000]}")

    def live_devices(self) -> int:
        """How many devices have sent a value."""
        answer = self._get("/api/v1/overview")
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise NotSignedIn("central does not accept the rehearsal's token; delete secrets/api-token in the data folder and start again")
        return int(answer.raise_for_status().json()["devices_live"])

    def _get(self, path: str) -> httpx.Response:
        return httpx.get(self.address + path, headers=self._headers(), timeout=_TIMEOUT_S, trust_env=False)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}
