"""What goes over a line: a request with the means to know its reply, and the exchange that came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from protocol.command import Verdict

F = TypeVar("F")


class Decoder(Protocol[F]):
    """Frames out of a byte stream, as `protocol.wire` offers them."""

    noise_bytes: int
    checksum_errors: int

    @property
    def started(self) -> bool:
        """True while bytes are held that may begin a frame."""

    @property
    def missing(self) -> int:
        """Bytes still needed at least before a frame can complete."""

    def feed(self, data: bytes) -> list[F]:
        """Take bytes, return the frames they complete."""

    def reset(self) -> None:
        """Forget the frame in progress."""


@dataclass(frozen=True, slots=True)
class Transaction(Generic[F]):
    """A request and how to recognise its reply. `decoder` is fresh, for this exchange only; `rest_s`: idle bus wanted behind it (after writes).

    `shown`: what logs, errors and the raw frames show instead of a request that holds a password. `alike`: requests with the same mark have answers
    that cannot be told apart (Modbus replies name no register), so a late one must never meet another request of that mark.
    """

    request: bytes
    decoder: Decoder[F]
    accept: Callable[[F], bool]
    rest_s: float = 0.0
    shown: bytes | None = None
    alike: bytes | None = None


@dataclass(frozen=True, slots=True)
class ExchangeTiming:
    """Waits of one exchange, in seconds.

    `gap_s`: idle bus before the request. `first_byte_s`: from the request's last bit to the reply's first byte. `between_bytes_s`: between bytes
    of a reply that has begun. `quiet_s`: how long the bus must have been idle after a time-out before anybody is asked again.
    """

    gap_s: float
    first_byte_s: float
    between_bytes_s: float
    quiet_s: float


@dataclass(frozen=True, slots=True)
class Exchange(Generic[F]):
    """A reply. `td_s`: measured reply delay, None when it could not be measured; `ended_ms`: wall time of the reply's last byte."""

    reply: F
    td_s: float | None
    ended_ms: int


@dataclass(frozen=True, slots=True)
class RawFrame:
    """Bytes seen on the line. `direction`: `>` sent, `<` received.

    `verdict`: sent; of what was received ok (it holds the answer), damaged, foreign (whole, but another's), noise; silence has no bytes.
    `device`: who was spoken to, None where the line cannot know.
    """

    at_ms: int
    direction: Literal[">", "<"]
    data: bytes
    verdict: Verdict = "sent"
    device: str | None = None


@dataclass(slots=True)
class LineCounters:
    """What a line has done since it was opened first. `ideal_s`: wire time + measured Td + gap of the good exchanges (fieldbus 5.2)."""

    exchanges: int = 0
    timeouts: int = 0
    checksum_errors: int = 0
    foreign_frames: int = 0
    noise_bytes: int = 0
    echo_bytes: int = 0
    useful_bytes: int = 0
    busy_s: float = 0.0
    ideal_s: float = 0.0
