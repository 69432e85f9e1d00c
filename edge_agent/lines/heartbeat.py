"""Takes a DTU's heartbeats out of a line's bytes. Pure: time is the caller's business.

A DTU sends them whenever it likes: before, behind and in the middle of a meter's reply, and TCP may cut them in two.

    68 91 08 ..  | @beat@ |  .. 16        ->   68 91 08 .. 16
    68 91 .. 16  | @be    |  at@ ..       ->   "@be" is held until the next bytes, or until `release`

A pattern of less than LEAST_ANYWHERE bytes could stand in a meter's data by chance: it is dropped only where a whole segment holds nothing else.
"""

from __future__ import annotations

LEAST_ANYWHERE = 4


class HeartbeatFilter:
    """State of one connection. `heartbeat` is counted, `registration` (some DTUs repeat it) only dropped; empty ones are never met."""

    def __init__(self, heartbeat: bytes, registration: bytes = b"") -> None:
        self._heartbeat = heartbeat
        self._patterns = tuple(dict.fromkeys(text for text in (heartbeat, registration) if text))
        self._held = b""
        self.heartbeats = 0

    def feed(self, data: bytes) -> bytes:
        """Return the line's bytes among these and those held before."""
        data, self._held = self._held + data, b""
        for pattern in self._patterns:
            anywhere = len(pattern) >= LEAST_ANYWHERE
            count = data.count(pattern)
            if count and (anywhere or data == pattern * count):
                data = data.replace(pattern, b"")
                self.heartbeats += count if pattern == self._heartbeat else 0
        kept = len(data) - max((_begun(data, pattern) for pattern in self._patterns if len(pattern) >= LEAST_ANYWHERE), default=0)
        data, self._held = data[:kept], data[kept:]
        return data

    @property
    def holds(self) -> bool:
        """True while bytes are held that may begin a heartbeat: call `release` when nothing has followed for a moment."""
        return bool(self._held)

    def release(self) -> bytes:
        """Return what was held: it was no heartbeat."""
        held, self._held = self._held, b""
        return held


def _begun(data: bytes, pattern: bytes) -> int:
    """How many bytes at the end of `data` are the beginning of the pattern."""
    return next((size for size in range(min(len(pattern) - 1, len(data)), 0, -1) if data.endswith(pattern[:size])), 0)
