"""Many devices at once: read now, and switch. Each row waits for its own proof."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from central.context import Central
from central.control import issue
from central.control.model import OPEN, Command, State
from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.identity.guard import Principal
from central.web.batch import BatchAction, Item, Outcome, Parameter, Preview, Turn
from central.web.translations import N_
from firmware_profiles.loader import load_profiles
from protocol.profile import AnyProfile
from protocol.profile_writes import Write2007

_SQL = load_statements("central.control")
_LIFE_S = 20  # so long a row may take to reach its device; the batch's lease is longer
_WAIT_S = 30.0
_LOOK_S = 0.1
REMOVED, BY_ITSELF = N_("it is no longer on the plan"), N_("it reports by itself and cannot be asked")
OFFLINE, NO_COMMAND = N_("its gateway is not online"), N_("its profile has no command that needs no password")


def preview_read(conn: Connection, principal: Principal, keys: Sequence[str]) -> Preview:
    """Which devices can be asked now."""
    return Preview([_item(found, "") for found in _asked(conn, principal, keys)])


def preview_switch(conn: Connection, principal: Principal, keys: Sequence[str]) -> Preview:
    """Which devices can be switched now, by some command; the row itself says when it lacks the one that is asked for."""
    profiles = _profiles()
    return Preview([_item(found, "" if _switchable(profiles.get(found.profile)) else NO_COMMAND) for found in _asked(conn, principal, keys)])


def read_one(central: Central, principal: Principal, key: str, turn: Turn) -> Outcome:
    """Ask one device and wait for its answer."""
    with central.pool.connection() as conn:
        request = issue.ReadRequest(expires_in_s=_LIFE_S, key=turn.once)
        command = issue.ask_read(conn, key, request, principal.name, int(central.clock() * 1000))
    return _outcome(central, command)


def switch_one(central: Central, principal: Principal, key: str, turn: Turn) -> Outcome:
    """Switch one device and wait for its proof."""
    name, reason = turn.parameters["command"].strip(), turn.parameters["reason"].strip()
    with central.pool.connection() as conn:
        request = issue.SwitchRequest.model_validate({"command": name, "reason": reason.ljust(3, "."), "expires_in_s": _LIFE_S, "key": turn.once})
        command = issue.ask_switch(conn, _profiles(), key, request, principal.name, int(central.clock() * 1000))
    return _outcome(central, command)


READ_NOW = BatchAction(
    name="read-now",
    title=N_("Read now"),
    tables=("devices", "water-health"),
    permission="metering.read_now",
    dangerous=False,
    preview=preview_read,
    run_one=read_one,
)
SWITCH = BatchAction(
    name="switch",
    title=N_("Switch"),
    tables=("devices",),
    permission="control.operate",
    dangerous=True,
    preview=preview_switch,
    run_one=switch_one,
    parameters=(Parameter("command", N_("Command of the profile, as relay_1_off or valve_close")), Parameter("reason", N_("Reason"))),
)


@dataclass(frozen=True, slots=True)
class _Asked:
    key: str
    name_zh: str
    name_en: str
    place_zh: str
    place_en: str
    profile: str
    on_gateway: bool
    removed: bool
    gateway_state: str


@dataclass(frozen=True, slots=True)
class _State:
    state: State
    code: str
    message: str


def _asked(conn: Connection, principal: Principal, keys: Sequence[str]) -> list[_Asked]:
    return rows(conn, _SQL["devices_asked"], _Asked, keys=list(keys), scope=principal.scope)


def _item(found: _Asked, excluded: str) -> Item:
    if found.removed:
        excluded = REMOVED
    elif not found.on_gateway:
        excluded = BY_ITSELF
    elif found.gateway_state != "online":
        excluded = excluded or OFFLINE
    return Item(found.key, found.name_zh, found.name_en, found.place_zh, found.place_en, excluded)


def _switchable(profile: AnyProfile | None) -> bool:
    return profile is not None and any(not isinstance(command.write, Write2007) for command in profile.commands)


def _outcome(central: Central, command: Command) -> Outcome:
    """How a command ended, or that it is still under way when the row's time is over."""
    over_s = time.monotonic() + _WAIT_S
    while True:
        with central.pool.connection() as conn:
            found = one(conn, _SQL["state_of"], _State, f"there is no command {command.id}", id=command.id)
        if found.state not in OPEN:
            break
        if time.monotonic() >= over_s:
            return Outcome(False, f"command {command.id} is still {found.state}; follow it there")
        time.sleep(_LOOK_S)
    said = " ".join(part for part in (found.state, found.code, found.message) if part)
    return Outcome(found.state == "done", "" if found.state == "done" else f"{said} (command {command.id})")


@cache
def _profiles() -> Mapping[str, AnyProfile]:
    return load_profiles()
