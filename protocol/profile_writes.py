"""What a device can be told, each with the reading that proves it: commands, settings, and how it takes money."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from protocol.profile_items import Di2, HexBytes, Protocol
from protocol.profile_logs import Purchases2007
from protocol.record import Record


class Confirm(Record):
    """The reading that proves a command took effect."""

    quantity: str
    value: int
    within_s: int = Field(default=30, ge=1, le=600)


class Write2007(Record):
    """A DL/T 645 remote-control write (1CH): N1 code, and the password level it needs."""

    n1: HexBytes
    level: str = Field(default="02", pattern=r"^\d\d$")


class Write188(Record):
    """A CJ/T 188 write: identifier and data bytes. `control`: 04, or 2A on one maker's valves."""

    di: Di2
    data: HexBytes
    control: Literal["04", "2A"] = "04"


class WriteModbus(Record):
    """A Modbus write of one coil or register (5, 6), or of a run of `count` coils that all get the same value (15)."""

    function: Literal[5, 6, 15]
    address: int = Field(ge=0, le=0xFFFF)
    value: int = Field(ge=0, le=0xFFFF)
    count: int = Field(default=1, ge=1, le=32)


def _write_tag(value: object) -> str:
    """Tell the kinds of write apart by the key only they have, so that a mistake in one is reported once."""
    if isinstance(value, dict):
        return Protocol.DLT645_2007 if "n1" in value else Protocol.CJT188 if "di" in value else Protocol.MODBUS_RTU
    return Protocol.DLT645_2007 if isinstance(value, Write2007) else Protocol.CJT188 if isinstance(value, Write188) else Protocol.MODBUS_RTU


Write = Annotated[
    Annotated[Write2007, Tag(Protocol.DLT645_2007)] | Annotated[Write188, Tag(Protocol.CJT188)] | Annotated[WriteModbus, Tag(Protocol.MODBUS_RTU)],
    Discriminator(_write_tag),
]


class Command(Record):
    """Something the device can be told, with the read-back that confirms it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    write: Write
    confirm: Confirm


class Setting(Record):
    """A value that may be written: the item of this quantity, in its own place and format, read back afterwards. `least`, `most`: base units.

    DL/T 645 needs `level` (of the password, 14H); Modbus says which `function` writes registers (6 one, 16 several).
    """

    name: str = Field(pattern=r"^set_[a-z0-9_]+$")
    quantity: str
    least: int
    most: int
    level: str | None = Field(default=None, pattern=r"^\d\d$")
    function: Literal[6, 16] | None = None
    within_s: int = Field(default=10, ge=1, le=600)

    @model_validator(mode="after")
    def _range(self) -> Setting:
        if self.least > self.most:
            raise ValueError(f"least {self.least} is above most {self.most}")
        return self


class Prepay(Record):
    """How the model takes money, by style: A `esam`, B `plaintext_30`, C `plaintext_34`, D `vendor_di`, E `modbus` (`protocol.wire.recharge`).

    Writes stay off until `bench_log` names a bench test that passed. `step`: amount of one count on the wire, in base units (10 Wh, 1 fen).
    `checks_customer`: the meter compares the customer number.
    """

    style: Literal["esam", "plaintext_30", "plaintext_34", "vendor_di", "modbus"]
    unit: Literal["energy", "money"]
    step: int = Field(default=10, ge=1, le=100_000)
    checks_customer: bool = False
    can_refund: bool = False
    records: Purchases2007 | None = None
    bench_log: str | None = None
