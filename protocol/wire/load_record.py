"""Load records of DL/T 645-2007: what a meter measured every few minutes and kept, read with `dlt645.load_record_request`.

    A0 A0 | L | mm hh DD MM YY | class 1 .. | AA | class 2 .. | AA | ... | class 6 .. | AA | CS | E5
    0     | 2 | 3              | 8          |    |            |    |     |            |    |    |        offsets from the first A0

    class 1   17 bytes   voltage A B C (2 each, XXX.X V), current A B C (3 each, XXX.XXX A), frequency (2, XX.XX Hz)
    class 2   24         active power total A B C, reactive power total A B C (3 each, XX.XXXX kW, kvar)
    class 3    8         power factor total A B C (2 each, X.XXX)
    class 4   16         energy forward active, reverse active, combined reactive 1, 2 (4 each, XXXXXX.XX kWh, kvarh)
    class 5   16         reactive energy of quadrants 1 to 4 (4 each)
    class 6    6         active and reactive demand now (3 each, XX.XXXX)

    L   bytes from mm to the last AA       CS   sum mod 256 from the first A0 to the last AA
    A class the meter does not record is only its AA. E0 E0 in front marks a record the meter knows to be wrong. Records follow each other.

All BCD, low byte first; the top bit is the sign, save in voltage, frequency and the counters that only rise. A value of FF is one the meter lacks.
Source: DL/T 645-2007 annex B [GK, no capture at hand]; L, CS, E0 and N checked against three concentrator firmwares that read it. One of them shows
meters that leave the AA of other classes out when asked for a single class (06cc0001): `classes` is for those.

What a noisy line does: frames have a checksum, so damage here is a meter's own. Wrong marks, length, checksum or digits raise PayloadError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from protocol.errors import EncodeError, PayloadError
from protocol.wire.bcd import decode_bcd, decode_minute, decode_signed_bcd, encode_bcd, encode_signed_bcd

ALL_CLASSES = (1, 2, 3, 4, 5, 6)
_GOOD, _WRONG, _BETWEEN, _END = b"\xa0\xa0", b"\xe0\xe0", b"\xaa", b"\xe5"
_HEAD_BYTES, _TIME_BYTES = 3, 5


@dataclass(frozen=True, slots=True)
class LoadRecord:
    """One record. `at`: naive, by the meter's clock; `values`: quantity code -> base units; `good`: False when the meter marks it as wrong."""

    at: datetime
    values: Mapping[str, int]
    good: bool = True


@dataclass(frozen=True, slots=True)
class _Field:
    """A number in a class: `step` base units make one count."""

    quantity: str
    size: int
    step: int
    signed: bool = False


_PHASES = ("a", "b", "c")
_CLASSES: MappingProxyType[int, tuple[_Field, ...]] = MappingProxyType(
    {
        1: (
            *(_Field(f"voltage_{phase}", 2, 100) for phase in _PHASES),
            *(_Field(f"current_{phase}", 3, 1, signed=True) for phase in _PHASES),
            _Field("frequency", 2, 10),
        ),
        2: tuple(
            _Field(quantity, 3, 100, signed=True)
            for power in ("power_active", "power_reactive")
            for quantity in (power, *(f"{power}_{phase}" for phase in _PHASES))
        ),
        3: tuple(_Field(quantity, 2, 1, signed=True) for quantity in ("power_factor", *(f"power_factor_{phase}" for phase in _PHASES))),
        4: (
            _Field("energy_active_forward", 4, 10),
            _Field("energy_active_reverse", 4, 10),
            _Field("energy_reactive_1", 4, 10, signed=True),
            _Field("energy_reactive_2", 4, 10, signed=True),
        ),
        5: tuple(_Field(f"energy_reactive_q{quadrant}", 4, 10) for quadrant in (1, 2, 3, 4)),
        6: (_Field("demand_now", 3, 100, signed=True), _Field("demand_reactive_now", 3, 100, signed=True)),
    }
)


def decode(data: bytes, classes: tuple[int, ...] = ALL_CLASSES) -> tuple[LoadRecord, ...]:
    """Return the records in a reply's data, oldest first as they stand; raise PayloadError if anything in it is none.

    `classes`: the classes asked for, for meters that answer nothing else; a reply with all six separators is understood in any case.
    """
    records: list[LoadRecord] = []
    at = 0
    while at < len(data):
        size = _size(data, at)
        records.append(_record(data[at : at + size], classes))
        at += size
    return tuple(records)


def encode(record: LoadRecord) -> bytes:
    """Return a record with all six separators; a class with no value at all is empty, a missing value in another is FF.

    Raises EncodeError for a value that does not fit, or that the format's steps cannot show.
    """
    known = {field.quantity for number in ALL_CLASSES for field in _CLASSES[number]}
    if unknown := sorted(record.values.keys() - known):
        raise EncodeError(f"load records have no place for {', '.join(unknown)}")
    body = bytes.fromhex(record.at.strftime("%M%H%d%m%y"))
    for number in ALL_CLASSES:
        fields = _CLASSES[number]
        if any(field.quantity in record.values for field in fields):
            body += b"".join(_encoded(field, record.values.get(field.quantity)) for field in fields)
        body += _BETWEEN
    head = (_GOOD if record.good else _WRONG) + bytes([len(body)]) + body
    return head + bytes([sum(head) & 0xFF]) + _END


def _size(data: bytes, at: int) -> int:
    """Length of the record that starts at `at`, once its marks, length and checksum are right."""
    head = data[at : at + _HEAD_BYTES]
    if len(head) < _HEAD_BYTES or head[:2] not in (_GOOD, _WRONG):
        raise PayloadError("load record: expected A0 A0 (or E0 E0) and a length", offset=at, got=head.hex(" ") or "(nothing)")
    end = at + _HEAD_BYTES + head[2]  # where the checksum stands
    if data[end + 1 : end + 2] != _END:
        raise PayloadError(f"load record: expected E5 behind {head[2]} bytes and a checksum", offset=at, data=data[at : end + 2].hex(" "))
    if (total := sum(data[at:end]) & 0xFF) != data[end]:
        raise PayloadError("load record: checksum does not match", offset=at, expected=f"{total:02X}", got=f"{data[end]:02X}")
    return end + 2 - at


def _record(raw: bytes, classes: tuple[int, ...]) -> LoadRecord:
    """The record in exactly these bytes."""
    body = raw[_HEAD_BYTES:-2]
    time, body = body[:_TIME_BYTES], body[_TIME_BYTES:]
    parts = _parts(body, ALL_CLASSES) or _parts(body, classes)
    if parts is None:
        raise PayloadError(f"load record: its classes are neither all six nor {classes}, each closed by AA", data=raw.hex(" "))
    values = dict(value for number, part in parts for value in _decoded(_CLASSES[number], part))
    return LoadRecord(decode_minute(time), MappingProxyType(values), raw[:2] == _GOOD)


def _parts(body: bytes, classes: tuple[int, ...]) -> list[tuple[int, bytes]] | None:
    """The bytes of these classes, one after the other, or None when the record is laid out otherwise."""
    parts: list[tuple[int, bytes]] = []
    at = 0
    for number in classes:
        size = 0 if body[at : at + 1] == _BETWEEN else sum(field.size for field in _CLASSES[number])
        if body[at + size : at + size + 1] != _BETWEEN:
            return None
        parts.append((number, body[at : at + size]))
        at += size + 1
    return parts if at == len(body) else None


def _decoded(fields: tuple[_Field, ...], raw: bytes) -> Iterator[tuple[str, int]]:
    """The values of a class, of an empty one none."""
    at = 0
    for field in fields if raw else ():
        number = raw[at : at + field.size]
        at += field.size
        if number.count(0xFF) < len(number):
            yield field.quantity, (decode_signed_bcd(number) if field.signed else decode_bcd(number)) * field.step


def _encoded(field: _Field, value: int | None) -> bytes:
    if value is None:
        return b"\xff" * field.size
    count, rest = divmod(value, field.step)
    if rest:
        raise EncodeError(f"{field.quantity} {value}: load records show steps of {field.step}", value=value)
    return encode_signed_bcd(count, field.size) if field.signed else encode_bcd(count, field.size)
