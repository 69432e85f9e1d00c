"""A command from central to one gateway, and what came of it.

A command is sent again under the same id until its result arrives or it expires: the gateway carries it out at most once. What it may do is told by
`kind`; a gateway that does not know one refuses it by name. Nothing here can move money.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from protocol.record import Record
from protocol.site_plan import Id

COMMAND_SCHEMA = 1
MAX_LIFE_S = 600  # a command that waits longer than this was not wanted now
MAX_FRAMES = 400  # of a result: 200 exchanges
MAX_VALUES = 500
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
READ, FRAMES, SWITCH = "read", "frames", "switch"

ResultState = Literal["running", "done", "refused", "failed", "expired", "unknown"]
Verdict = Literal["sent", "ok", "silence", "damaged", "foreign", "noise"]


class Command(Record):
    """What a gateway is to do, once.

    read: `device`, `quantities` (None: all it has). frames: the last raw exchanges of `device`, or of `line`. switch: `device` and the name of one of
    its profile's commands in `command`. `key`: chosen by who asked. Times are Unix milliseconds UTC by central's clock.
    """

    schema_: int = Field(alias="schema", default=COMMAND_SCHEMA)
    id: str = Field(pattern=UUID)
    kind: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    key: str = Field(min_length=1, max_length=100)
    device: Id | None = None
    line: Id | None = None
    quantities: tuple[str, ...] | None = Field(default=None, max_length=200)
    command: str | None = Field(default=None, max_length=80)
    issued_at_ms: int = Field(ge=0)
    expires_at_ms: int = Field(ge=0)
    reason: str = Field(default="", max_length=500)
    requested_by: str = Field(max_length=200)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Command:
        if not self.issued_at_ms < self.expires_at_ms <= self.issued_at_ms + MAX_LIFE_S * 1000:
            raise ValueError(f"expires_at_ms must lie 1 to {MAX_LIFE_S * 1000} ms after issued_at_ms")
        return self


class ReadValue(Record):
    """One value a device gave, in the quantity's base unit."""

    quantity: str = Field(max_length=64)
    value: int
    at_ms: int
    quality: int = 0


class ShownFrame(Record):
    """Bytes on the line as people look at them: passwords are blanked. `direction`: `>` sent, `<` received; silence has no bytes."""

    at_ms: int
    direction: Literal[">", "<"]
    hex: str = Field(max_length=2000)
    verdict: Verdict
    device: str | None = None


class CommandResult(Record):
    """What came of a command.

    running: begun, its result follows. done: proved by `readings` or, of a switch, by `seen`. refused: not tried; failed: tried in vain; `code`
    says why. expired: it came too late, nothing was sent. unknown: nobody can say whether it was carried out; `seen` is what the device shows.
    `quantity`, `seen`: the reading that proves a switch, and its value. `already`: it showed the wanted state before, nothing was sent.
    """

    schema_: int = Field(alias="schema", default=COMMAND_SCHEMA)
    id: str = Field(pattern=UUID)
    state: ResultState
    code: str = Field(default="", max_length=80)
    message: str = Field(default="", max_length=2000)
    at_ms: int
    took_ms: int = Field(default=0, ge=0)
    clock_unsure: bool = False
    already: bool = False
    quantity: str | None = Field(default=None, max_length=64)
    seen: int | None = None
    readings: tuple[ReadValue, ...] = Field(default=(), max_length=MAX_VALUES)
    frames: tuple[ShownFrame, ...] = Field(default=(), max_length=MAX_FRAMES)

    @property
    def final(self) -> bool:
        """Whether no other result follows."""
        return self.state != "running"


@dataclass(frozen=True, slots=True)
class Results:
    """The content of a stored message of kind "results"."""

    results: tuple[CommandResult, ...]

    def __len__(self) -> int:
        return len(self.results)
