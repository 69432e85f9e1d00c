"""What every stream decoder must hold, checked on all three protocols: no frame lost, none invented, no matter how the bytes arrive."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.wire import cjt188, dlt645, modbus
from protocol.wire.stream import FrameStream

REQUEST = modbus.read_request(1, 3, 0, 4)


@dataclass(frozen=True)
class Codec:
    """One protocol as these tests see it. `frames`: valid frames as bytes; `raw`: back from what the decoder returned; `longest`: its cap."""

    decoder: Callable[[], FrameStream]
    frames: st.SearchStrategy[bytes]
    raw: Callable[[object], bytes]
    longest: int
    false_start: bytes
    preamble: bytes


def with_crc(body: bytes) -> bytes:
    return modbus.FramerRTU.encode(modbus._FRAMER, body[1:], body[0], 0)


DIGITS = "0123456789A"
CODECS = {
    "dlt645": Codec(
        dlt645.Decoder,
        st.builds(dlt645.Frame, st.text(DIGITS, min_size=12, max_size=12), st.integers(0, 255), st.binary(max_size=255)).map(lambda f: f.to_bytes(0)),
        lambda frame: frame.to_bytes(0),
        dlt645.MAX_FRAME_BYTES,
        bytes.fromhex("68 11 11 11 11 11 11 68 91 FF"),
        b"\xfe",
    ),
    "cjt188": Codec(
        cjt188.Decoder,
        st.builds(
            cjt188.Frame,
            st.sampled_from([0x10, 0x11, 0x20, 0x30, 0xAA]),
            st.text(DIGITS, min_size=14, max_size=14),
            st.integers(0, 255),
            st.binary(max_size=255),
        ).map(lambda f: f.to_bytes(0)),
        lambda frame: frame.to_bytes(0),
        cjt188.MAX_FRAME_BYTES,
        bytes.fromhex("68 10 11 11 11 11 11 11 11 81 FF"),
        b"\xfe",
    ),
    "modbus": Codec(
        lambda: modbus.ReplyDecoder(REQUEST),
        st.one_of(
            st.binary(min_size=8, max_size=8).map(lambda data: with_crc(b"\x01\x03\x08" + data)),
            st.integers(1, 11).map(lambda code: with_crc(bytes([1, 0x83, code]))),
        ),
        bytes,
        modbus.MAX_FRAME_BYTES,
        bytes.fromhex("01 03 08"),
        b"",
    ),
}
# Noise out of which no frame can begin: no start byte. Random bytes with start bytes are the business of `test_any_bytes_...`.
QUIET = {"dlt645": 0x68, "cjt188": 0x68, "modbus": 0x01}
every_codec = pytest.mark.parametrize("name", CODECS)


def quiet_noise(name: str, **limits: int) -> st.SearchStrategy[bytes]:
    return st.lists(st.integers(0, 255).filter(lambda byte: byte != QUIET[name]), **limits).map(bytes)


def chunks(data: st.DataObject, stream: bytes) -> list[bytes]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    return [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)])]


@every_codec
@settings(max_examples=60)
@given(data=st.data())
def test_frames_come_out_of_noise_whole_and_in_order(name: str, data: st.DataObject):
    codec = CODECS[name]
    sent = data.draw(st.lists(codec.frames, max_size=4))
    noise = data.draw(st.lists(quiet_noise(name, max_size=20), min_size=len(sent) + 1, max_size=len(sent) + 1))
    stream = noise[0] + b"".join(frame + behind for frame, behind in zip(sent, noise[1:], strict=True))
    decoder = codec.decoder()

    got = [codec.raw(frame) for chunk in chunks(data, stream) for frame in decoder.feed(chunk)]

    assert got == sent
    assert decoder.noise_bytes == sum(byte not in codec.preamble for piece in noise for byte in piece)
    assert (decoder.started, decoder.missing, decoder.checksum_errors) == (False, 0, 0)


@every_codec
@settings(max_examples=150)
@given(data=st.data())
def test_any_bytes_give_only_frames_that_stand_in_them(name: str, data: st.DataObject):
    codec = CODECS[name]
    pieces = st.one_of(st.binary(max_size=40), codec.frames, codec.frames.map(lambda raw: raw[:-3]), st.just(codec.false_start))
    stream = b"".join(data.draw(st.lists(pieces, max_size=6)))
    decoder = codec.decoder()

    position = 0
    for frame in decoder.feed(stream):
        raw = codec.raw(frame)
        position = stream.index(raw, position) + len(raw)  # ValueError here: a frame was invented

    assert decoder.missing <= codec.longest
    assert decoder.noise_bytes <= len(stream)


@every_codec
@settings(max_examples=100)
@given(data=st.data())
def test_chunking_changes_nothing(name: str, data: st.DataObject):
    codec = CODECS[name]
    pieces = st.one_of(st.binary(max_size=30), codec.frames, codec.frames.map(lambda raw: raw[:-2]), st.just(codec.false_start))
    stream = b"".join(data.draw(st.lists(pieces, max_size=5)))
    whole, split, bytewise = codec.decoder(), codec.decoder(), codec.decoder()

    expected = whole.feed(stream)

    assert [frame for chunk in chunks(data, stream) for frame in split.feed(chunk)] == expected
    assert [frame for byte in stream for frame in bytewise.feed(bytes([byte]))] == expected
    states = [(d.noise_bytes, d.checksum_errors, d.started, d.missing) for d in (whole, split, bytewise)]
    assert states[0] == states[1] == states[2]


@every_codec
@settings(max_examples=60)
@given(data=st.data())
def test_false_start_does_not_hold_back_a_good_frame(name: str, data: st.DataObject):
    codec = CODECS[name]
    frame = data.draw(codec.frames)
    cut = data.draw(st.integers(1, len(codec.false_start)))
    decoder = codec.decoder()

    got = decoder.feed(codec.false_start[:cut] + frame)

    assert [codec.raw(one) for one in got] == [frame]
    assert not decoder.started


@every_codec
@settings(max_examples=60)
@given(data=st.data())
def test_hit_byte_is_never_delivered_and_the_next_frame_is(name: str, data: st.DataObject):
    codec = CODECS[name]
    frame, good = data.draw(codec.frames), data.draw(codec.frames)
    at = data.draw(st.integers(0, len(frame) - 1))
    hit = frame[:at] + bytes([frame[at] ^ (1 << data.draw(st.integers(0, 7)))]) + frame[at + 1 :]
    decoder = codec.decoder()

    got = [codec.raw(one) for one in decoder.feed(hit + good)]

    assert got == [good]


@every_codec
@settings(max_examples=60)
@given(data=st.data())
def test_missing_tells_at_least_how_many_bytes_to_wait_for(name: str, data: st.DataObject):
    codec = CODECS[name]
    frame = data.draw(codec.frames)
    cut = data.draw(st.integers(1, len(frame) - 1))
    decoder = codec.decoder()

    assert decoder.feed(frame[:cut]) == []
    assert decoder.started
    assert 0 < decoder.missing <= len(frame) - cut
    assert [codec.raw(one) for one in decoder.feed(frame[cut:])] == [frame]


@every_codec
def test_memory_stays_bounded(name: str):
    decoder = CODECS[name].decoder()
    burst = CODECS[name].false_start * 200

    tracemalloc.start()
    for _ in range(20):
        decoder.feed(burst)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(decoder._buffer) <= CODECS[name].longest
    assert peak < 200_000


@every_codec
def test_reset_forgets_the_frame_in_progress_and_keeps_counting(name: str):
    codec = CODECS[name]
    decoder = codec.decoder()

    decoder.feed(codec.false_start)
    decoder.reset()

    assert (decoder.started, decoder.missing, decoder.noise_bytes) == (False, 0, len(codec.false_start))
