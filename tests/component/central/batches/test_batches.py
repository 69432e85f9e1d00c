"""Batches: a selection is checked, starts once, goes on after a crash, and tells each row's result. The action settles findings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from central.batches import start, work
from central.batches.model import Batch
from central.context import Central
from central.db.pool import connect, open_pool
from central.identity.guard import Principal
from central.identity.permissions import ROLES, Role
from central.settings import Settings
from central.web.batch import BatchAction, Item, Outcome, Preview, Turn
from protocol.errors import ConfigError, Conflict, NotFound, Refused

STOP = threading.Event()
REASON = {"resolution": "looked at it"}


@dataclass
class Clock:
    """Moved by hand."""

    now: float = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def made(database: str, import_plan: Callable[..., Any]) -> Iterator[Central]:
    """Central on the small plan with operators `all` and `part` (building b2)."""
    with connect(database) as conn:
        import_plan(conn)
        for name, places in (("all", None), ("part", ["b2"])):
            conn.execute(
                "insert into account (name, role, password_hash, places, created_at) values (%s, 'operator', 'x', %s, now())", [name, places]
            )
    with open_pool(database, max_size=6) as pool:
        yield Central(Settings(), pool, Clock(), database)


@pytest.fixture
def central(made: Central) -> Iterator[Central]:
    """With three findings in b1 and one in b2, keyed by their device and number."""
    with made.pool.connection() as conn:
        for number, device in enumerate(("m1", "m1", "m2", "w1")):
            conn.execute("insert into finding (code, device, at) values ('register.fall', %s, to_timestamp(%s))", [device, number])
    yield made
    with made.pool.connection() as conn:
        conn.execute("delete from batch_job")
        conn.execute("delete from finding")
        conn.execute("update account set disabled_at = null")


def person(central: Central, name: str = "all") -> Principal:
    with central.pool.connection() as conn:
        account, places = conn.execute("select account_id, places from account where name = %s", [name]).fetchone() or (0, None)
    return Principal(name, ROLES[Role.OPERATOR], places, account)


def keys(central: Central, *devices: str) -> list[str]:
    with central.pool.connection() as conn:
        return [str(row[0]) for row in conn.execute("select id from finding where device = any(%s) order by id", [list(devices)])]


def draft(central: Central, who: Principal, chosen: list[str], query: str | None = None) -> Batch:
    with central.pool.connection() as conn:
        return start.draft_batch(conn, who, "settle-findings", "findings", chosen, query, central.clock())


def begin(central: Central, who: Principal, batch: Batch, typed: str = "") -> Batch:
    with central.pool.connection() as conn:
        return start.start_batch(conn, who, batch.id, REASON, typed, central.clock())


def now(central: Central, who: Principal, batch: Batch) -> Batch:
    with central.pool.connection() as conn:
        return start.find_batch(conn, who, batch.id)


def settled(central: Central) -> int:
    with central.pool.connection() as conn:
        return int((conn.execute("select count(*) from finding where resolved_at is not null").fetchone() or [0])[0])


def test_rows_are_done_each_with_its_result_and_its_audit_entries(central: Central) -> None:
    who = person(central)
    batch = begin(central, who, draft(central, who, keys(central, "m1", "w1")))
    assert work.work_turn(central, STOP)
    ended = now(central, who, batch)
    assert (ended.state, ended.total, ended.done) == ("done", 3, 3)
    with central.pool.connection() as conn:
        assert {item.message for item in start.batch_items(conn, who, batch.id, None, 0, 10)} == {"all: looked at it"}
        trail = [row[0] for row in conn.execute("select action from audit where target like %s order by audit_id", [f"batch {batch.id}%"])]
    assert trail == ["batch.started", "batch.row", "batch.row", "batch.row", "batch.finished"]


def test_the_preview_counts_by_building_and_leaves_out_what_is_settled(central: Central) -> None:
    who = person(central)
    with central.pool.connection() as conn:
        conn.execute("update finding set resolved_at = now(), resolution = 'x' where device = 'w1'")
    batch = draft(central, who, keys(central, "m1", "m2", "w1"))
    with central.pool.connection() as conn:
        places = start.batch_places(conn, batch.id)
    assert (batch.total, batch.excluded) == (3, 1)
    assert [(place.place_en, place.rows) for place in places] == [("Building 1", 3)]


def test_a_key_outside_the_scope_refuses_the_whole_selection(central: Central) -> None:
    with pytest.raises(NotFound):
        draft(central, person(central, "part"), keys(central, "w1", "m1"))
    with pytest.raises(NotFound):
        draft(central, person(central), [*keys(central, "m1"), "999999"])


def test_all_that_match_is_what_the_asker_may_see(central: Central) -> None:
    assert draft(central, person(central), [], "f.state=open").total == 4
    assert draft(central, person(central, "part"), [], "f.state=open").total == 1
    with pytest.raises(ConfigError):
        draft(central, person(central), [], "f.q=nothing-like-it")


def test_starting_twice_does_the_work_once(central: Central) -> None:
    who = person(central)
    batch = draft(central, who, keys(central, "m1"))
    assert begin(central, who, batch) == begin(central, who, batch)
    work.work_turn(central, STOP)
    begin(central, who, batch)
    assert not work.work_turn(central, STOP)
    assert now(central, who, batch).done == 2


def test_a_batch_of_a_worker_that_died_goes_on(central: Central) -> None:
    who = person(central)
    batch = begin(central, who, draft(central, who, keys(central, "m1", "m2")))
    with central.pool.connection() as conn:
        dead = work.rows(conn, work._SQL["claim_batch"], work.Claimed, now=central.clock(), lease_s=work.LEASE_S)[0]
        first = work.rows(conn, work._SQL["due_items"], work.Due, batch=batch.id, limit=1)[0]
    assert work._begin(central, dead, first)
    assert not work.work_turn(central, STOP)
    central.clock.now += work.LEASE_S + 1  # type: ignore[attr-defined]
    assert work.work_turn(central, STOP)
    assert not work._begin(central, dead, first)
    assert (now(central, who, batch).state, settled(central)) == ("done", 3)


def test_a_row_that_fails_can_be_tried_again_and_the_rest_cancelled(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    who, seen = person(central), []

    def fail_once(_: Central, __: Principal, key: str, turn: Turn) -> Outcome:
        seen.append(turn.once)
        if len(seen) == 1:
            raise Conflict("the meter does not answer")
        return Outcome(True)

    given(monkeypatch, run_one=fail_once)
    batch = begin(central, who, draft(central, who, keys(central, "m1", "m2")))
    monkeypatch.setattr(work, "TURN_ROWS", 2)
    work.work_turn(central, STOP)
    assert (now(central, who, batch).failed, now(central, who, batch).pending) == (1, 1)
    with central.pool.connection() as conn:
        assert start.cancel_batch(conn, who, batch.id, central.clock()).skipped == 1  # type: ignore[union-attr]
        start.retry_batch(conn, who, batch.id)
    work.work_turn(central, STOP)
    ended = now(central, who, batch)
    assert (ended.state, ended.done, ended.failed, ended.skipped) == ("done", 2, 0, 1)
    assert len(set(seen)) == len(seen) == 3


def test_who_lost_the_right_does_nothing_more(central: Central) -> None:
    who = person(central)
    batch = begin(central, who, draft(central, who, keys(central, "m1")))
    with central.pool.connection() as conn:
        conn.execute("update account set disabled_at = now() where name = 'all'")
    work.work_turn(central, STOP)
    assert (now(central, who, batch).skipped, settled(central)) == (2, 0)


def test_a_dangerous_action_wants_the_number_of_rows_typed(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, dangerous=True)
    who = person(central)
    batch = draft(central, who, keys(central, "m1"))
    for typed in ("", "3", "two"):
        with pytest.raises(ConfigError):
            begin(central, who, batch, typed)
    assert begin(central, who, batch, " 2 ").state == "running"


def test_a_permission_with_a_second_factor_wants_one(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, permission="control.operate")
    who = person(central)
    batch = draft(central, who, keys(central, "m1"))
    with pytest.raises(Refused):
        begin(central, who, batch)
    assert begin(central, replace(who, factor=True), batch).state == "running"


def test_without_the_permission_there_is_no_preview(central: Central) -> None:
    with pytest.raises(Refused):
        draft(central, replace(person(central), permissions=ROLES[Role.VIEWER]), keys(central, "m1"))


def test_another_s_batch_is_not_there(central: Central) -> None:
    batch = draft(central, person(central), keys(central, "m1"))
    with central.pool.connection() as conn, pytest.raises(NotFound):
        start.batch_items(conn, person(central, "part"), batch.id, None, 0, 10)


def test_a_row_protected_since_the_preview_is_left_out(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    who = person(central)
    batch = draft(central, who, keys(central, "m1"))
    given(monkeypatch, preview=lambda _, __, asked: Preview([Item(key, "", "", excluded="protected") for key in asked]))
    with pytest.raises(Conflict):
        begin(central, who, batch)


def given(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """The action otherwise, wherever it is looked up."""
    action: BatchAction = replace(start.ACTIONS["settle-findings"], **changes)
    for module in (start, work):
        monkeypatch.setattr(module, "ACTIONS", {"settle-findings": action})
