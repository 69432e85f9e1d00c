"""The folder of a virtual site: links to ports, TCP port numbers, and what devices remember. All of it survives a restart."""

from __future__ import annotations

import json
import logging
import socket
from pathlib import Path

from provisioning.virtual.instrument import Instrument

_LOG = logging.getLogger(__name__)


class SiteFolder:
    """Files of one virtual site. One process at a time uses a folder for the same gateways."""

    def __init__(self, root: Path) -> None:
        self._root = root
        (root / "state").mkdir(parents=True, exist_ok=True)
        self._ports_file = root / "ports.json"
        self._ports: dict[str, int] = json.loads(self._ports_file.read_text()) if self._ports_file.exists() else {}

    def epoch_s(self, now_s: float) -> float:
        """Return when this site was started for the first time; counters with a given start count from there."""
        file = self._root / "epoch"
        if not file.exists():
            replace_file(file, repr(now_s))
        return float(file.read_text())

    def link(self, line: str) -> Path:
        """Return the path a line's agent opens: `gateway-line`."""
        return self._root / line.replace("/", "-")

    def tcp_port(self, line: str) -> int:
        """Return the line's TCP port: chosen once, then always the same."""
        if line not in self._ports:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self._ports[line] = probe.getsockname()[1]
            replace_file(self._ports_file, json.dumps(self._ports, indent=1))
        return self._ports[line]

    def keep(self, instrument: Instrument) -> None:
        """Save what a device must remember."""
        replace_file(self._memory(instrument), instrument.memory())

    def recall(self, instrument: Instrument) -> None:
        """Give a device back what it remembered; an unreadable file is reported and left aside."""
        file = self._memory(instrument)
        if not file.exists():
            return
        try:
            instrument.remember(file.read_text())
        except (ValueError, KeyError, TypeError) as error:
            _LOG.warning("%s: not a device's memory (%s); the device starts as new", file, error)

    def _memory(self, instrument: Instrument) -> Path:
        return self._root / "state" / f"{instrument.device}.json"


def replace_file(file: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new, never a part."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)
