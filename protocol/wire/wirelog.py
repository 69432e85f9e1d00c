"""Wire logs: what was sent and received on a line, as text a person can read, edit and commit.

    # comment: what this is and where it comes from
    > 68 25 04 03 02 01 00 68 11 04 33 33 34 33 E1 16
    < 68 25 04 03 02 01 00 68 91 08 33 33 34 33 75 39 45 33 8B 16
    = energy_active_forward 1206420

`>` sent, `<` received, `=` what those bytes mean (a quantity of `protocol.quantities` or another agreed word, then its value), `#` comment.
Golden files of tests and the raw-frame buffer of a line use the same format, so a field capture becomes a test by copying it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocol.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes we put on the line."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes that came from the line."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Value:
    """What the bytes above mean. `name` holds no blank; `value` is text, integers in base units where the name is a quantity."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Comment:
    """One line for people."""

    text: str


Entry = Sent | Received | Value | Comment


def render(entries: Iterable[Entry]) -> str:
    """Return the log as text, one line an entry."""
    return "".join(f"{_line(entry)}\n" for entry in entries)


def parse(text: str, name: str = "wire log") -> list[Entry]:
    """Return the entries of a log; blank lines are skipped. Raises ConfigError naming the first wrong line."""
    return [_entry(line.strip(), f"{name}:{number}") for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _line(entry: Entry) -> str:
    match entry:
        case Sent(data):
            return f"> {data.hex(' ').upper()}".rstrip()
        case Received(data):
            return f"< {data.hex(' ').upper()}".rstrip()
        case Value(name, value):
            return f"= {name} {_one_line(value)}".rstrip()
        case Comment(text):
            return f"# {_one_line(text)}".rstrip()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _entry(line: str, where: str) -> Entry:
    mark, rest = line[0], line[1:].strip()
    if mark == "#":
        return Comment(rest)
    if mark == "=":
        name, _, value = rest.partition(" ")
        if not name:
            raise ConfigError(f"{where}: expected a name and a value behind '='")
        return Value(name, value.strip())
    if mark not in "<>":
        raise ConfigError(f"{where}: expected a line that begins with '>', '<', '=' or '#', got {line[:40]!r}")
    try:
        data = bytes.fromhex(rest)
    except ValueError as error:
        raise ConfigError(f"{where}: expected bytes as pairs of hexadecimal digits: {error}") from error
    return Sent(data) if mark == ">" else Received(data)
