"""JSON API of wall screens, for administrators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path

from central.context import Central
from central.identity.guard import Principal, require
from central.wall.kiosk import Kiosk, create_kiosk, list_kiosks, revoke_kiosk

Administrator = Annotated[Principal, Depends(require("identity.manage"))]
ENTER_PATH = "/wall/enter"


@dataclass(frozen=True, slots=True)
class NewKiosk:
    """What a screen shows and for how long. `place` None: the whole site."""

    name: str
    place: str | None = None
    days: int = 365


@dataclass(frozen=True, slots=True)
class Opened:
    """`address`: what the screen's browser opens once; shown now and never again."""

    address: str


def router(central: Central) -> APIRouter:
    """`/api/v1/kiosks`."""
    api = APIRouter(prefix="/api/v1", tags=["wall"])

    @api.get("/kiosks")
    def kiosks(_: Administrator) -> list[Kiosk]:
        """Wall screens with access, and when each was last seen."""
        with central.pool.connection() as conn:
            return list_kiosks(conn, central.clock())

    @api.post("/kiosks", status_code=201)
    def add(who: Administrator, new: Annotated[NewKiosk, Body()]) -> Opened:
        """Give a wall screen access to one place for some days; the answer holds the address to open there."""
        with central.pool.connection() as conn:
            return Opened(address_of(central, create_kiosk(conn, new.name, new.place, new.days, central.clock(), who)))

    @api.delete("/kiosks/{number}", status_code=204)
    def revoke(who: Administrator, number: Annotated[int, Path(ge=1, le=2**62)]) -> None:
        """End a screen's access at its next refresh; 404 if none is alive under this number."""
        with central.pool.connection() as conn:
            revoke_kiosk(conn, number, who.name, central.clock())

    return api


def address_of(central: Central, secret: str) -> str:
    """Where the screen's browser goes once. Browsers do not send what stands behind #, so that it reaches no access log."""
    return f"{central.settings.web.public_url.rstrip('/')}{ENTER_PATH}#{secret}"
