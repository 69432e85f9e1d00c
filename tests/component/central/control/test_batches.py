"""Read now and switch as actions on many rows: who is left out, and how a row ends."""

from __future__ import annotations

import threading
import time

import pytest

from central.context import Central
from central.control.results import settle_results
from central.control.tables import NO_COMMAND, OFFLINE, preview_read, preview_switch, read_one, switch_one
from central.db.pool import open_pool
from central.identity.guard import Principal
from central.settings import Settings
from central.web.batch import Outcome, Turn
from protocol.command import CommandResult
from protocol.errors import NotFound

ANNA = Principal("anna", frozenset({"control.operate", "metering.read_now"}))


@pytest.fixture
def central(desk, small_site):
    with open_pool(small_site, max_size=3) as pool:
        yield Central(Settings(), pool, time.time, small_site)


def online(desk, *gateways: str) -> None:
    desk.conn.execute("delete from gateway_status")
    for gateway in gateways:
        desk.conn.execute("insert into gateway_status (gateway, state) values (%s, 'online')", [gateway])
    desk.conn.commit()


def gateway_answers(central: Central, state: str, **facts: object) -> threading.Thread:
    """A gateway that settles the first command it finds."""

    def answer() -> None:
        while True:
            with central.pool.connection() as conn:
                row = conn.execute("select id from command where state = 'queued'").fetchone()
                if row:
                    result = CommandResult.model_validate({"id": row[0], "state": state, "at_ms": 1, **facts})
                    settle_results(conn, "gw-1", [result])
                    return
            time.sleep(0.02)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return thread


def test_preview_leaves_out_what_cannot_be_asked_or_switched(desk):
    online(desk, "gw-1")

    read = {item.key: item.excluded for item in preview_read(desk.conn, ANNA, ["relay", "meter", "other"]).items}
    switch = {item.key: item.excluded for item in preview_switch(desk.conn, ANNA, ["relay", "meter", "other"]).items}

    assert read == {"relay": "", "meter": "", "other": OFFLINE}
    assert switch == {"relay": "", "meter": NO_COMMAND, "other": OFFLINE}


def test_preview_shows_nothing_outside_the_scope(desk):
    seen = preview_read(desk.conn, Principal("ben", ANNA.permissions, ["b2"]), ["relay", "other"]).items

    assert [(item.key, item.place_en) for item in seen] == [("other", "Building 2")]


def test_row_ends_with_what_the_gateway_proves(desk, central):
    helper = gateway_answers(central, "done", seen=0)
    switched = switch_one(central, ANNA, "relay", Turn({"command": "relay_1_off", "reason": "holiday"}, "batch-1-1-1"))
    helper.join()
    gateway_answers(central, "failed", code="device.no_reply", message="no reply")
    read = read_one(central, ANNA, "relay", Turn({}, "batch-1-2-1"))

    assert switched == Outcome(True)
    assert (read.done, "device.no_reply" in read.message) == (False, True)


def test_row_that_is_run_again_after_a_crash_does_not_switch_twice(desk, central):
    turn = Turn({"command": "relay_1_on", "reason": "holiday"}, "batch-1-1-1")
    gateway_answers(central, "done", seen=1)
    switch_one(central, ANNA, "relay", turn)

    assert switch_one(central, ANNA, "relay", turn) == Outcome(True)
    assert desk.rows("select count(*) from command") == [(1,)]


def test_device_without_the_command_says_so(desk, central):
    with pytest.raises(NotFound, match="valve_close"):
        switch_one(central, ANNA, "relay", Turn({"command": "valve_close", "reason": "leak"}, "batch-1-1-1"))
