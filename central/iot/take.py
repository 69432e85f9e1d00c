"""Every way in ends here: one report, one transaction. Stored once, filed as readings, judged against commands; or set aside, visibly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from central.db.pool import Connection
from central.db.statements import load_statements, number, rows, run
from central.ingest.direct import store_directly
from central.ingest.quarantine import put
from central.ingest.store import append_events
from central.ingest.verify import Poison
from central.iot.commands import hand_out, settle
from central.iot.model import Report, Taken
from central.iot.report import digest, measured, readings, told
from central.mqtt.session import Message
from protocol.errors import StorageError
from protocol.messages import Event
from protocol.reading import Quality

_SQL = load_statements("central.iot")
UNKNOWN_METER, WRONG_WAY, TWO_METERS, BAD_REPORT = "iot.unknown_meter", "iot.wrong_way", "iot.two_meters", "iot.bad_report"
ADOPTABLE = (UNKNOWN_METER, WRONG_WAY, TWO_METERS)
MAX_SET_ASIDE = 10_000  # of all reports waiting; whoever sends to an open port must not fill the disk
MAX_RAW_CHARS = 16_384


def take(conn: Connection, via: str, report: Report, raw: str, received_ms: int, awake: bool = True) -> Taken:
    """Take one report in a transaction of its own (or within the caller's). `via`: as in the plan. `raw`: as it came, cut to MAX_RAW_CHARS.

    A report that was stored before is counted and answered like the first time. A meter that is `awake` is handed its commands. Raises
    StorageError when no more can be set aside.
    """
    with conn.transaction():
        found = rows(conn, _SQL["meters_of"], _Meter, imei=report.imei, number=report.number)
        wrong = _problem(found, via, report)
        if wrong is not None:
            reason, text = wrong
            set_aside(conn, via, report, raw, reason, text, received_ms)
            return Taken("set_aside", reason=reason)
        outcome = _file(conn, found[0].device, via, report, raw, received_ms)
        return Taken(outcome, found[0].device, commands=hand_out(conn, found[0].device, received_ms) if awake else ())


def set_aside(conn: Connection, via: str, report: Report, raw: str, reason: str, text: str, received_ms: int) -> None:
    """Keep a report that cannot be stored now; it is adopted once its reason is gone."""
    properties = {"received_at_ms": str(received_ms), "imei": report.imei or "", "number": report.number or ""}
    payload = orjson.dumps({"report": told(report), "raw": raw[:MAX_RAW_CHARS]}, option=orjson.OPT_SORT_KEYS)
    _quarantine(conn, Poison(Message(f"iot/{via}", payload, properties), None, reason, text))


def refuse(conn: Connection, via: str, payload: bytes, text: str) -> Taken:
    """Keep bytes that are no report, as evidence."""
    with conn.transaction():
        _quarantine(conn, Poison(Message(f"iot/{via}", payload, {}), None, BAD_REPORT, text))
    return Taken("refused", reason=text)


@dataclass(frozen=True, slots=True)
class _Meter:
    device: str
    number: str
    imei: str
    via: str


def _problem(found: list[_Meter], via: str, report: Report) -> tuple[str, str] | None:
    """Why a report cannot be filed under one meter."""
    if not found:
        return UNKNOWN_METER, f"no meter on the plan reports with IMEI {report.imei} or number {report.number}"
    meter = found[0]
    if len(found) > 1 or (report.imei or meter.imei, report.number or meter.number) != (meter.imei, meter.number):
        known = "; ".join(f"{one.device} has IMEI {one.imei} and number {one.number}" for one in found)
        return TWO_METERS, f"the report says IMEI {report.imei} and number {report.number}, but {known}; was a card or a meter exchanged?"
    if meter.via != via:
        return WRONG_WAY, f"{meter.device} reports by {meter.via} according to the plan, this came by {via}"
    return None


def _file(conn: Connection, device: str, via: str, report: Report, raw: str, received_ms: int) -> Literal["stored", "repeated"]:
    at_ms, quality = measured(report, received_ms)
    reported_ms = min(report.reported_at_ms or received_ms, received_ms)
    kept = run(
        conn,
        _SQL["keep_report"],
        device=device,
        digest=digest(report, received_ms),
        via=via,
        measured_ms=at_ms,
        reported_ms=reported_ms,
        received_ms=received_ms,
        report=_json(told(report)),
        raw=raw[:MAX_RAW_CHARS].replace("\0", "\ufffd"),
    )
    if not kept:
        run(conn, _SQL["count_repeat"], device=device)
        return "repeated"
    store_directly(conn, readings(device, report, received_ms))
    state = {"state": _json(dict(report.values)), "firmware": report.firmware}
    run(conn, _SQL["note_state"], device=device, reported_ms=reported_ms, measured_ms=at_ms, **state)
    if quality is not Quality.GOOD:
        _tell_clock(conn, device, report, received_ms)
    settle(conn, device, report, at_ms if quality is Quality.GOOD else None, received_ms)
    return "stored"


def _tell_clock(conn: Connection, device: str, report: Report, received_ms: int) -> None:
    told_of = {"meter_time_ms": report.meter_time_ms or 0, "freezes": len(report.freezes)}
    text = "the meter's clock cannot be right: its values are filed by when they were sent, its freezes stay in the stored report only"
    append_events(conn, [(None, 0, Event(code="iot.clock_wrong", at_ms=received_ms, severity="warning", device=device, message=text, data=told_of))])


def _quarantine(conn: Connection, poison: Poison) -> None:
    if number(conn, _SQL["set_aside_count"], limit=MAX_SET_ASIDE) >= MAX_SET_ASIDE:
        raise StorageError(f"{MAX_SET_ASIDE} reports are set aside already; register their meters or clear the quarantine", reason=poison.reason)
    put(conn, [poison])


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
