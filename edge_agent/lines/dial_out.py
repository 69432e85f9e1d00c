"""A serial server we connect to, as a port."""

from __future__ import annotations

import errno
import socket

from edge_agent.lines.descriptor_port import CONNECT_S, TCP_JITTER_S, DescriptorPort
from edge_agent.lines.link import prepare
from protocol.errors import PortUnavailable
from protocol.site_plan import TcpClientPort


class DialOutPort(DescriptorPort):
    """A serial server; its stream is the line's raw bytes."""

    jitter_s = TCP_JITTER_S

    def __init__(self, where: TcpClientPort) -> None:
        super().__init__(f"{where.host}:{where.port}")
        self._where = (where.host, where.port)
        self._socket: socket.socket | None = None

    def open(self) -> None:
        self.close()
        try:
            connected = socket.create_connection(self._where, timeout=CONNECT_S)
            prepare(connected)
        except OSError as error:
            raise PortUnavailable(f"serial server {self._name} cannot be reached: {error}", port=self._name) from error
        self._socket = connected

    def fileno(self) -> int:
        if self._socket is None:
            raise OSError(errno.ENOTCONN, "nobody is connected")
        return self._socket.fileno()

    def _drop(self) -> None:
        connected, self._socket = self._socket, None
        if connected is not None:
            connected.close()
