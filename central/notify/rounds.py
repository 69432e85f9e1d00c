"""A round of notifications: changes become notifications, those that are due go out, what came of it is written down.

A message is taken before it is sent and marked after the other side took it. A crash in between sends it twice, under the same message id.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from central.alarms.rule import shipped_rules
from central.consumption.load import site_zone
from central.context import Central
from central.db.pool import Connection, DatabaseError, Pool, PoolBusy
from central.db.statements import load_statements, rows, run
from central.identity import audit
from central.identity.sealed import key_path
from central.notify.channels import Channel, open_channel
from central.notify.compose import MAX_ITEMS, compose
from central.notify.deliver import deliver
from central.notify.model import BEGINS, Change, Item, Outcome
from central.notify.plan import planned
from central.notify.rules import load_rules
from central.settings import Settings
from central.web.translations import N_, load_translations
from protocol.errors import CampusError

log = logging.getLogger(__name__)

_SQL = load_statements("central.notify")
EVERY_S = 4.0  # robots of both makers take 20 messages a minute
AT_ONCE = 1000
GIVE_UP_S = 86_400
_FIRST_WAIT_S, _LONGEST_WAIT_S = 30, 3600


def notify(central: Central, stop: threading.Event) -> None:
    """Tell people until `stop`. A thread of its own, because mail servers may take their time; several processes share the work."""
    rounds = NotifyRounds(central.settings, central.clock)
    while not stop.wait(1.0):
        try:
            rounds.turn(central.pool)
        except (DatabaseError, PoolBusy) as error:
            log.warning("a round of notifications failed, next one follows: %s", error)


class NotifyRounds:
    """`turn` does what is due, at most every EVERY_S. Not thread-safe."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings, self._clock = settings, clock
        self._key: Path = key_path(settings)
        self._texts = load_translations()
        self._next = 0.0

    def turn(self, pool: Pool) -> int:
        """Make and send; returns how many messages went out. Failures of one channel hold up none of the others."""
        now = self._clock()
        if now < self._next:
            return 0
        self._next = now + EVERY_S
        with pool.connection() as conn:
            zone = ZoneInfo(site_zone(conn))
            make(conn, zone, int(now * 1000))
            channels = [row[0] for row in conn.execute(_SQL["channel_due"], {"now_ms": int(now * 1000)})]
        return sum(self._serve(pool, channel, zone, now) for channel in channels)

    def _serve(self, pool: Pool, number: int, zone: ZoneInfo, now: float) -> int:
        now_ms = int(now * 1000)
        with pool.connection() as conn:
            ids = [row[0] for row in conn.execute(_SQL["take_due"], {"channel": number, "now_ms": now_ms, "limit": MAX_ITEMS})]
            taken = rows(conn, _SQL["items"], _Taken, ids=ids)
            channel = self._opened(conn, number, now)
        if not taken:
            return 0
        found = self._sent(channel, taken, zone, now) if isinstance(channel, Channel) else channel
        with pool.connection() as conn:
            note(conn, taken, found, int(self._clock() * 1000))
        if not found.sent:
            log.warning("notification by channel %d failed: %s", number, found.told)
        return int(found.sent)

    def _opened(self, conn: Connection, number: int, now: float) -> Channel | Outcome:
        try:
            return open_channel(conn, self._key, number, now)
        except CampusError as error:
            return Outcome(False, told=error.message)

    def _sent(self, channel: Channel, taken: Sequence[_Taken], zone: ZoneInfo, now: float) -> Outcome:
        items = [one.item(self._settings.web.public_url) for one in taken]
        message = compose(items, channel.language, self._texts[channel.language].gettext, zone)
        message_id = f"ce-{min(one.notification for one in taken)}-{max(one.notification for one in taken)}"
        return deliver(self._settings.notify, channel.way, channel.target, message, items, message_id, now)


def try_channel(pool: Pool, settings: Settings, number: int, actor: str, now: float) -> Outcome:
    """Send a test message by a channel, enabled or not; raises NotFound. Audited with its outcome."""
    with pool.connection() as conn:
        channel = open_channel(conn, key_path(settings), number, now)
        zone = ZoneInfo(site_zone(conn))
    translate = load_translations()[channel.language].gettext
    title = translate(N_("Test message"))
    item = Item(
        "raised",
        "general",
        title,
        title,
        channel.name,
        channel.name,
        "",
        "",
        0,
        "",
        int(now * 1000),
        int(now * 1000),
        settings.web.public_url,
        0,
        "test",
        "",
    )
    message = compose([item], channel.language, translate, zone)
    found = deliver(settings.notify, channel.way, channel.target, message, [item], f"ce-test-{int(now * 1000)}", now)
    with pool.connection() as conn:
        audit.record(conn, actor, "notify.channel_tried", channel.name, {"sent": found.sent, "answer": found.proof or found.told})
    return found


def make(conn: Connection, zone: ZoneInfo, now_ms: int) -> None:
    """Turn changes nobody looked at into notifications, settle what became needless, and fill inboxes."""
    ids = [row[0] for row in conn.execute(_SQL["take_changes"], {"limit": AT_ONCE})]
    changes = rows(conn, _SQL["changes"], Change, ids=ids) if ids else []
    found = list(planned(changes, load_rules(conn), zone)) if changes else []
    if found:
        columns = {"changes": [one.change for one in found], "alarms": [one.alarm for one in found], "rules": [one.rule for one in found]}
        run(conn, _SQL["add_planned"], **columns, kinds=[one.kind for one in found], due_ms=[one.due_ms for one in found], now_ms=now_ms)
    run(conn, _SQL["drop_needless"], now_ms=now_ms, begins=sorted(BEGINS))
    run(conn, _SQL["fill_inboxes"], now_ms=now_ms)


def note(conn: Connection, taken: Sequence[_Taken], found: Outcome, now_ms: int) -> None:
    """Write down what came of a try. Another one follows after 30 s, 1, 2, 4 … minutes, for a day."""
    ids = [one.notification for one in taken]
    if found.sent:
        run(conn, _SQL["note_sent"], ids=ids, now_ms=now_ms, proof=found.proof)
        return
    attempts = max(one.attempts for one in taken)
    last = not found.again or now_ms - min(one.made_ms for one in taken) > GIVE_UP_S * 1000
    wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (attempts - 1))
    run(conn, _SQL["note_failed"], ids=ids, told=found.told, last=last, again_ms=now_ms + 1000 * wait_s)


@dataclass(frozen=True, slots=True)
class _Taken:
    notification: int
    kind: str
    severity: str
    name_zh: str
    name_en: str
    place_zh: str
    place_en: str
    value: int
    raised_ms: int
    at_ms: int
    alarm: int
    rule: str
    subject: str
    attempts: int
    made_ms: int

    def item(self, public_url: str) -> Item:
        rule = shipped_rules().get(self.rule)
        title_zh, title_en, unit = (rule.title.zh, rule.title.en, rule.unit) if rule else (self.rule, self.rule, "")
        names = (self.name_zh, self.name_en, self.place_zh, self.place_en)
        link = f"{public_url}/alarms/{self.alarm}"
        return Item(
            self.kind,
            self.severity,
            title_zh,
            title_en,
            *names,
            self.value,
            unit,
            self.raised_ms,
            self.at_ms,
            link,
            self.alarm,
            self.rule,
            self.subject,
        )
