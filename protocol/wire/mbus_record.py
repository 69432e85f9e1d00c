"""The data records of an M-Bus answer: bytes -> records, whose data stay bytes until `mbus_value` is asked what they mean.

    | DIF | DIFE 0..10 | VIF | VIFE 0..10 | data |         filler bytes 2F stand between records

    DIF      bit 7 DIFE follow, bit 6 lowest bit of the storage number, bits 5-4 function, bits 3-0 length and coding of the data
    DIFE     bit 7 another follows, bit 6 subunit, bits 5-4 tariff, bits 3-0 storage number; the first DIFE has the lowest bits
    0F, 1F   as DIF: what follows is the maker's own; 1F: and another telegram follows
    VIF 7C, FC   plain text: a length byte and that many characters, last first, behind the VIFE; older slaves send them behind the VIF
    coding   0 none | 1..4, 6, 7 integer of 1, 2, 3, 4, 6, 8 bytes | 5 32-bit real | 9..C, E BCD of 1..4, 6 bytes | D length byte, then data

Source: EN 13757-3:2013 clause 6 (variable data blocks), its tables of the data field, the length byte and the special DIF.

What slaves do: a record that reaches beyond the end, or a DIF nobody defined, is told in `Records.broken`; the records in front of it count.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.errors import PayloadError
from protocol.wire import mbus_vif
from protocol.wire.mbus_vif import Meaning

VARIABLE = 0xD  # coding of data that begins with its own length byte
_MORE_BIT = 0x80
_MAKER_DATA, _MORE_FOLLOWS, _FILLER = 0x0F, 0x1F, 0x2F
_PLAIN_TEXT = 0x7C
_MAX_DIFE = 10
_FUNCTIONS = ("instantaneous", "maximum", "minimum", "error")
_SIZES = (0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, 0, 6)
_LENGTHS = ((0x00, 0xBF, 1, 0), (0xC0, 0xC9, 1, 0), (0xD0, 0xD9, 1, 0), (0xE0, 0xEF, 1, 0), (0xF0, 0xF4, 4, 16), (0xF5, 0xF6, 16, 48))


@dataclass(frozen=True, slots=True)
class Record:
    """One data record. `coding`: low half of the DIF; `vib`: VIF and VIFE; `text`: the plain-text unit; `data`: its bytes, length byte included."""

    function: str
    storage: int
    tariff: int
    subunit: int
    coding: int
    vib: bytes
    text: str
    data: bytes

    @property
    def meaning(self) -> Meaning:
        """What it measures."""
        return mbus_vif.meaning(self.vib)


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one telegram. `more`: another telegram follows; `maker_data`: the maker's own; `broken`: why reading stopped early, or ""."""

    records: tuple[Record, ...]
    more: bool = False
    maker_data: bytes = b""
    broken: str = ""


def parse_records(body: bytes) -> Records:
    """Return the records behind the head of an answer. Never raises on content."""
    records: list[Record] = []
    reading = _Cursor(body)
    try:
        while not reading.at_end:
            dif = reading.byte()
            if dif in (_MAKER_DATA, _MORE_FOLLOWS):
                return Records(tuple(records), dif == _MORE_FOLLOWS, reading.rest())
            if dif != _FILLER:
                records.append(_record(dif, reading))
    except PayloadError as error:
        return Records(tuple(records), broken=f"record {len(records) + 1}: {error.message}")
    return Records(tuple(records))


class _Cursor:
    """Bytes taken one after the other; PayloadError when there are not enough."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._data)

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        taken = self.peek(count)
        if len(taken) < count:
            raise PayloadError(f"{count} bytes wanted, {len(taken)} left")
        self._at += count
        return taken

    def peek(self, count: int, skip: int = 0) -> bytes:
        return self._data[self._at + skip : self._at + skip + count]

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)


def _record(dif: int, reading: _Cursor) -> Record:
    coding = dif & 0x0F
    if coding == 0x0F:
        raise PayloadError(f"DIF {dif:02X} is reserved")
    storage, tariff, subunit = dif >> 6 & 1, 0, 0
    more, place = dif & _MORE_BIT, 0
    while more:
        if place == _MAX_DIFE:
            raise PayloadError("more than 10 DIFE")
        dife = reading.byte()
        storage |= (dife & 0x0F) << 1 + 4 * place
        tariff |= (dife >> 4 & 3) << 2 * place
        subunit |= (dife >> 6 & 1) << place
        more, place = dife & _MORE_BIT, place + 1
    vib, text = _value_information(reading)
    data = reading.take(1 + _variable_size(reading.peek(1)) if coding == VARIABLE else _SIZES[coding])
    return Record(_FUNCTIONS[dif >> 4 & 3], storage, tariff, subunit, coding, vib, text, data)


def _value_information(reading: _Cursor) -> tuple[bytes, str]:
    """VIF and VIFE without the plain text, and the plain text."""
    vif = reading.byte()
    text = ""
    is_plain = vif & ~_MORE_BIT == _PLAIN_TEXT
    if is_plain and vif & _MORE_BIT and _text_follows_vif(reading):
        text, is_plain = _plain_text(reading), False
    vib = bytearray([vif])
    while vib[-1] & _MORE_BIT:
        if len(vib) > mbus_vif.MAX_VIFE:
            raise PayloadError("more than 10 VIFE")
        vib.append(reading.byte())
    if is_plain:
        text = _plain_text(reading)
    return bytes(vib), text


def _text_follows_vif(reading: _Cursor) -> bool:
    """True when only the older order makes sense: what would be the length byte behind the VIFE leads to no text."""
    vife = 0
    while vife < mbus_vif.MAX_VIFE and (reading.peek(1, vife) or b"\x00")[0] & _MORE_BIT:
        vife += 1
    size = (reading.peek(1, vife + 1) or b"\x00")[0]
    characters = reading.peek(size, vife + 2)
    return not size or len(characters) < size or not _printable(characters)


def _printable(characters: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte >= 0xA0 for byte in characters)


def _plain_text(reading: _Cursor) -> str:
    return reading.take(reading.byte())[::-1].decode("latin-1")


def _variable_size(lvar: bytes) -> int:
    """Bytes behind a length byte (table 5)."""
    code = lvar[0] if lvar else 0
    for first, last, bytes_each, least in _LENGTHS:
        if first <= code <= last:
            return (code - first) * bytes_each + least
    raise PayloadError(f"length byte {code:02X} is reserved")
