"""The command `central`: run the server's roles, migrate, make first links and tokens, ask for the status."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from central.database import bring_up_to_date, database, ensure_schema
from central.db.pool import Connection, connect
from central.roles import Role, run_roles
from central.settings import Settings, load_settings
from central.status import status
from protocol.errors import CampusError, ConfigError

_EXIT_CONFIG, _EXIT_ERROR, _EXIT_DOWN = 2, 1, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 failed, 2 wrong settings or arguments, 3 (status) not up."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s")
    try:
        return int(options.command(load_settings(options.config, os.environ), options))
    except ConfigError as error:
        sys.stderr.write(f"central: {error}\n")
        return _EXIT_CONFIG
    except CampusError as error:
        sys.stderr.write(f"central: {error}\n")
        return _EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="central",
        description="The server of the campus energy platform.",
        epilog="Every setting can be overridden by an environment variable CE_CENTRAL_<SECTION>_<KEY>, for example CE_CENTRAL_WEB_PORT=8443.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, TOML; without it the defaults are used, with data in ./data")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"], help="default: info")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run roles until SIGTERM", description="Run roles in this process until SIGTERM or Ctrl-C.")
    run.add_argument("--roles", type=_roles, default=tuple(Role), metavar="LIST", help="comma-separated: web, ingest, jobs; default: all three")
    run.set_defaults(command=_run)

    migrate = commands.add_parser("migrate", help="bring the database schema up to date", description="Apply missing migrations to the database.")
    migrate.add_argument("--write-schema", type=Path, metavar="FILE", help="also write the whole schema to FILE (for developers)")
    migrate.set_defaults(command=_migrate)

    link = commands.add_parser("admin-link", help="print a one-time link to create an administrator")
    link.set_defaults(command=_admin_link)

    token = commands.add_parser("token", help="manage API tokens").add_subparsers(required=True, metavar="ACTION")
    create = token.add_parser("create", help="create an API token and write it to a file only you can read")
    create.add_argument("--name", required=True, help="what the token is for; shown in the audit log")
    create.add_argument("--permissions", required=True, type=_names, metavar="LIST", help="comma-separated, for example fleet.manage,metering.read")
    create.add_argument("--out", required=True, type=Path, metavar="FILE", help="file to write the token to (mode 0600); must not exist")
    create.set_defaults(command=_token_create)

    storage = commands.add_parser("storage", help="how readings are kept: status, pack, retention").add_subparsers(required=True, metavar="ACTION")
    kept = storage.add_parser("status", help="bytes, horizon, last packing", description="Exit status 0 when the database is up, else 3.")
    kept.add_argument("--json", action="store_true", help="machine-readable output")
    kept.set_defaults(command=_storage_status)
    pack = storage.add_parser("pack", help="pack (or compress) all readings before the horizon now; the leader does it by itself in small pieces")
    pack.set_defaults(command=_storage_pack)
    retain = storage.add_parser("retain", help="show what retention (setting storage.keep_months) would remove; with --apply remove it")
    retain.add_argument("--apply", action="store_true", help="remove it, with an entry in the audit log; without: a dry run")
    retain.set_defaults(command=_storage_retain)

    consumption = commands.add_parser("consumption", help="what is computed from readings").add_subparsers(required=True, metavar="ACTION")
    proof = consumption.add_parser(
        "check",
        help="prove that figures are what the readings say",
        description="Computes days from raw readings and sums from days, and compares. Exit status 0 when all of it agrees, else 1.",
    )
    proof.add_argument("--days", type=int, metavar="N", help="look at the last N days only; default: all")
    proof.add_argument("--all", action="store_true", help="look at every point; default: a sample (setting consumption.check_points)")
    proof.add_argument("--repair", action="store_true", help="have what does not agree computed again")
    proof.add_argument("--json", action="store_true", help="machine-readable output")
    proof.set_defaults(command=_consumption_check)

    iot = commands.add_parser("iot", help="meters that report by themselves").add_subparsers(required=True, metavar="ACTION")
    heard = iot.add_parser("status", help="how many report, are late or silent", description="Exit status 0 when the database is up, else 3.")
    heard.add_argument("--json", action="store_true", help="machine-readable output")
    heard.set_defaults(command=_iot_status)

    trail = commands.add_parser("audit", help="the audit trail").add_subparsers(required=True, metavar="ACTION")
    sealed = trail.add_parser("check", help="prove that no sealed entry was changed or removed", description="Exit status 0 when none was, else 1.")
    sealed.set_defaults(command=_audit_check)

    state = commands.add_parser("status", help="tell how database and fleet are", description="Exit status 0 when the database is up, else 3.")
    state.add_argument("--json", action="store_true", help="machine-readable output")
    state.set_defaults(command=_status)
    return parser


def _run(settings: Settings, options: argparse.Namespace) -> int:
    run_roles(settings, options.roles)
    return 0


def _migrate(settings: Settings, options: argparse.Namespace) -> int:
    from central.db.schema import dump_schema

    with database(settings) as dsn:
        applied = bring_up_to_date(dsn, roles=settings.database.roles != "off")
        if options.write_schema:
            options.write_schema.write_text(dump_schema(dsn), encoding="utf-8")
    _say("\n".join(applied) if applied else "nothing to do")
    return 0


def _admin_link(settings: Settings, _options: argparse.Namespace) -> int:
    from central.identity.links import create_admin_link

    with _ready(settings) as conn:
        _say(create_admin_link(conn, settings.web.public_url, time.time()))
    return 0


def _token_create(settings: Settings, options: argparse.Namespace) -> int:
    from central.identity.tokens import create_token

    try:
        descriptor = os.open(options.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"--out {options.out} cannot be created: {error.strerror}; name a file that does not exist yet") from error
    with os.fdopen(descriptor, "w") as out, _removed_on_error(options.out), _ready(settings) as conn:
        out.write(create_token(conn, options.name, options.permissions, time.time()) + "\n")
    _say(f"wrote {options.out}")
    return 0


def _storage_status(settings: Settings, options: argparse.Namespace) -> int:
    facts = status(settings)
    _tell(facts.get("storage", facts), options.json)
    return 0 if facts["database"] == "ok" else _EXIT_DOWN


def _storage_pack(settings: Settings, _options: argparse.Namespace) -> int:
    from central.storage.rounds import pack_all

    with _ready(settings) as conn:
        _say(f"packed {pack_all(conn, settings.storage, int(time.time() * 1000))} readings")
    return 0


def _storage_retain(settings: Settings, options: argparse.Namespace) -> int:
    from central.storage.retain import plan_retention, retain

    now_ms, keep = int(time.time() * 1000), settings.storage.keep_months
    with _ready(settings) as conn:
        removal = retain(conn, now_ms, keep, "command line") if options.apply else plan_retention(conn, now_ms, keep)
    if removal.before_ms is None:
        _say("nothing to remove: storage.keep_months is 0 (for ever), or no month that old is closed")
    else:
        until = datetime.fromtimestamp(removal.before_ms / 1000, UTC)
        _say(f"{'removed' if options.apply else 'would remove'} {removal.readings} readings from before {until:%Y-%m-%d} UTC")
    return 0


def _consumption_check(settings: Settings, options: argparse.Namespace) -> int:
    from central.consumption.check import check, told

    def progress(done: int, total: int) -> None:
        sys.stderr.write(f"\rchecked {done} of {total} points" + ("\n" if done == total else ""))

    sample = None if options.all else settings.consumption.check_points
    with _ready(settings) as conn:
        result = check(conn, datetime.now(UTC), options.days, sample, options.repair, progress)
    _say(json.dumps(told(result), ensure_ascii=False) if options.json else "\n".join(f"{name}: {value}" for name, value in told(result).items()))
    return _EXIT_ERROR if result.mismatches else 0


def _iot_status(settings: Settings, options: argparse.Namespace) -> int:
    from central.iot.status import iot_status

    facts = status(settings)
    if facts["database"] != "ok":
        _tell(facts, options.json)
        return _EXIT_DOWN
    with _ready(settings) as conn:
        _tell(iot_status(conn, int(time.time() * 1000)), options.json)
    return 0


def _audit_check(settings: Settings, _options: argparse.Namespace) -> int:
    from central.identity.audit_seal import check_seals

    with _ready(settings) as conn:
        sealed, breaches = check_seals(conn)
    for breach in breaches:
        _say(f"entries {breach.first_id} to {breach.last_id} are not what was sealed: {breach.rows} of {breach.sealed_rows} are there")
    _say(f"{sealed} entries sealed, {len(breaches)} stretches changed")
    return _EXIT_ERROR if breaches else 0


def _status(settings: Settings, options: argparse.Namespace) -> int:
    facts = status(settings)
    _tell(facts, options.json)
    return 0 if facts["database"] == "ok" else _EXIT_DOWN


def _tell(facts: Mapping[str, Any], as_json: bool) -> None:
    _say(json.dumps(facts, ensure_ascii=False) if as_json else "\n".join(f"{name}: {value}" for name, value in facts.items()))


def _roles(text: str) -> tuple[Role, ...]:
    known = {role.value: role for role in Role}
    unknown = [name for name in _names(text) if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown role {unknown[0]!r}; known are {', '.join(known)}")
    return tuple(known[name] for name in _names(text))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise argparse.ArgumentTypeError("expected a comma-separated list")
    return names


@contextmanager
def _ready(settings: Settings) -> Iterator[Connection]:
    """A connection to an up-to-date database, committed at the end."""
    with database(settings) as dsn:
        ensure_schema(settings, dsn, threading.Event())
        with connect(dsn) as conn:
            yield conn


@contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
