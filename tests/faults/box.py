"""One gateway as a process of its own: a real outbox and a real sender, told by standard input what to store.

Orders and answers are JSON, one a line. `{"do": "append", "cycle": n}` is answered by `{"stored": n, "epoch": e, "seq": s}` after the append has
returned, or by `{"refused": n}`; `connect` starts the sender; `stop` ends the process as SIGTERM would. Said unasked: `{"up": t}`, `{"down": t}`
and `{"document": name, "version": v, "at": t}`, with t on the machine's monotonic clock.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

from edge_agent.buffer.batches import Limits as OutboxLimits
from edge_agent.buffer.outbox import Outbox
from edge_agent.settings import SenderSettings, UplinkSettings
from edge_agent.uplink.sender import Announcer, Clock, Reconnect, Sender
from edge_agent.uplink.session import Options, Session
from edge_agent.uplink.window import Limits, Window
from protocol.errors import StorageError
from protocol.messages import Birth, Health, Reported, ReportedDocument
from tests.faults.campus import cycle

_LOOK_S = 0.005


def main(options: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    logging.basicConfig(level="INFO", stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    outbox = Outbox(Path(options["folder"]), options["gateway"], 1, OutboxLimits(min_free_bytes=0), now_ms=_now_ms)
    sender = _sender(outbox, options)
    if options["connect"]:
        sender.start()
    threading.Thread(target=_watch, args=(sender,), daemon=True).start()
    _say(ready=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "append":
            _append(outbox, order["cycle"])
        elif order["do"] == "connect":
            sender.start()
        elif order["do"] == "stop":
            break
    sender.stop(5)
    outbox.close()


def _append(outbox: Outbox, number: int) -> None:
    try:
        seq = outbox.append_readings(cycle(outbox.gateway, number))
    except StorageError:
        _say(refused=number)
    else:
        _say(stored=number, epoch=outbox.epoch, seq=seq)


def _sender(outbox: Outbox, options: dict[str, Any]) -> Sender:
    uplink = UplinkSettings(host=options["host"], port=options["port"])
    chosen = SenderSettings.model_validate(options["sender"])
    wanted = Options(
        outbox.gateway,
        uplink.host,
        uplink.port,
        ca_file=Path(options["ca_file"]) if options["ca_file"] else None,
        username=outbox.gateway,
        password_file=Path(options["password_file"]),
        keepalive_s=options["keepalive_s"],
    )
    limits = Limits(
        window=chosen.window,
        backfill_per_s=chosen.backfill_per_s,
        retry_s=chosen.retry_s,
        retry_max_s=chosen.retry_max_s,
        refused_s=chosen.refused_s,
    )
    birth = Birth(gateway=outbox.gateway, generation=1, epoch=outbox.epoch, agent_version="faults", started_at_ms=_now_ms(), lines=())
    health = Health(at_ms=1, uptime_s=1, backlog_batches=0, backlog_bytes=0, outbox_bytes=0)

    def hear(name: str, payload: bytes) -> None:
        version = json.loads(payload)["version"]
        _say(document=name, version=version, at=time.monotonic())
        sender.report(Reported(documents={name: ReportedDocument(version=version)}))

    sender = Sender(
        outbox,
        lambda topic, will: Session(wanted, topic, will),
        Window(limits),
        Announcer(lambda: birth, lambda: health),
        Clock(time.monotonic, _now_ms, random.uniform),
        on_document=hear,
        on_command=lambda _, _expiry_s: None,
        reconnect=Reconnect(uplink.reconnect_min_s, uplink.reconnect_max_s),
    )
    return sender


def _watch(sender: Sender) -> None:
    """Tell each change of the connection."""
    before = False
    while True:
        if sender.connected != before:
            before = not before
            _say(**{"up" if before else "down": time.monotonic()})
        time.sleep(_LOOK_S)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


_SPEAKING = threading.Lock()


def _say(**words: object) -> None:
    with _SPEAKING:
        print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
