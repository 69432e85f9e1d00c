"""A local serial device as a port. The only place that imports pyserial."""

from __future__ import annotations

import errno
import os
import termios
from contextlib import suppress

import serial

from edge_agent.lines.descriptor_port import DescriptorPort
from protocol.errors import PortUnavailable
from protocol.site_plan import Line, SerialPort

_PSEUDO_TERMINALS = range(136, 144)  # device majors; they carry no parity, and the C library refuses it from the second time on


class SerialLinePort(DescriptorPort):
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

    def set_speed(self, baud: int | None) -> None:
        try:
            if self._serial is not None:
                self._serial.baudrate = baud or self._line.baud
        except (OSError, ValueError, termios.error) as error:
            raise self._failed(error) from error

    def fileno(self) -> int:
        if self._serial is None:
            raise OSError(errno.EBADF, "not open")
        return int(self._serial.fileno())

    def _drop(self) -> None:
        port, self._serial = self._serial, None
        if port is not None:
            with suppress(OSError):
                port.close()
