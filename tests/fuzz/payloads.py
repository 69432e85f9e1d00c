"""What stands inside valid frames, and the text form of a line: load records, prepaid payloads, numbers, M-Bus answers, wire logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from random import Random
from typing import Any

from protocol.errors import CampusError, ConfigError, EncodeError, PayloadError
from protocol.status_words import flags, flags_188
from protocol.wire import bcd, load_record, modbus, recharge, wirelog
from tests.fuzz.mutate import mangled
from tests.fuzz.streams import GOLDEN
from tests.fuzz.subject import Subject, require


def subjects() -> Iterator[Subject]:
    """One for each codec that exists."""
    yield Subject("load_record", _load_records, _check_load_record)
    yield Subject(
        "recharge", lambda rng: rng.randbytes(rng.choice(_SIZES)) if rng.random() < 0.5 else _digits(rng, rng.choice(_SIZES)), _check_recharge
    )
    yield Subject("numbers", lambda rng: rng.randbytes(rng.randrange(10)), _check_numbers)
    yield Subject("wirelog", _logs, _check_wirelog)
    if find_spec("protocol.wire.cjt188_reading"):
        yield Subject("cjt188_reading", _readings, _check_reading, weight=0.5)
    if find_spec("protocol.wire.mbus_data"):
        yield Subject("mbus_data", mbus_answer, _check_mbus_data)


# --- load records ------------------------------------------------------------------------------------------------------

_AT = datetime(2026, 11, 22, 13, 15)
_RECORDS = [
    load_record.encode(load_record.LoadRecord(_AT, values))
    for values in (
        {},
        {"voltage_a": 229_700, "current_b": -12_345, "frequency": 50_010},
        {"power_active": -1_234_500, "power_factor_c": -750, "demand_now": 100},
        {"energy_active_forward": 1_206_420, "energy_reactive_2": -10, "energy_reactive_q4": 40},
    )
]


def _load_records(rng: Random) -> bytes:
    return mangled(rng, _RECORDS, _repair_load_record, bytes.fromhex("A0 A0 AA AA E5 E0 00 01 05 FF"), (2,))


def _repair_load_record(record: bytearray) -> None:
    if rng_length := max(0, len(record) - 5):
        record[2] = rng_length & 0xFF
        record[-2:] = bytes([sum(record[:-2]) & 0xFF, 0xE5])


def _check_load_record(data: bytes, rng: Random) -> None:
    classes = load_record.ALL_CLASSES if rng.random() < 0.5 else (rng.randrange(1, 7),)
    try:
        records = load_record.decode(data, classes)
    except PayloadError:
        return
    again = b"".join(load_record.encode(record) for record in records)
    require(load_record.decode(again) == records, "decode(encode(decode(x))) is not decode(x)")


# --- prepaid payloads --------------------------------------------------------------------------------------------------

_KINDS: tuple[Any, ...] = (
    recharge.Purchase,
    recharge.Order,
    recharge.Preset,
    recharge.Wallet,
    recharge.Status,
    recharge.Authentication,
    recharge.Authenticated,
    recharge.SessionLength,
    recharge.SessionEnd,
)
_SIZES = (0, 1, 6, 12, 14, 16, 18, 22, 24, 26, 30)


def _digits(rng: Random, size: int) -> bytes:
    return bytes.fromhex("".join(rng.choices("0123456789", k=2 * size)))


def _check_recharge(data: bytes, rng: Random) -> None:
    for kind in _KINDS:
        try:
            message = recharge.decode(kind, data)
        except PayloadError:
            continue
        require(recharge.encode(message) == data, f"encode(decode({kind.__name__}, x)) is not x")
    cuts = [data[at : at + size] for at, size in ((0, 5), (5, 2), (7, 4), (11, 4), (15, 4), (19, 4))]
    _only(PayloadError, lambda: recharge.decode_record(*cuts))


# --- readings of water meters ------------------------------------------------------------------------------------------


def _readings(rng: Random) -> bytes:
    """Digits with units in between, for the most part; lengths that mean something, and others."""
    data = bytearray(_digits(rng, rng.choice((6, 19, 43, 19, rng.randrange(60)))))
    for at in range(4, len(data), 5):
        data[at] = rng.choice((0x2C, 0x05, 0x35, 0x17, 0xFF, rng.randrange(256)))
    for _ in range(rng.randrange(3)):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def _check_reading(data: bytes, rng: Random) -> None:
    _only(PayloadError, lambda: import_module("protocol.wire.cjt188_reading").reading(data))


# --- numbers -----------------------------------------------------------------------------------------------------------

_TYPES = ("u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64")


def _check_numbers(data: bytes, rng: Random) -> None:
    words = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)]
    _only(PayloadError, lambda: modbus.decode_number(words, rng.choice(_TYPES), rng.choice(("big", "little"))))
    _only(PayloadError, lambda: bcd.decode_minute(data))
    for decode, encode in ((bcd.decode_bcd, bcd.encode_bcd), (bcd.decode_signed_bcd, bcd.encode_signed_bcd)):
        try:
            value = decode(data)
        except PayloadError:
            continue
        require(encode(value, len(data)) == data or not value, "encode(decode(x)) is not x")
    try:
        require(bcd.encode_address(bcd.decode_address(data), len(data)) == data or not data, "encode(decode(address)) is not the address")
    except PayloadError:
        require(not bcd.is_address(data), "an address that does not decode")
    except EncodeError:
        require(not data, "an address that does not encode again")
    word = int.from_bytes(data[:2], "little")
    require(len(flags_188(word)) <= 16 and all(len(flags(number, word)) <= 16 for number in range(1, 8)), "more flags than bits")


# --- wire logs ---------------------------------------------------------------------------------------------------------

_TEXTS = [path.read_bytes()[:600] for path in sorted(GOLDEN.glob("*.log"))]


def _logs(rng: Random) -> bytes:
    return mangled(rng, _TEXTS, lambda text: None, b"<>=# \n\t0123456789ABCDEFabcdef.\x85\xe2\x80\xa8", ())


def _check_wirelog(data: bytes, rng: Random) -> None:
    try:
        entries = wirelog.parse(data.decode("utf-8", "replace"))
    except ConfigError:
        return
    require(wirelog.parse(wirelog.render(entries)) == [_normal(entry) for entry in entries], "parse(render(parse(x))) is not parse(x)")


def _normal(entry: wirelog.Entry) -> wirelog.Entry:
    """As `render` writes it: runs of blanks are one blank."""
    if isinstance(entry, wirelog.Value):
        return wirelog.Value(entry.name, " ".join(entry.value.split()))
    return wirelog.Comment(" ".join(entry.text.split())) if isinstance(entry, wirelog.Comment) else entry


# --- M-Bus answers -----------------------------------------------------------------------------------------------------

_ANSWERS = [
    bytes.fromhex("78 56 34 12 24 40 01 07 55 00 00 00 0C 13 15 31 00 00 DA 02 3B 13 01 8B 60 04 37 18 02"),
    bytes.fromhex("78 56 34 12 24 40 01 07 13 00 00 00 0C 78 56 34 12 00 4C 13 00 00 00 00 0F 01 02 03"),
]


def mbus_answer(rng: Random) -> bytes:
    """Draw what may stand behind CI 72."""
    return mangled(rng, _ANSWERS, lambda data: None, bytes.fromhex("0C 0F 2F 1F 8C 10 7C FC FD FF 04 13 06 78 00 80"), ())


def _check_mbus_data(data: bytes, rng: Random) -> None:
    mbus, mbus_data, value = (import_module(f"protocol.wire.{name}") for name in ("mbus", "mbus_data", "mbus_value"))
    frame = mbus.Frame(0x08, 1, rng.choice((0x72, 0x72, 0x72, 0x70, 0x78)), data[:252])
    try:
        telegram = mbus_data.telegram(frame)
    except CampusError:
        return
    for record in telegram.records.records:
        for read in (value.number, value.text, value.instant):
            _only(CampusError, lambda record=record, read=read: read(record))


def _only(kind: type[CampusError], act: Callable[[], object]) -> None:
    """Let errors of this kind pass."""
    try:
        act()
    except kind:
        return
