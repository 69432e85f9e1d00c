"""What a vendor's platform posts: signed, once, one report or many, in our own shape or as CJ/T 188 frames in an envelope."""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from central.consumption.load import site_zone
from central.db.pool import CONTENT_ERRORS, Connection, Pool
from central.db.statements import load_statements, number, run
from central.iot.frames import acknowledgement, command_frame, frame_report
from central.iot.model import Order, Report, Taken
from central.iot.report import parse_instant, parse_report
from central.iot.signature import MIN_SECRET_BYTES, Signed, check, secrets_of
from central.iot.take import refuse, take
from protocol.errors import Conflict, MessageError, NotSignedIn, StorageError, WireError
from protocol.wire.cjt188 import Frame

log = logging.getLogger(__name__)

_SQL = load_statements("central.iot")
MAX_BODY_BYTES = 1 << 20
MAX_REPORTS = 500
MAX_NONCES = 200_000  # of one source; a quarter of an hour at 200 requests a second
_SOURCE = re.compile(r"[a-z0-9][a-z0-9\-]{0,30}")
_IMEI = re.compile(r"\d{15}")
_HEX = re.compile(r"([0-9A-Fa-f]{2}\s?)+")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One report of a body: what it says and, if it came as a frame, the frame."""

    report: Report
    frame: Frame | None = None


def receive(pool: Pool, secrets_dir: Path | None, source: str, signed: Signed, body: bytes, now_s: float) -> list[dict[str, Any]]:
    """Take everything in a signed body, each report in its own transaction; answers one entry a report, in order.

    Raises NotSignedIn (unknown source, bad signature, clock), Conflict (nonce seen before), MessageError (no JSON, too many), StorageError and
    DatabaseError; after these two the nonce may be used again, for nothing may be lost that comes a second time.
    """
    nonce = check(source_secrets(secrets_dir, source), signed, body, now_s)
    with pool.connection() as conn:
        _spend(conn, source, nonce)
        zone = site_zone(conn)
    try:
        return [_take_one(pool, f"webhook/{source}", item, zone, int(now_s * 1000)) for item in _items(body)]
    except BaseException:
        with pool.connection() as conn:
            run(conn, _SQL["forget_nonce"], source=source, nonce=nonce)
        raise


def source_secrets(secrets_dir: Path | None, source: str) -> list[bytes]:
    """The secrets of a source, read anew for every request: a key is exchanged without a restart. Raises NotSignedIn where there is none."""
    if secrets_dir is not None and _SOURCE.fullmatch(source):
        try:
            found = secrets_of((secrets_dir / f"{source}.key").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            log.debug("no key file of source %s: %s", source, error)
            found = []
        if found:
            return found
    log.warning("a report of source %.40r is refused: [iot] secrets_dir holds no %d-character secret of it", source, MIN_SECRET_BYTES)
    raise NotSignedIn("no such source of reports", problem="unknown_source")


def parse_arrival(document: object, zone: str) -> Arrival:
    """One report in either shape; raises MessageError. An envelope has `payload` (hex or base64 of one CJ/T 188 frame) beside `imei`."""
    if not isinstance(document, dict):
        raise MessageError(f"a report must be a JSON object, got {type(document).__name__}")
    if "payload" not in document:
        return Arrival(parse_report(document))
    imei, said = document.get("imei"), document.get("reported_at")
    if imei is not None and not (isinstance(imei, str) and _IMEI.fullmatch(imei)):
        raise MessageError("imei: expected 15 digits as text")
    try:
        frame = Frame.from_bytes(_bytes(document["payload"]))
    except WireError as error:
        raise MessageError(f"payload holds no CJ/T 188 frame: {error.message}") from error
    report = frame_report(frame, imei, zone)
    return Arrival(report if said is None else _reported_at(report, said), frame)


def answer(taken: Taken, arrival: Arrival | None) -> dict[str, Any]:
    """What the sender is told of one report: what became of it and what its meter is to do."""
    told: dict[str, Any] = {"result": taken.outcome}
    told |= {name: value for name, value in (("meter", taken.device), ("reason", taken.reason)) if value is not None}
    if arrival is not None and arrival.frame is not None and taken.device is not None:
        told["acknowledgement"] = acknowledgement(arrival.frame).hex().upper()
    if taken.commands:
        told["commands"] = [_command(order, arrival.frame if arrival else None) for order in taken.commands]
    return told


def _spend(conn: Connection, source: str, nonce: str) -> None:
    if number(conn, _SQL["nonce_count"], source=source, limit=MAX_NONCES) >= MAX_NONCES:
        raise StorageError(f"source {source} has used {MAX_NONCES} nonces within minutes; send more reports in one request")
    if not run(conn, _SQL["spend_nonce"], source=source, nonce=nonce):
        raise Conflict("this nonce was used before; a request is taken once, sign it anew", problem="replayed")


def _items(body: bytes) -> list[object]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MessageError(f"the body is no JSON: {error}") from error
    if isinstance(document, dict) and "reports" in document:
        document = document["reports"]
    items = document if isinstance(document, list) else [document]
    if len(items) > MAX_REPORTS:
        raise MessageError(f"{len(items)} reports in one request; send at most {MAX_REPORTS}")
    return items


def _take_one(pool: Pool, via: str, item: object, zone: str, now_ms: int) -> dict[str, Any]:
    raw = orjson.dumps(item)
    try:
        arrival = parse_arrival(item, zone)
    except MessageError as error:
        with pool.connection() as conn:
            return answer(refuse(conn, via, raw, error.message), None)
    try:
        with pool.connection() as conn:
            taken = take(conn, via, arrival.report, raw.decode(), now_ms)
    except CONTENT_ERRORS as error:  # one report must not keep its neighbours from being stored
        with pool.connection() as conn:
            return answer(refuse(conn, via, raw, f"the database refused the content: {error}"), None)
    return answer(taken, arrival)


def _reported_at(report: Report, said: object) -> Report:
    try:
        at_ms = parse_instant(said)
    except ValueError as error:
        raise MessageError(f"reported_at: {error}") from error
    if not isinstance(at_ms, int) or isinstance(at_ms, bool) or not 0 <= at_ms < 1 << 43:
        raise MessageError("reported_at: expected ISO 8601 with an offset, or Unix milliseconds")
    return replace(report, reported_at_ms=at_ms)


def _bytes(payload: object) -> bytes:
    if not isinstance(payload, str) or len(payload) > 2000:
        raise MessageError("payload: expected a frame as text, hexadecimal or base64")
    if _HEX.fullmatch(payload):
        return bytes.fromhex(payload)
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MessageError(f"payload is neither hexadecimal nor base64: {error}") from error


def _command(order: Order, frame: Frame | None) -> Mapping[str, Any]:
    told: dict[str, Any] = {"id": order.id, "kind": order.kind, "arguments": dict(order.arguments), "expires_at_ms": order.expires_at_ms}
    wire = command_frame(frame, order) if frame is not None else None
    return told | ({"frame": wire.hex().upper()} if wire is not None else {})
