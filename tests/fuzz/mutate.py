"""Bytes that nobody sends on purpose: noise, and valid frames that something has happened to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

Repair = Callable[[bytearray], None]
MOST_BYTES = 1500


def mangled(rng: Random, valid: Sequence[bytes], repair: Repair, alphabet: bytes, length_at: Sequence[int]) -> bytes:
    """Return one input: noise, noise made of the bytes that mean something (`alphabet`), or a valid frame, damaged in one or several ways.

    `repair` puts the checksum right in place, so that damage gets past it; `length_at`: where the length bytes stand.
    """
    kind = rng.random()
    if kind < 0.08:
        return rng.randbytes(rng.randrange(80))
    if kind < 0.16:
        size = rng.randrange(MOST_BYTES) if rng.random() < 0.02 else rng.randrange(80)
        return bytes(rng.choices(alphabet, k=size))
    frame = bytearray(valid[rng.randrange(len(valid))])
    if kind < 0.24:
        return rng.randbytes(rng.randrange(12)) + frame + rng.randbytes(rng.randrange(12))
    if kind < 0.32:
        return bytes(frame + valid[rng.randrange(len(valid))])
    damage = _DAMAGES[rng.randrange(len(_DAMAGES))]
    damage(rng, frame, length_at)
    if kind < 0.66:
        repair(frame)
    elif kind < 0.80:
        _DAMAGES[rng.randrange(len(_DAMAGES))](rng, frame, length_at)
    if rng.random() < 0.1:
        frame += valid[rng.randrange(len(valid))]
    return bytes(frame[:MOST_BYTES])


def chunked(rng: Random, data: bytes) -> list[bytes]:
    """The same bytes in pieces of any size, down to single ones."""
    if rng.random() < 0.1:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(4)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _flip(rng: Random, frame: bytearray, length_at: Sequence[int]) -> None:
    for _ in range(rng.randrange(1, 4)):
        if frame:
            frame[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)


def _overwrite(rng: Random, frame: bytearray, length_at: Sequence[int]) -> None:
    for _ in range(rng.randrange(1, 9)):
        if frame:
            frame[rng.randrange(len(frame))] = rng.randrange(256)


def _cut(rng: Random, frame: bytearray, length_at: Sequence[int]) -> None:
    start = rng.randrange(len(frame) + 1)
    del frame[start : start + rng.randrange(1, 12)]


def _double(rng: Random, frame: bytearray, length_at: Sequence[int]) -> None:
    start = rng.randrange(len(frame) + 1)
    frame[start:start] = frame[start : start + rng.randrange(1, 6)]


def _insert(rng: Random, frame: bytearray, length_at: Sequence[int]) -> None:
    start = rng.randrange(len(frame) + 1)
    frame[start:start] = rng.randbytes(rng.randrange(1, 6))


def _wrong_length(rng: Random, frame: bytearray, length_at: Sequence[int]) -> None:
    """All length bytes alike, sometimes with the bytes they promise."""
    length = rng.randrange(256)
    for at in length_at:
        if at < len(frame):
            frame[at] = length
    if length_at and rng.random() < 0.5 and length_at[-1] < len(frame):
        frame[length_at[-1] + 1 : -2] = rng.randbytes(length)


_DAMAGES = (_flip, _overwrite, _cut, _double, _insert, _wrong_length)
