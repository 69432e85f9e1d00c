"""What crosses MQTT: the columnar reading batch, events, and the small JSON records around them.

A stored message (readings, events, results) is an *envelope*: `{schema, gateway, generation, epoch, seq, kind, ...}` as JSON, zlib-packed, with
CRC-32C of the packed bytes beside it (an MQTT user property, and a column of the outbox). Numbers are integers in base units, columns instead of
rows. Sending the same (generation, epoch, seq) twice is harmless by design.

    kind "readings", schema 2: base_ms, devices [...], quantities [...], d [steps of the index into devices], k [index into quantities],
                               t [ms since the reading before, the first since base_ms], v [value], q [quality; absent when all good]
    kind "readings", schema 1: base_ms, series [[device, quantity], ...], s [index], t [ms after base], v, q; read, no longer written
    kind "events",   schema 1: events [{...}, ...]
    kind "results",  schema 1: results [{...}, ...], what came of commands (`protocol.command`)

Size: the envelope, its columns in two schemas and the records share caps, checks and the schema numbers.

Schema 2 names a device and a quantity once and tells steps where neighbours resemble each other: a poll cycle is half as large on the wire and disk.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from operator import sub
from typing import Any, Literal, TypeVar

import google_crc32c
import orjson
from pydantic import Field, TypeAdapter, ValidationError

from protocol.command import CommandResult, Results
from protocol.errors import CorruptMessage, MessageError, UnknownSchema
from protocol.reading import Quality, Reading, SeriesKey
from protocol.record import Record
from protocol.site_plan import Line

R = TypeVar("R", bound=Record)
SCHEMA = 1  # of everything but batches of readings
READINGS_SCHEMA = 2
READABLE_SCHEMAS = range(max(1, SCHEMA - 2), SCHEMA + 1)
READABLE_BATCHES = range(max(1, READINGS_SCHEMA - 2), READINGS_SCHEMA + 1)
MAX_PACKED_BYTES = 1 << 20
MAX_UNPACKED_BYTES = 4 << 20  # beyond this a message is a bomb or a mistake
MAX_READINGS = 5_000
CONTENT_TYPE = "application/json+zlib"
CRC_PROPERTY = "crc32c"  # user property: eight lower-case hex digits over the payload bytes
_INT64 = 1 << 63
_MAX_OFFSET_MS = 1 << 43
_QUALITIES = frozenset(int(quality) for quality in Quality)


@dataclass(frozen=True, slots=True)
class BatchId:
    """Identity of a stored message. Unique for ever: a new box gets a new generation, a new outbox a new epoch."""

    gateway: str
    generation: int
    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings of one batch as columns of equal length; `index` points into `series`. `unusable`: readings a decoder had to leave out."""

    series: tuple[SeriesKey, ...]
    index: Sequence[int]
    measured_at_ms: Sequence[int]
    value: Sequence[int]
    quality: Sequence[int]
    unusable: int = 0

    def __len__(self) -> int:
        return len(self.value)

    def readings(self) -> list[Reading]:
        """The same readings as rows."""
        rows = zip(self.index, self.measured_at_ms, self.value, self.quality, strict=True)
        return [Reading(self.series[i], at, value, Quality(quality)) for i, at, value, quality in rows]

    def pick(self, positions: Sequence[int]) -> Columns:
        """The readings at these positions."""
        index, times, values, quality = ([column[n] for n in positions] for column in (self.index, self.measured_at_ms, self.value, self.quality))
        return Columns(self.series, index, times, values, quality)


def columns(readings: Iterable[Reading]) -> Columns:
    """Turn rows into columns, keeping their order."""
    rows = list(readings)
    positions: dict[SeriesKey, int] = {}
    index = [positions.setdefault(row.series, len(positions)) for row in rows]
    return Columns(
        tuple(positions),
        index,
        [row.measured_at_ms for row in rows],
        [row.value for row in rows],
        [row.quality for row in rows],
    )


class Event(Record):
    """Something that happened at the edge. `code` is stable (`line.port_unavailable`), `data` holds its facts."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$", max_length=80)
    at_ms: int
    severity: Literal["info", "warning", "error"]
    line: str | None = None
    device: str | None = None
    message: str = Field(max_length=2000)
    data: dict[str, str | int | bool | None] = {}


class LineStatus(Record):
    """One line as the birth message tells it."""

    id: str
    devices: int = Field(ge=0)


Content = Columns | tuple[Event, ...] | Results  # of a stored message


class Birth(Record):
    """Retained self-description a gateway publishes when it connects. `documents`: desired document -> version it runs."""

    schema_: int = Field(alias="schema", default=SCHEMA)
    gateway: str
    generation: int
    epoch: int
    agent_version: str
    started_at_ms: int
    lines: tuple[LineStatus, ...]
    documents: dict[str, int] = {}


class State(Record):
    """Retained state; the broker publishes `offline` as the will."""

    schema_: int = Field(alias="schema", default=SCHEMA)
    state: Literal["online", "offline", "maintenance"]
    at_ms: int
    epoch: int


class Ack(Record):
    """Central's receipt for one epoch: everything up to `seq` is committed, and so are the inclusive ranges in `also`.

    The edge releases rows by prefix only: `also` stops it from sending those again, and counts as prefix where it continues what is released already.
    """

    schema_: int = Field(alias="schema", default=SCHEMA)
    generation: int
    epoch: int
    seq: int = Field(ge=0)
    also: tuple[tuple[int, int], ...] = Field(default=(), max_length=64)


class Resend(Record):
    """Central asks for an inclusive range of an epoch again."""

    schema_: int = Field(alias="schema", default=SCHEMA)
    epoch: int
    first: int = Field(ge=1)
    last: int = Field(ge=1)


class LinesDocument(Record):
    """Desired document `lines`: what a gateway polls. Version numbers only rise; the edge keeps the newest valid one.

    `timezone`: the site's, an IANA name; None (and absent, so that older agents read the document) is Asia/Shanghai.
    """

    schema_: int = Field(alias="schema", default=SCHEMA)
    gateway: str
    version: int = Field(ge=1)
    timezone: str | None = None
    lines: tuple[Line, ...]


class Reported(Record):
    """Retained answer to desired documents: version in force and, if a newer one was refused, why."""

    schema_: int = Field(alias="schema", default=SCHEMA)
    documents: dict[str, ReportedDocument]


class ReportedDocument(Record):
    """One document as the edge runs it."""

    version: int
    refused_version: int | None = None
    error: str | None = None


class DeviceHealth(Record):
    """How exchanges with one device went since the agent started. `damaged`: replies the line garbled; `delay_ms`: median delay of the others."""

    id: str
    exchanges: int = Field(ge=0)
    timeouts: int = Field(ge=0)
    damaged: int = Field(ge=0)
    delay_ms: int | None = None


MAX_DEVICES_TOLD = 16


class LineHealth(Record):
    """Counters of one line since the agent started, and its state now. `devices`: those with most trouble and the slowest, worst first; None when
    nothing is told of them.
    """

    id: str
    state: Literal["open", "unavailable", "stopped"]
    exchanges: int
    timeouts: int
    checksum_errors: int
    noise_bytes: int
    useful_bytes: int
    busy_ms: int
    utilisation_permille: int
    quarantined: tuple[str, ...] = ()
    devices: tuple[DeviceHealth, ...] | None = Field(default=None, max_length=MAX_DEVICES_TOLD)


class Health(Record):
    """Once a minute, QoS 0: how the box is.

    Of the epoch it writes under: `last_seq` stored last, `acked_seq` released by central's receipts (the box sends nothing up to there by itself),
    `first_held_seq` the lowest it can still send (`last_seq` + 1 when it holds none). All None from an agent that does not tell.
    """

    schema_: int = Field(alias="schema", default=SCHEMA)
    at_ms: int
    uptime_s: int
    backlog_batches: int
    backlog_bytes: int
    outbox_bytes: int
    lines: tuple[LineHealth, ...] = ()
    epoch: int | None = Field(default=None, ge=1)
    last_seq: int | None = Field(default=None, ge=0)
    acked_seq: int | None = Field(default=None, ge=0)
    first_held_seq: int | None = Field(default=None, ge=1)


def encode_readings(batch: BatchId, data: Columns) -> bytes:
    """Pack readings for the wire. The caller keeps at most MAX_READINGS a batch."""
    device_names, quantity_names = zip(*data.series, strict=True) if data.series else ((), ())
    devices, quantities = _numbered(device_names), _numbered(quantity_names)
    of_device, of_quantity = ([numbers[name] for name in names] for numbers, names in ((devices, device_names), (quantities, quantity_names)))
    body: dict[str, Any] = {
        "base_ms": min(data.measured_at_ms, default=0),
        "devices": list(devices),
        "quantities": list(quantities),
        "d": _steps([of_device[position] for position in data.index], 0),
        "k": [of_quantity[position] for position in data.index],
    }
    body["t"] = _steps(data.measured_at_ms, body["base_ms"])
    body["v"] = list(data.value)
    if any(data.quality):
        body["q"] = list(data.quality)
    return _pack(batch, READINGS_SCHEMA, "readings", body)


def encode_events(batch: BatchId, events: Iterable[Event]) -> bytes:
    """Pack events for the wire."""
    return _pack(batch, SCHEMA, "events", {"events": [event.model_dump(exclude_defaults=True) for event in events]})


def encode_results(batch: BatchId, results: Iterable[CommandResult]) -> bytes:
    """Pack results of commands for the wire."""
    return _pack(batch, SCHEMA, "results", {"results": [result.model_dump(exclude_defaults=True) for result in results]})


def decode_stored(payload: bytes, crc: int | None = None) -> tuple[BatchId, Content]:
    """Return identity and content of a stored message.

    Raises CorruptMessage (checksum, compression, size cap), UnknownSchema (schema number, kind), or MessageError (structure). Unknown keys are
    ignored, so that a newer minor version can add some. A reading whose value, time or quality is none is left out and counted in `unusable`:
    its neighbours are whole. A batch without any usable reading is a MessageError.
    """
    envelope = _unpack(payload, crc)
    batch = _identity(envelope)
    kind = envelope.get("kind")
    if kind == "readings":
        return batch, _columns(envelope)
    if kind == "events":
        return batch, _events(envelope)
    if kind == "results":
        return batch, _results(envelope)
    text = f"unknown message kind {kind!r}; this version reads 'readings', 'events' and 'results'; upgrade central before the gateways"
    raise UnknownSchema(text, gateway=batch.gateway, seq=batch.seq)


def checksum(payload: bytes) -> int:
    """CRC-32C (Castagnoli) of packed bytes."""
    return int(google_crc32c.value(payload))


def encode_record(record: Record) -> bytes:
    """A small record as JSON."""
    return record.model_dump_json(by_alias=True, exclude_none=True).encode()


def decode_record(kind: type[R], payload: bytes) -> R:
    """A small record from JSON; raise UnknownSchema, CorruptMessage or MessageError. Keys this version does not know are ignored."""
    if len(payload) > MAX_UNPACKED_BYTES:
        raise CorruptMessage(f"{len(payload)} bytes; at most {MAX_UNPACKED_BYTES} are accepted", size=len(payload))
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise CorruptMessage(f"{kind.__name__} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise MessageError(f"{kind.__name__} is not a JSON object")
    _check_schema(document, READABLE_SCHEMAS)
    known = {field.alias or name for name, field in kind.model_fields.items()}
    try:
        return kind.model_validate({key: value for key, value in document.items() if key in known})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise MessageError(f"{kind.__name__}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _numbered(names: Iterable[str]) -> dict[str, int]:
    """Different names in their order, each with its number."""
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _steps(column: Sequence[int], start: int) -> list[int]:
    """Differences between neighbours; the first against `start`."""
    return list(map(sub, column, (start, *column[:-1])))


def _pack(batch: BatchId, schema: int, kind: str, body: dict[str, Any]) -> bytes:
    head = {"schema": schema, "gateway": batch.gateway, "generation": batch.generation, "epoch": batch.epoch, "seq": batch.seq, "kind": kind}
    return zlib.compress(orjson.dumps(head | body), 6)


def _unpack(payload: bytes, crc: int | None) -> dict[str, Any]:
    if len(payload) > MAX_PACKED_BYTES:
        raise CorruptMessage(f"{len(payload)} bytes; at most {MAX_PACKED_BYTES} are accepted", size=len(payload))
    if crc is not None and checksum(payload) != crc:
        raise CorruptMessage("CRC-32C does not match the payload", expected=f"{crc:08x}", got=f"{checksum(payload):08x}")
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(payload, MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise CorruptMessage(f"payload does not decompress: {error}") from error
    if not inflater.eof or inflater.unused_data:
        raise CorruptMessage(f"payload is truncated, has bytes behind its end, or unpacks beyond {MAX_UNPACKED_BYTES} bytes")
    try:
        envelope = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise CorruptMessage(f"payload is not JSON: {error}") from error
    if not isinstance(envelope, dict):
        raise MessageError("message is not a JSON object")
    _check_schema(envelope, READABLE_BATCHES)
    return envelope


def _check_schema(document: dict[str, Any], readable: range) -> None:
    schema = document.get("schema")
    if type(schema) is not int or schema not in readable:
        known = f"{readable.start}..{readable.stop - 1}"
        raise UnknownSchema(f"schema {schema!r} is not one this version reads ({known}); upgrade central before the gateways", schema=schema)


def _identity(envelope: dict[str, Any]) -> BatchId:
    gateway = envelope.get("gateway")
    numbers = [envelope.get(name) for name in ("generation", "epoch", "seq")]
    if not isinstance(gateway, str) or any(type(number) is not int or not 1 <= number < _INT64 for number in numbers):
        raise MessageError("gateway must be text; generation, epoch and seq whole numbers from 1")
    return BatchId(gateway, *numbers)  # type: ignore[arg-type]  # checked one line above


def _columns(envelope: dict[str, Any]) -> Columns:
    """Check every column before anything is built: types, lengths, ranges. Costs about 10 us per 200 readings."""
    values = _list(envelope, "v")
    quality = _list(envelope, "q") if "q" in envelope else [0] * len(values)
    base_ms = envelope.get("base_ms")
    if type(base_ms) is not int or not 0 <= base_ms < 1 << 53:
        raise MessageError(f"base_ms must be Unix milliseconds, got {base_ms!r}")
    series, index, offsets = (_plain if envelope["schema"] == 1 else _stepped)(envelope)
    if not len(index) == len(offsets) == len(values) == len(quality) <= MAX_READINGS:
        raise MessageError(f"columns of readings must have one length of at most {MAX_READINGS}")
    data = Columns(series, index, [base_ms + offset for offset in offsets], values, quality)
    return data if _all_usable(offsets, values, quality) else _usable_part(data, offsets)


def _all_usable(offsets: list[int], values: list[Any], quality: list[Any]) -> bool:
    """Whether every reading has a time of this century, a value of 64 bits and a known quality."""
    return not values or (
        {int}.issuperset(map(type, values))
        and {int}.issuperset(map(type, quality))
        and min(offsets) >= 0
        and max(offsets) < _MAX_OFFSET_MS
        and min(values) >= -_INT64
        and max(values) < _INT64
        and _QUALITIES.issuperset(quality)
    )


def _usable_part(data: Columns, offsets: list[int]) -> Columns:
    """The readings that are some, one by one: only for a batch that has a bad one."""
    judged = [_all_usable([at], [value], [quality]) for at, value, quality in zip(offsets, data.value, data.quality, strict=True)]
    keep = [position for position, usable in enumerate(judged) if usable]
    if not keep:
        raise MessageError(
            f"no reading is usable: column v must hold whole numbers of 64 bits, t 0 to {_MAX_OFFSET_MS - 1} ms, q known qualities; "
            f"the first is v={str(data.value[0])[:40]} t={offsets[0]} q={str(data.quality[0])[:40]}"
        )
    return replace(data.pick(keep), unusable=len(judged) - len(keep))


def _stepped(envelope: dict[str, Any]) -> tuple[tuple[SeriesKey, ...], list[int], list[int]]:
    """Series, index into them and offsets of schema 2."""
    names, quantities = (_names(envelope, name) for name in ("devices", "quantities"))
    steps, kinds, gaps = (_integers(envelope, name) for name in ("d", "k", "t"))
    if len(steps) != len(kinds):
        raise MessageError("columns d and k must have one length")
    devices = list(accumulate(steps))
    if devices and (min(devices) < 0 or max(devices) >= len(names) or min(kinds) < 0 or max(kinds) >= len(quantities)):
        raise MessageError("column d or k points outside devices or quantities")
    positions: dict[tuple[int, int], int] = {}
    index = [positions.setdefault(pair, len(positions)) for pair in zip(devices, kinds, strict=True)]
    return tuple([_series_key(names[device], quantities[kind]) for device, kind in positions]), index, list(accumulate(gaps))


def _plain(envelope: dict[str, Any]) -> tuple[tuple[SeriesKey, ...], list[int], list[int]]:
    """Series, index into them and offsets of schema 1."""
    index, offsets = (_integers(envelope, name) for name in ("s", "t"))
    series = _series(envelope.get("series"))
    if index and (min(index) < 0 or max(index) >= len(series)):
        raise MessageError("column s points outside series")
    return series, index, offsets


def _integers(envelope: dict[str, Any], name: str) -> list[int]:
    column = _list(envelope, name)
    if not {int}.issuperset(map(type, column)):
        raise MessageError(f"column {name} must be a list of whole numbers")
    return column


def _names(envelope: dict[str, Any], name: str) -> list[str]:
    column = _list(envelope, name)
    if not {str}.issuperset(map(type, column)):
        raise MessageError(f"{name} must be a list of names")
    return column


def _list(envelope: dict[str, Any], name: str) -> list[Any]:
    column = envelope.get(name)
    if not isinstance(column, list):
        raise MessageError(f"column {name} must be a list")
    return column


def _series(raw: object) -> tuple[SeriesKey, ...]:
    if not isinstance(raw, list):
        raise MessageError("series must be a list of [device, quantity]")
    if not {list}.issuperset(map(type, raw)):
        raise MessageError("every series entry must be [device, quantity]")
    try:
        return tuple([_series_key(*pair) for pair in raw])
    except TypeError as error:  # not two parts, or parts no cache can hold
        raise MessageError("every series entry must be [device, quantity]") from error


@lru_cache(maxsize=1 << 17)  # a gateway sends the same series every cycle, and building 200 records costs more than decoding the rest
def _series_key(device: str, quantity: str) -> SeriesKey:
    if not all(isinstance(part, str) and 0 < len(part) <= 64 for part in (device, quantity)):
        raise MessageError(f"series entry {str([device, quantity])[:80]!r} is not [device, quantity]")
    return SeriesKey(device, quantity)


def _events(envelope: dict[str, Any]) -> tuple[Event, ...]:
    try:
        return _EVENTS.validate_python(envelope.get("events"))
    except ValidationError as error:
        raise MessageError(f"events are not valid: {error.errors(include_url=False)[0]['msg']}") from error


def _results(envelope: dict[str, Any]) -> Results:
    """Keys a newer gateway has added to a result are ignored."""
    found = _list(envelope, "results")
    known = CommandResult.model_fields.keys()
    try:
        return Results(_RESULTS.validate_python([{key: one[key] for key in one.keys() & known} for one in found]))
    except AttributeError as error:
        raise MessageError("every result must be an object") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise MessageError(f"results are not valid: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


_EVENTS: TypeAdapter[tuple[Event, ...]] = TypeAdapter(tuple[Event, ...])
_RESULTS: TypeAdapter[tuple[CommandResult, ...]] = TypeAdapter(tuple[CommandResult, ...])
Reported.model_rebuild()
