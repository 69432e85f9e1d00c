"""PostgreSQL is restarted at once (`-m immediate`, as a crash) in the middle of a COPY.

What is exercised: a trigger that holds rows of the next group half-way through their COPY; it asks an unlogged table, which crash recovery empties,
so that the second try passes. Judged: the open group has no receipt at that moment, batches are stored again within 10 s of the server's return,
nothing is lost or double. Not covered: a machine that loses power (F3), failing over to a replica.
"""

from __future__ import annotations

import time
from random import Random

from central.db.embedded import Server, prepare
from tests.faults.book import settle
from tests.faults.chain import Chain, Receipts, chain
from tests.faults.database import data_dir
from tests.faults.scenario import Outcome, Size
from tests.faults.wait import wait

TITLE = "database restart in mid-COPY"
NEEDS = ("linux", "mosquitto")
_RESUME_S = 10.0
_HOLD = (
    "create unlogged table holding (quantity text)",
    """create function hold() returns trigger language plpgsql as $$
       begin if exists (select from holding) then perform pg_sleep(30); end if; return new; end $$""",
)
_TRIGGER = "create trigger hold before insert on reading for each row when (new.value % 100 = {residue}) execute function hold()"
_COPYING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"


def run(chance: Random, size: Size) -> Outcome:
    """Restart the server under an open COPY, some times over."""
    resumes: list[float] = []
    failures: list[str] = []
    with chain() as bed:
        server = prepare(data_dir())
        bed.execute(*_HOLD, _TRIGGER.format(residue=chance.randrange(100)))
        bed.box()
        with Receipts(bed) as receipts, bed.feeding(0.05):
            for _ in range(1 if size is Size.SLICE else 10):
                time.sleep(chance.uniform(0.5, 1.5))
                bed.execute("insert into holding values ('any')")
                wait(lambda: bed.scalar(_COPYING), 20, "a COPY is held")
                before, accepted = bed.ledger(), len(bed.book.entries)
                _restart(server)
                wait(lambda: bed.ledger_or_none() is not None, 60, "the server answers again")
                begun = time.monotonic()
                failures += _broken_promises(bed, receipts, accepted, before)
                wait(lambda before=before: (bed.ledger_or_none() or set()) > before, 60, "batches are stored again")  # type: ignore[misc]
                resumes.append(time.monotonic() - begun)
        failures += bed.drained()
        if max(resumes) > _RESUME_S:
            failures.append(f"batches were stored again after {max(resumes):.1f} s, at most {_RESUME_S:.0f} s are allowed")
        notes = [f"{len(resumes)} restarts", f"stored again after {max(resumes):.1f} s at most"]
        return settle(bed.book, bed.dsn, failures, notes)


def _restart(server: Server) -> None:
    command = [str(server.programs / "pg_ctl"), "restart", "-D", str(server.data), "-m", "immediate", "-w", "-t", "60"]
    server.account.run([*command, "-l", str(server.data / "start.log")], timeout_s=90)


def _broken_promises(bed: Chain, receipts: Receipts, accepted: int, before: set[tuple[str, int, int]]) -> list[str]:
    """Receipts the gateway has that no committed batch stands behind; and a word if no group was open at all."""
    promised = receipts.covered()
    broken = promised - bed.ledger()
    due = {(entry.gateway, entry.epoch, entry.seq) for entry in bed.book.entries[:accepted]}
    failures = [f"{len(broken)} batches had a receipt and are not in the ledger after the restart"] if broken else []
    return failures if due - before else [*failures, "no group was open when the server went down"]
