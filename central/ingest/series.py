"""Series ids by (device, quantity), remembered in the process: the table has one row a series and is asked once for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from protocol.quantities import QUANTITIES
from protocol.reading import SeriesKey

_SQL = load_statements("central.ingest")


@dataclass(frozen=True, slots=True)
class _Found:
    device: str
    quantity: str
    id: int


class SeriesIds:
    """The cache. Only series that exist enter it, so it never outgrows the registry; unknown devices are asked for every time."""

    def __init__(self) -> None:
        self._ids: dict[SeriesKey, int] = {}

    def learn(self, conn: Connection, keys: Iterable[SeriesKey]) -> None:
        """Look up the keys not known yet and create series for known devices. Its own transaction: an id stays valid if the batch fails."""
        missing = sorted({key for key in keys if key not in self._ids and key.quantity in QUANTITIES and "\0" not in key.device})
        if not missing:
            return
        with conn.transaction():
            pairs = {"devices": [key.device for key in missing], "quantities": [key.quantity for key in missing]}
            found = rows(conn, _SQL["find_series"], _Found, **pairs)
            if len(found) < len(missing):
                run(conn, _SQL["create_series"], **pairs)
                found = rows(conn, _SQL["find_series"], _Found, **pairs)
        self._ids.update((SeriesKey(row.device, row.quantity), row.id) for row in found)

    def get(self, key: SeriesKey) -> int | None:
        """The id, or None where `learn` found no such device or the quantity is none of the vocabulary."""
        return self._ids.get(key)
