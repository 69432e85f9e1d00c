"""Desired documents as files, so that the agent starts with its last good settings and no server.

One file a version, `{name}.v{version}.{crc32c}.json`, holding the document exactly as it came. Files, because they survive a damaged outbox and a
person can read them. The newest two versions stay.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import StorageError
from protocol.messages import checksum

_LOG = logging.getLogger(__name__)
_FILE = re.compile(r"^(?P<name>[a-z][a-z0-9_]{0,31})\.v(?P<version>\d{1,18})\.(?P<crc>[0-9a-f]{8})\.json$")
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,31}$")
_KEPT = 2


@dataclass(frozen=True, slots=True)
class Document:
    """A kept document. `body`: its bytes as received."""

    name: str
    version: int
    body: bytes


class SettingsStore:
    """The kept documents in one directory. Used by one thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def newest(self, name: str) -> Document | None:
        """The newest version whose bytes are intact, or None."""
        for version, crc, path in reversed(self._versions(name)):
            try:
                body = path.read_bytes()
            except OSError as error:
                _LOG.error("%s: cannot be read: %s", path, error)
                continue
            if f"{checksum(body):08x}" == crc:
                return Document(name, version, body)
            _LOG.error("%s: bytes do not match the checksum in its name; using the version before", path)
        return None

    def keep(self, document: Document) -> None:
        """Write a document down (on the disk when this returns) and delete all but the newest two. Raises StorageError."""
        if not _NAME.match(document.name):
            raise StorageError(f"{document.name!r} cannot be a document's name")
        path = self._directory / f"{document.name}.v{document.version}.{checksum(document.body):08x}.json"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            _write_durably(path, document.body)
        except OSError as error:
            raise StorageError(f"{path}: not stored: {error.strerror}") from error
        for _, _, old in self._versions(document.name)[:-_KEPT]:
            old.unlink(missing_ok=True)

    def _versions(self, name: str) -> list[tuple[int, str, Path]]:
        """(version, checksum, file) of each file of a document, oldest version first."""
        matches = [(match, path) for path in self._directory.glob(f"{name}.v*.json") if (match := _FILE.match(path.name))]
        return sorted((int(match["version"]), match["crc"], path) for match, path in matches)


def _write_durably(path: Path, body: bytes) -> None:
    """The file appears under its name complete or not at all, also after a power cut."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
