"""Who is calling: what a connection says first, against the DTUs and concentrators expected on that address. Pure.

A DTU is known when what it says begins with its registration; of several that fit, the longest. A concentrator is known by the terminal
address in its first Q/GDW 376.1 frame (its login, or a heartbeat after a short break).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from protocol.wire import gdw376

MAX_SAID_BYTES = 512  # more than any registration; who has said more is a stranger
_SHOWN_BYTES = 64


@dataclass(frozen=True, slots=True)
class Dtu:
    """A transparent DTU. An empty registration is whoever calls."""

    registration: bytes


@dataclass(frozen=True, slots=True)
class Terminal:
    """A Q/GDW 376.1 terminal: region of 4 digits, terminal 0..65535."""

    region: str
    terminal: int


Caller = Dtu | Terminal


@dataclass(frozen=True, slots=True)
class Verdict:
    """`caller`: who it is so far. `is_final`: False while more bytes could tell otherwise. `who`, `farewell`: a stranger's name, and bytes for it."""

    caller: Caller | None
    is_final: bool
    who: str = ""
    farewell: bytes = b""

    @property
    def is_stranger(self) -> bool:
        """True when no further byte can make this caller known."""
        return self.is_final and self.caller is None


def identify(said: bytes, expected: Collection[Caller]) -> Verdict:
    """Judge a caller by everything it has said since it connected."""
    registrations = [one for one in expected if isinstance(one, Dtu)]
    named = max((one for one in registrations if said.startswith(one.registration)), key=lambda one: len(one.registration), default=None)
    longer = any(len(one.registration) > len(said) and one.registration.startswith(said) for one in registrations)
    if named is not None and (named.registration or not longer):
        return Verdict(named, not longer)
    terminals = {(one.region, one.terminal): one for one in expected if isinstance(one, Terminal)}
    decoder = gdw376.Decoder()
    frames = [frame for frame in decoder.feed(said) if frame.from_terminal] if terminals else []
    for frame in frames:
        if known := terminals.get((frame.address.region, frame.address.terminal)):
            return Verdict(known, True)
    farewell = gdw376.deny(frames[0]).to_bytes() if frames else b""
    who = f"concentrator {frames[0].address.region}-{frames[0].address.terminal:05d}" if frames else repr(said[:_SHOWN_BYTES])
    undecided = longer or (bool(terminals) and not frames and (not said or decoder.started))
    return Verdict(None, not undecided or len(said) >= MAX_SAID_BYTES, who, farewell)
