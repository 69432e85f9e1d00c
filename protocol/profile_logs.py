"""What a device remembers by itself: frozen registers, event logs, load records, purchases, its clock, and what it tells about itself.

Numbers count back: record 1 is the newest. Its identifier (or first register) stands in the profile, `step` leads to the one before it.
A `format` of an instant names its two-digit fields as printed, highest first; on the wire DL/T 645 and CJ/T 188 send the lowest byte first, Modbus
registers come in order.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocol.meter_events import METER_EVENTS
from protocol.profile_items import Di2, Di4, Item188, Item1997, Item2007, RegisterItem
from protocol.record import Record

StampFormat = Annotated[str, Field(pattern=r"^(YY|MM|DD|WW|hh|mm|ss)+$")]
Period = Literal["hour", "day", "month"]
Depth = Annotated[int, Field(ge=1, le=255)]
FactName = Literal[
    "communication_address",
    "meter_number",
    "asset_number",
    "customer_number",
    "model",
    "production_date",
    "protocol_version",
    "firmware",
    "rated_voltage",
    "basic_current",
    "maximum_current",
    "accuracy_active",
    "accuracy_reactive",
    "constant_active",
    "constant_reactive",
]


class Place2007(Record):
    """A spot in the data of a DL/T 645-2007 identifier."""

    di: Di4
    offset: int = Field(default=0, ge=0, le=200)


class Place1997(Record):
    """A spot in the data of a DL/T 645-1997 identifier."""

    di: Di2
    offset: int = Field(default=0, ge=0, le=200)


class Place188(Record):
    """A spot in the data of a CJ/T 188 identifier."""

    di: Di2
    offset: int = Field(default=0, ge=0, le=200)


class PlaceModbus(Record):
    """The first of some registers."""

    function: Literal[3, 4]
    address: int = Field(ge=0, le=0xFFFF)


class Stamp2007(Place2007):
    """An instant by the device's own clock."""

    format: StampFormat


class Stamp1997(Place1997):
    """An instant by the device's own clock."""

    format: StampFormat


class Stamp188(Place188):
    """An instant by the device's own clock."""

    format: StampFormat


class StampModbus(PlaceModbus):
    """An instant by the device's own clock: one field a byte, or one a register (`width`), packed BCD or binary."""

    format: StampFormat
    coding: Literal["bcd", "binary"] = "bcd"
    width: Literal["byte", "register"] = "byte"


# --- frozen registers --------------------------------------------------------------------------------------------------


class FreezeBase(Record):
    """Registers the device froze when a period of its own clock ended. Without `time` the freeze is dated by the last end of the period."""

    period: Period
    depth: Depth
    step: int = Field(default=1, ge=1, le=0xFFFF)


class Freeze2007(FreezeBase):
    """As 05060kknn (daily) or 000100nn (settlement)."""

    time: Stamp2007 | None = None
    items: tuple[Item2007, ...] = Field(min_length=1)


class Freeze1997(FreezeBase):
    """As 9410, 9810: last month, the month before (`step` 1024)."""

    time: Stamp1997 | None = None
    items: tuple[Item1997, ...] = Field(min_length=1)


class Freeze188(FreezeBase):
    """As D120..D12B: the last twelve months."""

    time: Stamp188 | None = None
    items: tuple[Item188, ...] = Field(min_length=1)


class FreezeModbus(FreezeBase):
    """Equal groups of registers, `step` registers apart."""

    time: StampModbus | None = None
    items: tuple[RegisterItem, ...] = Field(min_length=1)


# --- events, load records, purchases (DL/T 645-2007) -------------------------------------------------------------------


class EventLog2007(Record):
    """A log of one kind of event (`protocol.meter_events`). `count`: how often it happened; when it rises, new records are read.

    In a record, `begin_at` is the offset of the instant it began, in `format`; `end_at` that of its end, `operator_at` that of four operator bytes.
    """

    event: Annotated[str, Field(json_schema_extra={"enum": sorted(METER_EVENTS)})]
    count: Di4
    count_bytes: Literal[2, 3] = 3
    record: Di4
    depth: Depth = 10
    step: int = Field(default=1, ge=1, le=0xFFFF)
    format: StampFormat = "YYMMDDhhmmss"
    begin_at: int = Field(default=0, ge=0, le=200)
    end_at: int | None = Field(default=None, ge=0, le=200)
    operator_at: int | None = Field(default=None, ge=0, le=200)


class LoadRecords2007(Record):
    """Load records (DL/T 645-2007 6.6 and annex A table 06): what was measured every `interval_s`, kept for days, asked for from an instant on."""

    di: Di4 = "06000001"
    interval_s: int = Field(default=900, ge=60, le=3600)
    classes: tuple[Literal[1, 2, 3, 4, 5, 6], ...] = (1, 2, 3, 4, 5, 6)


class Purchases2007(Record):
    """Records of what was bought, the proof of a recharge. Identifiers of number 1, the newest."""

    date: Di4
    count: Di4
    amount: Di4
    before: Di4
    after: Di4
    cumulative: Di4
    depth: Depth = 10


# --- clock -------------------------------------------------------------------------------------------------------------


class Clock2007(Record):
    """Date (WW DD MM YY on the wire) and time (ss mm hh). `set_by`: what corrects it; a broadcast moves it five minutes at most, once a day."""

    date: Di4 = "04000101"
    time: Di4 = "04000102"
    set_by: tuple[Literal["broadcast", "write"], ...] = ("broadcast",)


class Clock1997(Record):
    """As `Clock2007`."""

    date: Di2 = "C010"
    time: Di2 = "C011"
    set_by: tuple[Literal["broadcast", "write"], ...] = ("broadcast",)


class Clock188(Record):
    """The meter's clock stands in its reading; `set_di` writes it."""

    read: Stamp188
    set_di: Di2 | None = "A015"


class ClockModbus(Record):
    """Registers of the clock; `set_function` writes them back."""

    read: StampModbus
    set_function: Literal[16] | None = None


# --- what a device tells about itself ----------------------------------------------------------------------------------


class Fact2007(Place2007):
    """A text: `ascii` as printed (low byte first on the wire), or BCD `digits`."""

    name: FactName
    coding: Literal["ascii", "digits"]
    size: int = Field(ge=1, le=64)


class Fact1997(Place1997):
    """As `Fact2007`."""

    name: FactName
    coding: Literal["ascii", "digits"]
    size: int = Field(ge=1, le=64)


class Fact188(Place188):
    """As `Fact2007`."""

    name: FactName
    coding: Literal["ascii", "digits"]
    size: int = Field(ge=1, le=64)


class FactModbus(PlaceModbus):
    """A text in `count` registers: `ascii` high byte first, BCD `digits`, or one `number`."""

    name: FactName
    coding: Literal["ascii", "digits", "number"]
    count: int = Field(default=1, ge=1, le=32)
