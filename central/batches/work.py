"""The worker that does batches: takes turns between them, one row a transaction of its own, by the rights its owner has at that moment."""

from __future__ import annotations

import logging
import threading
import time

from central.batches.model import KEEP_DAYS, KEEP_DRAFTS_H, Claimed, Due
from central.context import Central
from central.db.pool import DatabaseError, PoolBusy
from central.db.statements import load_statements, rows, run
from central.identity import audit
from central.identity.guard import Principal
from central.identity.owner import principal_now
from central.web.batch import BatchAction, Item, Outcome, Turn
from central.web.batch_list import ACTIONS
from protocol.errors import CampusError

log = logging.getLogger(__name__)

_SQL = load_statements("central.batches")
TURN_ROWS = 20  # then another batch has its turn
LEASE_S = 60.0  # a worker not heard for so long is taken for dead; a row takes less
_IDLE_S = 1.0
_TIDY_EVERY_S = 3600.0
_MAX_MESSAGE = 500


def work_batches(central: Central, stop: threading.Event) -> None:
    """Do batches until `stop`. Any number of processes may do so."""
    tidied_at = -_TIDY_EVERY_S
    while not stop.is_set():
        try:
            if time.monotonic() - tidied_at >= _TIDY_EVERY_S:
                tidied_at = time.monotonic()
                tidy(central)
            if not work_turn(central, stop):
                stop.wait(_IDLE_S)
        except (DatabaseError, PoolBusy) as error:
            log.warning("a turn of the batch worker failed, next one follows: %s", error)
            stop.wait(_IDLE_S)


def work_turn(central: Central, stop: threading.Event) -> bool:
    """Some rows of the batch that waited longest, if there is one."""
    with central.pool.connection() as conn:
        found = rows(conn, _SQL["claim_batch"], Claimed, now=central.clock(), lease_s=LEASE_S)
    if not found:
        return False
    batch = found[0]
    with central.pool.connection() as conn:
        due = rows(conn, _SQL["due_items"], Due, batch=batch.id, limit=TURN_ROWS)
        who = principal_now(conn, batch.owner, batch.account_id, central.clock(), batch.factor)
        items = _look(central, batch, who, due)
    for one in due:
        if stop.is_set() or not _begin(central, batch, one):
            break
        outcome = _do(central, batch, who, one, items)
        _end(central, batch, one, outcome)
    _release(central, batch)
    return True


def tidy(central: Central) -> None:
    """Forget drafts nobody started and batches that ended long ago; the audit keeps what was done."""
    with central.pool.connection() as conn:
        run(conn, _SQL["forget_batches"], now=central.clock(), drafts_s=KEEP_DRAFTS_H * 3600.0, keep_s=KEEP_DAYS * 86_400.0)


def _look(central: Central, batch: Claimed, who: Principal | None, due: list[Due]) -> dict[str, Item]:
    """What the action's preview says now of the rows whose turn it is; nothing when the owner may not do it any more."""
    action = ACTIONS.get(batch.action)
    if action is None or who is None or action.permission not in who.permissions or not due:
        return {}
    with central.pool.connection() as conn:
        return {item.key: item for item in action.preview(conn, who, [one.key for one in due]).items}


def _begin(central: Central, batch: Claimed, one: Due) -> bool:
    """Whether the row is ours to do: the batch was not cancelled, and not taken by another worker."""
    facts = {"batch": batch.id, "claims": batch.claims, "position": one.position, "now": central.clock(), "lease_s": LEASE_S}
    with central.pool.connection() as conn:
        return run(conn, _SQL["begin_item"], **facts) == 1


def _do(central: Central, batch: Claimed, who: Principal | None, one: Due, items: dict[str, Item]) -> tuple[str, str]:
    """The row's state and message."""
    action = ACTIONS.get(batch.action)
    if action is None or who is None or action.permission not in who.permissions:
        return "skipped", "the account or token that started this may not do it any more"
    item = items.get(one.key)
    if item is None:
        return "skipped", "it does not exist any more, or the owner may not see it"
    if item.excluded:
        return "skipped", item.excluded
    outcome = _run(central, action, who, one, Turn(batch.parameters, f"batch-{batch.id}-{one.position}-{one.tries}"))
    return ("done" if outcome.done else "failed"), outcome.message


def _run(central: Central, action: BatchAction, who: Principal, one: Due, turn: Turn) -> Outcome:
    try:
        return action.run_one(central, who, one.key, turn)
    except CampusError as error:
        return Outcome(False, error.message)
    except Exception:
        log.exception("batch row %s failed", turn.once)
        return Outcome(False, f"something in the server broke; its log has the details under {turn.once}")


def _end(central: Central, batch: Claimed, one: Due, outcome: tuple[str, str]) -> None:
    state, message = outcome
    with central.pool.connection() as conn:
        ended = {"state": state, "message": message[:_MAX_MESSAGE], "now": central.clock()}
        if run(conn, _SQL["end_item"], batch=batch.id, position=one.position, **ended):
            facts = {"action": batch.action, "state": state, "message": message[:_MAX_MESSAGE]}
            audit.record(conn, batch.owner, "batch.row", f"batch {batch.id}: {one.key}", facts)


def _release(central: Central, batch: Claimed) -> None:
    with central.pool.connection() as conn:
        conn.execute(_SQL["lock_batch"], {"batch": batch.id})
        row = conn.execute(_SQL["release_batch"], {"batch": batch.id, "claims": batch.claims, "now": central.clock()}).fetchone()
        if row and row[0] == "done":
            audit.record(conn, batch.owner, "batch.finished", f"batch {batch.id}", {"action": batch.action})
