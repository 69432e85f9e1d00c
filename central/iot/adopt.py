"""Reports that were set aside, once their reason is gone: their meter entered the plan, or its card and way were put right there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.iot.report import retold
from central.iot.take import ADOPTABLE, take

log = logging.getLogger(__name__)

_SQL = load_statements("central.iot")
_GROUP = 100


@dataclass(frozen=True, slots=True)
class _Waiting:
    id: int
    topic: str
    payload: bytes
    properties: Mapping[str, str]


def adopt(conn: Connection) -> int:
    """Take every report that can be filed now, oldest first, each in its own transaction; returns how many. No meter is awake to hear commands."""
    after, adopted = 0, 0
    while group := rows(conn, _SQL["adoptable"], _Waiting, reasons=list(ADOPTABLE), after=after, limit=_GROUP):
        adopted += sum(_adopt_one(conn, entry) for entry in group)
        after = group[-1].id
    if adopted:
        log.info("%d reports that were set aside have found their meters", adopted)
    return adopted


def _adopt_one(conn: Connection, entry: _Waiting) -> bool:
    via = entry.topic.removeprefix("iot/")
    kept = orjson.loads(bytes(entry.payload))
    with conn.transaction():
        taken = take(conn, via, retold(kept["report"]), kept["raw"], int(entry.properties["received_at_ms"]), awake=False)
        if taken.device is None:
            return False
        run(conn, _SQL["mark_adopted"], id=entry.id)
    return True
