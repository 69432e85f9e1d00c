"""JSON API of alarms: lists, one whole, what people do, rules, planned work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query

from central.alarms import life_cycle, maintenance, overrides, trial
from central.alarms.life_cycle import Action, AlarmView, Result
from central.alarms.maintenance import NewWindow, Window
from central.alarms.model import AlarmRow, Counts, Severity, State
from central.alarms.overrides import Changes, Override
from central.alarms.rounds import RoundState, free_percent, newest_round
from central.alarms.rule import Rule
from central.alarms.summary import MAX_ROWS, Chosen, Shown, alarm_counts, list_alarms
from central.alarms.trial import Trial
from central.context import Central
from central.identity.guard import Principal, require
from central.identity.scope import About, check_in_scope
from central.metering.model import Page

Reader = Annotated[Principal, Depends(require("alarms.read", About.OWN))]
Manager = Annotated[Principal, Depends(require("alarms.manage", About.OWN))]
SiteReader = Annotated[Principal, Depends(require("alarms.read"))]
SiteManager = Annotated[Principal, Depends(require("alarms.manage"))]
Number = Annotated[int, Path(ge=1, lt=1 << 62)]
Numbers = Annotated[list[Annotated[int, Path(ge=1, lt=1 << 62)]], Body(embed=True, min_length=1, max_length=life_cycle.MAX_AT_ONCE)]
Name = Annotated[str, Path(max_length=64)]
Reason = Annotated[str, Body(min_length=3, max_length=500)]


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule in force, and the versions of its override at this site."""

    rule: dict[str, Any]
    history: list[Override]


@dataclass(frozen=True, slots=True)
class Seen:
    """How many alarms were new to the account."""

    marked: int


def router(central: Central) -> APIRouter:
    """Routes below /api/v1/alarms."""
    api = APIRouter(prefix="/api/v1/alarms", tags=["alarms"])

    def now_ms() -> int:
        return int(central.clock() * 1000)

    @api.get("")
    def alarms(
        who: Reader,
        node: Annotated[str, Query(max_length=64)] = "",
        shown: Shown = "standing",
        severity: Severity | None = None,
        rule: Annotated[str, Query(max_length=64)] = "",
        state: State | None = None,
        assignee: Annotated[str, Query(max_length=40)] = "",
        subject: Annotated[str, Query(max_length=130)] = "",
        top: bool = False,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 50,
    ) -> Page[AlarmRow]:
        """Alarms of a place and below: worst first, unacknowledged before acknowledged, then newest. `top`: without those another one explains."""
        chosen = Chosen(node, shown, severity or "", rule, state or "", assignee, subject, top=top, newest=shown == "over")
        with central.pool.connection() as conn:
            if node:
                check_in_scope(conn, who.scope, About.PLACE, node)
            return list_alarms(conn, who.scope, chosen, offset, limit, who.account_id)

    @api.get("/counts")
    def counts(who: Reader, node: Annotated[str, Query(max_length=64)] = "") -> Counts:
        """How many alarms stand, by severity."""
        with central.pool.connection() as conn:
            if node:
                check_in_scope(conn, who.scope, About.PLACE, node)
            return alarm_counts(conn, who.scope, node)

    @api.get("/evaluation")
    def evaluation(_: Reader) -> RoundState | None:
        """When rules were evaluated last, and which watches could not be asked; null: never."""
        with central.pool.connection() as conn:
            return newest_round(conn)

    @api.post("/actions")
    def post_actions(who: Manager, ids: Numbers, action: Annotated[Action, Body(embed=True)]) -> list[Result]:
        """The same for several alarms, each by itself; the answer has a row for each."""
        with central.pool.connection() as conn:
            return life_cycle.act_on_many(conn, who.scope, ids, action, who.name, now_ms())

    @api.post("/seen")
    def post_seen(who: Reader, ids: Numbers) -> Seen:
        """Mark alarms as seen by the asking account."""
        with central.pool.connection() as conn:
            return Seen(life_cycle.mark_seen(conn, who.scope, ids, who.account_id, now_ms()))

    _rules(api, central)
    _windows(api, central)

    @api.get("/{number}")
    def alarm(who: Reader, number: Number) -> AlarmView:
        """One alarm with what was seen, its history and what it explains."""
        with central.pool.connection() as conn:
            return life_cycle.get_alarm(conn, who.scope, number, who.account_id)

    @api.post("/{number}/actions")
    def post_action(who: Manager, number: Number, action: Action) -> AlarmRow:
        """Acknowledge, assign, put aside, comment, close or reopen. The same key and action is answered again, not done again."""
        with central.pool.connection() as conn:
            return life_cycle.act(conn, who.scope, number, action, who.name, now_ms())

    return api


def _rules(api: APIRouter, central: Central) -> None:
    @api.get("/rules")
    def rules(_: SiteReader) -> list[dict[str, Any]]:
        """Every rule in force, with its runbook; `version` 0: as shipped."""
        with central.pool.connection() as conn:
            return [rule.model_dump(mode="json") for rule in overrides.rules_in_force(conn).values()]

    @api.get("/rules/{name}")
    def rule(_: SiteReader, name: Name) -> RuleView:
        """One rule and its overrides."""
        with central.pool.connection() as conn:
            return rule_view(overrides.find_rule(conn, name), overrides.override_history(conn, name))

    @api.post("/rules/{name}/trial")
    def post_trial(_: SiteReader, name: Name, changes: Changes) -> Trial:
        """What the rule would find now with these numbers; nothing is raised."""
        with central.pool.connection() as conn:
            wanted = overrides.changed_rule(name, changes)
            return trial.try_rule(conn, wanted, int(central.clock() * 1000), lambda: free_percent(central.settings.data_dir))

    @api.put("/rules/{name}")
    def put_rule(who: SiteManager, name: Name, changes: Annotated[Changes, Body()], reason: Reason) -> RuleView:
        """Override a rule's numbers at this site, from the next evaluation on; empty changes bring back what was shipped."""
        with central.pool.connection() as conn:
            changed = overrides.override_rule(conn, name, changes, reason, who.name, int(central.clock() * 1000))
            return rule_view(changed, overrides.override_history(conn, name))


def _windows(api: APIRouter, central: Central) -> None:
    @api.get("/windows")
    def windows(who: Reader, over: bool = False) -> list[Window]:
        """Planned work in force or to come; or, with `over`, past."""
        with central.pool.connection() as conn:
            return maintenance.list_windows(conn, who.scope, int(central.clock() * 1000), over)

    @api.post("/windows")
    def post_window(who: Manager, window: NewWindow) -> Window:
        """Enter planned work: what is raised in it waits until it is over."""
        with central.pool.connection() as conn:
            return maintenance.add_window(conn, who.scope, window, who.name, int(central.clock() * 1000))

    @api.post("/windows/{number}/end")
    def post_window_end(who: Manager, number: Number) -> Window:
        """End planned work now; what still is broken is shown with the next evaluation."""
        with central.pool.connection() as conn:
            return maintenance.end_window(conn, who.scope, number, who.name, int(central.clock() * 1000))


def rule_view(rule: Rule, history: list[Override]) -> RuleView:
    """A rule as the API answers it."""
    return RuleView(rule.model_dump(mode="json"), history)
