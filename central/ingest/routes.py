"""JSON API of ingest: the quarantine."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from central.context import Central
from central.identity.guard import Principal, require
from central.ingest.quarantine import Quarantined, list_quarantined
from central.metering.model import Page

Reader = Annotated[Principal, Depends(require("quarantine.read"))]
Filter = Annotated[str | None, Query(max_length=64)]


def router(central: Central) -> APIRouter:
    """Routes below /api/v1/quarantine."""
    api = APIRouter(prefix="/api/v1/quarantine", tags=["ingest"])

    @api.get("")
    def quarantine(
        _: Reader,
        gateway: Filter = None,
        reason: Filter = None,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Page[Quarantined]:
        """Messages that could not be stored, newest first."""
        with central.pool.connection() as conn:
            entries, total = list_quarantined(conn, gateway=gateway, reason=reason, offset=offset, limit=limit)
        return Page(tuple(entries), total, offset, limit)

    return api
