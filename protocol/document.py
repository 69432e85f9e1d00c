"""Text -> frozen record, with the file and line of everything that is wrong. Pure: callers read the file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from protocol.errors import ConfigError

_MAX_SHOWN = 20  # problems listed in one message; the rest are counted
_MAX_DEPTH = 50  # documents of this project nest about ten levels
_MAX_CHARS = 64 * 2**20  # a plan a hundred times the reference site fits; anything larger is a mistake
_MAX_VALUES = 2**20  # twice the reference site; a value costs about half a kilobyte while it is checked
_UNION_TAGS = re.compile(r"^(function-|tagged-union|dlt645_|cjt188$|modbus_rtu$|mbus$)")

T = TypeVar("T")
Location = tuple[str | int, ...]
Lines = dict[Location, int]  # path in the document -> its line
Problem = tuple[Location, str]  # where in the document, and what is wrong there
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(
    text: str,
    name: str,
    kind: TypeAdapter[T],
    check: Callable[[T], Iterable[tuple[Location, str]]] | None = None,
    complete: Callable[[Any, Lines], Any] | None = None,
) -> T:
    """Return YAML (or JSON) text as a validated record; raise ConfigError with one `name:line: problem` per mistake.

    `check` looks at the whole record once its fields are valid and yields (path, problem) pairs. `complete` may add to the plain data before it is
    validated; it keeps the lines of what it moves.
    """
    if len(text) > _MAX_CHARS:
        raise ConfigError(f"{name}: {len(text)} characters; expected at most {_MAX_CHARS}")
    lines: Lines = {}
    try:
        _check_size(text, name)
        root = yaml.compose(text, Loader=_Loader)
        data = None if root is None else _Builder(name, lines).build(root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"{name}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        line = text.encode()[: getattr(error, "position", 0)].count(b"\n") + 1  # a reader error gives a position in bytes, no mark
        raise ConfigError(f"{name}:{line}: not valid YAML: {' '.join(str(error).split())}") from error
    record = _validate(complete(data, lines) if complete else data, name, kind, lines)
    _raise([f"{name}:{_line(lines, path)}: {problem}" for path, problem in (check(record) if check else ())])
    return record


def parse_toml(text: str, name: str, kind: TypeAdapter[T]) -> T:
    """Return TOML text as a validated record; raise ConfigError as `parse_yaml` does."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: not valid TOML: {error}") from error
    return _validate(data, name, kind, _toml_lines(text))


def _check_size(text: str, name: str) -> None:
    """Refuse deep nesting before composing: the C composer recurses without a limit and takes the process with it. The same for sheer number."""
    depth = values = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        values += isinstance(event, yaml.NodeEvent)
        if values > _MAX_VALUES:
            raise ConfigError(f"{name}: more than {_MAX_VALUES} keys and values; is this the right file?")
        if depth > _MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise ConfigError(f"{name}:{line}: nested more than {_MAX_DEPTH} levels deep")


class _Builder:
    """Builds plain data from a YAML node tree and notes each path's line (1-based)."""

    def __init__(self, name: str, lines: dict[Location, int]) -> None:
        self._name = name
        self._lines = lines
        self._scalars = yaml.SafeLoader("")
        self._seen: set[int] = set()

    def build(self, node: yaml.Node, path: Location) -> Any:
        if id(node) in self._seen:  # an alias is the anchor's own node; aliases of aliases would grow without end
            raise ConfigError(f"{self._name}:{node.start_mark.line + 1}: anchors and aliases (& and *) are not used here; write the value out")
        self._seen.add(id(node))
        self._lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Location) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node)
            line = key_node.start_mark.line + 1
            if key in result:
                raise ConfigError(f"{self._name}:{line}: key {key!r} stands twice; keep one")
            result[key] = self.build(value_node, (*path, key))
            self._lines[(*path, key)] = line
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", node.start_mark)
        try:
            return self._scalars.construct_object(node)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


def _toml_lines(text: str) -> dict[Location, int]:
    """Find the line of each `[table]` and `key =`: enough for settings files, whose tables are simple."""
    lines: dict[Location, int] = {(): 1}
    table: Location = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[([\w.\-]+)\]", line):
            table = tuple(header[1].split("."))
            lines[table] = number
        elif key := re.match(r"\s*([\w\-]+)\s*=", line):
            lines[(*table, key[1])] = number
    return lines


def _validate(data: Any, name: str, kind: TypeAdapter[T], lines: dict[Location, int]) -> T:
    try:
        return kind.validate_python(data)
    except ValidationError as error:
        _raise([_problem(name, lines, item) for item in error.errors(include_url=False)])
        raise


def _raise(problems: list[str]) -> None:
    if problems:
        more = f"\n(+{len(problems) - _MAX_SHOWN} more)" if len(problems) > _MAX_SHOWN else ""
        raise ConfigError("\n".join(problems[:_MAX_SHOWN]) + more, problems=len(problems))


def _line(lines: dict[Location, int], path: Location) -> int:
    """The line of a path, or of the nearest thing that contains it."""
    while path not in lines and path:
        path = path[:-1]
    return lines.get(path, 1)


def _problem(name: str, lines: dict[Location, int], item: Any) -> str:
    location = tuple(part for part in item["loc"] if not (isinstance(part, str) and _UNION_TAGS.match(part)))
    where = f"{name}:{_line(lines, location)}: {'.'.join(str(part) for part in location) or 'document'}"
    if item["type"] == "missing":
        return f"{where}: this key is required and missing"
    if item["type"] == "extra_forbidden":
        return f"{where}: unknown key; remove it or correct its spelling"
    got = item.get("input")
    shown = f", got {got!r}" if isinstance(got, str | int | float) or got is None else ""
    return f"{where}: {item['msg'].removeprefix('Value error, ')}{shown}"
