"""From a selection to a running batch: the preview is kept as a draft, and starting a draft works once however often the button is pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

import orjson

from central.batches.model import MAX_LISTED, Batch, BatchItem, PlaceCount
from central.db.pool import Connection
from central.db.statements import load_statements, number, one, rows, run
from central.identity import audit
from central.identity.guard import Principal
from central.identity.permissions import SECOND_FACTOR
from central.identity.scope import About, check_in_scope
from central.web.batch import MAX_ROWS, BatchAction, Preview
from central.web.batch_list import ACTIONS
from central.web.table_list import TABLES
from central.web.table_page import asked_of
from central.web.tables import TableSpec
from protocol.errors import ConfigError, Conflict, NotFound, Refused

_SQL = load_statements("central.batches")
_MAX_PLACES = 30


def draft_batch(conn: Connection, principal: Principal, action: str, table: str, keys: Sequence[str], query: str | None, now: float) -> Batch:
    """Preview the action for the selected keys, or for all rows that match `query` when it is given, and keep it as a draft.

    Raises NotFound when a key does not exist within the principal's scope, Refused without the permission, ConfigError for none or too many rows.
    """
    chosen, spec = action_for(principal, action, table)
    if query is not None:
        keys = _matching(conn, principal, spec, query)
    wanted = list(dict.fromkeys(keys))
    if not 1 <= len(wanted) <= MAX_ROWS:
        raise ConfigError(f"a batch takes 1 to {MAX_ROWS} rows, got {len(wanted)}; select rows, or narrow the filter", problem="batch_size")
    preview = _checked(chosen, conn, principal, wanted)
    owner = {"owner": principal.name, "account_id": principal.account_id}
    batch = number(conn, _SQL["add_batch"], **owner, action=action, table=table, warnings=list(preview.warnings), now=now)
    columns = {
        "keys": [item.key for item in preview.items],
        "names_zh": [item.name_zh for item in preview.items],
        "names_en": [item.name_en for item in preview.items],
        "places_zh": [item.place_zh for item in preview.items],
        "places_en": [item.place_en for item in preview.items],
        "excluded": [item.excluded for item in preview.items],
    }
    run(conn, _SQL["add_items"], batch=batch, **columns)
    return find_batch(conn, principal, batch)


def start_batch(conn: Connection, principal: Principal, batch: int, parameters: Mapping[str, str], typed: str, now: float) -> Batch:
    """Start a draft. Started already: answers with it and does nothing. Raises ConfigError for a wrong number typed or a parameter missing.

    What may be done is looked at once more: rows that became protected since are left out; where that changes the number, it has to be typed again.
    """
    found = find_batch(conn, principal, batch)
    action, _ = action_for(principal, found.action, found.table)
    check_factor(principal, action)
    state = conn.execute(_SQL["lock_draft"], {"batch": batch}).fetchone()
    if state is None or state[0] != "draft":
        return find_batch(conn, principal, batch)
    _exclude_again(conn, principal, action, batch)
    found = find_batch(conn, principal, batch)
    if not found.total:
        raise Conflict("every row of the selection is left out; there is nothing to do", problem="nothing_to_do")
    if action.dangerous and typed.strip() != str(found.total):
        raise ConfigError(f"type the number of rows to confirm: {found.total}, got {typed.strip()[:20]!r}", problem="typed", expected=found.total)
    given = _parameters(action, parameters)
    run(conn, _SQL["start_batch"], batch=batch, parameters=orjson.dumps(given).decode(), factor=principal.factor, now=now)
    facts = {"action": action.name, "rows": found.total, "left_out": found.excluded, "parameters": given}
    audit.record(conn, principal.name, "batch.started", f"batch {batch}", facts)
    return find_batch(conn, principal, batch)


def cancel_batch(conn: Connection, principal: Principal, batch: int, now: float) -> Batch | None:
    """Skip what has not begun; None when it was a draft, which is thrown away."""
    found = find_batch(conn, principal, batch)
    if run(conn, _SQL["drop_draft"], batch=batch):
        return None
    if run(conn, _SQL["cancel_batch"], batch=batch, now=now):
        skipped = run(conn, _SQL["cancel_items"], batch=batch, message="cancelled", now=now)
        audit.record(conn, principal.name, "batch.cancelled", f"batch {batch}", {"action": found.action, "skipped": skipped})
    return find_batch(conn, principal, batch)


def retry_batch(conn: Connection, principal: Principal, batch: int) -> Batch:
    """Try the failed rows again. Raises Conflict when none failed or it was never started."""
    found = find_batch(conn, principal, batch)
    action, _ = action_for(principal, found.action, found.table)
    check_factor(principal, action)
    if found.state == "draft" or not run(conn, _SQL["retry_items"], batch=batch):
        raise Conflict(f"batch {batch} has no failed rows to try again", problem="nothing_to_retry")
    run(conn, _SQL["resume_batch"], batch=batch)
    audit.record(conn, principal.name, "batch.retried", f"batch {batch}", {"action": found.action, "rows": found.failed})
    return find_batch(conn, principal, batch)


def list_batches(conn: Connection, principal: Principal) -> list[Batch]:
    """The asker's batches that were started, newest first."""
    return rows(conn, _SQL["batches"], Batch, **_owner(principal), id=None, drafts=False, limit=MAX_LISTED)


def find_batch(conn: Connection, principal: Principal, batch: int) -> Batch:
    """One of the asker's own. Raises NotFound for another's as for one that never was."""
    return one(conn, _SQL["batches"], Batch, f"there is no batch {batch}", **_owner(principal), id=batch, drafts=True, limit=1)


def batch_items(conn: Connection, principal: Principal, batch: int, state: str | None, offset: int, limit: int) -> list[BatchItem]:
    """Its rows, failed ones first."""
    find_batch(conn, principal, batch)
    return rows(conn, _SQL["items"], BatchItem, batch=batch, state=state, offset=offset, limit=limit)


def batch_places(conn: Connection, batch: int) -> list[PlaceCount]:
    """In which buildings the rows to do stand, most first."""
    return rows(conn, _SQL["places_of"], PlaceCount, batch=batch, limit=_MAX_PLACES)


def action_for(principal: Principal, action: str, table: str) -> tuple[BatchAction, TableSpec]:
    """The action and its table. Raises NotFound where they do not belong together, Refused without the permissions."""
    chosen, spec = ACTIONS.get(action), TABLES.get(table)
    if chosen is None or spec is None or table not in chosen.tables:
        raise NotFound(f"there is no action {action!r} for the table {table!r}")
    missing = sorted({chosen.permission, spec.permission} - principal.permissions)
    if missing:
        raise Refused(f"{principal.name} may not do this: it needs the permission {missing[0]}", problem="forbidden", permission=missing[0])
    return chosen, spec


def check_factor(principal: Principal, action: BatchAction) -> None:
    """As the guard of a route of its own would: some permissions need a second factor."""
    if action.permission in SECOND_FACTOR and not principal.factor:
        message = f"the permission {action.permission} needs a second factor; set one up under your account, then try again"
        raise Refused(message, problem="second_factor", permission=action.permission)


def _matching(conn: Connection, principal: Principal, spec: TableSpec, query: str) -> list[str]:
    """Keys of all rows that match, as the asker sees them. One more than allowed is enough to refuse."""
    asked = replace(asked_of(spec, dict(parse_qsl(query))), offset=0)
    if asked.node:
        check_in_scope(conn, principal.scope, About.PLACE, asked.node)
    fetched = spec.fetch(conn, principal.scope, asked, MAX_ROWS + 1)
    return [str(row[spec.key]) for row in fetched.rows]


def _checked(action: BatchAction, conn: Connection, principal: Principal, keys: Sequence[str]) -> Preview:
    preview = action.preview(conn, principal, keys)
    known = {item.key for item in preview.items}
    strange = [key for key in keys if key not in known]
    if strange:
        raise NotFound(f"the selection holds {len(strange)} rows that do not exist or that you may not see, such as {strange[0][:60]!r}")
    return preview


def _exclude_again(conn: Connection, principal: Principal, action: BatchAction, batch: int) -> None:
    keys = [str(row[0]) for row in conn.execute(_SQL["keys_of"], {"batch": batch})]
    now = {item.key: item for item in action.preview(conn, principal, keys).items}
    for key in keys:
        if key not in now or now[key].excluded:
            why = now[key].excluded if key in now else "it does not exist any more, or you may not see it"
            run(conn, _SQL["exclude_item"], batch=batch, key=key, message=why)


def _parameters(action: BatchAction, given: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for parameter in action.parameters:
        value = given.get(parameter.name, "").strip()
        if parameter.required and not value:
            raise ConfigError(f"{parameter.name} is missing", problem="parameter", parameter=parameter.name)
        if len(value) > parameter.longest or (value and parameter.choices and value not in dict(parameter.choices)):
            raise ConfigError(f"{parameter.name} is too long or none of the choices", problem="parameter", parameter=parameter.name)
        found[parameter.name] = value
    return found


def _owner(principal: Principal) -> dict[str, object]:
    return {"owner": principal.name, "account_id": principal.account_id}
