"""Texts that a spreadsheet would run as formulas. Names of rooms and meters come from files people send; a cell must never be more than a text."""

from __future__ import annotations

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last four: full-width = + - @
_SKIPPED = " \u00a0\u3000\ufeff\u200b"  # what a spreadsheet passes over before it looks at the first character


def is_formula(text: str) -> bool:
    """Whether a spreadsheet that opens this text as a cell might run it."""
    return text.lstrip(_SKIPPED).startswith(_STARTS)


def harmless(text: str) -> str:
    """The text for a CSV cell: a leading apostrophe, which spreadsheets show as text, where it could be a formula; else as it is."""
    return f"'{text}" if is_formula(text) else text
