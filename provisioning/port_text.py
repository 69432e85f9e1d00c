"""A line's port as an engineer types it. The one place that tells a serial port from a serial server."""

from __future__ import annotations

from pathlib import Path

from protocol.errors import ConfigError
from protocol.site_plan import LinePort, SerialPort, TcpClientPort


def port_of(text: str) -> LinePort:
    """Return `/dev/ttyUSB0` or `HOST:PORT` as a plan's port; raise ConfigError if it is neither."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and "/" not in host:
        return TcpClientPort(kind="tcp_client", host=host, port=int(port))
    if not Path(text).exists():
        raise ConfigError(f"{text}: expected a serial port, HOST:PORT of a serial server, or a capture file; there is nothing of that name")
    return SerialPort(kind="serial", path=text)
