"""A virtual DL/T 645-1997 meter: two-byte identifiers, read 01, follow-up 02, re-read 03, clock 08. It has no relay and no address read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from protocol.profile import Profile1997
from provisioning.virtual.devices.dlt645 import (
    LOCAL_FAILURE,
    MORE,
    NO_SUCH_DATA,
    NOT_AUTHORISED,
    REFUSED,
    REPLY,
    address_bytes,
    build_reply,
    meets,
    parse_request,
)
from provisioning.virtual.devices.encoding import bcd
from provisioning.virtual.devices.register_map import ByteRegisters
from provisioning.virtual.instrument import Instrument

_READ, _FOLLOW, _AGAIN, _WRITE, _TIME = 0x01, 0x02, 0x03, 0x04, 0x08
_MAX_DATA = 200


class Meter1997:
    """One meter."""

    def __init__(
        self,
        profile: Profile1997,
        instrument: Instrument,
        address: str,
        *,
        ct: int = 1,
        pt: int = 1,
        captured: Mapping[str, bytes] | None = None,
        preamble: int = 4,
        max_data: int = _MAX_DATA,
    ) -> None:
        self.key = address_bytes(address)
        self.instrument = instrument
        blocks = {block.di: block.items for block in profile.blocks}
        self._registers = ByteRegisters(profile.items, blocks, instrument, ct=ct, pt=pt, captured=captured)
        self._preamble = preamble
        self._max_data = max_data
        self._rest: tuple[bytes, bytes] = (b"", b"")  # identifier and what follow-up requests still have to fetch
        self._last: tuple[int, bytes] | None = None

    def means(self, frame: bytes) -> bool:
        """Return whether a frame is for this meter."""
        return meets(parse_request(frame).address, self.key)

    def respond(self, frame: bytes, at_s: float) -> bytes | None:
        """Act on a valid frame that means this meter; return its reply or None for silence."""
        request = parse_request(frame)
        reply = self._act(request.control, request.data, at_s)
        if reply is None or request.address == b"\x99" * 6:
            return None
        self._last = reply
        return build_reply(self.key, reply[0], reply[1], self._preamble)

    def _act(self, control: int, data: bytes, at_s: float) -> tuple[int, bytes] | None:
        if control == _READ and len(data) == 2:
            payload = self._payload(data[::-1].hex().upper(), at_s)
            return (control | REPLY | REFUSED, bytes((NO_SUCH_DATA,))) if payload is None else self._part(control, data, payload)
        if control == _FOLLOW and len(data) == 2:
            di, rest = self._rest
            return self._part(control, di, rest) if rest and di == data else (control | REPLY | REFUSED, bytes((NO_SUCH_DATA,)))
        if control == _AGAIN:
            return self._last
        if control == _WRITE:
            return control | REPLY | REFUSED, bytes((NOT_AUTHORISED,))
        if control == _TIME and len(data) == 6:
            return self._set_time(data, at_s)
        return None

    def _part(self, control: int, di: bytes, payload: bytes) -> tuple[int, bytes]:
        room = self._max_data - 2
        self._rest = (di, payload[room:])
        return control | REPLY | (MORE if payload[room:] else 0), di + payload[:room]

    def _payload(self, di: str, at_s: float) -> bytes | None:
        payload = self._registers.payload(di, at_s)
        if payload is not None:
            return payload
        shown = self.instrument.local_time(at_s)
        date = bytes((int(shown.strftime("%w")), *bcd(int(shown.strftime("%y%m%d")), 3)))
        return {"C010": date, "C011": bcd(int(shown.strftime("%H%M%S")), 3), "C032": self.key, "C033": self.key}.get(di)

    def _set_time(self, data: bytes, at_s: float) -> tuple[int, bytes]:
        try:
            shown = datetime.strptime("20" + data[::-1].hex(), "%Y%m%d%H%M%S")  # the wire carries local time without a zone
        except ValueError:
            return _TIME | REPLY | REFUSED, bytes((LOCAL_FAILURE,))
        self.instrument.set_clock(shown, at_s)
        return _TIME | REPLY, b""
