"""Command line of the agent: `edge-agent --config FILE.toml run | status [--json] | check-config`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.agent import DOCUMENTS_FOLDER, NEWEST_BATCHES, Agent, version
from edge_agent.buffer.inspect import Summary, inspect
from edge_agent.buffer.settings_store import SettingsStore
from edge_agent.desired import read_lines_file, read_lines_message
from edge_agent.documents import LINES
from edge_agent.settings import Settings, environment_names, load_settings
from firmware_profiles.loader import load_profiles
from protocol.errors import CampusError, ConfigError, Fault
from protocol.messages import LinesDocument
from protocol.quantities import QUANTITIES

_EXIT_INPUT = 2
_EXIT_FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 good, 1 failed, 2 something given is wrong."""
    given = _parser().parse_args(arguments)
    try:
        settings = load_settings(given.config, os.environ)
        logging.basicConfig(level=settings.log.level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        return int(given.command(settings, given))
    except CampusError as error:
        sys.stderr.write(f"{error.message}\n")
        return _EXIT_INPUT if error.fault is Fault.INPUT else _EXIT_FAILED


def _run(settings: Settings, _given: argparse.Namespace) -> int:
    agent = Agent(settings, os.environ, os.getpid())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    signal.signal(signal.SIGHUP, lambda *_: agent.reload())
    agent.run()
    return 0


def _status(settings: Settings, given: argparse.Namespace) -> int:
    summary = inspect(settings.state_dir, NEWEST_BATCHES)
    document = _lines_in_force(settings)
    if given.json:
        sys.stdout.write(json.dumps(_as_json(summary, document), ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_as_text(summary, document)) + "\n")
    return 0


def _check_config(settings: Settings, given: argparse.Namespace) -> int:
    """Settings are valid by now; look at the lines and the files they name."""
    missing = [path for path in _named_files(settings) if not os.access(path, os.R_OK)]
    if missing:
        raise ConfigError("\n".join(f"{given.config}: {path} is missing or cannot be read by this user" for path in missing))
    document = _lines_in_force(settings)
    lines = "no lines yet" if document is None else f"lines version {document.version}: {len(document.lines)} lines"
    sys.stdout.write(f"{given.config}: valid, gateway {settings.gateway}, {lines}\n")
    return 0


def _named_files(settings: Settings) -> list[Path]:
    uplink = settings.uplink
    named = [] if uplink is None else [uplink.ca_file, uplink.cert_file, uplink.key_file, uplink.password_file]
    return [path for path in [*named, settings.lines.file] if path is not None]


def _lines_in_force(settings: Settings) -> LinesDocument | None:
    profiles = load_profiles()
    path = settings.lines.file
    if path is not None:
        try:
            return read_lines_file(path.read_text(encoding="utf-8"), str(path), settings.gateway, profiles)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from error
    kept = SettingsStore(settings.state_dir / DOCUMENTS_FOLDER).newest(LINES)
    return None if kept is None else read_lines_message(kept.body, settings.gateway, profiles)


def _as_json(summary: Summary, document: LinesDocument | None) -> dict[str, Any]:
    return {
        "gateway": summary.gateway,
        "running": summary.running,
        "generation": summary.generation,
        "epoch": summary.epoch,
        "acked_seq": summary.acked,
        "last_seq": summary.last,
        "backlog_batches": summary.backlog_batches,
        "quarantined": summary.quarantined,
        "outbox_bytes": summary.used_bytes,
        "lines": [] if document is None else [{"id": line.id, "devices": len(line.devices)} for line in document.lines],
        "lines_version": None if document is None else document.version,
        "readings": [
            {
                "device": reading.series.device,
                "quantity": reading.series.quantity,
                "value": reading.value,
                "measured_at_ms": reading.measured_at_ms,
                "quality": int(reading.quality),
            }
            for reading in summary.readings
        ],
    }


def _as_text(summary: Summary, document: LinesDocument | None) -> list[str]:
    lines = [] if document is None else [f"  {line.id}: {len(line.devices)} devices" for line in document.lines]
    return [
        f"gateway     {summary.gateway} ({'running' if summary.running else 'not running'})",
        f"epoch       {summary.epoch}, generation {summary.generation}",
        f"batches     {summary.last} stored, {summary.acked} acked, {summary.backlog_batches} wait, {summary.quarantined} in quarantine",
        f"outbox      {summary.used_bytes / 1024:.0f} KiB",
        f"lines       {'none yet' if document is None else f'version {document.version}'}",
        *lines,
        f"readings    {len(summary.readings)} series in the newest {NEWEST_BATCHES} batches",
        *(f"  {_shown(reading)}" for reading in summary.readings),
    ]


def _shown(reading: Any) -> str:
    at = datetime.fromtimestamp(reading.measured_at_ms / 1000, UTC).isoformat(timespec="seconds")
    quantity = QUANTITIES.get(reading.series.quantity)
    value = f"{reading.value}" if quantity is None else f"{quantity.display(reading.value)} {quantity.display_unit}".rstrip()
    return f"{reading.series.device} {reading.series.quantity} = {value} at {at} ({reading.quality.name.lower()})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-agent",
        description="Reads meters on this gateway's lines, stores every reading durably and sends it to central.",
        epilog="Settings may be overridden by environment variables: " + ", ".join(environment_names()) + ".",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE.toml", help="settings file of this gateway")
    parser.add_argument("--version", action="version", version=f"edge-agent {version()}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="read, store and send until SIGTERM; SIGHUP reads the local lines file again")
    run.set_defaults(command=_run)
    status = commands.add_parser("status", help="show backlog, epoch, lines and last readings; works while the agent runs and when it does not")
    status.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    status.set_defaults(command=_status)
    check = commands.add_parser("check-config", help="check settings, the files they name and the lines; exit status 2 if something is wrong")
    check.set_defaults(command=_check_config)
    return parser


if __name__ == "__main__":
    sys.exit(main())
