"""What a virtual meter has written into its event logs: for each kind of event how often it happened, and the newest records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

KEPT = 100  # records of one kind; the oldest goes, the count stays
NOBODY = "00000000"


@dataclass(frozen=True, slots=True)
class Happened:
    """One record; instants as the meter's own clock showed them then. `ended` None: still going on. `operator`: eight hex digits."""

    began: datetime
    ended: datetime | None = None
    operator: str = NOBODY


@dataclass
class Journal:
    """The logs of one meter; newest record first."""

    counts: dict[str, int] = field(default_factory=dict)
    records: dict[str, list[Happened]] = field(default_factory=dict)

    def note(self, event: str, began: datetime, ended: datetime | None = None, operator: str = NOBODY) -> None:
        """Write a record."""
        self.counts[event] = self.counts.get(event, 0) + 1
        self.records.setdefault(event, []).insert(0, Happened(began, ended, operator))
        del self.records[event][KEPT:]

    def count(self, event: str) -> int:
        """Return how often something happened."""
        return self.counts.get(event, 0)

    def record(self, event: str, number: int) -> Happened | None:
        """Return the record `number`, 1 being the newest, or None."""
        kept = self.records.get(event, [])
        return kept[number - 1] if 1 <= number <= len(kept) else None

    def clear(self, event: str) -> None:
        """Forget one kind."""
        self.counts.pop(event, None)
        self.records.pop(event, None)

    def memory(self) -> dict[str, Any]:
        """Return what must outlive a restart, JSON-ready."""
        return {"counts": self.counts, "records": {event: [_written(one) for one in kept] for event, kept in self.records.items()}}


def recalled(data: Mapping[str, Any]) -> Journal:
    """Return the journal that `memory` gave away."""
    records = {str(event): [_read(*one) for one in kept] for event, kept in data["records"].items()}
    return Journal({str(event): int(count) for event, count in data["counts"].items()}, records)


def _written(one: Happened) -> list[str | None]:
    return [one.began.isoformat(), None if one.ended is None else one.ended.isoformat(), one.operator]


def _read(began: str, ended: str | None, operator: str) -> Happened:
    return Happened(datetime.fromisoformat(began), datetime.fromisoformat(ended) if ended else None, operator)
