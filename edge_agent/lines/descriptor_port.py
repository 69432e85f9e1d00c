"""What all ports share: a non-blocking descriptor bytes come from, closed when it fails. Every operating system error becomes PortUnavailable."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Sequence

from protocol.errors import PortUnavailable, Refused

RETRY_S: Sequence[float] = (1.0, 2.0, 5.0, 10.0, 30.0)
TCP_JITTER_S = 0.1  # serial servers add 20-100 ms and split frames
CONNECT_S = 1.5
MAX_FLUSH_BYTES = 65_536
_READ_BYTES = 4096


class DescriptorPort:
    """What all ports share: a non-blocking descriptor, closed when it fails."""

    jitter_s: float = TCP_JITTER_S
    framed = False
    retry_s: Sequence[float] = RETRY_S
    patience_s: float = 0.0

    def __init__(self, name: str) -> None:
        self._name = name

    def fileno(self) -> int:
        raise NotImplementedError

    def set_speed(self, baud: int | None) -> None:
        if baud is not None:
            raise Refused(f"port {self._name} leads to a serial server or DTU, which has its own speed: change it there", port=self._name, baud=baud)

    def close(self) -> None:
        self._drop()

    def _drop(self) -> None:
        """Let go of the descriptor."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        try:
            left = memoryview(data)
            while left:
                _, ready, _ = select.select((), (self.fileno(),), (), CONNECT_S)
                if not ready:
                    raise TimeoutError(errno.ETIMEDOUT, "the port takes no bytes")
                left = left[os.write(self.fileno(), left) :]
        except (OSError, ValueError) as error:
            raise self._failed(error) from error

    def read(self, timeout_s: float) -> bytes:
        try:
            ready, _, _ = select.select((self.fileno(),), (), (), max(0.0, timeout_s))
            if not ready:
                return b""
            data = os.read(self.fileno(), _READ_BYTES)
        except BlockingIOError:
            return b""
        except (OSError, ValueError) as error:
            raise self._failed(error) from error
        if not data:
            raise self._failed(ConnectionResetError(errno.ECONNRESET, "the far end has closed"))
        return data

    def flush_input(self) -> int:
        dropped = 0
        while dropped < MAX_FLUSH_BYTES and (data := self.read(0)):
            dropped += len(data)
        return dropped

    def _failed(self, error: Exception) -> PortUnavailable:
        self._drop()
        return PortUnavailable(f"port {self._name} does not work: {error}", port=self._name)
