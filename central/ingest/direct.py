"""Readings that came by no gateway: through the checked path, so that what is known stays and late ones land in their old day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from central.consumption.arrivals import clip_arrival
from central.db.pool import Connection
from central.db.statements import load_statements, run
from central.ingest.pack import Rows, pack
from central.ingest.series import SeriesIds
from central.ingest.store import arrival, insert_new
from protocol.errors import StorageError
from protocol.reading import Reading

_SQL = load_statements("central.ingest")


def store_directly(conn: Connection, readings: Sequence[Reading]) -> int:
    """Store readings of registered devices in the caller's transaction; returns how many contradicted what is stored (the first value stays).

    Raises StorageError for a device the registry does not have.
    """
    if not readings:
        return 0
    series = SeriesIds()
    keys = list(dict.fromkeys(reading.series for reading in readings))
    found = dict(zip(keys, series.resolve(conn, [keys])[0], strict=True))
    if missing := [key for key, number in found.items() if number is None]:
        raise StorageError(f"{missing[0].device} has no series {missing[0].quantity}: the device is not registered or the quantity not known")
    columns = [(found[one.series], one.measured_at_ms, one.value, int(one.quality)) for one in readings]
    rows = Rows(*np.array(columns, np.int64).T)
    inserted = insert_new(conn, pack(rows))
    if noted := clip_arrival(arrival(series, rows), inserted.kept_from_ms):
        run(conn, _SQL["note_arrival"], packed=noted)
    _touch(conn, readings)
    return inserted.conflicting


def _touch(conn: Connection, readings: Sequence[Reading]) -> None:
    latest_ms: dict[str, int] = {}
    for reading in readings:
        latest_ms[reading.series.device] = max(reading.measured_at_ms, latest_ms.get(reading.series.device, 0))
    run(conn, _SQL["touch_devices"], devices=list(latest_ms), at_ms=list(latest_ms.values()))
    conn.execute(_SQL["notify_devices"], {"devices": ",".join(sorted(latest_ms))})
