"""The registry of device profiles: YAML files below a folder -> validated profiles, and what is wrong with the rest."""

from __future__ import annotations

import difflib
import logging
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter

from firmware_profiles.inherit import EXTENDS, inherit
from firmware_profiles.invariants import profile_problems
from protocol.document import Lines, Problem, parse_yaml
from protocol.errors import ConfigError, NotFound
from protocol.profile import AnyProfile, DeviceKind, Profile

_LOG = logging.getLogger(__name__)

PROFILES_FOLDER = Path(__file__).parent
KIND_FOLDERS: Mapping[str, DeviceKind] = MappingProxyType(
    {
        "meters": DeviceKind.ELECTRICITY_METER,
        "water": DeviceKind.WATER_METER,
        "relays": DeviceKind.RELAY,
        "air_conditioners": DeviceKind.AIR_CONDITIONER,
        "sensors": DeviceKind.SENSOR,
    }
)
MAX_FILE_BYTES = 256 * 1024  # the largest profile here takes about 12 KiB; a file beyond this is something else
MAX_FILES = 5_000  # profiles of one registry; more means the folder is not a profile folder

_ADAPTER: TypeAdapter[AnyProfile] = TypeAdapter(Profile)
_LAYOUT = "expected KIND/maker/model.yaml with KIND one of " + ", ".join(KIND_FOLDERS)


@dataclass(frozen=True, eq=False)
class Registry(Mapping[str, AnyProfile]):
    """The profiles that loaded, by key (`acrel/adl400`), and one error for each file that did not."""

    profiles: Mapping[str, AnyProfile]
    problems: tuple[ConfigError, ...] = ()

    def __getitem__(self, key: str) -> AnyProfile:
        return self.profiles[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.profiles)

    def __len__(self) -> int:
        return len(self.profiles)

    def find(self, key: str) -> AnyProfile:
        """Return the profile of a key; NotFound names the nearest keys."""
        if key in self.profiles:
            return self.profiles[key]
        near = difflib.get_close_matches(key, self.profiles, n=3, cutoff=0.5)
        hint = f"; near: {', '.join(near)}" if near else f"; {len(self.profiles)} profiles are loaded"
        raise NotFound(f"there is no device profile {key!r}{hint}")


def load_profiles(folder: Path | None = None, *, strict: bool = False) -> Registry:
    """Return every profile below `folder` (default: the ones shipped); a broken file becomes a problem and stops no other.

    `strict` raises one ConfigError with all problems instead. A folder that cannot be listed always raises.
    """
    root = PROFILES_FOLDER if folder is None else folder
    profiles: dict[str, AnyProfile] = {}
    problems: list[ConfigError] = []
    files: dict[str, str] = {}
    for path in sorted(_profile_files(root), key=_extends):  # what is extended is there before those that extend it
        name = f"{root.name}/{path.relative_to(root).as_posix()}"
        try:
            profile = _load(path, name, files, profiles)
        except ConfigError as error:
            problems.append(error)
            _LOG.warning("profile not loaded: %s", error.message)
            continue
        profiles[profile.profile] = profile
        files[profile.profile] = name
    if strict and problems:
        raise ConfigError("\n".join(error.message for error in problems), files=len(problems))
    return Registry(MappingProxyType(dict(sorted(profiles.items()))), tuple(problems))


def load_profile(path: Path, bases: Mapping[str, AnyProfile] | None = None) -> AnyProfile:
    """Return the profile in one file; ConfigError has one `file:line: problem` per mistake. `bases`: what it may extend (default: those shipped)."""
    return _load(path, str(path), {}, load_profiles() if bases is None else bases)


def _profile_files(root: Path) -> list[Path]:
    """Every YAML file below the folder, in a stable order; misplaced ones too, so that none is passed over in silence."""
    if not root.is_dir():
        raise ConfigError(f"{root}: expected a folder of device profiles; it does not exist or is not a folder")
    refused: list[OSError] = []
    found = [Path(folder) / name for folder, _, names in os.walk(root, onerror=refused.append) for name in names]
    if refused:
        raise ConfigError(f"{refused[0].filename}: cannot be listed: {refused[0].strerror}; check its permissions") from refused[0]
    files = sorted(path for path in found if path.suffix.lower() in (".yaml", ".yml"))
    if len(files) > MAX_FILES:
        raise ConfigError(f"{root}: {len(files)} YAML files; expected at most {MAX_FILES} device profiles")
    return files


def _extends(path: Path) -> bool:
    try:
        return any(line.startswith(b"extends:") for line in path.read_bytes()[:MAX_FILE_BYTES].splitlines()) if path.is_file() else False
    except OSError:
        return False  # `_text` says what is wrong with it


def _load(path: Path, name: str, taken: Mapping[str, str], bases: Mapping[str, AnyProfile]) -> AnyProfile:
    if path.suffix != ".yaml":
        raise ConfigError(f"{name}:1: expected the suffix .yaml, got {path.suffix}; rename the file")
    return parse_yaml(_text(path, name), name, _ADAPTER, _place_check(path, taken), _completion(name, bases))


def _completion(name: str, bases: Mapping[str, AnyProfile]) -> Callable[[Any, Lines], Any]:
    """What a profile that extends another inherits; every other document is left as it is."""

    def complete(data: Any, lines: Lines) -> Any:
        if not isinstance(data, dict) or EXTENDS not in data:
            return data
        base = bases.get(data[EXTENDS]) if isinstance(data[EXTENDS], str) else None
        if base is None:
            near = difflib.get_close_matches(str(data[EXTENDS]), bases, n=3, cutoff=0.5)
            hint = f"; near: {', '.join(near)}" if near else ""
            raise ConfigError(f"{name}:{lines.get((EXTENDS,), 1)}: extends: there is no good profile {data[EXTENDS]!r}{hint}")
        return inherit(data, base, lines, name)

    return complete


def _text(path: Path, name: str) -> str:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise ConfigError(f"{name}:1: expected a plain file, got a pipe, socket or device")
        if state.st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{name}:1: file of {state.st_size} bytes; expected a profile of at most {MAX_FILE_BYTES}")
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{name}:1: cannot be read: {error.strerror}") from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: expected UTF-8 text, got byte 0x{raw[error.start]:02X} at position {error.start}") from error
    if not text.strip():
        raise ConfigError(f"{name}:1: the file is empty; expected a profile that starts with `schema: 1`")
    return text


def _place_check(path: Path, taken: Mapping[str, str]) -> Callable[[AnyProfile], Iterator[Problem]]:
    """The rules of one profile plus those that need its place: key, kind folder, and no other file with this key."""
    place = path.absolute().parts

    def check(profile: AnyProfile) -> Iterator[Problem]:
        expected = f"{place[-2]}/{path.stem}"
        if profile.profile != expected:
            yield ("profile",), f"key must equal the file's folder and name: expected {expected!r}, got {profile.profile!r}"
        kind = KIND_FOLDERS.get(place[-3] if len(place) > 2 else "")
        if kind is None:
            yield ("profile",), f"the file lies in the wrong place; {_LAYOUT}"
        elif profile.kind is not kind:
            yield ("kind",), f"folder {place[-3]}/ holds {kind.value} profiles, got {profile.kind.value!r}"
        if profile.profile in taken:
            yield ("profile",), f"key {profile.profile!r} is already taken by {taken[profile.profile]}; keys are unique over all folders"
        yield from profile_problems(profile)

    return check
