"""The desired document `lines`: text -> checked record, and what changes from one to the next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from edge_agent.lines.polled import polled_devices
from edge_agent.lines.site_time import zone_of
from protocol.document import Location, parse_yaml
from protocol.errors import ConfigError
from protocol.messages import LinesDocument, decode_record
from protocol.profile import AnyProfile
from protocol.site_plan import ConcentratorPort, Device, Line, SerialPort, TcpServerPort, dial_in_problems

_ADAPTER: TypeAdapter[LinesDocument] = TypeAdapter(LinesDocument)
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Changes:
    """What to do, in this order: stop these lines, give these new plans to running ones, start these."""

    stop: tuple[str, ...]
    reload: tuple[Line, ...]
    start: tuple[Line, ...]


def read_lines_message(body: bytes, gateway: str, profiles: Mapping[str, AnyProfile]) -> LinesDocument:
    """Return the document central sent, checked. Raises MessageError (not a document) or ConfigError (a document that cannot be run)."""
    document = decode_record(LinesDocument, body)
    check(document, gateway, profiles)
    return document


def check(document: LinesDocument, gateway: str, profiles: Mapping[str, AnyProfile]) -> None:
    """Raise one ConfigError with everything that keeps this box from running the document."""
    found = [problem for _, problem in problems(document, gateway, profiles)]
    if found:
        more = f" (+{len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
        raise ConfigError("; ".join(found[:_SHOWN]) + more, problems=len(found))


def read_lines_file(text: str, name: str, gateway: str, profiles: Mapping[str, AnyProfile]) -> LinesDocument:
    """Return the document in a local JSON or YAML file. Raises ConfigError with one `name:line: problem` per mistake."""
    return parse_yaml(text, name, _ADAPTER, lambda document: problems(document, gateway, profiles))


def problems(document: LinesDocument, gateway: str, profiles: Mapping[str, AnyProfile]) -> Iterator[tuple[Location, str]]:
    """What is wrong with a document as a whole, each with its path."""
    if document.gateway != gateway:
        yield ("gateway",), f"the document is for gateway {document.gateway!r}, this box is {gateway!r}"
    try:
        zone_of(document.timezone)
    except ConfigError as unknown:
        yield ("timezone",), unknown.message
    yield from _repeated(document.lines)
    for position, line in enumerate(document.lines):
        refused: list[ConfigError] = []
        polled_devices(line.devices, profiles, {}, lambda _, error, refused=refused: refused.append(error))  # type: ignore[misc]
        for error in refused:
            yield ("lines", position, "devices"), error.message


def changes(old: Sequence[Line], new: Sequence[Line]) -> Changes:
    """Compare by line id. Stops come first, because a port has one owner; one that changed hands between two lines is retried until it is free."""
    before = {line.id: line for line in old}
    after = {line.id: line for line in new}
    return Changes(
        stop=tuple(line_id for line_id in before if line_id not in after),
        reload=tuple(line for line in new if line.id in before and before[line.id] != line),
        start=tuple(line for line in new if line.id not in before),
    )


def _repeated(lines: Sequence[Line]) -> Iterator[tuple[Location, str]]:
    """Ids and ports that stand twice."""
    yield from ((("lines",), f"line {line_id!r} stands twice") for line_id, count in Counter(line.id for line in lines).items() if count > 1)
    devices: list[Device] = [device for line in lines for device in line.devices]
    yield from (
        (("lines",), f"device {device_id!r} stands twice") for device_id, count in Counter(device.id for device in devices).items() if count > 1
    )
    yield from ((("lines", position, "port"), message) for position, message in dial_in_problems(lines))
    ports = Counter(owned for line in lines if (owned := _owned(line)))
    yield from ((("lines",), f"port {port} belongs to {count} lines; a port has one owner") for port, count in ports.items() if count > 1)


def _owned(line: Line) -> str | None:
    """What a line's port occupies alone; None where callers share a TCP port, told apart by what they say."""
    port = line.port
    if isinstance(port, TcpServerPort | ConcentratorPort):
        return None
    return port.path if isinstance(port, SerialPort) else f"{port.host}:{port.port}"
