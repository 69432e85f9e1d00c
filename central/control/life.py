"""Which result changes a command, and how. Pure.

    queued -> sent -> (running) -> done | refused | failed | expired | unknown

A result is worth more than central's own guess: a command that central had given up takes the state its gateway proves, marked late. What a gateway
has settled stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from central.control.model import OPEN, State
from protocol.command import ResultState

GIVEN_UP = frozenset({"no_answer", "not_sent", "no_result"})  # codes of central's own guess


@dataclass(frozen=True, slots=True)
class Change:
    """What a result does: `state` is the new one, None = none. `what`: the line of history, None = it is only counted."""

    state: State | None
    what: Literal["running", "settled", "late", "contradicted"] | None
    late: bool = False


def change(state: State, code: str, result: ResultState) -> Change:
    """What a result does to a command in this state, `code` being why it is settled."""
    if state in OPEN:
        return _open(state, result)
    if result == "running":
        return Change(None, None)
    if code in GIVEN_UP:
        return Change(result, "late", late=True)
    return Change(None, None) if result == state else Change(None, "contradicted")


def _open(state: State, result: ResultState) -> Change:
    if result == "running":
        return Change("running", "running") if state != "running" else Change(None, None)
    return Change(result, "settled")
