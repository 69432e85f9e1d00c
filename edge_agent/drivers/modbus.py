"""Modbus RTU reads: ranges of registers and coils in, values out."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.drivers.fields import Decoded, decode_fields, register_value
from edge_agent.drivers.plan import Request
from edge_agent.lines.exchange import Transaction
from protocol.errors import EncodeError
from protocol.profile import ProfileModbus
from protocol.site_plan import Device
from protocol.wire import modbus

_BIT_READS = (1, 2)


class ModbusDriver:
    """Reads one Modbus RTU profile."""

    def __init__(self, profile: ProfileModbus) -> None:
        self.profile: ProfileModbus = profile

    def check(self, device: Device) -> None:
        if not 1 <= int(device.address) <= 247:
            raise EncodeError(f"address {device.address!r}: expected a Modbus unit 1..247", device=device.id)

    def transaction(self, request: Request, replies: Sequence[bytes]) -> Transaction[bytes] | None:
        asked = _asked(request)
        if replies:
            _words(asked, replies[-1])
            return None
        # the decoder finds only what can answer the request; that it answers this one is the line's to see to
        return Transaction(asked, modbus.ReplyDecoder(asked), lambda reply: True, alike=modbus.reply_mark(asked))

    def data(self, request: Request, replies: Sequence[bytes]) -> bytes:
        """The registers of the reply as bytes, high byte first; coils one byte each."""
        asked = _asked(request)
        words = _words(asked, replies[0])
        return bytes(words) if asked[1] in _BIT_READS else b"".join(word.to_bytes(2, "big") for word in words)

    def decode(self, request: Request, replies: Sequence[bytes]) -> Decoded:
        words = _words(_asked(request), replies[0])
        return decode_fields(request.fields, lambda one: register_value(one, words))


def _asked(request: Request) -> bytes:
    function, first, count = (int(part) for part in request.key)
    return modbus.read_request(int(request.device.address), function, first, count)


def _words(asked: bytes, reply: bytes) -> Sequence[int]:
    return modbus.reply_bits(asked, reply) if asked[1] in _BIT_READS else modbus.reply_registers(asked, reply)
