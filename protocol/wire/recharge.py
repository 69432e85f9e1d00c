"""What prepaid meters are told about money: payloads of the security function 03H (`dlt645.security_request`) and of its replies.

    style A `esam`, B `plaintext_30`                              style C `plaintext_34`
    070101FF open account, 070102FF recharge, 30 bytes in all     070102FF recharge, 070108FF refund, 34 bytes in all
    amount 4 | count 4 | MAC 4 | customer 6 | MAC 4               amount 4 | order 8 | MAC 4 | meter 6 | MAC 4         (MACs are zero)
    070103FF set the wallet                                       replies: 83 with nothing behind the identifier
    amount 4 | MAC 4 | count 4 | MAC 4
    replies: A nothing, B to a recharge      balance 4 | count 4 | customer 6
    078102FF status, an empty request        balance 4 | MAC 4 | count 4 | MAC 4 | customer 6 | key information 4
    070000FF authenticate (A)                cipher 8 | random 8 | dispersion 8       reply   random 4 | ESAM serial 8
    070001FF session length (A)              minutes 2 | MAC 4
    070002FF end the session (A)             empty                                    reply   customer 6 | balance 4 | count 4 | key information 4

Amounts and counts are unsigned binary, customer, order and meter numbers packed digits, all low byte first; MACs, ciphers and random numbers are kept
as they stand on the wire. An amount is in counts of the wire: 0.01 kWh or 0.01 yuan (`Prepay.step` of the profile). The MACs of style A come from the
utility's encryption machine: nobody else can make them. Styles D (a vendor's identifier written with 14H) and E (Modbus registers) need no codec of
their own. Nothing here decides whether money may be sent.

Sources: the fee-control supplements of DL/T 645-2007 (A); firmware of a rental meter (B); a maker's example frames for recharge and refund (C). The
lay-out of 070103FF: two independent programs. Reading purchases back (0332kknn, 0333kknn): the supplements.

What a noisy line does: frames have a checksum. A payload of another length, or digits that are none, raise PayloadError and say nothing about money.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from protocol.errors import EncodeError, PayloadError
from protocol.wire.bcd import decode_bcd, decode_minute

AUTHENTICATE, SESSION_LENGTH, END_SESSION = "070000FF", "070001FF", "070002FF"
OPEN_ACCOUNT, RECHARGE, PRESET, REFUND = "070101FF", "070102FF", "070103FF", "070108FF"
STATUS = "078102FF"
_NO_MAC = bytes(4)


@dataclass(frozen=True, slots=True)
class Purchase:
    """Recharge or account opening, styles A and B. The meter takes it only when `count` is its own plus one (open account: 1)."""

    amount: int
    count: int
    mac_amount: bytes
    customer: str
    mac_customer: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """Recharge or refund, style C: 16 digits of an order take the place of a count."""

    amount: int
    order: str
    mac_amount: bytes
    meter: str
    mac_meter: bytes


@dataclass(frozen=True, slots=True)
class Preset:
    """Set the wallet to an amount, styles A and B; B sets the count to zero as well."""

    amount: int
    mac_amount: bytes
    count: int
    mac_count: bytes


@dataclass(frozen=True, slots=True)
class Wallet:
    """Reply to a recharge, style B."""

    balance: int
    count: int
    customer: str


@dataclass(frozen=True, slots=True)
class Status:
    """Reply to a status query, style A."""

    balance: int
    mac_balance: bytes
    count: int
    mac_count: bytes
    customer: str
    key_information: bytes


@dataclass(frozen=True, slots=True)
class Authentication:
    """Begin a session, style A; everything from the encryption machine."""

    cipher: bytes
    random: bytes
    dispersion: bytes


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Reply to an authentication."""

    random: bytes
    esam_serial: bytes


@dataclass(frozen=True, slots=True)
class SessionLength:
    """How long a session lasts, style A (default 5 minutes)."""

    minutes: int
    mac: bytes


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Reply to the end of a session, style A."""

    customer: str
    balance: int
    count: int
    key_information: bytes


Message = Purchase | Order | Preset | Wallet | Status | Authentication | Authenticated | SessionLength | SessionEnd
M = TypeVar("M", Purchase, Order, Preset, Wallet, Status, Authentication, Authenticated, SessionLength, SessionEnd)


def plain_purchase(amount: int, count: int, customer: str) -> Purchase:
    """A purchase of style B, whose MACs are not looked at."""
    return Purchase(amount, count, _NO_MAC, customer, _NO_MAC)


def plain_order(amount: int, order: str, meter: str) -> Order:
    """An order of style C."""
    return Order(amount, order, _NO_MAC, meter, _NO_MAC)


def encode(message: Message) -> bytes:
    """Return the payload behind identifier and operator code; raise EncodeError when something does not fit its place."""
    return b"".join(place.kind.encode(getattr(message, place.name), place) for place in _LAYOUTS[type(message)])


def decode(kind: type[M], payload: bytes) -> M:
    """Return the message of this kind in a payload (behind identifier and, in requests, operator code); raise PayloadError when it is none."""
    layout = _LAYOUTS[kind]
    if len(payload) != (size := sum(place.size for place in layout)):
        raise PayloadError(f"{kind.__name__}: expected {size} bytes, got {len(payload)}", data=payload.hex(" "))
    values: dict[str, Any] = {}
    at = 0
    for place in layout:
        values[place.name] = place.kind.decode(payload[at : at + place.size], place)
        at += place.size
    return kind(**values)


# --- what was bought, read back ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PurchaseRecord:
    """One of the meter's last purchases. `at`: naive, by the meter's clock; the others in counts of the wire (0.01)."""

    at: datetime
    count: int
    amount: int
    before: int
    after: int
    cumulative: int


def decode_record(date: bytes, count: bytes, amount: bytes, before: bytes, after: bytes, cumulative: bytes) -> PurchaseRecord | None:
    """Return a purchase from the data of its six identifiers (0332kknn, 0333kknn, kk 01 to 06), None for a place not used yet; raise PayloadError."""
    if not any(date) or date.count(0xFF) == len(date):
        return None
    for what, data, size in (
        ("count", count, 2),
        *((what, data, 4) for what, data in zip(_AMOUNTS, (amount, before, after, cumulative), strict=True)),
    ):
        if len(data) != size:
            raise PayloadError(f"purchase record: expected {size} bytes of {what}, got {len(data)}", data=data.hex(" "))
    return PurchaseRecord(decode_minute(date), *(decode_bcd(data) for data in (count, amount, before, after, cumulative)))


_AMOUNTS = ("amount", "before", "after", "cumulative")


# --- lay-outs ----------------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """A field of a payload."""

    name: str
    kind: _Kind
    size: int


class _Kind(NamedTuple):
    """How a field is written. `decode` raises PayloadError, `encode` EncodeError."""

    encode: Callable[[Any, _Place], bytes]
    decode: Callable[[bytes, _Place], Any]


def _number_bytes(value: int, place: _Place) -> bytes:
    if not 0 <= value < 1 << 8 * place.size:
        raise EncodeError(f"{place.name} {value}: expected 0 to {(1 << 8 * place.size) - 1}", value=value)
    return value.to_bytes(place.size, "little")


def _digits_bytes(value: str, place: _Place) -> bytes:
    if len(value) != 2 * place.size or not (value.isascii() and value.isdecimal()):
        raise EncodeError(f"{place.name} {value!r}: expected {2 * place.size} digits", value=value)
    return bytes.fromhex(value)[::-1]


def _digits(data: bytes, place: _Place) -> str:
    if not (text := data[::-1].hex()).isdecimal():
        raise PayloadError(f"{place.name}: expected packed digits", data=data.hex(" "))
    return text


def _opaque_bytes(value: bytes, place: _Place) -> bytes:
    if len(value) != place.size:
        raise EncodeError(f"{place.name}: expected {place.size} bytes, got {len(value)}")
    return value


_NUMBER = _Kind(_number_bytes, lambda data, place: int.from_bytes(data, "little"))
_DIGITS = _Kind(_digits_bytes, _digits)
_OPAQUE = _Kind(_opaque_bytes, lambda data, place: data)


def _layout(text: str) -> tuple[_Place, ...]:
    """`name kind size, ...`"""
    kinds = {"number": _NUMBER, "digits": _DIGITS, "opaque": _OPAQUE}
    return tuple(_Place(name, kinds[kind], int(size)) for name, kind, size in (part.split() for part in text.split(",")))


_LAYOUTS: dict[type[Message], tuple[_Place, ...]] = {
    Purchase: _layout("amount number 4, count number 4, mac_amount opaque 4, customer digits 6, mac_customer opaque 4"),
    Order: _layout("amount number 4, order digits 8, mac_amount opaque 4, meter digits 6, mac_meter opaque 4"),
    Preset: _layout("amount number 4, mac_amount opaque 4, count number 4, mac_count opaque 4"),
    Wallet: _layout("balance number 4, count number 4, customer digits 6"),
    Status: _layout("balance number 4, mac_balance opaque 4, count number 4, mac_count opaque 4, customer digits 6, key_information opaque 4"),
    Authentication: _layout("cipher opaque 8, random opaque 8, dispersion opaque 8"),
    Authenticated: _layout("random opaque 4, esam_serial opaque 8"),
    SessionLength: _layout("minutes number 2, mac opaque 4"),
    SessionEnd: _layout("customer digits 6, balance number 4, count number 4, key_information opaque 4"),
}
