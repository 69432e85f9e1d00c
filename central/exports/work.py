"""The worker that makes files: takes a job, reads the table as its owner may see it now, writes the file beside its place and moves it there."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from urllib.parse import parse_qsl

from babel.support import Translations

from central.context import Central
from central.db.pool import Connection, DatabaseError, PoolBusy
from central.db.statements import load_statements, rows, run
from central.exports.cells import Reading, Value, about, cells, heads
from central.exports.files import File, open_file
from central.exports.jobs import path_of, readable_table
from central.exports.model import KEEP_DAYS, KEEP_LISTED_DAYS, MAX_KEPT_BYTES, MAX_PDF_ROWS, MAX_ROWS, Claimed, Format
from central.identity.guard import Principal
from central.identity.owner import principal_now
from central.identity.scope import About, Scope, check_in_scope
from central.web.render import Renderer, build_renderer
from central.web.site import load_site
from central.web.table_page import asked_of
from central.web.tables import Asked, Row, TableSpec
from central.web.translations import N_, Language, load_translations
from protocol.errors import CampusError, Refused

log = logging.getLogger(__name__)

_SQL = load_statements("central.exports")
SLICE_ROWS = 5000
LEASE_S = 60.0  # a worker not heard for so long is taken for dead
MAX_CLAIMS = 3  # a job that ends its workers is given up
_IDLE_S = 2.0
_TIDY_EVERY_S = 600.0
_DAY_S = 86_400.0


class Stopped(Exception):
    """The job is not this worker's any more (cancelled, or taken by another), or the process ends."""


def folder_of(central: Central) -> Path:
    """Where files lie; made with rights for this user alone."""
    folder = central.settings.data_dir / "exports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def work_exports(central: Central, stop: threading.Event) -> None:
    """Make files until `stop`. Any number of processes may do so."""
    renderer = build_renderer(lambda path: path, [])
    tidied_at = -_TIDY_EVERY_S
    while not stop.is_set():
        try:
            if time.monotonic() - tidied_at >= _TIDY_EVERY_S:
                tidied_at = time.monotonic()
                tidy(central)
            if not work_once(central, renderer, stop):
                stop.wait(_IDLE_S)
        except (DatabaseError, PoolBusy) as error:
            log.warning("a turn of the export worker failed, next one follows: %s", error)
            stop.wait(_IDLE_S)


def work_once(central: Central, renderer: Renderer, stop: threading.Event) -> bool:
    """Make one file, if one is waited for."""
    job = _claim(central)
    if job is None:
        return False
    path = folder_of(central) / f"{job.id}.{job.claims}.part"
    try:
        if job.claims > MAX_CLAIMS:
            raise Refused(f"{MAX_CLAIMS} workers ended while they made this file; narrow the filter, or look into the server's log")
        _make(central, renderer, job, path, stop)
    except Stopped:
        log.info("export %d stopped", job.id)
    except CampusError as error:
        _fail(central, job, error.message)
    except (DatabaseError, PoolBusy):
        log.exception("export %d: the database did not answer", job.id)
        _fail(central, job, "the database did not answer in time; try again, or narrow the filter")
    except Exception:
        log.exception("export %d failed", job.id)
        _fail(central, job, f"something in the server broke; its log has the details under export {job.id}")
    finally:
        path.unlink(missing_ok=True)
    return True


def tidy(central: Central) -> None:
    """Remove files that are too old or too many, rows nobody needs, and what died workers left."""
    folder, now = folder_of(central), central.clock()
    with central.pool.connection() as conn:
        gone = conn.execute(_SQL["expired_exports"], {"now": now}).fetchall()
        gone += conn.execute(_SQL["crowded_exports"], {"keep_bytes": MAX_KEPT_BYTES}).fetchall()
        run(conn, _SQL["forget_exports"], now=now, keep_s=KEEP_LISTED_DAYS * _DAY_S)
        kept = {str(row[0]) for row in conn.execute(_SQL["kept_exports"])}
    orphans = [path for path in folder.iterdir() if path.name.partition(".")[0] not in kept]
    for path in orphans:
        path.unlink(missing_ok=True)
    if gone or orphans:
        log.info("%d exports expired, %d files removed", len(gone), len(orphans))


def _claim(central: Central) -> Claimed | None:
    with central.pool.connection() as conn:
        found = rows(conn, _SQL["claim_export"], Claimed, now=central.clock(), lease_s=LEASE_S)
    return found[0] if found else None


def _fail(central: Central, job: Claimed, message: str) -> None:
    with central.pool.connection() as conn:
        run(conn, _SQL["fail_export"], id=job.id, claims=job.claims, error=message[:1000], now=central.clock())


def _make(central: Central, renderer: Renderer, job: Claimed, path: Path, stop: threading.Event) -> None:
    language = Language(job.language)
    with central.pool.connection() as conn:
        conn.execute(_SQL["still_picture"])
        who, spec, asked = _asked(central, conn, job)
        site = load_site(conn)
        shown = partial(renderer.shown, language)
        reading = Reading(language, site.zone, _translations()[language].gettext, shown)
        columns = [column for column in spec.columns if column.key in set(job.columns)]
        chinese = language is Language.CHINESE
        names = site.name_zh if chinese else site.name_en, _node_name(conn, asked.node, chinese)
        lines = about(spec, asked, reading, *names, datetime.fromtimestamp(central.clock(), UTC), who.name)
        file = open_file(Format(job.format), path, lines, heads(columns, reading), reading.text(N_("Page %s of %s")))
        told = _teller(central, job, who.scope, stop)
        written = _write(file, _slices(conn, spec, who.scope, asked, _limit(job)), lambda row: cells(columns, row, reading), told)
    digest, size = _digest(path)
    name = f"{spec.name}-{datetime.fromtimestamp(central.clock(), site.zone):%Y%m%d-%H%M}.{job.format}"
    facts = {"file_name": name, "bytes": size, "sha256": digest, "rows": written, "keep_s": KEEP_DAYS * _DAY_S}
    with central.pool.connection() as conn:
        if not run(conn, _SQL["finish_export"], id=job.id, claims=job.claims, now=central.clock(), **facts):
            raise Stopped
        path.replace(path_of(path.parent, job.id))
    tidy(central)


def _asked(central: Central, conn: Connection, job: Claimed) -> tuple[Principal, TableSpec, Asked]:
    """Who it is for and what of which table, by the rights of now. Raises Refused and NotFound."""
    who = principal_now(conn, job.owner, job.account_id, central.clock())
    if who is None or "reports.read" not in who.permissions:
        raise Refused("the account or token that asked may not export any more")
    spec = readable_table(who, job.table)
    asked = asked_of(spec, dict(parse_qsl(job.query)))
    if asked.node:
        check_in_scope(conn, who.scope, About.PLACE, asked.node)
    return who, spec, asked


def _limit(job: Claimed) -> int:
    return MAX_PDF_ROWS if Format(job.format) is Format.PDF else MAX_ROWS


def _slices(conn: Connection, spec: TableSpec, scope: Scope, asked: Asked, limit: int) -> Iterator[tuple[list[Row], int]]:
    """Rows slice by slice, each with the number of all. Raises Refused where there are more than the format takes."""
    offset = 0
    while True:
        fetched = spec.fetch(conn, scope, replace(asked, offset=offset), SLICE_ROWS)
        if fetched.total > limit:
            other = "" if limit == MAX_ROWS else "; an Excel workbook (xlsx) takes a million"
            raise Refused(f"{fetched.total:,} rows match and a file of this kind takes {limit:,}{other}; narrow the filter", problem="too_many_rows")
        if not fetched.rows:
            return
        yield list(fetched.rows), fetched.total
        offset += len(fetched.rows)
        if offset >= fetched.total:
            return


def _write(file: File, slices: Iterator[tuple[list[Row], int]], cells_of: Callable[[Row], Sequence[Value]], told: Callable[[int, int], None]) -> int:
    done = 0
    try:
        for found, total in slices:
            for row in found:
                file.write(cells_of(row))
            done += len(found)
            told(done, total)
    finally:
        file.close()
    return done


def _teller(central: Central, job: Claimed, scope: Scope, stop: threading.Event) -> Callable[[int, int], None]:
    """Keeps progress in the job's row, and the lease; raises Stopped when the job is not ours any more."""

    def tell(done: int, total: int) -> None:
        if stop.is_set():
            raise Stopped
        facts = {"rows_done": done, "rows_total": total, "scope": scope, "now": central.clock(), "lease_s": LEASE_S}
        with central.pool.connection() as conn:
            if not run(conn, _SQL["export_progress"], id=job.id, claims=job.claims, **facts):
                raise Stopped

    return tell


@cache
def _translations() -> Mapping[Language, Translations]:
    return load_translations()


def _node_name(conn: Connection, node: str, chinese: bool) -> str:
    row = conn.execute(_SQL["node_name"], {"node": node}).fetchone() if node else None
    return str(row[0] if chinese else row[1]) if row else node


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
