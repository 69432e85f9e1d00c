"""What is known of commands. Frozen; times are Unix milliseconds UTC, values integers in the quantity's base unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["read", "frames", "switch"]
State = Literal["queued", "sent", "running", "done", "refused", "failed", "expired", "unknown"]
OPEN: frozenset[State] = frozenset({"queued", "sent", "running"})


@dataclass(frozen=True, slots=True)
class Value:
    """One value a device gave."""

    quantity: str
    value: int
    at_ms: int
    quality: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes on the line as hexadecimal, passwords blanked. `direction`: `>` sent, `<` received; `verdict` as `protocol.command` has it."""

    at_ms: int
    direction: str
    hex: str
    verdict: str
    device: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gateway proves its result with. `quantity`, `seen`: the reading that shows a switch; `already`: it showed the wanted state before.

    `clock_unsure`: the gateway's clock was not set, so the instants are not to be relied on.
    """

    took_ms: int
    clock_unsure: bool
    already: bool
    quantity: str | None
    seen: int | None
    readings: tuple[Value, ...]
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a command's history."""

    at_ms: int
    what: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """One command with its life so far. `arguments`: read: quantities (null: all); switch: command, quantity, value.

    `code` and `message` say why it is not done; `late`: its result came after it had been given up.
    """

    id: str
    key: str
    kind: Kind
    gateway: str
    device: str | None
    line: str | None
    arguments: Mapping[str, Any]
    reason: str
    requested_by: str
    requested_at_ms: int
    expires_at_ms: int
    state: State
    attempts: int
    sent_at_ms: int | None
    settled_at_ms: int | None
    code: str
    message: str
    late: bool
    evidence: Evidence | None
    steps: tuple[Step, ...] = ()

    @property
    def open(self) -> bool:
        """Whether a result is still to come."""
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class SwitchPreview:
    """What a switch would do. `value`: what `quantity` shall show; `shows`: what it shows now, None when it was never read.

    `would`: change, nothing (it shows the wanted state), or refused with `why` and the text `message`. `gateway_state`: online, offline, maintenance.
    """

    device: str
    command: str
    quantity: str
    value: int
    shows: int | None
    shown_at_ms: int | None
    shown_quality: int | None
    would: Literal["change", "nothing", "refused"]
    why: str
    message: str
    gateway: str
    gateway_state: str


@dataclass(frozen=True, slots=True)
class FramesView:
    """The raw frames that were fetched last. `command`: None when nobody has asked yet."""

    command: Command | None
    fetched_at_ms: int | None
    frames: tuple[Frame, ...]
