"""CJ/T 188 reads: one identifier carries all of a meter's values; the wire's own unit byte decides."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.drivers.fields import Decoded, byte_value, decode_fields
from edge_agent.drivers.plan import Request
from edge_agent.lines.exchange import Transaction
from protocol.profile import Profile188
from protocol.site_plan import Device
from protocol.wire import bcd, cjt188


class Cjt188Driver:
    """Reads one CJ/T 188 profile."""

    def __init__(self, profile: Profile188) -> None:
        self.profile: Profile188 = profile

    def check(self, device: Device) -> None:
        bcd.full_address(device.address, cjt188.ADDRESS_BYTES)

    def transaction(self, request: Request, replies: Sequence[cjt188.Frame]) -> Transaction[cjt188.Frame] | None:
        asked = self._asked(request)
        if replies:
            cjt188.reply_data(asked, replies[-1])
            return None
        return Transaction(asked.to_bytes(self.profile.preamble), cjt188.Decoder(), lambda reply: cjt188.matches(asked, reply))

    def data(self, request: Request, replies: Sequence[cjt188.Frame]) -> bytes:
        """What stands behind identifier and SER in the reply."""
        return cjt188.reply_data(self._asked(request), replies[0])

    def decode(self, request: Request, replies: Sequence[cjt188.Frame]) -> Decoded:
        data = self.data(request, replies)
        return decode_fields(request.fields, lambda one: byte_value(one, data))

    def _asked(self, request: Request) -> cjt188.Frame:
        meter_type = int(self.profile.meter_type, 16)
        return cjt188.read_request(meter_type, request.device.address, str(request.key[0]), di_order=self.profile.di_order)
