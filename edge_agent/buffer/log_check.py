"""Whether SQLite's write-ahead log holds commits that SQLite will not find.

SQLite reads the log up to the first frame whose checksum is wrong and takes the rest for the remains of an unfinished write. A flipped bit in the
middle looks the same to it, and everything committed behind would be gone without a word, its numbers given out a second time.

    header  | magic 4 | version 4 | page size 4 | checkpoint 4 | salt 8 | checksum 8 |
    frame   | page 4 | pages after commit, or 0 : 4 | salt 8 | checksum 8 | page |

All integers big-endian; the checksum runs on from frame to frame (sqlite.org, "WAL-mode File Format"). Frames of an earlier round carry other salts.
"""

from __future__ import annotations

import struct
from pathlib import Path

_HEADER = struct.Struct(">IIIIIIII")
_FRAME = struct.Struct(">IIIIII")
_MAGIC = 0x377F0682  # the last bit tells the byte order of the checksum's words
_WORD = 0xFFFFFFFF
_BROKEN_HEADER = 2  # it is a single sector, synced before any frame: no cut does that, and whatever follows is hidden
_MAX_BYTES = 64 << 20  # the log is kept near 1 MiB; a larger one is not read into memory


def hidden_commits(log: Path) -> int:
    """How many commits stand at or behind the point at which SQLite stops reading.

    More than one is damage, for each was synced before the next began. Exactly one may also be a commit that a power cut or a kill broke off.
    """
    try:
        if log.stat().st_size > _MAX_BYTES:
            return 0
        raw = log.read_bytes()
    except OSError:
        return 0
    if len(raw) < _HEADER.size + _FRAME.size:
        return 0
    magic, _, page, _, salt1, salt2, sum1, sum2 = _HEADER.unpack_from(raw)
    running = _checksum(raw[:24], (0, 0), _order(magic))
    if magic & ~1 != _MAGIC or running != (sum1, sum2):
        return _BROKEN_HEADER
    at = _HEADER.size
    while at + _FRAME.size + page <= len(raw):
        _, _, *salts, sum1, sum2 = _FRAME.unpack_from(raw, at)
        body = raw[at : at + 8] + raw[at + _FRAME.size : at + _FRAME.size + page]
        running = _checksum(body, running, _order(magic))
        if salts != [salt1, salt2] or running != (sum1, sum2):
            return _commits(raw, at, page, (salt1, salt2))
        at += _FRAME.size + page
    return 0


def _commits(raw: bytes, at: int, page: int, salts: tuple[int, int]) -> int:
    """How many frames from here on end a transaction of this round. One of the salts may be what was damaged."""
    found = 0
    while at + _FRAME.size + page <= len(raw):
        _, commit, salt1, salt2, _, _ = _FRAME.unpack_from(raw, at)
        found += bool(commit) and (salt1 == salts[0] or salt2 == salts[1])
        at += _FRAME.size + page
    return found


def _order(magic: int) -> str:
    return ">" if magic & 1 else "<"


def _checksum(data: bytes, start: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = first + even + second & _WORD
        second = second + odd + first & _WORD
    return first, second
