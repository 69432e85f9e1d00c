"""Ports a line can hang on: a serial device, a serial server we dial, a DTU that dials in. The only place that imports pyserial.

A port moves bytes and knows nothing of frames. Every operating system error becomes PortUnavailable; the worker reopens after `retry_s`.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import termios
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import serial

from protocol.errors import PortUnavailable
from protocol.site_plan import Line, SerialPort, TcpClientPort, TcpServerPort

RETRY_S: Sequence[float] = (1.0, 2.0, 5.0, 10.0, 30.0)
TCP_JITTER_S = 0.1  # serial servers add 20-100 ms and split frames
CONNECT_S = 1.5
MAX_FLUSH_BYTES = 65_536
MAX_CALLERS = 4  # connections that have not said their registration yet; older ones are closed
_READ_BYTES = 4096
_PSEUDO_TERMINALS = range(136, 144)  # device majors; they carry no parity, and the C library refuses it from the second time on


class Port(Protocol):
    """Raw bytes to and from one RS-485 line. `jitter_s`: delay the transport may add; `retry_s`: waits between attempts to open."""

    jitter_s: float
    retry_s: Sequence[float]

    def open(self) -> None:
        """Open, or raise PortUnavailable."""

    def write(self, data: bytes) -> None:
        """Hand all bytes to the transport; does not wait until they are on the wire."""

    def read(self, timeout_s: float) -> bytes:
        """Return bytes as soon as any are there, or nothing after the time-out."""

    def flush_input(self) -> int:
        """Drop what has arrived and return how many bytes that was."""

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


class _DescriptorPort:
    """What all ports share: a non-blocking descriptor, closed when it fails."""

    jitter_s: float = TCP_JITTER_S
    retry_s: Sequence[float] = RETRY_S

    def __init__(self, name: str) -> None:
        self._name = name

    def fileno(self) -> int:
        raise NotImplementedError

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


class SerialLinePort(_DescriptorPort):
    """A local serial device (RS-485 adapter, or a pseudo terminal)."""

    jitter_s = 0.0

    def __init__(self, line: Line) -> None:
        if not isinstance(line.port, SerialPort):
            raise TypeError(f"line {line.id} has no serial port")
        super().__init__(line.port.path)
        self._line = line
        self._serial: serial.Serial | None = None

    def open(self) -> None:
        self.close()
        try:
            pseudo = os.major(os.stat(self._name).st_rdev) in _PSEUDO_TERMINALS
            self._serial = serial.Serial(
                self._name,
                baudrate=self._line.baud,
                bytesize=8 if pseudo else self._line.data_bits,
                parity="N" if pseudo else self._line.parity,
                stopbits=self._line.stop_bits,
                timeout=0,
                exclusive=True,
            )
        except (OSError, ValueError, termios.error) as error:  # SerialException is an OSError, termios.error is not
            raise PortUnavailable(f"port {self._name} cannot be opened: {error}", port=self._name) from error
        with suppress(OSError, ValueError, NotImplementedError):  # USB adapters otherwise keep bytes back for 16 ms; others have nothing to set
            self._serial.set_low_latency_mode(True)

    def fileno(self) -> int:
        if self._serial is None:
            raise OSError(errno.EBADF, "not open")
        return int(self._serial.fileno())

    def _drop(self) -> None:
        port, self._serial = self._serial, None
        if port is not None:
            with suppress(OSError):
                port.close()


class _SocketPort(_DescriptorPort):
    """A port whose bytes come from a connected socket."""

    _socket: socket.socket | None = None

    def fileno(self) -> int:
        if self._socket is None:
            raise OSError(errno.ENOTCONN, "nobody is connected")
        return self._socket.fileno()

    def _drop(self) -> None:
        connected, self._socket = self._socket, None
        if connected is not None:
            connected.close()

    def _use(self, connected: socket.socket) -> None:
        if self._socket is not None:
            self._socket.close()
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 30_000)):
            if hasattr(socket, option):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        self._socket = connected


class DialOutPort(_SocketPort):
    """A serial server we connect to; its stream is the line's raw bytes."""

    def __init__(self, where: TcpClientPort) -> None:
        super().__init__(f"{where.host}:{where.port}")
        self._where = (where.host, where.port)

    def open(self) -> None:
        self.close()
        try:
            self._use(socket.create_connection(self._where, timeout=CONNECT_S))
        except OSError as error:
            raise PortUnavailable(f"serial server {self._name} cannot be reached: {error}", port=self._name) from error


class DialInPort(_SocketPort):
    """A DTU that connects to us, says its registration text first and then passes the line's raw bytes; heartbeats are dropped.

    A new connection that registers replaces the one before: the DTU lost its link and we have not noticed yet.
    """

    retry_s: Sequence[float] = (0.5,)  # looking whether somebody has called costs nothing

    def __init__(self, where: TcpServerPort) -> None:
        super().__init__(f"{where.host}:{where.port}")
        self._where = (where.host, where.port)
        self._registration = where.registration.encode()
        self._spoken = tuple(text.encode() for text in (where.heartbeat, where.registration) if text)
        self._listener: socket.socket | None = None
        self._callers: dict[socket.socket, bytes] = {}

    def open(self) -> None:
        try:
            if self._listener is None:
                self._listener = socket.create_server(self._where, backlog=MAX_CALLERS)
                self._listener.setblocking(False)
        except OSError as error:
            raise PortUnavailable(f"cannot listen on {self._name}: {error}", port=self._name) from error
        self._answer_callers()
        if self._socket is None:
            raise PortUnavailable(f"no DTU has dialled in and registered on {self._name}", port=self._name)

    def read(self, timeout_s: float) -> bytes:
        data = super().read(timeout_s)
        for text in self._spoken:
            while data.startswith(text):
                data = data[len(text) :]
            while data.endswith(text):
                data = data[: -len(text)]
        return data

    def flush_input(self) -> int:
        self._answer_callers()
        return super().flush_input()

    def bound_port(self) -> int:
        """The TCP port listened on (useful when the plan says 0 in tests); 0 while not listening."""
        return int(self._listener.getsockname()[1]) if self._listener else 0

    def close(self) -> None:
        super().close()
        for caller in self._callers:
            caller.close()
        self._callers.clear()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _answer_callers(self) -> None:
        """Accept who calls, read what they say without waiting, and take the one that registers."""
        for _ in range(MAX_CALLERS):
            try:
                caller, _ = self._listener.accept() if self._listener else (None, None)
            except (BlockingIOError, ConnectionAbortedError):
                break
            if caller is not None:
                caller.setblocking(False)
                self._callers[caller] = b""
        for caller in list(self._callers):
            self._hear(caller)
        for silent in list(self._callers)[:-MAX_CALLERS]:
            self._refuse(silent)

    def _hear(self, caller: socket.socket) -> None:
        """Read a caller's registration as far as it has arrived."""
        missing = len(self._registration) - len(self._callers[caller])
        try:
            said = caller.recv(missing) if missing else b""
        except BlockingIOError:
            return
        except OSError:
            said = b""
        self._callers[caller] += said
        if self._callers[caller] == self._registration:
            del self._callers[caller]
            self._use(caller)
        elif not said or not self._registration.startswith(self._callers[caller]):
            self._refuse(caller)

    def _refuse(self, caller: socket.socket) -> None:
        del self._callers[caller]
        caller.close()
