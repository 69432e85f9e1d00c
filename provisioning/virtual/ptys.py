"""The master's side of a virtual line as a pseudo-terminal: the agent opens a stable symbolic link as if it were a serial port."""

from __future__ import annotations

import os
import termios
import tty
from pathlib import Path

_READ_BYTES = 4096
_SPEEDS = {getattr(termios, f"B{baud}"): baud for baud in (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)}


class PtySide:
    """A pty whose slave is reachable at `link`. A pty carries no parity, but its speed can be seen: a wrong one makes bytes illegible."""

    def __init__(self, link: Path, baud: int) -> None:
        self.link = link
        self._speed = getattr(termios, f"B{baud}")
        self._master, self._slave = os.openpty()  # our slave end stays open, so that the line survives an agent that closes and reopens it
        tty.setraw(self._slave)
        settings = termios.tcgetattr(self._slave)
        settings[4] = settings[5] = self._speed
        termios.tcsetattr(self._slave, termios.TCSANOW, settings)
        os.set_blocking(self._master, False)
        fresh = link.with_name(f".{link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(link)

    def filenos(self) -> list[int]:
        """Descriptors to watch."""
        return [self._master]

    def read(self, _fd: int) -> bytes:
        """Return what the master wrote since the last call."""
        try:
            return os.read(self._master, _READ_BYTES)
        except (BlockingIOError, OSError):
            return b""

    def write(self, data: bytes) -> int:
        """Hand bytes to the master; return how many it had room for (an agent that does not read loses the rest, as on a real line)."""
        try:
            return os.write(self._master, data)
        except (BlockingIOError, OSError):
            return 0

    def legible(self) -> bool:
        """Return whether the master uses the line's speed."""
        return bool(termios.tcgetattr(self._master)[5] == self._speed)

    def baud(self) -> int:
        """Return the speed the master's end is set to; 0 for one that is no serial speed."""
        return _SPEEDS.get(termios.tcgetattr(self._master)[5], 0)

    def tick(self, _now_s: float) -> None:
        """Nothing to keep up."""

    def close(self) -> None:
        """Take the port away; the link goes too."""
        self.link.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)
