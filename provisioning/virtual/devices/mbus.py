"""A virtual M-Bus meter: link reset, selection by secondary address, data in one or more telegrams, primary address write.

10 C A CS 16                              from a master, short: reset (C 40), ask for data (C 5B or 7B, bit 5 is the frame count bit)
68 L L 68 C A CI data CS 16               long; L bytes from C on; sum over them
E5                                        the meter's acknowledgement

It keeps the frame count bit as a meter does: asked with the same bit again it repeats its last answer, with the other one it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from protocol.profile import DeviceKind, ProfileMbus
from protocol.profile_items import ItemMbus
from provisioning.virtual.devices.encoding import bcd
from provisioning.virtual.instrument import Instrument

_ACK = b"\xe5"
_SHORT, _LONG, _END = 0x10, 0x68, 0x16
_FROM_MASTER, _FUNCTION = 0x40, 0x0F
_RESET, _SEND, _ASK = 0x0, 0x3, 0xB  # low half of C
_SHIPPED, _SELECTED, _ANYBODY, _EVERYBODY = 0, 253, 254, 255
_DATA, _SELECT, _ERRORS, _ANSWER = 0x51, 0x52, 0x70, 0x72
_NEW_ADDRESS = b"\x01\x7a"
_TOO_BUSY = 0x08
_MAKER = 0x4D35  # "SIM" by five bits a letter
_COLD_WATER, _HEAT, _ELECTRICITY = 0x16, 0x04, 0x02
_MORE_TELEGRAMS, _NO_MORE = b"\x1f", b"\x0f"
_FUNCTIONS = {"instantaneous": 0x00, "maximum": 0x10, "minimum": 0x20, "error": 0x30}
_LOW_POWER = 0x04


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a measure is sent: low half of the DIF, VIF, base units in one count, bytes."""

    dif: int
    vif: int
    count: int
    size: int


_SHAPES = {
    "energy": _Shape(0x4, 0x05, 100, 4),  # 100 Wh
    "volume": _Shape(0xC, 0x13, 1, 4),  # L, eight digits
    "power": _Shape(0x4, 0x2B, 1000, 4),  # W
    "volume_flow": _Shape(0xB, 0x3B, 1, 3),  # L/h, six digits
    "flow_temperature": _Shape(0x2, 0x5A, 100, 2),  # 0.1 °C
    "return_temperature": _Shape(0x2, 0x5E, 100, 2),
    "external_temperature": _Shape(0x2, 0x66, 100, 2),
    "on_time": _Shape(0x4, 0x20, 1000, 4),  # s
}


def find_request(burst: bytes) -> tuple[int, int] | None:
    """Return [first, end) of the first valid frame of a master in a burst; None if there is none, or if one is still arriving."""
    for at, byte in enumerate(burst):
        if byte == _SHORT and _is_short(burst[at : at + 5]):
            return at, at + 5
        if byte == _LONG and _may_be_long(burst[at : at + 4]):
            end = at + 6 + burst[at + 1] if at + 1 < len(burst) else len(burst) + 1
            if end > len(burst):
                return None
            if burst[at + 4] & _FROM_MASTER and burst[end - 1] == _END and burst[end - 2] == sum(burst[at + 4 : end - 2]) % 256:
                return at, end
    return None


def _is_short(frame: bytes) -> bool:
    return len(frame) == 5 and frame[4] == _END and bool(frame[1] & _FROM_MASTER) and frame[3] == (frame[1] + frame[2]) % 256


def _may_be_long(head: bytes) -> bool:
    return all(size >= 3 for size in head[1:3]) and len(set(head[1:3])) < 2 and head[3:4] in (b"", bytes((_LONG,)))


def request_key(frame: bytes) -> bytes:
    """Return the address byte of a frame `find_request` found."""
    return frame[2:3] if frame[0] == _SHORT else frame[5:6]


def is_broadcast(frame: bytes) -> bool:
    """Return whether nobody answers."""
    return request_key(frame) == bytes((_EVERYBODY,))


def long_frame(control: int, address: int, information: int, data: bytes) -> bytes:
    """Return a long frame."""
    body = bytes((control, address, information)) + data
    return bytes((_LONG, len(body), len(body), _LONG)) + body + bytes((sum(body) % 256, _END))


class MeterMbus:
    """One meter. `most_records`: how many fit into one telegram; `busy`: it answers that it has no time."""

    def __init__(self, profile: ProfileMbus, instrument: Instrument, address: str, *, most_records: int = 24) -> None:
        is_primary = profile.by == "primary"
        self._primary = int(address) if is_primary else _SHIPPED
        self.key = bytes((self._primary,))
        self.instrument = instrument
        self.busy = False
        self.identification = address.zfill(8)
        self._medium = {DeviceKind.WATER_METER: _COLD_WATER, DeviceKind.ELECTRICITY_METER: _ELECTRICITY}.get(profile.kind, _HEAT)
        self._items = profile.items
        self._most_records = most_records
        self._selected = False
        self._begin_anew()
        self._accesses = 0

    def means(self, frame: bytes) -> bool:
        """Return whether a frame is for this meter. A selection is for all: whom it does not name is no longer selected."""
        asked = request_key(frame)[0]
        if asked == _SELECTED:
            return self._selected or _is_selection(frame)
        return asked in (self._primary, _ANYBODY, _EVERYBODY)

    def respond(self, frame: bytes, at_s: float) -> bytes | None:
        """Act on a valid frame that means this meter; return its reply or None for silence."""
        reply = self._act(frame, at_s)
        return None if is_broadcast(frame) else reply

    def _act(self, frame: bytes, at_s: float) -> bytes | None:
        control = frame[1] if frame[0] == _SHORT else frame[4]
        function = control & _FUNCTION
        if function == _ASK:
            return self._answer(bool(control & 0x20), at_s)
        self._begin_anew()
        if function == _RESET:
            self._selected = False
            return _ACK
        return self._take(frame) if function == _SEND and frame[0] == _LONG else None

    def _take(self, frame: bytes) -> bytes | None:
        information, data = frame[6], frame[7:-2]
        if information == _SELECT:
            self._selected = self._is_named(data)
            return _ACK if self._selected else None
        if information == _DATA and data[:2] == _NEW_ADDRESS and len(data) == 3:
            self._primary, self.key = data[2], data[2:]
        return _ACK

    def _is_named(self, mask: bytes) -> bool:
        """Every nibble of the identification is equal or F; maker, version and medium are equal or all ones."""
        own = self._head()[:8]
        digits = all(asked in ("f", mine) for asked, mine in zip(mask[:4].hex(), own[:4].hex(), strict=True))
        return len(mask) == 8 and digits and all(asked in (0xFF, mine) for asked, mine in zip(mask[4:], own[4:], strict=True))

    # --- data ----------------------------------------------------------------------------------------------------------

    def _begin_anew(self) -> None:
        self._count_bit: bool | None = None
        self._place = -1
        self._last = b""

    def _answer(self, count_bit: bool, at_s: float) -> bytes:
        if count_bit != self._count_bit or not self._last:
            telegrams = self._telegrams(at_s)
            self._place = (self._place + 1) % len(telegrams)
            self._accesses += 1
            self._last = telegrams[self._place]
        self._count_bit = count_bit
        return self._last

    def _telegrams(self, at_s: float) -> list[bytes]:
        if self.busy:
            return [long_frame(0x08, self._primary, _ERRORS, bytes((_TOO_BUSY,)))]
        records = list(self._records(at_s))
        parts = [records[at : at + self._most_records] for at in range(0, len(records), self._most_records)]
        status = _LOW_POWER if self.instrument.state.get("battery_low") else 0
        head = self._head() + bytes(((self._accesses + 1) % 256, status, 0, 0))
        ends = [_MORE_TELEGRAMS] * (len(parts) - 1) + [_NO_MORE]
        return [long_frame(0x08, self._primary, _ANSWER, head + b"".join(part) + end) for part, end in zip(parts, ends, strict=True)]

    def _head(self) -> bytes:
        return bytes.fromhex(self.identification)[::-1] + _MAKER.to_bytes(2, "little") + bytes((1, self._medium))

    def _records(self, at_s: float) -> Iterator[bytes]:
        yield b"\x0c\x78" + bytes.fromhex(self.identification)[::-1]
        yield b"\x04\x6d" + _minute(self.instrument.local_time(at_s))
        for item in self._items:
            if item.measures in _SHAPES:
                yield self._record(item, at_s)
        first = self.instrument.local_time(at_s).replace(day=1)
        yield b"\x42\x6c" + _day(first - timedelta(days=1))
        yield b"\x02\xfd\x17\x00\x00"

    def _record(self, item: ItemMbus, at_s: float) -> bytes:
        shape = _SHAPES[item.measures]
        value = self.instrument.value(item.quantity, at_s) // shape.count
        data = bcd(value, shape.size) if shape.dif >= 0x9 else (value % 256**shape.size).to_bytes(shape.size, "little")
        return _information(item, shape.dif) + bytes((shape.vif,)) + data


def _is_selection(frame: bytes) -> bool:
    return frame[0] == _LONG and frame[6] == _SELECT


def _information(item: ItemMbus, dif: int) -> bytes:
    """DIF and as many DIFE as storage, tariff and subunit need."""
    storage, tariff, subunit = item.storage >> 1, item.tariff, item.subunit
    made = [dif | _FUNCTIONS[item.function] | (item.storage & 1) << 6]
    while storage or tariff or subunit:
        made[-1] |= 0x80
        made.append(storage & 0x0F | (tariff & 3) << 4 | (subunit & 1) << 6)
        storage, tariff, subunit = storage >> 4, tariff >> 2, subunit >> 1
    return bytes(made)


def _minute(shown: datetime) -> bytes:
    return bytes((shown.minute, shown.hour)) + _day(shown)


def _day(shown: datetime) -> bytes:
    """Day and month with the year's low three and high four bits above them."""
    year = shown.year % 100
    return bytes((shown.day | (year & 7) << 5, shown.month | year >> 3 << 4))
