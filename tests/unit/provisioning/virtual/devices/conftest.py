"""Frames are written as hex, as in the standards' examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

NOW_S = 1_790_000_000.0


@pytest.fixture
def ask() -> Callable[[Any, str], str | None]:
    """A function (device, request hex) -> reply hex, or None for silence."""

    def exchange(device: Any, request: str) -> str | None:
        frame = bytes.fromhex(request)
        if not device.means(frame):
            return None
        reply = device.respond(frame, NOW_S)
        return None if reply is None else reply.hex(" ").upper()

    return exchange
