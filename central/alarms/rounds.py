"""One evaluation after another, by the leader: facts, engine, grouping, planned work, all written in one transaction."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from central.alarms.collect import ABSENT, WATCHES, Disk, collect
from central.alarms.engine import Evaluation, Transition, evaluate
from central.alarms.group import Standing, Where, regroup
from central.alarms.maintenance import Window, covers, list_windows
from central.alarms.model import Cause, Kind, Track
from central.alarms.overrides import rules_in_force
from central.alarms.rule import Rules
from central.consumption.days import day_of
from central.consumption.load import site_zone
from central.context import Central
from central.db.pool import Connection, DatabaseError, Pool, PoolBusy
from central.db.statements import load_statements, rows, run
from central.web.site import load_site

log = logging.getLogger(__name__)

_SQL = load_statements("central.alarms")
EVERY_S = 15.0
BUDGET_S = 5.0  # a round that takes longer is told in the log; the next one waits its full time
_PURGE_EVERY_S = 3600.0
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Round:
    """What one evaluation did."""

    facts: int
    raised: int
    cleared: int
    failed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RoundState:
    """The newest evaluation as people see it. `failed`: watches that could not be asked, and why."""

    at_ms: int
    took_ms: int
    facts: int
    failed: Mapping[str, str]


@dataclass(slots=True)
class AlarmRounds:
    """What is remembered between rounds: when each watch was asked last. `clock`: Unix seconds. `disk`: free percent of the data folder."""

    clock: Callable[[], float]
    disk: Disk
    keep_days: int = 1095
    _asked_s: dict[str, float] = field(default_factory=dict)
    _purged_s: float = float("-inf")

    def turn(self, pool: Pool) -> Round:
        """One evaluation of the watches whose time has come. Raises DatabaseError; the next call asks the same again."""
        now_s = self.clock()
        due = [name for name, watch in WATCHES.items() if abs(now_s - self._asked_s.get(name, float("-inf"))) >= watch.every_s - 1]
        with pool.connection() as conn:
            done = run_round(conn, int(now_s * 1000), due, self.disk)
            if abs(now_s - self._purged_s) >= _PURGE_EVERY_S:
                self._purged_s = now_s
                run(conn, _SQL["purge_alarms"], before_ms=int(now_s * 1000) - self.keep_days * _DAY_MS)
        self._asked_s |= dict.fromkeys(due, now_s)
        return done


def evaluate_alarms(central: Central, stop: threading.Event, still_leader: Callable[[], None]) -> None:
    """Evaluate every EVERY_S until `stop`; raises DatabaseError when the leadership is lost."""
    rounds = AlarmRounds(central.clock, lambda: free_percent(central.settings.data_dir), central.settings.jobs.alarm_keep_days)
    while not stop.is_set():
        still_leader()
        try:
            rounds.turn(central.pool)
        except (DatabaseError, PoolBusy) as error:
            log.warning("alarms could not be evaluated, next round follows: %s", error)
        stop.wait(EVERY_S)


def run_round(conn: Connection, now_ms: int, watches: Collection[str], disk: Disk) -> Round:
    """One evaluation in the caller's transaction."""
    begun_s = time.monotonic()
    conn.execute(_SQL["hold_rounds"])  # a leader that was thought dead must not write between another one's reading and writing
    rules = rules_in_force(conn)
    wanted = {rule.watch for rule in rules.values() if rule.enabled}
    found = collect(conn, [name for name in watches if name in wanted], now_ms, disk)
    done = evaluate(rules, found.facts, _tracks(conn), now_ms, ABSENT)
    _write_tracks(conn, done)
    _write_transitions(conn, rules, done.transitions, now_ms)
    _settle(conn, rules, now_ms)
    facts = sum(map(len, found.facts.values()))
    took_s = time.monotonic() - begun_s
    run(conn, _SQL["note_round"], now_ms=now_ms, took_ms=int(took_s * 1000), facts=facts, failed=orjson.dumps(found.failed).decode())
    kinds = [one.kind for one in done.transitions]
    if done.delayed or took_s > BUDGET_S:
        log.warning("alarms: %d raises wait for the next round; this one took %.1f s", done.delayed, took_s)
    return Round(facts, kinds.count("raised"), kinds.count("cleared"), found.failed)


def newest_round(conn: Connection) -> RoundState | None:
    """When rules were evaluated last; None: never."""
    return next(iter(rows(conn, _SQL["round"], RoundState)), None)


def free_percent(folder: Path) -> int | None:
    """Free space of the file system below a folder."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return 100 * usage.free // usage.total if usage.total else None


def whereabouts(conn: Connection, subjects: Collection[tuple[Kind, str]], now_ms: int) -> dict[tuple[Kind, str], Where]:
    """Where subjects stand today."""
    asked = sorted(set(subjects))
    today = day_of(now_ms, site_zone(conn))
    found = rows(conn, _SQL["whereabouts"], _Where, kinds=[kind for kind, _ in asked], subjects=[subject for _, subject in asked], today=today)
    return {(one.kind, one.subject): Where(one.place, one.gateway, one.line, one.device, one.building, frozenset(one.above)) for one in found}


@dataclass(frozen=True, slots=True)
class _Track:
    rule: str
    kind: Kind
    subject: str
    over_ms: int | None
    under_ms: int | None
    unknown_ms: int | None
    raised: bool
    flapping: bool
    raises: list[int]


@dataclass(frozen=True, slots=True)
class _Where:
    kind: Kind
    subject: str
    place: str | None
    gateway: str | None
    line: str | None
    device: str | None
    building: str | None
    above: list[str]


@dataclass(frozen=True, slots=True)
class _Standing:
    id: int
    rule: str
    kind: Kind
    subject: str
    parent: int | None
    orphaned_ms: int | None
    suppressed_by: int | None


def _tracks(conn: Connection) -> dict[Cause, Track]:
    return {
        Cause(one.rule, one.kind, one.subject): Track(one.over_ms, one.under_ms, one.unknown_ms, one.raised, one.flapping, tuple(one.raises))
        for one in rows(conn, _SQL["tracks"], _Track)
    }


def _write_tracks(conn: Connection, done: Evaluation) -> None:
    kept = {cause: track for cause, track in done.tracks.items() if track is not None}
    if kept:
        columns: dict[str, list[object]] = {
            name: [getattr(track, name) for track in kept.values()] for name in ("over_ms", "under_ms", "unknown_ms", "raised", "flapping")
        }
        raises = [orjson.dumps(track.raises).decode() for track in kept.values()]
        run(conn, _SQL["write_tracks"], **_keys(list(kept)), **columns, raises=raises)
    if dropped := [cause for cause, track in done.tracks.items() if track is None]:
        run(conn, _SQL["drop_tracks"], **_keys(dropped))


def _write_transitions(conn: Connection, rules: Rules, transitions: Sequence[Transition], now_ms: int) -> None:
    known = [one for one in transitions if one.kind in ("unknown", "known")]
    if known:
        run(conn, _SQL["mark_known"], **_keys([one.cause for one in known]), change=[one.kind for one in known], now_ms=now_ms)
    if cleared := [one for one in transitions if one.kind == "cleared"]:
        values = [one.fact.value if one.fact else None for one in cleared]
        run(conn, _SQL["clear_alarms"], **_keys([one.cause for one in cleared]), value=values, now_ms=now_ms)
    if raised := [one for one in transitions if one.kind == "raised"]:
        _raise(conn, rules, raised, {one.cause for one in transitions if one.kind == "flapping"}, now_ms)


def _raise(conn: Connection, rules: Rules, raised: Sequence[Transition], flapping: Collection[Cause], now_ms: int) -> None:
    windows, zone = list_windows(conn, None, now_ms), load_site(conn).zone
    where = whereabouts(conn, [(one.cause.kind, one.cause.subject) for one in raised], now_ms) if windows else {}
    covered = [next((window.id for window in windows if covers(window, one.cause, _place(where, one.cause), now_ms, zone)), None) for one in raised]
    facts = [one.fact for one in raised if one.fact]
    run(
        conn,
        _SQL["raise_alarms"],
        **_keys([one.cause for one in raised]),
        severity=[rules[one.cause.rule].severity.value for one in raised],
        place=[fact.place for fact in facts],
        value=[fact.value for fact in facts],
        data=[orjson.dumps(fact.data or {}, default=str).decode() for fact in facts],
        over_ms=[one.over_ms for one in raised],
        flapping=[one.cause in flapping for one in raised],
        window=covered,
        now_ms=now_ms,
    )


def _settle(conn: Connection, rules: Rules, now_ms: int) -> None:
    """What time alone changes: who explains whom, work that is over, alarms put aside long enough."""
    standing = rows(conn, _SQL["standing"], _Standing)
    where = whereabouts(conn, [(one.kind, one.subject) for one in standing], now_ms)
    asked = [Standing(one.id, Cause(one.rule, one.kind, one.subject), one.parent, one.orphaned_ms) for one in standing]
    if links := regroup(asked, where, rules, now_ms):
        columns = {"id": [one.id for one in links], "change": [one.kind for one in links], "parent": [one.parent for one in links]}
        run(conn, _SQL["link_alarms"], **columns, now_ms=now_ms)
    if waiting := [one for one in standing if one.suppressed_by is not None]:
        windows, zone = list_windows(conn, None, now_ms), load_site(conn).zone
        free = [one.id for one in waiting if not _covered(one, windows, where, now_ms, zone)]
        run(conn, _SQL["unsuppress"], ids=free, now_ms=now_ms)
    run(conn, _SQL["wake_snoozed"], now_ms=now_ms)


def _covered(one: _Standing, windows: Sequence[Window], where: Mapping[tuple[Kind, str], Where], now_ms: int, zone: ZoneInfo) -> bool:
    cause = Cause(one.rule, one.kind, one.subject)
    return any(covers(window, cause, _place(where, cause), now_ms, zone) for window in windows)


def _place(where: Mapping[tuple[Kind, str], Where], cause: Cause) -> Where:
    return where.get((cause.kind, cause.subject), Where())


def _keys(causes: Sequence[Cause]) -> dict[str, list[str]]:
    return {name: [getattr(cause, name) for cause in causes] for name in ("rule", "kind", "subject")}
