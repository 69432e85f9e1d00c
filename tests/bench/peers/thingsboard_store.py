"""Puts messages into thingsboard-gateway's SQLite storage and says in the record which ones it called stored. Runs on the peer's own Python.

`python thingsboard_store.py FOLDER MESSAGES`: default settings, one put every half millisecond, ends without closing, as a box that loses power does.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import sys
import time
from threading import Event

from thingsboard_gateway.storage.sqlite.sqlite_event_storage import SQLiteEventStorage

_EVERY_S = 0.0005


def main() -> None:
    """Put, and mark each message for which put returned True."""
    folder, count = sys.argv[1], int(sys.argv[2])
    logging.disable()
    logger = logging.getLogger("peer")
    logger.trace = logger.debug  # the level that the gateway adds to its own loggers
    storage = SQLiteEventStorage({"data_file_path": f"{folder}/"}, logger, Event())
    mark = ctypes.CDLL(None).ce_mark
    for number in range(count):
        telemetry = [{"ts": 1_790_000_000_000, "values": {"energy": number}}]
        if storage.put(json.dumps({"deviceName": f"m-{number % 40}", "telemetry": telemetry})) is True:
            mark(b'["put", %d]' % number)
        time.sleep(_EVERY_S)
    time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    main()
