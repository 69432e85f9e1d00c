"""The address of the one device on a line, read and changed. Both speak to everybody: two devices would answer at once, or both take it."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.drivers.asking import UNHEARD
from edge_agent.drivers.dlt645 import version_of
from edge_agent.drivers.procedure import Ask, Pause, Procedure
from edge_agent.lines.exchange import Transaction
from protocol.errors import DeviceRefused, PayloadError, Refused
from protocol.profile import AnyProfile, Profile188, Profile1997, Profile2007
from protocol.wire import bcd, cjt188, dlt645

_C032 = "C032"  # DL/T 645-1997: the meter's address as an identifier, since 13H is of 2007
SETTLE_S = 0.5


@dataclass(frozen=True, slots=True)
class AddressChange:
    """The address the device answers with now; `refusal`: its own word, if it gave one."""

    address: str
    refusal: DeviceRefused | None = None


def read_address(profile: AnyProfile) -> Procedure[str]:
    """The address of the only device on the line. Raises WireError or UnexpectedReply where several answer, NoReply where none does, Refused for
    protocols whose devices cannot be asked for theirs.
    """
    match profile:
        case Profile2007() | Profile1997():
            return (yield from _of_645(profile))
        case Profile188():
            asked = cjt188.read_address_request(int(profile.meter_type, 16), di_order=profile.di_order)
            reply = yield Ask(Transaction(asked.to_bytes(profile.preamble), cjt188.Decoder(), lambda reply: cjt188.matches(asked, reply)))
            cjt188.reply_data(asked, reply)
            address: str = reply.address
            return address
        case _:
            raise Refused(f"{profile.protocol.value}: a device cannot be asked for its address; try 1 to 247")


def write_address(profile: AnyProfile, old: str, new: str) -> Procedure[AddressChange]:
    """Give the one device on the line, which must have the old address, a new one, and read it back.

    Raises what `read_address` raises, and Refused if another device answers or the protocol has no such command; nothing was sent then.
    """
    if not isinstance(profile, Profile2007 | Profile188):
        raise Refused(f"{profile.protocol.value}: no command we trust changes the address; set it at the device")
    for _ in range(2):  # two devices that answer at once seldom make the same good frame twice
        if (found := (yield from read_address(profile))) != old:
            raise Refused(f"{found} answers, not {old}; nothing was sent", found=found)
    refusal: DeviceRefused | None = None
    try:
        yield from _send(profile, old, new)
    except DeviceRefused as error:
        refusal = error
    except UNHEARD:
        pass  # it may have taken it all the same
    yield Pause(SETTLE_S)
    return AddressChange((yield from read_address(profile)), refusal)


def _of_645(profile: Profile2007 | Profile1997) -> Procedure[str]:
    """The payload tells it: some meters leave the wildcard in the address field."""
    version = version_of(profile)
    everybody = dlt645.ANY_ADDRESS
    asked = dlt645.read_address_request() if version is dlt645.Version.V2007 else dlt645.read_request(version, everybody, _C032)
    reply = yield Ask(Transaction(asked.to_bytes(profile.preamble), dlt645.Decoder(), lambda reply: dlt645.matches(version, asked, reply)))
    data = dlt645.reply_data(version, asked, reply).data
    if len(data) != dlt645.ADDRESS_BYTES:
        raise PayloadError(f"an address has {dlt645.ADDRESS_BYTES} bytes, got {len(data)}", data=data.hex(" "))
    return bcd.decode_address(data)


def _send(profile: Profile2007 | Profile188, old: str, new: str) -> Procedure[None]:
    if isinstance(profile, Profile188):
        asked = cjt188.write_address_request(int(profile.meter_type, 16), old, new, di_order=profile.di_order)
        answers = (asked.address, bcd.full_address(new, cjt188.ADDRESS_BYTES))  # with the old address or already the new one
        reply = yield Ask(Transaction(asked.to_bytes(profile.preamble), cjt188.Decoder(), lambda reply: _is_answer(asked, reply, answers)))
        if reply.control & 0x40:
            raise DeviceRefused("the meter refuses the new address", device=old, err=reply.data.hex().upper())
        return
    frame = dlt645.write_address_request(new)
    version = dlt645.Version.V2007
    taken = yield Ask(Transaction(frame.to_bytes(profile.preamble), dlt645.Decoder(), lambda reply: dlt645.matches(version, frame, reply)))
    dlt645.reply_data(version, frame, taken)


def _is_answer(asked: cjt188.Frame, reply: cjt188.Frame, addresses: tuple[str, ...]) -> bool:
    return bool(reply.control & 0x80) and reply.control & 0x3F == asked.control and reply.address in addresses
