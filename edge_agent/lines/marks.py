"""What was seen last in each device's own memory. A gateway keeps it in a file (`buffer.marks`); tools and tests in memory."""

from __future__ import annotations

from typing import Protocol


class Marks(Protocol):
    """Numbers by device and name. `device` names the meter itself (id and address), so that another meter in its place begins anew."""

    def get(self, device: str, what: str) -> int | None:
        """The value put last, or None. Raises StorageError."""

    def put(self, device: str, what: str, value: int) -> None:
        """Keep a value, durably where there is a disk. Raises StorageError."""


class MarksInMemory:
    """Marks that end with the program."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], int] = {}

    def get(self, device: str, what: str) -> int | None:
        return self._values.get((device, what))

    def put(self, device: str, what: str, value: int) -> None:
        self._values[device, what] = value
