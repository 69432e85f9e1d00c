"""Series ids by device and quantity, remembered in the process: the table has one row a series and is asked once for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from central.consumption.arrivals import COUNTED
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from protocol.quantities import QUANTITIES
from protocol.reading import SeriesKey

_SQL = load_statements("central.ingest")
_NONE: dict[str, int] = {}
Ids = list[int | None]


@dataclass(frozen=True, slots=True)
class _Found:
    device: str
    quantity: str
    id: int


class SeriesIds:
    """The cache, nested by text because hashing 10,000 keys a commit is what ingest would mostly do otherwise.

    Only series that exist enter it, so it never outgrows the registry; unknown devices are asked for every time.
    """

    def __init__(self) -> None:
        self._ids: dict[str, dict[str, int]] = defaultdict(dict)
        self._counted = np.zeros(1024, np.bool_)

    def resolve(self, conn: Connection, batches: Sequence[Sequence[SeriesKey]]) -> list[Ids]:
        """Ids of each batch's keys; None where there is no such device or the quantity is none of the vocabulary.

        Creates the series of known devices in a transaction of its own: an id stays valid when the batch fails.
        """
        found = [self._find(keys) for keys in batches]
        missing = {key for keys, ids in zip(batches, found, strict=True) if None in ids for key in keys if self._may_exist(key)}
        if not missing:
            return found
        self._learn(conn, sorted(missing))
        return [self._find(keys) for keys in batches]

    def counted(self, series_id: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of these readings are of registers that consumption is computed from. Only for ids this cache has given out."""
        return self._counted[series_id]

    def _find(self, keys: Sequence[SeriesKey]) -> Ids:
        known = self._ids
        return [known.get(key.device, _NONE).get(key.quantity) for key in keys]

    def _may_exist(self, key: SeriesKey) -> bool:
        return key.quantity in QUANTITIES and "\0" not in key.device and key.quantity not in self._ids.get(key.device, _NONE)

    def _learn(self, conn: Connection, missing: Sequence[SeriesKey]) -> None:
        pairs = {"devices": [key.device for key in missing], "quantities": [key.quantity for key in missing]}
        with conn.transaction():
            found = rows(conn, _SQL["find_series"], _Found, **pairs)
            if len(found) < len(missing):
                run(conn, _SQL["create_series"], **pairs)
                found = rows(conn, _SQL["find_series"], _Found, **pairs)
        for row in found:
            self._ids[row.device][row.quantity] = row.id
            if row.id >= len(self._counted):
                self._counted = np.concatenate([self._counted, np.zeros(max(row.id, len(self._counted)), np.bool_)])
            self._counted[row.id] = row.quantity in COUNTED
