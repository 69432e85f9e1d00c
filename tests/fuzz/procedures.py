"""The edge's procedures against devices that answer well-framed nonsense: each ends, with a result or an error of the tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from edge_agent.drivers.access import Access
from edge_agent.drivers.clock import read_clock, set_clock
from edge_agent.drivers.events import read_events
from edge_agent.drivers.freezes import read_freezes
from edge_agent.drivers.identity import read_identity
from edge_agent.drivers.load_records import read_load_records
from edge_agent.drivers.procedure import Ask, Procedure
from edge_agent.drivers.settings_write import write_setting
from edge_agent.drivers.switching import switch
from protocol.errors import CampusError, NoReply
from protocol.profile import AnyProfile
from protocol.site_plan import Device
from protocol.wire import load_record
from tests.fuzz.drivers import content, profiles, reply_to
from tests.fuzz.subject import Subject, require

MOST_STEPS = 2_000
_NOW = datetime(2026, 11, 22, 13, 5)


@dataclass(frozen=True, slots=True)
class _Task:
    """Something to do with one profile. `begin` draws what it leaves open."""

    kind: str
    profile: AnyProfile
    begin: Callable[[Random], Procedure[Any]]


def subjects() -> Iterator[Subject]:
    """One for all procedures of all profiles."""
    yield Subject("procedures", lambda rng: rng.randrange(len(_tasks())).to_bytes(4, "little"), _check, steps=3_000_000, weight=0.1)


@cache
def _tasks() -> tuple[_Task, ...]:
    """What can be done with each profile."""
    return tuple(_Task(kind, profile, begin) for profile, device in profiles() for kind, begin in _offered(profile, device))


def _offered(profile: Any, device: Device) -> Iterator[tuple[str, Callable[[Random], Procedure[Any]]]]:
    access = Access()
    yield "clock", lambda rng: read_clock(profile, device, lambda: _NOW)
    yield "set_clock", lambda rng: set_clock(profile, device, access, lambda: _NOW)
    yield "identity", lambda rng: read_identity(profile, device)
    for freeze in getattr(profile, "freezes", ()):
        yield "freeze", lambda rng, freeze=freeze: read_freezes(profile, device, freeze, lambda at: False, 400, _NOW)
    for log in getattr(profile, "events", ()):
        yield "events", lambda rng, log=log: read_events(profile, device, log, rng.choice((None, 0, 5)))
    for command in profile.commands:
        yield "switch", lambda rng, name=command.name: switch(profile, device, name, access, lambda: _NOW)
    for one in profile.settings:
        yield "setting", lambda rng, one=one: write_setting(profile, device, one.name, rng.randint(one.least, one.most), access)
    if getattr(profile, "load_records", None):
        yield "load_records", lambda rng: read_load_records(profile, device, _NOW - timedelta(days=rng.randrange(3)), rng.randrange(1, 400))


def _check(data: bytes, rng: Random) -> None:
    task = _tasks()[int.from_bytes(data, "little")]
    try:
        procedure = task.begin(rng)
        step = next(procedure)
        for _ in range(MOST_STEPS):
            step = _go_on(procedure, step, task, rng)
        require(False, f"{task.kind} of {task.profile.profile} has taken {MOST_STEPS} steps and wants more")
    except (StopIteration, CampusError):
        return


def _go_on(procedure: Procedure[Any], step: object, task: _Task, rng: Random) -> object:
    """Answer a step, one time in ten not at all."""
    if not isinstance(step, Ask):
        return procedure.send(None)
    if rng.random() < 0.1:
        return procedure.throw(NoReply("nothing came"))
    protocol = task.profile.protocol
    holds = _load_records(rng) if task.kind == "load_records" and rng.random() < 0.7 else content(protocol, rng)
    frames = step.transaction.decoder.feed(reply_to(protocol, step.transaction.request, holds, rng))
    answers = [frame for frame in frames if step.transaction.accept(frame)]
    return procedure.send(answers[0]) if answers else procedure.throw(NoReply("nothing usable came"))


def _load_records(rng: Random) -> bytes:
    values = {"energy_active_forward": 10 * rng.randrange(1000)}
    times = [_NOW + timedelta(minutes=15 * rng.randrange(-300, 300)) for _ in range(rng.randrange(3))]
    return b"".join(load_record.encode(load_record.LoadRecord(at, values)) for at in sorted(times))
