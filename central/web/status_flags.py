"""Status words as people read them: which bits are set and what they mean. Pure."""

from __future__ import annotations

import re

from protocol.status_words import Flag, flags, flags_188

_WORD = re.compile(r"status_word_([1-7])")


def word_flags(quantity: str, value: int) -> tuple[Flag, ...] | None:
    """What a status word says, lowest bit first; None for a quantity that is none."""
    if quantity == "status_word_188":
        return flags_188(value)
    number = _WORD.fullmatch(quantity)
    return flags(int(number[1]), value) if number else None
