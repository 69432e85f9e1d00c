"""Search over places, gateways, devices and metering points: by code, number, card or either name, each word also by what lies above."""

from __future__ import annotations

import re
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.identity.scope import Scope
from central.metering.model import Hit

_SQL = load_statements("central.metering")
_MAX_TEXT = 100
_MAX_WORDS = 4  # each costs a look at every place and device; what follows is left out


@dataclass(frozen=True, slots=True)
class _Row(Hit):
    exact: bool
    rank: int


def search(conn: Connection, text: str, limit: int = 20, scope: Scope = None) -> list[Hit]:
    """The best matches within the scope: whole codes and numbers first (leading zeros do not matter), then places, gateways, devices, points.

    Of several words each must be found in a thing's own texts or in those of a place above it ("b1 101"), one of them in its own.
    """
    text = " ".join(text.replace("\0", "").lower()[:_MAX_TEXT].split()[:_MAX_WORDS])
    if not text:
        return []
    words = text.split()
    asked = {"text": text, "patterns": [contains(word) for word in words], "wholes": [_whole(word) for word in words]}
    number = text.lstrip("0") if text.isdigit() else None
    return _shared(rows(conn, _SQL["search"], _Row, **asked, number=number, scope=scope, limit=limit), limit)


def contains(text: str) -> str:
    """A LIKE pattern for 'contains this text', whatever characters it has."""
    escaped = text.strip().lower()[:_MAX_TEXT].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%".replace("\0", "")


def _whole(word: str) -> str:
    """A regular expression for the word with no digit beside its own digits."""
    before, behind = "(^|[^0-9])" if word[0].isdigit() else "", "([^0-9]|$)" if word[-1].isdigit() else ""
    return before + re.sub(r"([^\w\s])", r"\\\1", word) + behind


def _shared(found: list[_Row], limit: int) -> list[Hit]:
    """Exact ones first; of the rest no kind takes all the room: each may have a third before any has more."""
    fair = max(1, limit // 3)
    best = sorted(found, key=lambda row: (not row.exact, row.rank > fair))[:limit]
    chosen = [row for row in found if row in best]
    return [Hit(row.kind, row.code, row.title_zh, row.title_en, row.subtitle, row.place, row.device, row.way_zh, row.way_en) for row in chosen]
