"""A live line, heard and never written to."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edge_agent.lines.port import Port
from provisioning.sniff.capture import Piece

_STEP_S = 0.1
_SILENT_S = 0.25  # longest pause inside a frame (DL/T 645-2007 5.2.2 allows 500 ms; no meter seen needs it)


def listen(port: Port, seconds: float) -> Iterator[Piece | None]:
    """Yield what is heard until `seconds` are over, then close the port; None each time the line has fallen silent. Raises PortUnavailable."""
    try:
        yield from _pieces(port, seconds)
    finally:
        port.close()


def _pieces(port: Port, seconds: float) -> Iterator[Piece | None]:
    ends = time.monotonic() + seconds
    last: float | None = None
    while (now := time.monotonic()) < ends:
        data = port.read(min(_STEP_S, ends - now))
        now = time.monotonic()
        if data:
            last = now
            yield Piece(data, time.time())
        elif last is not None and now - last >= _SILENT_S:
            last = None
            yield None
