"""The control socket of a running virtual site: one JSON object per line in, one per line out, on loopback TCP.

{"do": "stats", "detail": false}            {"ok": true, "result": {"g1/l1": {...}}}
{"do": "set_fault", "device": "m1", "fault": {"kind": "dead"}}      fault null: healthy again
{"do": "truth", "device": "m1", "quantity": "energy_active_forward"}
{"do": "set_state", "device": "m1", "quantity": "input_1", "value": 1}
{"do": "provoke", "device": "m1", "event": "meter_cover_open", "lasts_s": 60, "operator": "00000001"}      an entry in its event log
{"do": "memory", "device": "m1"}            all it remembers: states, event logs, account, appliances, clock
{"do": "account", "device": "m1"}           {"ok": true, "result": {"balance": 120000, "count": 7, "customer": "...", "opened": true, ...}}
{"do": "set_account", "device": "m1", "balance": 500, "opened": true, "customer": "000000000012"}          each of the three may be left out
{"do": "appliance", "device": "m1", "name": "kettle", "watts": 1800}     0 W: switched off
{"do": "reset_stats"}   {"do": "write_stats", "path": "..."}   {"do": "lines"}   {"do": "faults"}   {"do": "ping"}
"""

from __future__ import annotations

import json
import logging
import socketserver
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from protocol.errors import CampusError
from protocol.site_plan import VirtualFault
from provisioning.virtual.site import VirtualSite

_LOG = logging.getLogger(__name__)
_MAX_LINE_BYTES = 64 * 1024  # a longer request is refused and the connection closed


def obey(site: VirtualSite, request: Mapping[str, Any]) -> object:
    """Carry out one request; KeyError, TypeError and ValueError mean that it is malformed."""
    return _ORDERS[request["do"]](site, request)


class ControlServer:
    """Serves `obey` on a loopback port, each connection in a thread. Port 0 chooses a free one; `port` tells which."""

    def __init__(self, site: VirtualSite, port: int = 0) -> None:
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.site = site
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="virtual-control", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    site: VirtualSite


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        while line := self.rfile.readline(_MAX_LINE_BYTES + 1):
            answer = {"ok": False, "error": f"request longer than {_MAX_LINE_BYTES} bytes"} if len(line) > _MAX_LINE_BYTES else self._answer(line)
            self.wfile.write(json.dumps(answer).encode() + b"\n")
            if len(line) > _MAX_LINE_BYTES:
                return

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            return {"ok": True, "result": obey(self.server.site, json.loads(line))}
        except (CampusError, ValidationError, OSError) as error:
            return {"ok": False, "error": str(error)}
        except (KeyError, TypeError, ValueError) as error:
            return {"ok": False, "error": f"malformed request: {error!r}; orders are {', '.join(_ORDERS)}"}


def _set_fault(site: VirtualSite, request: Mapping[str, Any]) -> None:
    fault = request["fault"]
    site.set_fault(request["device"], None if fault is None else VirtualFault.model_validate(fault))


def _provoke(site: VirtualSite, request: Mapping[str, Any]) -> None:
    site.provoke(request["device"], request["event"], float(request.get("lasts_s", 0)), str(request.get("operator", "00000000")))


def _set_account(site: VirtualSite, request: Mapping[str, Any]) -> dict[str, object]:
    return site.set_account(request["device"], request.get("balance"), request.get("opened"), request.get("customer"))


_ORDERS: dict[str, Callable[[VirtualSite, Mapping[str, Any]], object]] = {
    "ping": lambda _site, _request: "here",
    "lines": lambda site, _request: site.lines(),
    "stats": lambda site, request: site.stats(detail=bool(request.get("detail", False))),
    "reset_stats": lambda site, _request: site.reset_stats(),
    "write_stats": lambda site, request: site.write_stats(Path(request["path"])),
    "faults": lambda site, _request: {name: [fault.model_dump() for fault in faults] for name, faults in site.faults().items()},
    "set_fault": _set_fault,
    "truth": lambda site, request: site.truth(request["device"], request["quantity"]),
    "provoke": _provoke,
    "memory": lambda site, request: site.memory(request["device"]),
    "account": lambda site, request: site.set_account(request["device"]),
    "set_account": _set_account,
    "appliance": lambda site, request: site.switch_appliance(request["device"], request["name"], int(request["watts"])),
    "set_state": lambda site, request: site.set_state(request["device"], request["quantity"], int(request["value"])),
}
