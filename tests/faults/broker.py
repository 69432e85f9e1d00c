"""A mosquitto of a test bed: started, stopped, killed, robbed of what it stored."""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from provisioning.rehearse.broker import CENTRAL_USER, BrokerFiles, find_mosquitto, write_broker_files
from tests.faults.campus import GATEWAYS
from tests.faults.wait import wait


class Broker:
    """A mosquitto on one port for as long as the chain lives."""

    def __init__(self, folder: Path, host: str, persistent: bool, tls: Path | None) -> None:
        self.host, self.port, self.tls = host, free_port(host), tls
        self.passwords = {user: secrets.token_hex(8) for user in (CENTRAL_USER, *GATEWAYS)}
        self.files = BrokerFiles(folder, folder / "store" if persistent else None)
        self._process: subprocess.Popen[bytes] | None = None
        write_broker_files(self.files, self.port, self.passwords, host)
        if tls is not None:
            with self.files.config.open("a", encoding="utf-8") as config:
                config.write(f"certfile {tls}/broker.pem\nkeyfile {tls}/broker.key\n")

    def start(self) -> None:
        """Start and wait until it listens."""
        binary = find_mosquitto()
        assert binary is not None
        with (self.files.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([binary, "-c", str(self.files.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait(self._listens, 10, "mosquitto listens")

    def stop(self) -> None:
        """End it as an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def forget(self) -> None:
        """Delete what it has stored."""
        if self.files.persistence is not None:
            shutil.rmtree(self.files.persistence)
            self.files.persistence.mkdir(mode=0o700)

    def log(self) -> str:
        """Everything it has said."""
        return (self.files.folder / "log").read_text(encoding="utf-8", errors="replace")

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=20)
            self._process = None

    def _listens(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody uses now."""
    with socket.create_server((host, 0)) as probe:
        return int(probe.getsockname()[1])
