"""A baud-true virtual line of meters in a process of its own, and orders to it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from protocol.site_plan import Line, SitePlan

_TEXT = {"zh": "测试", "en": "Fault test"}
_LINE = "l1"


class Site:
    """The running line: its plan and its control socket."""

    def __init__(self, plan: SitePlan, port: int) -> None:
        self.line: Line = plan.gateways[0].lines[0]
        self._stream = socket.create_connection(("127.0.0.1", port), timeout=10).makefile("rw")

    def device(self, number: int) -> str:
        """Id of a meter."""
        return self.line.devices[number].id

    def fault(self, number: int, kind: str, **details: int) -> None:
        """Let a meter be faulty from now on."""
        self.order(do="set_fault", device=self.device(number), fault={"kind": kind, **details})

    def truth(self, device: str, quantity: str) -> int:
        """What a meter shows now."""
        return int(self.order(do="truth", device=device, quantity=quantity))

    def order(self, **request: Any) -> Any:
        """Ask the virtual site."""
        self._stream.write(json.dumps(request) + "\n")
        self._stream.flush()
        answer = json.loads(self._stream.readline())
        if not answer["ok"]:
            raise RuntimeError(f"the virtual site refuses {request}: {answer}")
        return answer["result"]


@contextmanager
def virtual_line(profile: str, meters: int, baud: int, address: Callable[[int], str] | None = None) -> Iterator[Site]:
    """Run a line of equal devices. `address`: of each by its number, default as DL/T 645 has them."""
    address = address or (lambda n: f"{baud}{n:03}")
    devices = [{"id": f"m{n}", "profile": profile, "address": address(n), "place": "room"} for n in range(meters)]
    line = {"id": _LINE, "port": {"kind": "serial", "path": "/dev/null"}, "baud": baud, "gap_ms": 30, "devices": devices}
    document = {
        "schema": 1,
        "site": {"id": "faults", "name": _TEXT},
        "places": [{"id": "room", "kind": "room", "name": _TEXT}],
        "gateways": [{"id": "g1", "name": _TEXT, "place": "room", "lines": [line]}],
    }
    with tempfile.TemporaryDirectory(prefix="ce-line-") as name:
        folder = Path(name)
        (folder / "plan.json").write_text(json.dumps(document), encoding="utf-8")
        command = [sys.executable, "-m", "provisioning.virtual", "--plan", str(folder / "plan.json"), "--folder", str(folder / "site")]
        command += ["--write-plan", str(folder / "virtual.json"), "--log-level", "warning"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[2])
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield Site(SitePlan.model_validate_json((folder / "virtual.json").read_text(encoding="utf-8")), ready["control"])
        finally:
            process.terminate()
            process.communicate(timeout=10)
