"""thingsboard-gateway's SQLite event storage, as its gateway uses it: put a text, get a pack, have it deleted. Runs in the peer's Python.

Standard input, a line each: `FILE` runs one round over the messages in a file (JSON, one a line). It answers with JSON: seconds and CPU seconds from
the first `put` to the last deletion, once given texts and once given objects that it serialises first, as the gateway does. Settings as shipped.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from threading import Event

from simplejson import dumps
from thingsboard_gateway.storage.sqlite.sqlite_event_storage import SQLiteEventStorage


def main(folder: Path) -> None:
    """Answer rounds until standard input ends."""
    logging.Logger.trace = logging.Logger.debug  # type: ignore[attr-defined]  # the gateway adds this level to its loggers
    storage = SQLiteEventStorage({"data_file_path": f"{folder}/"}, logging.getLogger("storage"), Event())
    print("ready", flush=True)
    for line in sys.stdin:
        texts = Path(line.strip()).read_text(encoding="utf-8").splitlines()
        objects = [json.loads(text) for text in texts]
        answer = {"texts": _round(storage, texts, lambda text: text), "objects": _round(storage, objects, _serialised)}
        answer["bytes"] = [sum(file.stat().st_size for file in folder.iterdir()), sum(map(len, texts))]
        print(json.dumps(answer), flush=True)
    storage.stop()


def _serialised(message: object) -> str:
    return str(dumps(message, separators=(",", ":"), skipkeys=True, ignore_nan=True))


def _round(storage: SQLiteEventStorage, messages: list, as_text) -> list[float]:  # type: ignore[no-untyped-def, type-arg]
    started, cpu = time.perf_counter(), time.process_time()
    for message in messages:
        storage.put(as_text(message))
    got = 0
    while got < len(messages):
        pack = storage.get_event_pack()
        got += len(pack)
        if pack:
            storage.event_pack_processing_done()
        else:
            time.sleep(0.001)
    return [time.perf_counter() - started, time.process_time() - cpu]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
