"""JSON API of batches: preview an action for many rows, start it, see the result of each row. Everybody sees their own only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Path, Query

from central.batches.model import Batch, BatchItem
from central.batches.start import batch_items, cancel_batch, draft_batch, find_batch, list_batches, retry_batch, start_batch
from central.context import Central
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.web.batch import MAX_ROWS
from central.web.batch_list import ACTIONS

Reader = Annotated[Principal, Depends(require("metering.read", About.OWN))]
BatchId = Annotated[int, Path(ge=1, le=1 << 62)]
ItemState = Literal["pending", "running", "done", "failed", "skipped", "excluded"]


@dataclass(frozen=True, slots=True)
class ActionFacts:
    """An action the asker may do. `parameters`: names of what is said once for all rows."""

    name: str
    title: str
    tables: Sequence[str]
    dangerous: bool
    parameters: Sequence[str]


def router(central: Central) -> APIRouter:
    """Routes below /api/v1/batches. An action's own permission is asked besides."""
    api = APIRouter(prefix="/api/v1/batches", tags=["batches"])
    _asking(api, central)
    _running(api, central)
    return api


def _asking(api: APIRouter, central: Central) -> None:
    @api.get("/actions")
    def actions(principal: Reader) -> list[ActionFacts]:
        """What the asker can do with many rows."""
        allowed = [one for one in ACTIONS.values() if one.permission in principal.permissions]
        return [ActionFacts(one.name, one.title, one.tables, one.dangerous, [parameter.name for parameter in one.parameters]) for one in allowed]

    @api.post("", status_code=201)
    def draft(
        principal: Reader,
        action: Annotated[str, Body(max_length=64)],
        table: Annotated[str, Body(max_length=64)],
        keys: Annotated[list[str] | None, Body(max_length=MAX_ROWS)] = None,
        query: Annotated[str | None, Body(max_length=4000)] = None,
    ) -> Batch:
        """Preview an action for `keys`, or for all rows that match `query` (a table's address). Nothing is done; 404 for a key out of scope."""
        with central.pool.connection() as conn:
            return draft_batch(conn, principal, action, table, keys or [], query, central.clock())

    @api.post("/{batch}/start")
    def start(
        principal: Reader,
        batch: BatchId,
        parameters: Annotated[dict[str, str] | None, Body()] = None,
        typed: Annotated[str, Body(max_length=20)] = "",
    ) -> Batch:
        """Start a draft; a second time changes nothing. `typed`: the number of rows, where the action is dangerous."""
        with central.pool.connection() as conn:
            return start_batch(conn, principal, batch, parameters or {}, typed, central.clock())


def _running(api: APIRouter, central: Central) -> None:
    @api.get("")
    def batches(principal: Reader) -> list[Batch]:
        """The asker's batches that were started, newest first."""
        with central.pool.connection() as conn:
            return list_batches(conn, principal)

    @api.get("/{batch}")
    def batch(principal: Reader, batch: BatchId) -> Batch:
        """One of the asker's batches, with how many rows are in which state."""
        with central.pool.connection() as conn:
            return find_batch(conn, principal, batch)

    @api.get("/{batch}/items")
    def items(
        principal: Reader,
        batch: BatchId,
        state: ItemState | None = None,
        offset: Annotated[int, Query(ge=0, le=MAX_ROWS)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 100,
    ) -> list[BatchItem]:
        """Rows with their results, failed ones first."""
        with central.pool.connection() as conn:
            return batch_items(conn, principal, batch, state, offset, limit)

    @api.post("/{batch}/cancel")
    def cancel(principal: Reader, batch: BatchId) -> Batch | None:
        """Skip what has not begun; a draft is thrown away and answers null."""
        with central.pool.connection() as conn:
            return cancel_batch(conn, principal, batch, central.clock())

    @api.post("/{batch}/retry")
    def retry(principal: Reader, batch: BatchId) -> Batch:
        """Try the failed rows again."""
        with central.pool.connection() as conn:
            return retry_batch(conn, principal, batch)
