"""Places as the accounts pages show them: by name, found by searching."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, rows

_SQL = load_statements("central.identity")
_FOUND = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A place with the names of it and of what it lies in; `above_*` empty at the top."""

    code: str
    name_zh: str
    name_en: str
    above_zh: str
    above_en: str


def places_named(conn: Connection, codes: Iterable[str]) -> dict[str, Place]:
    """The places by code; one that a site plan removed keeps its name."""
    return {place.code: place for place in rows(conn, _SQL["places_named"], Place, codes=sorted(set(codes)))}


def search_places(conn: Connection, text: str) -> list[Place]:
    """The first places whose code or name holds `text`, larger places first."""
    like = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    return rows(conn, _SQL["search_places"], Place, q=like, limit=_FOUND) if text else []
