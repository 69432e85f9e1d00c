"""Bytes captured from a line, as pieces in order: from a wire log, a hex dump or a binary file. Pure; `load_capture` reads the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import ConfigError
from protocol.wire.wirelog import Received, Sent, parse

MAX_BYTES = 64 * 2**20  # a day of a full line at 9600 baud
_HEX_LINE = re.compile(r"^(?:(?:0x)?[0-9A-Fa-f]{2}[\s,:]*)+$")
_STAMPED = re.compile(r"^\[?[\d\-T/ ]*\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?\]?\s*(?:[<>]|TX|RX|Tx|Rx|send|recv|发送|接收)?[:：]?\s*")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes. `at_s`: when their first arrived, by any clock; `sent`: whether a master put them on the line; None where that is not known."""

    data: bytes
    at_s: float | None = None
    sent: bool | None = None


def load_capture(path: Path) -> list[Piece]:
    """Return what a capture file holds; raise ConfigError if it cannot be read or is none of the known forms."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; check the path and its permissions") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path}: {len(raw)} bytes; expected at most {MAX_BYTES}: cut the capture into parts")
    return read_capture(raw, str(path))


def read_capture(raw: bytes, name: str) -> list[Piece]:
    """Return the pieces in a file's content: a wire log (`>`, `<`), lines of hex (time stamps in front allowed), or the raw bytes themselves."""
    try:
        text = raw.decode("ascii") if raw[:1] not in b"\xef\xff" else raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _text(raw)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        if raw:
            return [Piece(raw)]
        raise ConfigError(f"{name}: the file is empty; expected a wire log, a hex dump or raw bytes")
    if all(line[0] in "<>=#" for line in lines):
        return _of_log(text, name)
    return [_of_hex(line, f"{name}:{number}") for number, line in enumerate(text.splitlines(), start=1) if line.strip() and line.strip()[0] != "#"]


def _text(raw: bytes) -> str:
    """Text of another encoding (terminal programs write Chinese stamps), or nothing: then the bytes are the capture."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() or ("\n" in text and _HEX_LINE.match(_STAMPED.sub("", text.splitlines()[0].strip()))) else ""


def _of_log(text: str, name: str) -> list[Piece]:
    return [Piece(entry.data, sent=isinstance(entry, Sent)) for entry in parse(text, name) if isinstance(entry, Sent | Received)]


def _of_hex(line: str, where: str) -> Piece:
    body = line.strip()
    if not _HEX_LINE.match(body):
        body = _STAMPED.sub("", body).strip()
    digits = re.sub(r"0x|[\s,:]", "", body)
    if not digits or len(digits) % 2 or not re.fullmatch(r"[0-9A-Fa-f]+", digits):
        raise ConfigError(f"{where}: expected pairs of hexadecimal digits (a time stamp in front is allowed), got {line.strip()[:60]!r}")
    return Piece(bytes.fromhex(digits))
