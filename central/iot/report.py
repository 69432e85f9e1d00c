"""Our own report document (docs/iot-meters.md), strictly parsed; what makes two reports the same; what readings are in one. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from central.iot.model import VALVE_STATES, CommandResult, Report
from protocol.errors import MessageError
from protocol.reading import Quality, Reading, SeriesKey

MAX_FREEZES = 200  # four days of quarter-hours are more than any meter sends
MAX_AHEAD_MS = 24 * 3_600_000
MAX_AGE_MS = 400 * 24 * 3_600_000
_HOUR_MS = 3_600_000
_CARRIED = frozenset({"signal_rsrp", "signal_snr", "signal_csq", "report_retries"})  # of the way a report went, not of what it says
ALARMS: Mapping[str, str] = {
    "battery_low": "battery_low",
    "magnetic": "magnetic_tamper",
    "reverse": "reverse_flow",
    "leak": "leak",
    "burst": "burst",
    "cover": "cover_open",
}


def parse_report(document: object) -> Report:
    """A report of our own shape; raises MessageError with every field that is wrong. Fields we do not know are no mistake."""
    try:
        said = _ADAPTER.validate_python(document)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'report'}: {one['msg']}" for one in error.errors(include_url=False)[:10])
        raise MessageError(f"not a report: {wrong}") from error
    return Report(
        imei=said.imei,
        number=None if said.meter is None else str(int(said.meter)),
        reported_at_ms=said.reported_at,
        meter_time_ms=said.meter_time,
        values=dict(said.values()),
        freezes=tuple((freeze.at, freeze.volume_l) for freeze in said.freezes),
        firmware=said.firmware,
        report_every_h=said.report_every_h,
        results=tuple(CommandResult(one.command, one.ok, one.text) for one in said.results),
    )


def told(report: Report) -> dict[str, Any]:
    """A report as plain data, to be stored; `retold` of it is the report."""
    names = ("imei", "number", "reported_at_ms", "meter_time_ms", "firmware", "report_every_h")
    plain = {name: value for name in names if (value := getattr(report, name)) is not None}
    results = [{"command": one.command, "ok": one.ok, "text": one.text} for one in report.results]
    return plain | {"values": dict(report.values), "freezes": [list(one) for one in report.freezes], "results": results}


def retold(plain: Mapping[str, Any]) -> Report:
    """A report from what `told` made of it."""
    names = ("imei", "number", "reported_at_ms", "meter_time_ms", "firmware", "report_every_h")
    results = tuple(CommandResult(**one) for one in plain["results"])
    freezes = tuple((int(at_ms), int(volume_l)) for at_ms, volume_l in plain["freezes"])
    return Report(**{name: plain.get(name) for name in names}, values=plain["values"], freezes=freezes, results=results)


def digest(report: Report, received_ms: int) -> bytes:
    """What the same report again has the same of. How it was carried (signal, retries, when it was sent) is not in it.

    Without any time said, the hour of its arrival stands for it: a meter that shows the same tomorrow has reported again.
    """
    at_ms = report.meter_time_ms or report.reported_at_ms or received_ms // _HOUR_MS * _HOUR_MS
    values = {name: value for name, value in report.values.items() if name not in _CARRIED}
    plain = told(report)
    said = {"at_ms": at_ms, "values": values, **{name: plain.get(name) for name in ("freezes", "results", "firmware", "report_every_h")}}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()


def measured(report: Report, received_ms: int) -> tuple[int, Quality]:
    """When the values were measured, and whether the meter's clock can be believed: one that is a day ahead or a year behind cannot."""
    if report.meter_time_ms is not None and _plausible(report.meter_time_ms, received_ms):
        return report.meter_time_ms, Quality.GOOD
    quality = Quality.GOOD if report.meter_time_ms is None else Quality.CLOCK_UNSURE
    if report.reported_at_ms is not None and _plausible(report.reported_at_ms, received_ms):
        return report.reported_at_ms, quality
    return received_ms, quality


def readings(device: str, report: Report, received_ms: int) -> list[Reading]:
    """The readings in a report. Freezes of a clock that cannot be believed are none: they stay in the stored report only."""
    at_ms, quality = measured(report, received_ms)
    found = [Reading(SeriesKey(device, quantity), at_ms, value, quality) for quantity, value in report.values.items()]
    if quality is Quality.GOOD:
        volume = SeriesKey(device, "water_volume")
        found += [Reading(volume, freeze_ms, value) for freeze_ms, value in report.freezes if _plausible(freeze_ms, received_ms)]
    return found


def _plausible(at_ms: int, received_ms: int) -> bool:
    return received_ms - MAX_AGE_MS <= at_ms <= received_ms + MAX_AHEAD_MS


def parse_instant(value: object) -> object:
    """Unix milliseconds, or ISO 8601 with an offset, as Unix milliseconds; anything else is left for the type to refuse."""
    if not isinstance(value, str):
        return value
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("expected ISO 8601 with an offset, such as 2026-11-22T03:00:12+08:00, or Unix milliseconds") from None
    if at.tzinfo is None:
        raise ValueError("the time has no offset; write it as 2026-11-22T03:00:12+08:00")
    return round(at.timestamp() * 1000)


Instant = Annotated[int, BeforeValidator(parse_instant), Field(ge=0, lt=1 << 43)]
Litres = Annotated[int, Field(ge=0, le=10**12)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Freeze(_Said):
    at: Instant
    volume_l: Litres


class _Result(_Said):
    command: int = Field(ge=1, lt=1 << 63)
    ok: bool
    text: str = Field(default="", max_length=200, pattern=r"^[^\x00]*$")


class _Document(_Said):
    imei: str | None = Field(default=None, pattern=r"^\d{15}$")
    meter: str | None = Field(default=None, pattern=r"^\d{1,14}$")
    reported_at: Instant | None = None
    meter_time: Instant | None = None
    volume_l: Litres | None = None
    reverse_l: Litres | None = None
    flow_lph: int | None = Field(default=None, ge=-(10**7), le=10**7)
    valve: Literal["open", "closed", "fault"] | None = None
    battery_mv: int | None = Field(default=None, ge=0, le=100_000)
    rsrp_dbm: int | None = Field(default=None, ge=-200, le=0)
    snr_tenth_db: int | None = Field(default=None, ge=-500, le=500)
    csq: int | None = Field(default=None, ge=0, le=99)
    retries: int | None = Field(default=None, ge=0, le=10_000)
    alarms: list[Literal["battery_low", "magnetic", "reverse", "leak", "burst", "cover"]] | None = Field(default=None, max_length=6)
    firmware: str | None = Field(default=None, min_length=1, max_length=60, pattern=r"^[^\x00]*$")
    report_every_h: int | None = Field(default=None, ge=1, le=168)
    freezes: list[_Freeze] = Field(default=[], max_length=MAX_FREEZES)
    results: list[_Result] = Field(default=[], max_length=20)

    @model_validator(mode="after")
    def _says_something(self) -> _Document:
        if self.imei is None and self.meter is None:
            raise ValueError("neither imei nor meter says whose report this is")
        if not dict(self.values()) and not self.freezes and not self.results:
            raise ValueError("it says nothing: no volume_l, no alarms, no freezes, no results")
        return self

    def values(self) -> Iterator[tuple[str, int]]:
        """What was said, as quantities. Alarms, where they are said at all, are said of every kind."""
        for quantity, name in _FIELDS.items():
            if (value := getattr(self, name)) is not None:
                yield quantity, value
        if self.valve is not None:
            yield "valve_state", VALVE_STATES[self.valve]
        if self.alarms is not None:
            yield from ((quantity, int(name in self.alarms)) for name, quantity in ALARMS.items())


_FIELDS: Mapping[str, str] = {
    "water_volume": "volume_l",
    "water_volume_reverse": "reverse_l",
    "water_flow": "flow_lph",
    "battery_voltage": "battery_mv",
    "signal_rsrp": "rsrp_dbm",
    "signal_snr": "snr_tenth_db",
    "signal_csq": "csq",
    "report_retries": "retries",
}
_ADAPTER: TypeAdapter[_Document] = TypeAdapter(_Document)
