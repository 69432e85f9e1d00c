"""Desired documents: from the uplink's thread to the store, to the lines, and the answer back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from edge_agent.buffer.settings_store import Document, SettingsStore
from edge_agent.desired import check, read_lines_file, read_lines_message
from protocol.errors import CampusError, ConfigError
from protocol.messages import LinesDocument, Reported, ReportedDocument, decode_record
from protocol.profile import AnyProfile

_LOG = logging.getLogger(__name__)
LINES = "lines"
_MAX_NAMES = 16  # documents waiting or answered; names beyond are logged and left out


class Documents:
    """The document in force and what became of newer ones.

    `receive` may be called from any thread and only hands over; everything else belongs to the agent's own thread.
    """

    def __init__(
        self,
        store: SettingsStore,
        gateway: str,
        profiles: Mapping[str, AnyProfile],
        apply: Callable[[LinesDocument], None],
        local_file: Path | None,
        received: Callable[[], None],
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._profiles = profiles
        self._apply = apply
        self._local_file = local_file
        self._received = received
        self._lock = threading.Lock()
        self._inbox: dict[str, bytes] = {}
        self._versions: dict[str, int] = {}
        self._refusals: dict[str, ReportedDocument] = {}

    def receive(self, name: str, body: bytes) -> None:
        """Take a document in; only the newest of each name waits. An empty one is a retained message being cleared."""
        with self._lock:
            if name not in self._inbox and len(self._inbox) >= _MAX_NAMES:
                _LOG.error("document %s ignored: %d others wait already", name, len(self._inbox))
                return
            self._inbox[name] = body
        self._received()

    def start(self) -> None:
        """Run what this box has: the local file if one is set, else the newest kept document. Raises ConfigError for a bad local file."""
        if self._local_file is not None:
            self._run(self._local())
            return
        kept = self._store.newest(LINES)
        if kept is None:
            _LOG.warning("no lines are configured yet; waiting for the server's document, or set [lines] file")
            return
        try:
            self._run(read_lines_message(kept.body, self._gateway, self._profiles))
        except CampusError as error:
            _LOG.error("kept lines document version %d cannot be run: %s", kept.version, error)
            self._refusals[LINES] = ReportedDocument(version=0, refused_version=kept.version, error=str(error))

    def reload(self) -> None:
        """Read the local file again (SIGHUP). A bad one leaves the old in force."""
        if self._local_file is None:
            _LOG.info("nothing to reload: lines come from the server")
            return
        try:
            self._run(self._local())
        except ConfigError as error:
            _LOG.error("the old lines stay in force: %s", error.message)
            self._refusals[LINES] = ReportedDocument(version=self._versions.get(LINES, 0), error=error.message)

    def process(self) -> bool:
        """Deal with what was received; return whether there is something new to report."""
        with self._lock:
            inbox, self._inbox = self._inbox, {}
        for name, body in inbox.items():
            if body:
                self._take(name, body)
        return bool(inbox)

    def reported(self) -> Reported:
        """The answer to central: version in force of each document and, if a newer one was refused, why."""
        running = {name: ReportedDocument(version=version) for name, version in self._versions.items()}
        return Reported(documents=running | self._refusals)

    def versions(self) -> dict[str, int]:
        """Document -> version in force."""
        return dict(self._versions)

    def _take(self, name: str, body: bytes) -> None:
        """Check, keep, run; a refused document changes nothing but the report."""
        running = self._versions.get(name, 0)
        version = None
        try:
            if name != LINES:
                raise ConfigError(f"document {name!r} is not one this version knows")
            document = decode_record(LinesDocument, body)
            version = document.version
            if version == running and name not in self._refusals:
                return
            self._check_version(version, running)
            check(document, self._gateway, self._profiles)
            if version > running:
                self._store.keep(Document(name, version, body))
            self._run(document)
        except CampusError as error:
            _LOG.error("document %s version %s refused, %d stays in force: %s", name, version, running, error)
            if name in self._refusals or len(self._refusals) < _MAX_NAMES:
                self._refusals[name] = ReportedDocument(version=running, refused_version=version, error=str(error)[:2000])

    def _check_version(self, version: int, running: int) -> None:
        if self._local_file is not None:
            raise ConfigError(f"this box takes its lines from {self._local_file.name}; remove [lines] file from its settings to use the server's")
        if version < running:
            raise ConfigError(f"version {version} is older than {running}, which is in force; publish it again with a higher number")

    def _run(self, document: LinesDocument) -> None:
        self._apply(document)
        self._versions[LINES] = document.version
        self._refusals.pop(LINES, None)

    def _local(self) -> LinesDocument:
        path = self._local_file
        if path is None:
            raise ConfigError("no local lines file is set")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from error
        return read_lines_file(text, str(path), self._gateway, self._profiles)
