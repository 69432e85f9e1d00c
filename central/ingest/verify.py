"""Which arrived messages are batches we can store, and what is wrong with the others. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import orjson

from central.mqtt.session import Message
from protocol.errors import CorruptMessage, MessageError
from protocol.messages import CRC_PROPERTY, MAX_UNPACKED_BYTES, BatchId, Columns, Content, decode_stored, encode_readings
from protocol.topics import parse_up

MAX_FUTURE_MS = 24 * 3600 * 1000  # a value from beyond tomorrow would stay "the latest" until then
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class Sound:
    """A message that decodes and speaks for the gateway whose topic it came on. `strays`: readings of it that go to quarantine instead."""

    message: Message
    batch: BatchId
    content: Content
    strays: tuple[Poison, ...] = ()


@dataclass(frozen=True, slots=True)
class Poison:
    """A message to quarantine. `batch`: its identity where that can be read; then the gateway is told to stop sending it."""

    message: Message
    batch: BatchId | None
    reason: str
    text: str


def part(sound: Sound, data: Columns, reason: str, text: str) -> Poison:
    """Readings of a message as a batch of their own that can be replayed; `text` says why and is preceded by how many there are."""
    message = Message(sound.message.topic, encode_readings(sound.batch, data), {})
    return Poison(message, sound.batch, reason, f"{len(data)} readings {text}; the rest of the batch is stored")


def verify(message: Message, now_ms: int) -> Sound | Poison:
    """Judge one message; never raises on its content."""
    gateway = None
    try:
        gateway, _ = parse_up(message.topic)
        batch, content = decode_stored(message.payload, _crc(message.properties))
    except MessageError as error:
        return Poison(message, _readable_identity(gateway, message) if gateway else None, error.code, str(error))
    own = BatchId(gateway, batch.generation, batch.epoch, batch.seq)
    if batch.gateway != gateway:
        return Poison(message, own, "message.wrong_gateway", f"a batch of gateway {batch.gateway!r} came on the topic of {gateway!r}")
    sound = Sound(message, own, content, _unusable(message, own, content) if isinstance(content, Columns) and content.unusable else ())
    return _without_future(sound, now_ms + MAX_FUTURE_MS)


def _unusable(message: Message, batch: BatchId, data: Columns) -> tuple[Poison, ...]:
    """The whole message once more, as evidence: what cannot be a reading cannot be encoded as one."""
    text = f"{data.unusable} of {data.unusable + len(data)} readings have no usable value, time or quality; the rest of the batch is stored"
    return (Poison(message, batch, "reading.unusable", text),)


def _without_future(sound: Sound, limit_ms: int) -> Sound | Poison:
    """Set readings from beyond the limit aside: one meter's clock must not hold up its neighbours."""
    data = sound.content
    if not isinstance(data, Columns) or max(data.measured_at_ms, default=0) <= limit_ms:
        return sound
    text = f"measured up to {max(data.measured_at_ms)} ms, more than a day ahead of us"
    ahead = [position for position, at in enumerate(data.measured_at_ms) if at > limit_ms]
    if len(ahead) == len(data):
        return Poison(sound.message, sound.batch, "message.future", f"readings are {text}")
    present = data.pick([position for position, at in enumerate(data.measured_at_ms) if at <= limit_ms])
    return replace(sound, content=present, strays=(*sound.strays, part(sound, data.pick(ahead), "message.future", text)))


def _crc(properties: Mapping[str, str]) -> int | None:
    text = properties.get(CRC_PROPERTY)
    if text is None:
        return None
    try:
        return int(text, 16)
    except ValueError:
        raise CorruptMessage(f"user property {CRC_PROPERTY} must be hexadecimal, got {text[:20]!r}") from None


def _readable_identity(gateway: str, message: Message) -> BatchId | None:
    """The identity in the user properties or, failing that, in the envelope: it may be whole although the content is not."""
    for source in (message.properties, _envelope(message.payload)):
        try:
            generation, epoch, seq = (int(str(source[name])) for name in ("generation", "epoch", "seq"))
        except (KeyError, ValueError):
            continue
        if all(1 <= number < _INT64 - 1 for number in (generation, epoch, seq)):
            return BatchId(gateway, generation, epoch, seq)
    return None


def _envelope(payload: bytes) -> Mapping[str, object]:
    try:
        document = orjson.loads(zlib.decompressobj().decompress(payload, MAX_UNPACKED_BYTES))
    except (zlib.error, orjson.JSONDecodeError):
        return {}
    return document if isinstance(document, dict) else {}
