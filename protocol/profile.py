"""Device profiles: what a maker's model can be asked, how its answers become base units, and how to speak to it.

A profile is data (YAML in `firmware_profiles/`); these are its frozen types. One type per protocol family, told apart by `protocol`. What the
parts are: `profile_items` (what is polled), `profile_logs` (what the device remembers), `profile_writes` (what it can be told).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, field_validator

from protocol.profile_items import (
    Block1997,
    Block2007,
    HexBytes,
    Item188,
    Item1997,
    Item2007,
    ItemMbus,
    Protocol,
    RegisterBlock,
    RegisterItem,
)
from protocol.profile_logs import (
    Clock188,
    Clock1997,
    Clock2007,
    ClockModbus,
    EventLog2007,
    Fact188,
    Fact1997,
    Fact2007,
    FactModbus,
    Freeze188,
    Freeze1997,
    Freeze2007,
    FreezeModbus,
    LoadRecords2007,
)
from protocol.profile_writes import Command, Prepay, Setting
from protocol.record import Record, Text

REMEMBERED = ("freeze", "events", "clock")  # poll groups of what a device remembers by itself; no item follows them


class DeviceKind(StrEnum):
    """What a device is; folders of `firmware_profiles/` follow it."""

    ELECTRICITY_METER = "electricity_meter"
    WATER_METER = "water_meter"
    RELAY = "relay"
    AIR_CONDITIONER = "air_conditioner"
    SENSOR = "sensor"


class Verified(StrEnum):
    """What the profile's claims rest on."""

    DRAFT = "draft"
    SIMULATED = "simulated"
    BENCH = "bench"
    FIELD = "field"


class Serial(Record):
    """Serial settings as shipped. The line's own settings, not these, open the port; these guide scan and plan checks."""

    baud: Literal[300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200]
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"]
    stop_bits: Literal[1, 2] = 1

    @property
    def bits_per_byte(self) -> int:
        """Bit times one byte takes on the wire: start + data + parity + stop."""
        return 1 + self.data_bits + (self.parity != "N") + self.stop_bits


class Timing(Record):
    """What the model needs on the line. `gap_ms`: idle bus before the next request; time-outs bound the first and later bytes."""

    gap_ms: int = Field(default=30, ge=2, le=1000)
    first_byte_ms: int = Field(default=1000, ge=50, le=5000)
    between_bytes_ms: int = Field(default=200, ge=10, le=1000)


class ProfileBase(Record):
    """What every profile says. `profile` is the file's folder and name: `acrel/adl400` lies at `meters/acrel/adl400.yaml`."""

    schema_: Literal[1] = Field(alias="schema")
    profile: str = Field(pattern=r"^[a-z0-9_]+/[a-z0-9_]+$")
    name: Text
    maker: Text
    model: str
    kind: DeviceKind
    phases: Literal[1, 3] | None = None
    source: str = Field(min_length=8)
    verified: Verified
    extends: str | None = Field(default=None, description="the profile whose items, logs and writes this one inherits")
    ask_maker: tuple[str, ...] = Field(default=(), description="what to ask the maker before this profile is trusted")
    serial: Serial
    timing: Timing = Timing()
    groups: dict[str, int] = Field(description="poll group -> default period in seconds")
    commands: tuple[Command, ...] = ()
    settings: tuple[Setting, ...] = ()
    prepay: Prepay | None = None
    notes: str = ""

    @field_validator("groups")
    @classmethod
    def _periods(cls, groups: dict[str, int]) -> dict[str, int]:
        for name, period_s in groups.items():
            if name in REMEMBERED:
                raise ValueError(f"group {name!r} is kept for what a device remembers by itself; choose another name")
            if not 1 <= period_s <= 86400:
                raise ValueError(f"group {name!r}: period {period_s} s is outside 1..86400")
        return groups


class Profile2007(ProfileBase):
    """A DL/T 645-2007 device. `preamble`: FE bytes it wants in front of a request."""

    protocol: Literal[Protocol.DLT645_2007]
    preamble: int = Field(default=4, ge=0, le=32)
    items: tuple[Item2007, ...] = Field(min_length=1)
    blocks: tuple[Block2007, ...] = ()
    freezes: tuple[Freeze2007, ...] = ()
    events: tuple[EventLog2007, ...] = ()
    load_records: LoadRecords2007 | None = None
    clock: Clock2007 | None = None
    facts: tuple[Fact2007, ...] = ()


class Profile1997(ProfileBase):
    """A DL/T 645-1997 device. `preamble`: FE bytes it wants in front of a request."""

    protocol: Literal[Protocol.DLT645_1997]
    preamble: int = Field(default=4, ge=0, le=32)
    items: tuple[Item1997, ...] = Field(min_length=1)
    blocks: tuple[Block1997, ...] = ()
    freezes: tuple[Freeze1997, ...] = ()
    clock: Clock1997 | None = None
    facts: tuple[Fact1997, ...] = ()


class Profile188(ProfileBase):
    """A CJ/T 188 device. `meter_type`: the T byte. `di_order`: byte order in which the model sends identifiers.

    `preamble`: FE bytes it wants in front of a request; level converters of an M-Bus pair want more of them to wake up.
    """

    protocol: Literal[Protocol.CJT188]
    meter_type: HexBytes
    di_order: Literal["high_first", "low_first"] = "low_first"
    preamble: int = Field(default=2, ge=0, le=64)
    items: tuple[Item188, ...] = Field(min_length=1)
    freezes: tuple[Freeze188, ...] = ()
    clock: Clock188 | None = None
    facts: tuple[Fact188, ...] = ()


class ProfileModbus(ProfileBase):
    """A Modbus RTU device. `blocks`: ranges safe to read across holes; items outside any block are read alone."""

    protocol: Literal[Protocol.MODBUS_RTU]
    items: tuple[RegisterItem, ...] = Field(min_length=1)
    blocks: tuple[RegisterBlock, ...] = ()
    freezes: tuple[FreezeModbus, ...] = ()
    clock: ClockModbus | None = None
    facts: tuple[FactModbus, ...] = ()


class ProfileMbus(ProfileBase):
    """An M-Bus slave (EN 13757-2 and -3). `by`: asked by primary address (1..250), or selected by its eight-digit secondary address."""

    protocol: Literal[Protocol.MBUS]
    by: Literal["primary", "secondary"] = "secondary"
    items: tuple[ItemMbus, ...] = Field(min_length=1)


Profile = Annotated[Profile2007 | Profile1997 | Profile188 | ProfileModbus | ProfileMbus, Field(discriminator="protocol")]
AnyProfile = Profile2007 | Profile1997 | Profile188 | ProfileModbus | ProfileMbus
