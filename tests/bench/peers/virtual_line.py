"""One virtual Modbus line of equal meters in its own process, with its control socket: what a peer is measured on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from protocol.errors import PortUnavailable
from protocol.site_plan import SerialPort
from tests.bench.peers.poll import block_reads

_REPOSITORY = Path(__file__).resolve().parents[3]
_TEXT = {"zh": "测", "en": "Bench"}
_EVERY = 10  # of ten meters the fifth is dead: spread over the round


class VirtualLine:
    """The running line. `port` is what a peer opens; meters are units 1..n and devices m1..mn."""

    def __init__(self, port: SerialPort, stream: IO[str]) -> None:
        self.port = port
        self._stream = stream

    def kill_tenth(self, meters: int) -> int:
        """Make every tenth meter silent; return how many that are."""
        dead = range(_EVERY // 2, meters + 1, _EVERY)
        for unit in dead:
            self._order(do="set_fault", device=f"m{unit}", fault={"kind": "dead"})
        return len(dead)

    def reset(self) -> None:
        """Begin a new window of statistics."""
        self._order(do="reset_stats")

    def stats(self) -> dict[str, Any]:
        """The line's statistics with its log of exchanges (see LineStats.as_dict)."""
        result: dict[str, Any] = self._order(do="stats", detail=True)["b/l"]
        return result

    def _order(self, **request: Any) -> Any:
        self._stream.write(json.dumps(request) + "\n")
        self._stream.flush()
        answer = json.loads(self._stream.readline())
        if not answer["ok"]:
            raise PortUnavailable(f"virtual line refused {request}: {answer['error']}")
        return answer["result"]


@contextmanager
def virtual_line(profile: str, meters: int, baud: int, gap_ms: int) -> Iterator[VirtualLine]:
    """Run a line of `meters` meters of a Modbus profile, 8N1, on a pty."""
    with tempfile.TemporaryDirectory(prefix="peer-line-") as name:
        plan = Path(name) / "plan.json"
        plan.write_text(json.dumps(_plan(profile, meters, baud, gap_ms)), encoding="utf-8")
        command = [sys.executable, "-m", "provisioning.virtual", "--plan", str(plan), "--folder", f"{name}/line", "--log-level", "error"]
        env = os.environ | {"PYTHONPATH": str(_REPOSITORY)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=_REPOSITORY) as process:
            try:
                ready = json.loads((process.stdout.readline() if process.stdout else "") or "{}")
                if "control" not in ready:
                    raise PortUnavailable("virtual line did not start; its reason stands above")
                with socket.create_connection(("127.0.0.1", ready["control"])) as control, control.makefile("rw") as stream:
                    yield VirtualLine(SerialPort(kind="serial", path=ready["lines"]["b/l"]), stream)
            finally:
                process.terminate()


def _plan(profile: str, meters: int, baud: int, gap_ms: int) -> dict[str, Any]:
    block_reads(profile)  # refuses a profile that is not Modbus
    devices = [{"id": f"m{unit}", "profile": profile, "address": str(unit), "place": "room"} for unit in range(1, meters + 1)]
    port = {"kind": "serial", "path": "/dev/ttyS1"}
    line = {"id": "l", "port": port, "baud": baud, "parity": "N", "gap_ms": gap_ms, "devices": devices}
    return {
        "schema": 1,
        "site": {"id": "bench", "name": _TEXT},
        "places": [{"id": "room", "kind": "room", "name": _TEXT}],
        "gateways": [{"id": "b", "name": _TEXT, "place": "room", "lines": [line]}],
    }
