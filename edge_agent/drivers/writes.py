"""Writes as exchanges: what is sent, what the answer must be, and nothing of a password where logs could see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from edge_agent.drivers.access import HIDDEN, Access
from edge_agent.drivers.dlt645 import version_of
from edge_agent.lines.exchange import Transaction
from protocol.errors import Refused
from protocol.profile import AnyProfile, Profile188, Profile1997, Profile2007, ProfileModbus
from protocol.profile_writes import Write188, Write2007, WriteModbus
from protocol.site_plan import Device
from protocol.wire import bcd, cjt188, dlt645, modbus

REST_S = 0.1  # idle bus behind a write (fieldbus 5.4: "extra after writes")


@dataclass(frozen=True, slots=True)
class Write:
    """One exchange that changes a device. `check(reply)` returns, or raises DeviceRefused or UnexpectedReply."""

    transaction: Transaction[Any]
    check: Callable[[Any], object]


def command_write(
    profile: AnyProfile, device: Device, what: Write2007 | Write188 | WriteModbus, access: Access, valid_until: datetime | None
) -> Write:
    """A command of the profile. `valid_until`: by the device's own clock; only DL/T 645 sends it."""
    match profile, what:
        case Profile2007(), Write2007():
            return remote_control(profile, device, int(what.n1, 16), access, access.level or what.level, valid_until)
        case Profile188(), Write188():
            return write_188(profile, device, what.di, bytes.fromhex(what.data), int(what.control, 16))
        case ProfileModbus(), WriteModbus():
            return _write_modbus(int(device.address), what)
        case _:
            raise Refused(f"profile {profile.profile} speaks {profile.protocol.value}, its command another protocol", device=device.id)


def remote_control(profile: Profile2007, device: Device, n1: int, access: Access, level: str, valid_until: datetime | None) -> Write:
    """1CH."""

    def build(by: Access) -> dlt645.Frame:
        return dlt645.remote_control_request(device.address, n1, valid_until, by.password, by.operator, level)

    return _dlt645(profile, build(access), build(_hidden(access)))


def write_645(profile: Profile2007 | Profile1997, device: Device, di: str, data: bytes, access: Access, level: str) -> Write:
    """14H (1997: 04H)."""

    def build(by: Access) -> dlt645.Frame:
        return dlt645.write_request(version_of(profile), device.address, di, data, by.password, by.operator, level)

    return _dlt645(profile, build(access), build(_hidden(access)))


def write_188(profile: Profile188, device: Device, di: str, data: bytes, control: int = 0x04) -> Write:
    """Control 04, or another one that a maker uses for its valve."""
    meter_type, address = int(profile.meter_type, 16), bcd.full_address(device.address, cjt188.ADDRESS_BYTES)
    usual = cjt188.write_request(meter_type, address, di, data, di_order=profile.di_order)
    asked = cjt188.Frame(meter_type, address, control, usual.data)
    transaction = Transaction(asked.to_bytes(profile.preamble), cjt188.Decoder(), lambda reply: cjt188.matches(asked, reply), REST_S)
    return Write(transaction, lambda reply: cjt188.reply_data(asked, reply))


def write_registers(device: Device, function: int, address: int, words: Sequence[int]) -> Write:
    """Function 6 for one register, 16 for several."""
    unit = int(device.address)
    if function == 6 and len(words) != 1:
        raise Refused(f"function 6 writes one register, the value takes {len(words)}; the profile must say function 16", device=device.id)
    return _modbus(modbus.write_register_request(unit, address, words[0]) if function == 6 else modbus.write_registers_request(unit, address, words))


def _write_modbus(unit: int, what: WriteModbus) -> Write:
    if what.function == 5:
        return _modbus(modbus.write_coil_request(unit, what.address, what.value))
    if what.function == 6:
        return _modbus(modbus.write_register_request(unit, what.address, what.value))
    return _modbus(modbus.write_coils_request(unit, what.address, [bool(what.value)] * what.count))


def _modbus(asked: bytes) -> Write:
    return Write(Transaction(asked, modbus.ReplyDecoder(asked), lambda reply: True, REST_S), lambda reply: modbus.check_write(asked, reply))


def _dlt645(profile: Profile2007 | Profile1997, asked: dlt645.Frame, shown: dlt645.Frame) -> Write:
    version = version_of(profile)
    transaction = Transaction(
        asked.to_bytes(profile.preamble),
        dlt645.Decoder(),
        lambda reply: dlt645.matches(version, asked, reply),
        REST_S,
        shown.to_bytes(profile.preamble),
    )
    return Write(transaction, lambda reply: dlt645.reply_data(version, asked, reply))


def _hidden(access: Access) -> Access:
    return Access(HIDDEN.password, access.operator, access.level)
