"""One meter talking CJ/T 188 to us over TCP or in a datagram: an IMEI line if it sends one, then frames; acknowledged when they are stored.

`IMEI:868...(15 digits)\\r\\n` (or just the digits) may stand first; without it the address in the frames says whose they are.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from central.consumption.load import site_zone
from central.db.pool import CONTENT_ERRORS, Connection, Pool
from central.iot.commands import given_valve_command
from central.iot.frames import VALVE_DONE, VALVE_REFUSED, acknowledgement, command_frame, frame_report, valve_answer
from central.iot.model import Report
from central.iot.take import refuse, take
from protocol.errors import MessageError
from protocol.wire.cjt188 import Decoder, Frame

log = logging.getLogger(__name__)

_REGISTRATION = re.compile(rb"(?:IMEI[:= ]?)?(\d{15})[ \t]*\r?\n?")
_MAX_LINE = 64
_FRAME_STARTS = (0xFE, 0x68)


class Conversation:
    """State of one connection (or one datagram): `hear` takes bytes and returns what to send back."""

    def __init__(self, pool: Pool, via: str, clock: Callable[[], float]) -> None:
        self._pool, self._via, self._clock = pool, via, clock
        self._imei: str | None = None
        self._line: bytes | None = b""  # None once frames have begun
        self._decoder = Decoder()

    def hear(self, data: bytes, whole: bool = False) -> bytes:
        """Take bytes as they come; returns acknowledgements and commands of what is committed. `whole`: nothing follows (a datagram).

        Raises DatabaseError or StorageError: then nothing of the frame is stored and nothing must be answered.
        """
        replies = b""
        for frame in self._decoder.feed(self._after_line(data, whole)):
            replies += self._take(frame)
        return replies

    def _after_line(self, data: bytes, whole: bool) -> bytes:
        """The bytes behind the registration line; none while that may still be incomplete."""
        if self._line is None:
            return data
        self._line += data
        if self._line[0] not in _FRAME_STARTS and b"\n" not in self._line and len(self._line) < _MAX_LINE and not whole:
            return b""
        found = _REGISTRATION.match(self._line)
        if found is not None:
            self._imei = found[1].decode()
        rest, self._line = self._line[found.end() if found else 0 :], None
        return rest

    def _take(self, frame: Frame) -> bytes:
        """One frame, in one transaction."""
        raw, now_ms = frame.to_bytes(0).hex(" ").upper(), int(self._clock() * 1000)
        try:
            with self._pool.connection() as conn:
                report = self._report(conn, frame)
                taken = take(conn, self._via, report, raw, now_ms)
        except (MessageError, *CONTENT_ERRORS) as error:
            log.debug("a frame over %s is no report: %s", self._via, error)
            with self._pool.connection() as conn:
                refuse(conn, self._via, frame.to_bytes(0), str(error))
            return b""
        if report.results:
            return b""
        frames = [command_frame(frame, order) for order in taken.commands]
        return acknowledgement(frame) + b"".join(one for one in frames if one is not None)

    def _report(self, conn: Connection, frame: Frame) -> Report:
        """What a frame says: a push, or the answer to the one valve command its meter can have been given."""
        number = str(int(frame.address)) if frame.address.isdecimal() else None
        if frame.control in (VALVE_DONE, VALVE_REFUSED) and (command := given_valve_command(conn, self._imei, number)) is not None:
            result = valve_answer(frame, command)
            return Report(self._imei, number, None, None, {}, results=(result,) if result else ())
        return frame_report(frame, self._imei, site_zone(conn))
