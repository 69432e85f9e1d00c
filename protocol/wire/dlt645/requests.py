"""Everything a master may ask of a DL/T 645 meter, as frames.

    11  DI                            read                       16  mm hh DD MM                               freeze
    11  DI N                          N load records             17  Z                                         baud
    11  DI N mm hh DD MM YY           the same, from then on     18  DI PA P0 P1 P2 PA P0 P1 P2                password: old, new
    12  DI SEQ                        read on                    19  PA P0 P1 P2 C0..C3                        clear maximum demand
    13                                read address               1B  PA P0 P1 P2 C0..C3 DI                     clear events
    14  DI PA P0 P1 P2 C0..C3 data    write                      1C  PA P0 P1 P2 C0..C3 N1 N2 ss mm hh DD MM YY   relay, alarm, keep power
    15  address                       write address              1D  n                                         multi-function terminal
    08  ss mm hh DD MM YY             broadcast time             03  DI C0..C3 payload                         security, recharge

    1997:  01 DI   02 DI   04 DI PA P0 P1 P2 data   08 as above   0A address   0C Z   0F PA P0 P1 P2 PA P0 P1 P2   10 PA P0 P1 P2

PA P0 P1 P2 is the password with its level in front, C0..C3 the operator's code; everything low byte first.
Function 1AH (clear the meter) is left out on purpose: it destroys what bills rest on, and no task of this platform needs it.
Source: DL/T 645-2007 7.1-7.2, annex A and B; 1CH, 1DH and 03H the later supplement; DL/T 645-1997 clause 6 (0C, 0F and 10 as general knowledge
and one meter's firmware have them).
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from types import MappingProxyType

from protocol.errors import EncodeError
from protocol.wire.bcd import encode_address, full_address
from protocol.wire.dlt645.frame import ADDRESS_BYTES, ANY_ADDRESS, BROADCAST, Frame, Version


class RemoteControl(IntEnum):
    """N1 of function 1CH. Models differ in whether DIRECT_CLOSE or ALLOW_CLOSE closes; the profile knows."""

    TRIP = 0x1A
    ALLOW_CLOSE = 0x1B
    DIRECT_CLOSE = 0x1C
    PRE_TRIP_DIRECT_CLOSE = 0x1D
    PRE_TRIP_ALLOW_CLOSE = 0x1E
    ALARM = 0x2A
    ALARM_OFF = 0x2B
    KEEP_POWER = 0x3A
    KEEP_POWER_OFF = 0x3B


class Terminal(IntEnum):
    """What the multi-function terminal puts out (1DH)."""

    CLOCK_PULSE = 0
    DEMAND_PERIOD = 1
    TARIFF_SLOT = 2


BAUD_CODES: MappingProxyType[int, int] = MappingProxyType({600: 0x02, 1200: 0x04, 2400: 0x08, 4800: 0x10, 9600: 0x20, 19200: 0x40})
BAUD_CODES_1997: MappingProxyType[int, int] = MappingProxyType({300: 0x02, 600: 0x04, 1200: 0x08, 2400: 0x10, 4800: 0x20, 9600: 0x40})


def read_request(version: Version, address: str, di: str, parameters: bytes = b"") -> Frame:
    """Read an identifier (hex as printed, DI3..DI0 or DI1 DI0). `parameters`: what load records want behind it (count, start time)."""
    return _frame(address, 0x11 if version is Version.V2007 else 0x01, _identifier(version, di) + parameters)


def load_record_request(address: str, di: str, count: int, since: datetime | None = None) -> Frame:
    """Read load records (2007; `protocol.wire.load_record`): 06xx0000 the oldest `count`, 06xx0002 the newest, 06xx0001 those from `since` on."""
    start = bytes.fromhex(since.strftime("%M%H%d%m%y")) if since else b""
    return read_request(Version.V2007, address, di, _bytes([count]) + start)


def followup_request(version: Version, address: str, di: str, seq: int) -> Frame:
    """Read on after a reply with `more`; `seq` starts at 1 (the 1997 frame has no place for it)."""
    if version is Version.V1997:
        return _frame(address, 0x02, _identifier(version, di))
    return _frame(address, 0x12, _identifier(version, di) + _bytes([seq]))


def read_address_request() -> Frame:
    """Ask the one meter on the line for its address (13H, 2007 only); the answer is the data, not the address field."""
    return _frame(ANY_ADDRESS, 0x13)


def write_request(version: Version, address: str, di: str, data: bytes, password: str, operator: str = "00000000", level: str = "02") -> Frame:
    """Write an identifier. `password`: 6 digits, `operator`: 8 digits (2007 only), `level`: 00..09, as printed."""
    head = _identifier(version, di) + _access(level, password)
    if version is Version.V1997:
        return _frame(address, 0x04, head + data)
    return _frame(address, 0x14, head + _reversed(operator, 4, "operator") + data)


def write_address_request(new_address: str, version: Version = Version.V2007) -> Frame:
    """Give the one meter on the line a new address (15H; 1997: 0AH to everybody); never on a shared line, never while scanning."""
    data = encode_address(new_address, ADDRESS_BYTES)
    return _frame(ANY_ADDRESS, 0x15, data) if version is Version.V2007 else _frame(BROADCAST, 0x0A, data)


def freeze_request(address: str, when: str = "99999999") -> Frame:
    """Freeze registers (16H). `when` is MMDDhhmm; 99 in front means every (month, day, hour), all 99 means now."""
    return _frame(address, 0x16, _reversed(when, 4, "freeze time"))


def change_baud_request(address: str, baud: int, version: Version = Version.V2007) -> Frame:
    """Change the meter's baud (17H; 1997: 0CH); the reply still comes at the old rate."""
    codes = BAUD_CODES if version is Version.V2007 else BAUD_CODES_1997
    if baud not in codes:
        raise EncodeError(f"baud {baud} has no code; expected one of {', '.join(map(str, codes))}", baud=baud)
    return _frame(address, 0x17 if version is Version.V2007 else 0x0C, bytes([codes[baud]]))


def change_password_request(version: Version, address: str, password: str, new_password: str, level: str = "02", new_level: str = "02") -> Frame:
    """Set the password of `new_level` (00..09), authorised by one of that level or above (18H; 1997: 0FH).

    The reply repeats the new password: keep it secret. 2007 numbers passwords 04000C01 (level 00) to 04000C0A (level 09).
    """
    if new_level not in _LEVELS:
        raise EncodeError(f"level {new_level!r}: expected 00 to 09")
    both = _access(level, password) + _access(new_level, new_password)
    if version is Version.V1997:
        return _frame(address, 0x0F, both)
    return _frame(address, 0x18, _identifier(version, f"04000C{int(new_level) + 1:02X}") + both)


def clear_demand_request(version: Version, address: str, password: str, operator: str = "00000000", level: str = "02") -> Frame:
    """Set the maximum demands to zero (19H; 1997: 10H, without operator)."""
    if version is Version.V1997:
        return _frame(address, 0x10, _access(level, password))
    return _frame(address, 0x19, _access(level, password) + _reversed(operator, 4, "operator"))


def clear_events_request(address: str, password: str, di: str = "FFFFFFFF", operator: str = "00000000", level: str = "02") -> Frame:
    """Forget all event records, or those of one kind (1BH): `di` FFFFFFFF, or an identifier that ends in FF."""
    if not di.upper().endswith("FF"):
        raise EncodeError(f"identifier {di!r}: expected FFFFFFFF or one that ends in FF (DL/T 645-2007 7.2)", di=di)
    return _frame(address, 0x1B, _access(level, password) + _reversed(operator, 4, "operator") + _identifier(Version.V2007, di))


def terminal_request(address: str, output: int) -> Frame:
    """Choose what the multi-function terminal puts out (1DH), as in `Terminal`."""
    return _frame(address, 0x1D, _bytes([output]))


def broadcast_time_request(at: datetime, address: str = BROADCAST) -> Frame:
    """Set the clocks of all meters (08H, no reply): ss mm hh DD MM YY in the meters' local time. Meters follow at most 5 minutes once a day."""
    return _frame(address, 0x08, _time(at))


def remote_control_request(
    address: str, n1: int, valid_until: datetime | None, password: str, operator: str = "00000000", level: str = "02", n2: int = 0
) -> Frame:
    """Trip, close, alarm or keep power (1CH); `n1` as in `RemoteControl`. `valid_until`: meter-local time; None sends zeros (one master does)."""
    until = _time(valid_until) if valid_until else bytes(6)
    return _frame(address, 0x1C, _access(level, password) + _reversed(operator, 4, "operator") + _bytes([n1, n2]) + until)


def security_request(address: str, di: str, operator: str, payload: bytes = b"") -> Frame:
    """Security and recharge (03H): identifier, operator code as printed, then the maker's payload as it stands."""
    return _frame(address, 0x03, _identifier(Version.V2007, di) + _reversed(operator, 4, "operator") + payload)


_LEVELS = tuple(f"{level:02d}" for level in range(10))


def _frame(address: str, control: int, data: bytes = b"") -> Frame:
    return Frame(full_address(address, ADDRESS_BYTES), control, data)


def _identifier(version: Version, di: str) -> bytes:
    return _reversed(di, version.value, "identifier")


def _access(level: str, password: str) -> bytes:
    """PA P0 P1 P2: the level, then the password low byte first."""
    return _reversed(level, 1, "level") + _reversed(password, 3, "password", secret=True)


def _time(at: datetime) -> bytes:
    return bytes.fromhex(at.strftime("%S%M%H%d%m%y"))


def _reversed(text: str, size: int, what: str, secret: bool = False) -> bytes:
    """Printed hex digits as wire bytes, low byte first."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size or len(text) != 2 * size:
        raise EncodeError(f"{what}: expected {2 * size} hexadecimal digits, got {'something else' if secret else repr(text)}")
    return data[::-1]


def _bytes(values: list[int]) -> bytes:
    try:
        return bytes(values)
    except ValueError as error:
        raise EncodeError(f"expected values 0..255, got {values}") from error
