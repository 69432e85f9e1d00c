"""DL/T 645 reads, 2007 and 1997: identifiers in, values out, replies in several frames followed up."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.drivers.fields import Decoded, byte_value, decode_fields
from edge_agent.drivers.plan import Request
from edge_agent.lines.exchange import Transaction
from protocol.profile import Profile1997, Profile2007
from protocol.profile_items import Protocol
from protocol.site_plan import Device
from protocol.wire import bcd, dlt645

MAX_FOLLOW_UPS = 15  # a reply that claims to go on for longer is cut here; 16 frames carry 3 kB


def version_of(profile: Profile2007 | Profile1997) -> dlt645.Version:
    """The edition of the standard a profile speaks."""
    return dlt645.Version.V2007 if profile.protocol is Protocol.DLT645_2007 else dlt645.Version.V1997


class Dlt645Driver:
    """Reads one DL/T 645 profile."""

    def __init__(self, profile: Profile2007 | Profile1997) -> None:
        self.profile: Profile2007 | Profile1997 = profile
        self._version = version_of(profile)

    def check(self, device: Device) -> None:
        bcd.full_address(device.address, dlt645.ADDRESS_BYTES)

    def transaction(self, request: Request, replies: Sequence[dlt645.Frame]) -> Transaction[dlt645.Frame] | None:
        asked = self._asked(request, len(replies))
        if replies:
            more = dlt645.reply_data(self._version, self._asked(request, len(replies) - 1), replies[-1]).more
            if not more or len(replies) > MAX_FOLLOW_UPS:
                return None
        return Transaction(asked.to_bytes(self.profile.preamble), dlt645.Decoder(), lambda reply: dlt645.matches(self._version, asked, reply))

    def data(self, request: Request, replies: Sequence[dlt645.Frame]) -> bytes:
        """What stands behind the identifier in the replies of a complete request."""
        return b"".join(dlt645.reply_data(self._version, self._asked(request, seq), reply).data for seq, reply in enumerate(replies))

    def decode(self, request: Request, replies: Sequence[dlt645.Frame]) -> Decoded:
        data = self.data(request, replies)
        return decode_fields(request.fields, lambda one: byte_value(one, data))

    def _asked(self, request: Request, seq: int) -> dlt645.Frame:
        """The first read (seq 0) or a follow-up."""
        address, di = request.device.address, str(request.key[0])
        return dlt645.followup_request(self._version, address, di, seq) if seq else dlt645.read_request(self._version, address, di)
