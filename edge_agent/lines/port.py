"""Ports a line can hang on: a serial device, a serial server we dial, a DTU or a concentrator that dials in.

A port moves bytes and knows nothing of meters. Every operating system error becomes PortUnavailable; the worker reopens after `retry_s`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge_agent.lines.concentrator import ConcentratorLinePort
from edge_agent.lines.dial_in import DialInPort
from edge_agent.lines.dial_out import DialOutPort
from edge_agent.lines.serial_port import SerialLinePort
from protocol.site_plan import ConcentratorPort, Line, SerialPort, TcpClientPort, TcpServerPort


class Port(Protocol):
    """Raw bytes to and from one RS-485 line. `jitter_s`: delay the transport may add; `retry_s`: waits between attempts to open.

    `patience_s`: how long it may be unavailable before that is worth telling.
    `framed`: True where a reply arrives in one piece, after its last byte has left the bus, and our own bytes never come back.
    """

    jitter_s: float
    framed: bool
    retry_s: Sequence[float]
    patience_s: float

    def open(self) -> None:
        """Open, or raise PortUnavailable."""

    def write(self, data: bytes) -> None:
        """Hand all bytes to the transport; does not wait until they are on the wire. PortBusy: nothing was sent, another line is using it."""

    def read(self, timeout_s: float) -> bytes:
        """Return bytes as soon as any are there, or nothing after the time-out. NoReply: the transport knows that nothing (more) will come."""

    def flush_input(self) -> int:
        """Drop what has arrived and return how many bytes that was."""

    def set_speed(self, baud: int | None) -> None:
        """Go on at another rate; None: the line's own. Raises Refused where the rate is set elsewhere."""

    def fileno(self) -> int:
        """The file descriptor bytes come from."""

    def close(self) -> None:
        """Close; closing twice is harmless."""


def open_port(line: Line) -> Port:
    """Return an open port for a line of the site plan; raise PortUnavailable."""
    port = make_port(line)
    port.open()
    return port


def make_port(line: Line) -> Port:
    """The port a line of the site plan names, not opened yet."""
    match line.port:
        case SerialPort():
            return SerialLinePort(line)
        case TcpClientPort():
            return DialOutPort(line.port)
        case TcpServerPort():
            return DialInPort(line.port)
        case ConcentratorPort():
            return ConcentratorLinePort(line.port, line)
