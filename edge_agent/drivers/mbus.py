"""M-Bus reads: one answer carries all of a slave's values, whatever of them is due.

    primary     10 40 A (SND_NKE)      -> E5    then 10 7B A  -> data, and as long as more follows 10 5B A, 10 7B A, ...
    secondary   68 .. FD 52 id (select) -> E5    then 10 7B FD -> data, ...

Every read begins with the reset or the selection, so the frame count bit starts at 1 and nothing of it is remembered between reads: an agent that
restarts, or a second master, cannot leave a slave repeating its last answer. That costs a dozen bytes a read. A slave that was broken off in the
middle of several telegrams and does not begin anew leaves out values for one read; it never shifts any.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.drivers.fields import Decoded, decode_fields, record_value
from edge_agent.drivers.plan import Field, Request
from edge_agent.lines.exchange import Transaction
from protocol.errors import EncodeError, PayloadError, UnexpectedReply
from protocol.profile import ProfileMbus
from protocol.site_plan import Device
from protocol.wire import mbus, mbus_data
from protocol.wire.mbus_record import Record

MAX_TELEGRAMS = 8  # a slave that claims to have more is cut here; eight carry 2 kB and take 9 s at 2400 baud
_IDENTIFICATION_DIGITS = 8


class MbusDriver:
    """Reads one M-Bus profile."""

    def __init__(self, profile: ProfileMbus) -> None:
        self.profile: ProfileMbus = profile

    def check(self, device: Device) -> None:
        if self.profile.by == "secondary" and len(device.address) != _IDENTIFICATION_DIGITS:
            raise EncodeError(f"address {device.address!r}: expected the eight digits of an M-Bus secondary address", device=device.id)
        if self.profile.by == "primary" and not 1 <= int(device.address) <= mbus.LAST_PRIMARY:
            raise EncodeError(f"address {device.address!r}: expected an M-Bus primary address 1..{mbus.LAST_PRIMARY}", device=device.id)

    def transaction(self, request: Request, replies: Sequence[mbus.Reply]) -> Transaction[mbus.Reply] | None:
        address = request.device.address
        if not replies:
            return _exchange(self._opening(address))
        seen = len(replies) - 1
        if seen and (not self._telegram(request, replies[-1]).records.more or seen >= MAX_TELEGRAMS):
            return None
        return _exchange(mbus.data_request(self._asked(address), fcb=seen % 2 == 0))

    def decode(self, request: Request, replies: Sequence[mbus.Reply]) -> Decoded:
        telegrams = [self._telegram(request, reply).records for reply in replies[1:]]
        records = [record for one in telegrams for record in one.records]
        broken = "; ".join(one.broken for one in telegrams if one.broken)
        return decode_fields(request.fields, lambda one: _value(one, records, broken))

    def _opening(self, address: str) -> mbus.Frame:
        """What makes the slave begin with its first telegram."""
        return mbus.select_request(address) if self.profile.by == "secondary" else mbus.reset_request(int(address))

    def _asked(self, address: str) -> int:
        return mbus.SELECTED if self.profile.by == "secondary" else int(address)

    def _telegram(self, request: Request, reply: mbus.Reply) -> mbus_data.Telegram:
        """What a reply says, once it is known to be the asked slave's: behind 253 only the head tells."""
        if isinstance(reply, mbus.Acknowledgement):
            raise UnexpectedReply("the slave acknowledges where data was asked for", device=request.device.id)
        said = mbus_data.telegram(reply)
        if self.profile.by == "secondary" and said.identification != request.device.address:
            raise UnexpectedReply("another slave answers", asked=request.device.address, got=said.identification)
        return said


def _value(one: Field, records: Sequence[Record], broken: str) -> int | None:
    """As `record_value`; what is missing from an answer that broke off is not called absent."""
    value = record_value(one, records)
    if value is None and broken:
        raise PayloadError(f"the answer breaks off before it: {broken}")
    return value


def _exchange(asked: mbus.Frame) -> Transaction[mbus.Reply]:
    return Transaction(asked.to_bytes(), mbus.Decoder(), lambda reply: mbus.matches(asked, reply))
