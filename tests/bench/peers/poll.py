"""What a peer is told to poll and how: the reads of one meter, and the manners of a client (time-out, retries, pause between frames)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from firmware_profiles.loader import load_profiles
from protocol.errors import ConfigError
from protocol.profile import ProfileModbus

BITS_PER_BYTE = 10  # 8N1
_REQUEST_BYTES, _REPLY_FRAME_BYTES = 8, 5  # unit function first(2) count(2) crc(2); unit function length .. crc(2)
_SLOWEST_TD_S = 0.2  # twice the slowest reply of a virtual meter: what a careful engineer would measure and set


@dataclass(frozen=True, slots=True)
class Read:
    """One Modbus read request: function 3 or 4, first register, number of registers."""

    function: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Manners:
    """How a client treats the line. `timeout_s`: for a whole reply; `retries`: after the first try; `pause_s`: idle it is told to leave."""

    name: str
    timeout_s: float
    retries: int
    pause_s: float


def spaced(stock: Manners, gap_s: float) -> Manners:
    """A peer's defaults plus the one thing an RS-485 line cannot do without: the gap before each request."""
    return replace(stock, name="defaults + gap", pause_s=gap_s)


def tuned(reads: Sequence[Read], baud: int, gap_s: float) -> Manners:
    """The settings that favour a peer most: no retry, the gap, and a time-out of the longest exchange on the wire plus 200 ms."""
    longest_bytes = _REQUEST_BYTES + _REPLY_FRAME_BYTES + 2 * max(read.count for read in reads)
    return Manners("tuned", round(longest_bytes * BITS_PER_BYTE / baud + _SLOWEST_TD_S, 3), retries=0, pause_s=gap_s)


def block_reads(profile: str) -> tuple[Read, ...]:
    """One read per block of a shipped Modbus profile: the exchanges our own planner makes when everything is due."""
    return tuple(Read(block.function, block.first, block.last - block.first + 1) for block in _modbus(profile).blocks)


def item_reads(profile: str) -> tuple[Read, ...]:
    """One read per register item of a profile, the way a client without block reads does it."""
    return tuple(Read(item.function, item.address, item.count) for item in _modbus(profile).items)


def _modbus(name: str) -> ProfileModbus:
    profile = load_profiles().profiles.get(name)
    if not isinstance(profile, ProfileModbus):
        raise ConfigError(f"profile {name!r}: expected a shipped Modbus profile such as chint/ddsu666")
    return profile
