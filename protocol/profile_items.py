"""What a device can be asked for: one item a value, by protocol family, and the blocks that carry several at once.

Scales and formats are text so that no float ever touches a register that is billed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from protocol.quantities import QUANTITIES, UNIT_FACTORS, Kind, Quantity
from protocol.record import Record


class Protocol(StrEnum):
    """Wire protocols a line can speak."""

    DLT645_2007 = "dlt645_2007"
    DLT645_1997 = "dlt645_1997"
    CJT188 = "cjt188"
    MODBUS_RTU = "modbus_rtu"
    MBUS = "mbus"


class Ratio(StrEnum):
    """Which transformer ratio of the installation turns this register's secondary value into a primary one."""

    NONE = "none"
    CT = "ct"
    PT = "pt"
    CT_PT = "ct_pt"


class Item(Record):
    """What every readable item says, whatever its protocol. `group` names the poll period it follows.

    `note`: what a reader of this item must know, such as a register whose wrap is not published.
    """

    quantity: str
    unit: str
    group: str = "energy"
    ratio: Ratio = Ratio.NONE
    bits: tuple[int, int] | None = None  # (lowest bit, width) of the raw word, for states and flags
    note: str = ""

    @field_validator("quantity")
    @classmethod
    def _known(cls, code: str) -> str:
        if code not in QUANTITIES:
            raise ValueError(f"unknown quantity {code!r}; the vocabulary is protocol/quantities.py")
        return code

    @model_validator(mode="after")
    def _unit_fits(self) -> Item:
        if (self.unit, self.spec.base_unit) not in UNIT_FACTORS:
            raise ValueError(f"unit {self.unit!r} does not convert to {self.spec.base_unit!r}, the base unit of {self.quantity}")
        return self

    @property
    def spec(self) -> Quantity:
        """The vocabulary's entry for this item's quantity."""
        return QUANTITIES[self.quantity]

    def factor(self) -> Fraction:
        """Exact factor from the raw integer (or float) to the base unit."""
        return UNIT_FACTORS[self.unit, self.spec.base_unit]


_BCD_FORMAT = re.compile(r"^(X+)(?:\.(X+))?$")
_WORD_BYTES = {"u8": 1, "u16": 2, "u24": 3, "u32": 4}


class ByteItem(Item):
    """An item inside a byte string (DL/T 645 and CJ/T 188 data, low byte first).

    `format`: `XXXXXX.XX` = packed BCD digits with a decimal point, or `u8|u16|u24|u32` = unsigned binary. `signed`: the top bit of the highest
    byte is the sign (DL/T 645-2007 annex A). `offset`: byte position in the data after the identifier; negative counts from the end.
    """

    format: str
    signed: bool = False
    offset: int = 0

    @field_validator("format")
    @classmethod
    def _format_known(cls, text: str) -> str:
        if text in _WORD_BYTES:
            return text
        match = _BCD_FORMAT.match(text)
        if not match or len(text.replace(".", "")) % 2:
            raise ValueError(
                f"format {text!r}: expected an even number of X digits with at most one point (XXXXXX.XX), or one of {', '.join(_WORD_BYTES)}"
            )
        return text

    @property
    def is_bcd(self) -> bool:
        """True for packed BCD, False for binary words."""
        return self.format not in _WORD_BYTES

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.format.replace(".", "")) // 2 if self.is_bcd else _WORD_BYTES[self.format]

    @property
    def decimals(self) -> int:
        """Digits behind the point."""
        return len(self.format.partition(".")[2])

    def factor(self) -> Fraction:
        """Exact factor from the raw integer to the base unit: 10^-decimals x unit factor."""
        return super().factor() / Fraction(10**self.decimals)

    def rollover(self) -> Fraction | None:
        """The value in base units at which a cumulative register wraps to zero, or None for other kinds.

        The sign takes the top bit of the top digit, so a signed BCD register counts to 7999...9 (DL/T 645-2007 table A.1: 799999.99).
        """
        if self.spec.kind is not Kind.CUMULATIVE:
            return None
        counts: int = 10 ** (2 * self.size) if self.is_bcd else 256**self.size
        if self.signed:
            counts = counts * 8 // 10 if self.is_bcd else counts // 2
        return self.factor() * counts


def _hex_di(text: object) -> object:
    """YAML reads `00010000` as a number; identifiers must be quoted, and we say so."""
    if not isinstance(text, str):
        raise ValueError('data identifiers must be quoted hexadecimal text, such as "00010000"')
    return text.upper()


Di4 = Annotated[str, BeforeValidator(_hex_di), Field(pattern=r"^[0-9A-F]{8}$")]
Di2 = Annotated[str, BeforeValidator(_hex_di), Field(pattern=r"^[0-9A-F]{4}$")]
HexBytes = Annotated[str, Field(pattern=r"^([0-9A-F]{2})+$")]


class Item2007(ByteItem):
    """One data identifier of DL/T 645-2007 (DI3..DI0 as printed in the standard)."""

    di: Di4


class Item1997(ByteItem):
    """One data identifier of DL/T 645-1997 (DI1 DI0)."""

    di: Di2


class Item188(ByteItem):
    """A field of a CJ/T 188 read. `unit_at`: offset of the wire's own unit code; when given it overrides `unit`."""

    di: Di2 = "901F"
    unit_at: int | None = None


class Block2007(Record):
    """A block identifier and the single identifiers it carries, in wire order."""

    di: Di4
    items: tuple[Di4, ...] = Field(min_length=2)


class Block1997(Record):
    """As `Block2007`, with two-byte identifiers."""

    di: Di2
    items: tuple[Di2, ...] = Field(min_length=2)


RegisterType = Literal["bit", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"]
_REGISTERS = {"bit": 1, "u16": 1, "i16": 1, "u32": 2, "i32": 2, "u64": 4, "i64": 4, "f32": 2, "f64": 4}


class RegisterItem(Item):
    """A Modbus register or coil. `address` is the 0-based wire address. `scale` is text; value = raw x scale x unit.

    `rollover_raw`: raw count at which a cumulative register wraps, as text; default 2^bits for unsigned types. `absent_raw`: the raw number that says
    there is no value yet.
    """

    function: Literal[1, 2, 3, 4]
    address: int = Field(ge=0, le=0xFFFF)
    type: RegisterType
    word_order: Literal["big", "little"] = "big"
    scale: str = "1"
    rollover_raw: str | None = None
    absent_raw: int | None = None

    @field_validator("scale", mode="before")
    @classmethod
    def _scale_is_text(cls, value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"-?\d+(\.\d+)?", value) or Decimal(value) == 0:
            raise ValueError('scale must be quoted decimal text other than zero, such as "0.1"')
        return value

    @field_validator("rollover_raw", mode="before")
    @classmethod
    def _rollover_is_text(cls, value: object) -> object:
        if value is not None and not (isinstance(value, str) and re.fullmatch(r"[1-9]\d{0,19}", value)):
            raise ValueError('rollover_raw must be quoted whole-number text, such as "1000000000"')
        return value

    @model_validator(mode="after")
    def _shape(self) -> RegisterItem:
        if (self.type == "bit") != (self.function in (1, 2)):
            raise ValueError("type 'bit' goes with functions 1 and 2, register types with 3 and 4")
        if self.address + self.count > 0x10000:
            raise ValueError("item reaches beyond register 0xFFFF")
        return self

    @property
    def count(self) -> int:
        """Registers (or coils) the item takes."""
        return _REGISTERS[self.type]

    def factor(self) -> Fraction:
        """Exact factor from the raw number to the base unit."""
        return super().factor() * Fraction(self.scale)

    def rollover(self) -> Fraction | None:
        """The value in base units at which a cumulative register wraps, or None if it does not or is not known."""
        if self.spec.kind is not Kind.CUMULATIVE:
            return None
        if self.rollover_raw is not None:
            return self.factor() * int(self.rollover_raw)
        return self.factor() * Fraction(2 ** (16 * self.count)) if self.type.startswith("u") else None


Measured = Literal["energy", "volume", "mass", "power", "volume_flow", "flow_temperature", "return_temperature", "on_time", "external_temperature"]


class ItemMbus(Item):
    """A record of an M-Bus answer (EN 13757-3), found by what it measures; its own VIF, not `unit`, scales it.

    `storage`: 0 = now, 1.. = frozen values; `tariff`, `subunit`: as the record's DIFE bytes number them. `wraps_at`: base units at which a cumulative
    register wraps to zero; the wire does not tell.
    """

    measures: Measured
    function: Literal["instantaneous", "maximum", "minimum", "error"] = "instantaneous"
    storage: int = Field(default=0, ge=0, le=1 << 20)
    tariff: int = Field(default=0, ge=0, le=1 << 20)
    subunit: int = Field(default=0, ge=0, le=1 << 10)
    wraps_at: int | None = Field(default=None, ge=1)

    def rollover(self) -> Fraction | None:
        """The value in base units at which a cumulative register wraps, or None if it does not or is not known."""
        return Fraction(self.wraps_at) if self.wraps_at is not None and self.spec.kind is Kind.CUMULATIVE else None


AnyItem = Item2007 | Item1997 | Item188 | RegisterItem | ItemMbus


class RegisterBlock(Record):
    """A range of registers (inclusive) that is safe to read in one request, holes included."""

    function: Literal[1, 2, 3, 4]
    first: int = Field(ge=0, le=0xFFFF)
    last: int = Field(ge=0, le=0xFFFF)

    @model_validator(mode="after")
    def _order(self) -> RegisterBlock:
        limit = 2000 if self.function in (1, 2) else 125
        if not 0 <= self.last - self.first < limit:
            raise ValueError(f"block must run from first to last and hold at most {limit} entries (Modbus application protocol 6.1-6.4)")
        return self
