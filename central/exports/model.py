"""What an export is, and the limits of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from central.web.translations import N_

MAX_ROWS = 1_000_000
MAX_PDF_ROWS = 20_000
MAX_OPEN = 5  # queued or running, of one person; one more is refused
MAX_KEPT_BYTES = 1 << 30  # of one person's files; the oldest go
KEEP_DAYS = 7
KEEP_LISTED_DAYS = 90  # how long the list says that there was a file
MAX_LISTED = 200


class Format(StrEnum):
    """The kind of file."""

    XLSX = "xlsx"
    CSV = "csv"
    PDF = "pdf"


MEDIA_TYPES: Mapping[Format, str] = MappingProxyType(
    {
        Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Format.CSV: "text/csv; charset=utf-8",
        Format.PDF: "application/pdf",
    }
)
STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "queued": ("idle", N_("waiting to be made")),
        "running": ("warn", N_("being made")),
        "done": ("ok", N_("ready")),
        "failed": ("bad", N_("failed")),
        "cancelled": ("idle", N_("cancelled")),
    }
)
REMOVED: Mapping[str, str] = MappingProxyType(
    {
        "expired": N_("removed: files are kept for a week"),
        "room": N_("removed to make room: one person's files may take 1 GiB"),
        "deleted": N_("deleted"),
    }
)


@dataclass(frozen=True, slots=True)
class Export:
    """A job as its owner sees it. `removed`: why the file is gone although the job is done (expired, room, deleted). `error`: why there is none."""

    id: int
    table: str
    format: Format
    query: str
    columns: Sequence[str]
    language: str
    state: str
    rows_done: int
    rows_total: int | None
    error: str | None
    file_name: str | None
    bytes: int | None
    sha256: str | None
    removed: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether it is still waiting or worked on."""
        return self.state in {"queued", "running"}

    @property
    def ready(self) -> bool:
        """Whether there is a file to fetch."""
        return self.state == "done" and self.removed is None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job in a worker's hands. `claims` fences: progress is taken only from the worker that took it last."""

    id: int
    owner: str
    account_id: int | None
    table: str
    format: Format
    query: str
    columns: Sequence[str]
    language: str
    claims: int
    created_at: datetime
