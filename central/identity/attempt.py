"""One change on a page: done whole, or undone whole with the reason at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from central.db.pool import Connection
from protocol.errors import CampusError, Conflict, NotFound, Refused

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tried(Generic[T]):
    """What a change returned, or why it was refused."""

    result: T | None = None
    error: CampusError | None = None

    @property
    def problem(self) -> object:
        """The stable word pages have a text for."""
        return self.error.details.get("problem", self.error.code) if self.error else None

    @property
    def status(self) -> int:
        """The answer's HTTP status."""
        return 422 if self.error else 200


def tried(conn: Connection, change: Callable[[], T]) -> Tried[T]:
    """Carry out `change` in a savepoint, so that a refusal half way leaves nothing behind and the page can still be read."""
    try:
        with conn.transaction():
            return Tried(change())
    except (Refused, Conflict, NotFound) as error:
        return Tried(error=error)
