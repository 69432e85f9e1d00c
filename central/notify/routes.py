"""JSON API of notifications: channels, rules, the log with its proofs, the asker's inbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Query

from central.context import Central
from central.identity.guard import Principal, require
from central.identity.scope import About, check_in_scope
from central.identity.sealed import key_path
from central.metering.model import Page
from central.notify.channels import NewChannel, Shown, add_channel, enable_channel, list_channels, remove_channel
from central.notify.log import Inbox, Logged, inbox, mark_read, send_again, sent_log
from central.notify.rounds import try_channel
from central.notify.rules import NewRule, ShownRule, add_rule, list_rules, remove_rule

Manager = Annotated[Principal, Depends(require("notify.manage"))]
Person = Annotated[Principal, Depends(require("alarms.read", About.OWN))]
LogState = Literal["waiting", "sent", "failed", "needless"]


@dataclass(frozen=True, slots=True)
class Made:
    """The number of what was made."""

    id: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a test message: the other side's answer, or why there is none."""

    sent: bool
    answer: str


def router(central: Central) -> APIRouter:
    """Routes below /api/v1/notifications. Addresses and secrets go in and never come out."""
    api = APIRouter(prefix="/api/v1/notifications", tags=["notifications"])
    _channels(api, central)
    _rules(api, central)
    _inbox(api, central)
    return api


def _channels(api: APIRouter, central: Central) -> None:
    @api.get("/channels")
    def channels(_: Manager) -> list[Shown]:
        """Channels with what they sent last, what waits and what failed in the last seven days."""
        with central.pool.connection() as conn:
            return list_channels(conn)

    @api.post("/channels")
    def post_channel(who: Manager, new: NewChannel) -> Made:
        """Make a channel; test it before a rule depends on it."""
        with central.pool.connection() as conn:
            http = central.settings.notify.allow_http
            return Made(add_channel(conn, key_path(central.settings), new, who.name, central.clock(), http))

    @api.post("/channels/{number}/test")
    def post_test(who: Manager, number: int) -> Tried:
        """Send a test message now and tell what was answered."""
        found = try_channel(central.pool, central.settings, number, who.name, central.clock())
        return Tried(found.sent, found.proof or found.told)

    @api.put("/channels/{number}/enabled")
    def put_enabled(who: Manager, number: int, enabled: Annotated[bool, Body(embed=True)]) -> None:
        """Let a channel rest, or go on with what waits."""
        with central.pool.connection() as conn:
            enable_channel(conn, number, enabled, who.name)

    @api.delete("/channels/{number}")
    def delete_channel(who: Manager, number: int) -> None:
        """Remove a channel with its rules and their log."""
        with central.pool.connection() as conn:
            remove_channel(conn, number, who.name)

    @api.get("/log")
    def log(
        _: Manager,
        state: LogState | None = None,
        channel: Annotated[int | None, Query(ge=1)] = None,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Page[Logged]:
        """What was sent by channels, newest first, with the other side's answer as proof."""
        with central.pool.connection() as conn:
            return sent_log(conn, state, channel, offset, limit)

    @api.post("/log/{number}/again")
    def post_again(who: Manager, number: int) -> None:
        """Try a failed notification again."""
        with central.pool.connection() as conn:
            send_again(conn, number, who.name, central.clock())


def _rules(api: APIRouter, central: Central) -> None:
    @api.get("/rules")
    def rules(_: Manager) -> list[ShownRule]:
        """Every rule, those of inboxes too."""
        with central.pool.connection() as conn:
            return list_rules(conn)

    @api.post("/rules")
    def post_rule(who: Manager, new: NewRule) -> Made:
        """Make a rule of a channel."""
        with central.pool.connection() as conn:
            return Made(add_rule(conn, new, None, who.name, central.clock()))

    @api.delete("/rules/{number}")
    def delete_rule(who: Manager, number: int) -> None:
        """Remove a rule with its log."""
        with central.pool.connection() as conn:
            remove_rule(conn, number, None, who.name)


def _inbox(api: APIRouter, central: Central) -> None:
    @api.get("/inbox")
    def mine(who: Person, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[Inbox]:
        """The asker's own notifications, newest first."""
        with central.pool.connection() as conn:
            return inbox(conn, who.account_id, who.scope, limit)

    @api.post("/inbox/read")
    def post_read(who: Person, ids: Annotated[list[int] | None, Body(embed=True, max_length=200)] = None) -> None:
        """Mark own notifications read; without ids all of them."""
        with central.pool.connection() as conn:
            mark_read(conn, who.account_id, ids, central.clock())

    @api.get("/inbox/rules")
    def my_rules(who: Person) -> list[ShownRule]:
        """What the asker wants in the inbox."""
        with central.pool.connection() as conn:
            return list_rules(conn, who.account_id or 0)

    @api.post("/inbox/rules")
    def post_my_rule(who: Person, new: NewRule) -> Made:
        """Ask for alarms in the own inbox; the asker's scope limits what comes."""
        with central.pool.connection() as conn:
            if new.place is not None:
                check_in_scope(conn, who.scope, About.PLACE, new.place)
            return Made(add_rule(conn, new.model_copy(update={"channel": None}), who.account_id, who.name, central.clock()))

    @api.delete("/inbox/rules/{number}")
    def delete_my_rule(who: Person, number: int) -> None:
        """Stop one of them."""
        with central.pool.connection() as conn:
            remove_rule(conn, number, who.account_id or 0, who.name)
