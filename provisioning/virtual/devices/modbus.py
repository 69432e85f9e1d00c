"""A virtual Modbus RTU device: functions 01-06, 0F, 10 over the registers its profile declares, exceptions for everything else.

unit  function  data ..  CRC low  CRC high            a frame ends with 3.5 characters of silence, nothing else
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from protocol.profile import ProfileModbus
from protocol.profile_items import RegisterItem
from protocol.profile_writes import WriteModbus
from protocol.quantities import Kind
from provisioning.virtual import reflexes
from provisioning.virtual.devices.encoding import RawScale, decode_registers, encode_registers, raw_scale
from provisioning.virtual.devices.modbus_logs import ModbusLogs
from provisioning.virtual.instrument import Instrument

_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_TARGET_SILENT = 0x0B
_COILS, _INPUTS, _HOLDING = 1, 2, 3
_ON, _OFF, _TOGGLE, _ALL_COILS = 0xFF00, 0x0000, 0x5500, 0x00FF  # toggle and "all" are common extensions of relay boards


class _Refused(Exception):
    """A request this device answers with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def find_request(burst: bytes) -> tuple[int, int] | None:
    """Return the whole burst if it is one frame with a valid CRC; call it only once silence has ended the frame."""
    return (0, len(burst)) if len(burst) >= 4 and crc16(burst[:-2]) == burst[-2:] else None


def crc16(data: bytes) -> bytes:
    """Return CRC-16/MODBUS, low byte first (Modbus over serial line 6.2.2)."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def gateway_timeout(request: bytes) -> bytes:
    """Return what a gateway says in place of a device that does not answer it: exception 0B (Modbus application protocol 7); only Modbus knows it."""
    if find_request(request) is None:
        return b""
    told = bytes((request[0], request[1] | 0x80, _TARGET_SILENT))
    return told + crc16(told)


class ModbusUnit:
    """One device. `captured`: keys `function:address` (such as `4:0x0156`) and the register bytes to answer from there on."""

    def __init__(
        self,
        profile: ProfileModbus,
        instrument: Instrument,
        address: str,
        *,
        ct: int = 1,
        pt: int = 1,
        captured: Mapping[str, bytes] | None = None,
    ) -> None:
        self.key = bytes((int(address),))
        self.instrument = instrument
        self._items = [(item, raw_scale(item, ct, pt)) for item in profile.items]
        self._blocks = [(block.function, block.first, block.last) for block in profile.blocks]
        self._blocks += [(item.function, item.address, item.address + item.count - 1) for item in profile.items]
        self._commands = [(command.write, command.confirm) for command in profile.commands if isinstance(command.write, WriteModbus)]
        self._settings = {setting.quantity: setting for setting in profile.settings}
        self._logs = ModbusLogs(profile, instrument, address, ct=ct, pt=pt)
        self._captured = dict(_captured_words(captured or {}))
        self._written: dict[tuple[int, int], int] = {}

    def means(self, frame: bytes) -> bool:
        """Return whether a frame is for this unit or for all."""
        return frame[:1] in (self.key, b"\x00")

    def respond(self, frame: bytes, at_s: float) -> bytes | None:
        """Act on a valid frame that means this unit; return its reply or None for silence (broadcast)."""
        function, body = frame[1], frame[2:-2]
        reflexes.live(self.instrument, at_s)
        try:
            reply = bytes((function,)) + self._act(function, body, at_s)
        except _Refused as refused:
            reply = bytes((function | 0x80, refused.code))
        if frame[0] == 0:
            return None
        answer = self.key + reply
        return answer + crc16(answer)

    def _act(self, function: int, body: bytes, at_s: float) -> bytes:
        if function not in (1, 2, 3, 4, 5, 6, 0x0F, 0x10):
            raise _Refused(_ILLEGAL_FUNCTION)
        if len(body) < 4:
            raise _Refused(_ILLEGAL_VALUE)
        address, value = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        if function <= 4:
            return self._read(function, address, value, at_s)
        if function == 5:
            self._write_coil(address, value, at_s)
        elif function == 6:
            self._write_register(address, value, at_s)
        else:
            self._write_many(function, address, value, body[4:], at_s)
        return body[:4]

    def _read(self, function: int, address: int, count: int, at_s: float) -> bytes:
        limit = 2000 if function in (_COILS, _INPUTS) else 125
        if not 1 <= count <= limit:
            raise _Refused(_ILLEGAL_VALUE)
        if not all(self._exists(function, place) for place in range(address, address + count)):
            raise _Refused(_ILLEGAL_ADDRESS)
        values = self._values(function, address, count, at_s)
        if function in (_COILS, _INPUTS):
            packed = sum(bool(bit) << place for place, bit in enumerate(values)).to_bytes((count + 7) // 8, "little")
        else:
            packed = b"".join(word.to_bytes(2, "big") for word in values)
        return bytes((len(packed),)) + packed

    def _values(self, function: int, address: int, count: int, at_s: float) -> list[int]:
        values = [0] * count
        for item, scale in self._items:
            if item.function != function or item.address >= address + count or item.address + item.count <= address:
                continue
            value = self.instrument.value(item.quantity, at_s)
            words = [int(bool(value))] if item.type == "bit" else encode_registers(item, scale, value)
            for place, word in enumerate(words, start=item.address - address):
                if 0 <= place < count:
                    values[place] |= word
        for first, words in self._logs.words(function, address, count, at_s):
            for place, word in enumerate(words, start=first - address):
                if 0 <= place < count:
                    values[place] |= word
        for place in range(count):
            known = (function, address + place)
            values[place] = self._written.get(known, self._captured.get(known, values[place]))
        return values

    def _exists(self, function: int, address: int) -> bool:
        if any(kind == function and first <= address <= last for kind, first, last in self._blocks):
            return True
        return (function, address) in self._captured or self._logs.exists(function, address)

    def _write_coil(self, address: int, value: int, at_s: float) -> None:
        if value not in (_ON, _OFF, _TOGGLE):
            raise _Refused(_ILLEGAL_VALUE)
        if self._command(5, address, value, at_s) and not self._exists(_COILS, address):
            return
        if address == _ALL_COILS and not self._exists(_COILS, address) and self._exists(_COILS, 0):
            for item in self._coils():
                self._set_coil(item.address, value, at_s)
            return
        if not self._exists(_COILS, address):
            raise _Refused(_ILLEGAL_ADDRESS)
        self._set_coil(address, value, at_s)

    def _set_coil(self, address: int, value: int, at_s: float) -> None:
        now_on = bool(self._values(_COILS, address, 1, at_s)[0])
        bit = int(not now_on if value == _TOGGLE else value == _ON)
        for item in self._coils():
            if item.address == address:
                self.instrument.set_state(item.quantity, bit, at_s)
                return
        self._written[_COILS, address] = bit

    def _coils(self) -> Iterator[RegisterItem]:
        return (item for item, _ in self._items if item.function == _COILS)

    def _write_register(self, address: int, value: int, at_s: float) -> None:
        """Settings and states can be written, measurements cannot."""
        known = self._command(6, address, value, at_s)
        if not self._exists(_HOLDING, address):
            if not known:
                raise _Refused(_ILLEGAL_ADDRESS)
            return
        covering = [(item, scale) for item, scale in self._holding() if item.address <= address < item.address + item.count]
        if any(item.spec.kind is not Kind.STATE and item.quantity not in self._settings for item, _ in covering):
            raise _Refused(_ILLEGAL_ADDRESS)
        whole = [(item, scale) for item, scale in covering if item.count == 1 and (item.bits is None or item.quantity in self._settings)]
        if known:
            return
        if any(item.count > 1 and item.quantity in self._settings for item, _ in covering):
            raise _Refused(_ILLEGAL_VALUE)  # half of a wide setting
        for item, scale in whole:
            self._set_item(item, scale, (value,), at_s)
        if not whole:
            self._written[_HOLDING, address] = value

    def _set_item(self, item: RegisterItem, scale: RawScale, words: Sequence[int], at_s: float) -> None:
        told, setting = decode_registers(item, scale, words), self._settings.get(item.quantity)
        if setting is not None and not setting.least <= told <= setting.most:
            raise _Refused(_ILLEGAL_VALUE)
        self.instrument.set_state(item.quantity, told, at_s)

    def _holding(self) -> Iterator[tuple[RegisterItem, RawScale]]:
        return ((item, scale) for item, scale in self._items if item.function == _HOLDING)

    def _write_many(self, function: int, address: int, count: int, data: bytes, at_s: float) -> None:
        bits = function == 0x0F
        size = (count + 7) // 8 if bits else 2 * count
        if not 1 <= count <= (1968 if bits else 123) or len(data) != size + 1 or data[0] != size:
            raise _Refused(_ILLEGAL_VALUE)
        kind = _COILS if bits else _HOLDING
        if not all(self._exists(kind, place) for place in range(address, address + count)):
            raise _Refused(_ILLEGAL_ADDRESS)
        if bits:
            for place in range(count):
                self._set_coil(address + place, _ON if data[1 + place // 8] >> place % 8 & 1 else _OFF, at_s)
            return
        words = [int.from_bytes(data[at : at + 2], "big") for at in range(1, 1 + 2 * count, 2)]
        if not self._logs.set_clock(address, words, at_s):
            self._write_words(address, words, at_s)

    def _write_words(self, address: int, words: Sequence[int], at_s: float) -> None:
        """Wide settings are written whole; everything else goes register by register."""
        wide = {item.address: (item, scale) for item, scale in self._holding() if item.quantity in self._settings and item.count > 1}
        place = 0
        while place < len(words):
            item, scale = wide.get(address + place, (None, None))
            if item is not None and scale is not None and place + item.count <= len(words):
                self._set_item(item, scale, words[place : place + item.count], at_s)
                place += item.count
            else:
                self._write_register(address + place, words[place], at_s)
                place += 1

    def _command(self, function: int, address: int, value: int, at_s: float) -> bool:
        """Carry out a write the profile names as a command: its effect is what the profile's read-back expects."""
        for write, confirm in self._commands:
            if (write.function, write.address, write.value) == (function, address, value):
                self.instrument.set_state(confirm.quantity, confirm.value, at_s)
                return True
        return False


def _captured_words(captured: Mapping[str, bytes]) -> Iterator[tuple[tuple[int, int], int]]:
    for key, data in captured.items():
        function, _, address = key.partition(":")
        first = int(address, 0)
        for place in range(0, len(data), 2):
            yield (int(function), first + place // 2), int.from_bytes(data[place : place + 2], "big")
