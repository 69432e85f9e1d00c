"""Virtual lines in a process of their own, so that what is measured and what answers do not share an interpreter."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from protocol.site_plan import SitePlan

_TEXT = {"zh": "测试", "en": "Bench"}


class Emulator:
    """A running emulator: its lines as a master finds them, and its control socket."""

    def __init__(self, sitemap: SitePlan, port: int) -> None:
        self.lines = {line.id: line for line in sitemap.gateways[0].lines}
        self._stream = socket.create_connection(("127.0.0.1", port), timeout=10).makefile("rw")

    def order(self, **request: Any) -> Any:
        """Have it do something; see `provisioning.virtual.control`."""
        self._stream.write(json.dumps(request) + "\n")
        self._stream.flush()
        answer = json.loads(self._stream.readline())
        if not answer["ok"]:
            raise RuntimeError(f"virtual site refuses {request}: {answer}")
        return answer["result"]

    def stats(self, line: str, detail: bool = False) -> dict[str, Any]:
        """The line's statistics since they were reset."""
        found: dict[str, Any] = self.order(do="stats", detail=detail)[f"g1/{line}"]
        return found


@contextmanager
def emulated(lines: Sequence[dict[str, Any]], dead: Sequence[str] = ()) -> Iterator[Emulator]:
    """Run these lines of a plan. Their devices stand in place `room`; `dead` ones never answer."""
    document = {
        "schema": 1,
        "site": {"id": "bench", "name": _TEXT},
        "places": [{"id": "room", "kind": "room", "name": _TEXT}],
        "gateways": [{"id": "g1", "name": _TEXT, "place": "room", "lines": list(lines)}],
        "rehearsal": {"devices": [{"device": device, "faults": [{"kind": "dead"}]} for device in dead]},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plan.json").write_text(json.dumps(document), encoding="utf-8")
        command = [sys.executable, "-m", "provisioning.virtual", "--plan", str(folder / "plan.json"), "--folder", str(folder / "site")]
        command += ["--write-plan", str(folder / "virtual.json"), "--log-level", "warning"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield Emulator(SitePlan.model_validate_json((folder / "virtual.json").read_text(encoding="utf-8")), ready["control"])
        finally:
            process.terminate()
            process.wait(10)
