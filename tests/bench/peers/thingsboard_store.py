"""Puts messages into thingsboard-gateway's SQLite storage and says in the record which ones it called stored. Runs on the peer's own Python.

`python thingsboard_store.py FOLDER MESSAGES`: default settings, one put every half millisecond, ends without closing, as a box that loses power does.
"""

from __future__ import annotations

import ctypes
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
    storage = SQLiteEventStorage({"data_file_path": f"{folder}/"}, logging.getLogger("peer"), Event())
    mark = ctypes.CDLL(None).ce_mark
    for number in range(count):
        if storage.put('{"deviceName": "m-%d", "telemetry": [{"ts": 1790000000000, "values": {"energy": %d}}]}' % (number % 40, number)):
            mark(b'["put", %d]' % number)
        time.sleep(_EVERY_S)
    time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    main()
