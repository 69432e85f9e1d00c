"""What a batch is, and how its rows stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from central.web.translations import N_

KEEP_DRAFTS_H = 24
KEEP_DAYS = 180
MAX_LISTED = 100
ITEM_STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "pending": ("idle", N_("waiting its turn")),
        "running": ("warn", N_("in work")),
        "done": ("ok", N_("done")),
        "failed": ("bad", N_("failed")),
        "skipped": ("idle", N_("skipped")),
        "excluded": ("idle", N_("left out")),
    }
)
BATCH_STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "draft": ("idle", N_("not started")),
        "running": ("warn", N_("running")),
        "done": ("ok", N_("finished")),
        "cancelled": ("idle", N_("cancelled")),
    }
)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as its owner sees it, with how many rows are in which state. `total`: rows to do, without those the preview left out.

    `warnings`: what a person should read before starting it.
    """

    id: int
    owner: str
    action: str
    table: str
    parameters: Mapping[str, str]
    warnings: Sequence[str]
    state: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    total: int
    pending: int
    running: int
    done: int
    failed: int
    skipped: int
    excluded: int


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One row of a batch. `message`: its result, or why it was left out."""

    position: int
    key: str
    name_zh: str
    name_en: str
    place_zh: str
    place_en: str
    state: str
    message: str
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """How many rows to do stand in a building."""

    place_zh: str
    place_en: str
    rows: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A batch in a worker's hands for one turn."""

    id: int
    owner: str
    account_id: int | None
    action: str
    parameters: Mapping[str, str]
    factor: bool
    claims: int


@dataclass(frozen=True, slots=True)
class Due:
    """A row whose turn it is. `tries`: how often a person tried it again."""

    position: int
    key: str
    tries: int
