"""What a codec under fuzzing offers: how its inputs are made, and what must hold for each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


class Broken(Exception):
    """A promise of a codec does not hold for an input."""


@dataclass(frozen=True, slots=True)
class Subject:
    """`make` draws an input, `check` raises Broken, or lets escape what the codec should not have raised.

    An input may cost `steps` function calls, and `steps_a_byte` more for each of its bytes. `weight`: share of the inputs; less for what is slow.
    """

    name: str
    make: Callable[[Random], bytes]
    check: Callable[[bytes, Random], None]
    steps: int = 20_000
    steps_a_byte: int = 300
    weight: float = 1.0


def require(condition: bool, what: str) -> None:
    """Raise Broken unless the condition holds."""
    if not condition:
        raise Broken(what)
