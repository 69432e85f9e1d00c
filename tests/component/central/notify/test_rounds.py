"""Changes of alarms reach people: by mail, robots, webhooks and inboxes, once, with the other side's answer as proof."""

from __future__ import annotations

import email
import time
from dataclasses import dataclass, field
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from central.db.pool import Connection, Pool
from central.identity.sealed import key_path
from central.notify.channels import NewChannel, add_channel, enable_channel
from central.notify.log import inbox, mark_read, send_again, sent_log, unread
from central.notify.model import Way
from central.notify.rounds import EVERY_S, NotifyRounds, try_channel
from central.notify.rules import NewRule, add_rule
from central.settings import NotifySettings, Settings
from protocol.errors import ConfigError, Conflict, NotFound, Refused

SECRET = "SEC0123456789abcdef"


@dataclass
class Desk:
    """A site whose alarms tests raise by hand, and the sender with a clock of its own."""

    conn: Connection
    pool: Pool
    settings: Settings
    now: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.rounds = NotifyRounds(self.settings, lambda: self.now)

    def raised(self, place: str = "b1", severity: str = "urgent", rule: str = "gateway_offline", **more: Any) -> int:
        number = int(
            self.conn.execute(
                "insert into alarm (rule, severity, kind, subject, place, name_zh, name_en, value, over_since, raised_at) "
                "values (%s, %s, 'gateway', (select 's' || count(*) from alarm), %s, '一号网关', 'Gateway 1', 900, now(), to_timestamp(%s)) "
                "returning id",
                [rule, severity, place, self.now],
            ).fetchone()[0]  # type: ignore[index]
        )
        for column, value in more.items():
            self.conn.execute(f"update alarm set {column} = %s where id = %s", [value, number])
        self.changed(number, "raised")
        return number

    def changed(self, alarm: int, kind: str) -> None:
        column = {"cleared": "cleared_at", "acknowledged": "acknowledged_at"}.get(kind)
        if column:
            self.conn.execute(f"update alarm set {column} = to_timestamp(%s) where id = %s", [self.now, alarm])
        self.conn.execute("insert into alarm_change (alarm, at, kind) values (%s, to_timestamp(%s), %s)", [alarm, self.now, kind])
        self.conn.commit()

    def channel(self, kind: Way, **more: Any) -> int:
        new = NewChannel(name=f"{kind} {len(more)}", kind=kind, language="en", **more)
        return add_channel(self.conn, key_path(self.settings), new, "tester", self.now, allow_http=True)

    def rule(self, channel: int | None, account: int | None = None, **more: Any) -> int:
        number = add_rule(self.conn, NewRule(name="r", channel=channel, **more), account, "tester", self.now)
        self.conn.commit()
        return number

    def turn(self, later_s: float = EVERY_S) -> int:
        self.now += later_s
        return self.rounds.turn(self.pool)

    def log(self) -> list[tuple[str, str]]:
        return [(one.kind, one.state) for one in sent_log(self.conn, None, None, 0, 50).items][::-1]


@pytest.fixture
def desk(site: Connection, pool: Pool, mailbox: Any, tmp_path: Path) -> Desk:
    notify = NotifySettings(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_security="none", mail_from="alarms@campus.example", allow_http=True)
    return Desk(site, pool, Settings(data_dir=tmp_path, notify=notify))


def test_mail_reaches_everybody_with_the_servers_own_number_as_proof(desk: Desk, mailbox: Any) -> None:
    desk.rule(desk.channel(Way.EMAIL, to=("a@campus.example", "b@campus.example")))
    alarm = desk.raised()

    assert desk.turn() == 1
    assert desk.turn() == 0

    [(to, text)] = mailbox.took
    letter = email.message_from_string(text, policy=default)
    assert to == ["a@campus.example", "b@campus.example"]
    assert letter["subject"] == "[urgent] Gateway offline: Gateway 1 (Building 1)"
    assert f"/alarms/{alarm}" in letter.get_content()
    [sent] = sent_log(desk.conn, None, None, 0, 10).items
    assert (sent.state, sent.proof, sent.attempts) == ("sent", "250 queued as 42", 1)


@pytest.mark.parametrize(("kind", "path", "secret"), [(Way.WECOM, "/wecom?key=K", ""), (Way.DINGTALK, "/dingtalk?access_token=T", SECRET)])
def test_robots_take_what_is_signed_and_ask_to_slow_down(desk: Desk, robot: Any, kind: Way, path: str, secret: str) -> None:
    desk.rule(desk.channel(kind, url=robot.url + path, secret=secret))
    robot.slow_down = 1
    desk.raised()

    assert desk.turn() == 0
    assert desk.turn() == 0, "it waits before it tries again"
    assert desk.turn(60) == 1

    assert ["Gateway offline" in text for text in robot.took] == [True]
    assert '"errcode"' in str(sent_log(desk.conn, None, None, 0, 10).items[0].proof)


def test_many_alarms_are_one_message(desk: Desk, robot: Any) -> None:
    desk.rule(desk.channel(Way.WECOM, url=robot.url + "/wecom?key=K"))
    for _ in range(23):
        desk.raised()

    assert (desk.turn(), desk.turn(), desk.turn()) == (1, 1, 0)
    assert [text.count("[urgent]") for text in robot.took] == [20, 3]


def test_a_webhook_is_signed_and_its_id_stays_the_same_over_tries(desk: Desk, robot: Any) -> None:
    desk.rule(desk.channel(Way.WEBHOOK, url=robot.url + "/hook", secret=SECRET))
    desk.raised()
    robot.status = 503
    desk.turn()
    robot.status = 200
    desk.turn(60)

    [(message_id, change)] = robot.took
    assert (message_id, change) == ("ce-1-1", "raised")


def test_what_the_other_side_refuses_for_good_is_told_and_tried_again_on_request(desk: Desk, robot: Any) -> None:
    desk.rule(desk.channel(Way.WECOM, url=robot.url + "/wecom?key=WRONG"))
    desk.raised()
    desk.turn()

    [failed] = sent_log(desk.conn, "failed", None, 0, 10).items
    assert "93000" in str(failed.told)
    assert desk.turn(7200) == 0
    send_again(desk.conn, failed.id, "tester", desk.now)
    desk.conn.commit()
    desk.turn()
    assert sent_log(desk.conn, "failed", None, 0, 10).items[0].attempts == 1
    with pytest.raises(NotFound):
        send_again(desk.conn, failed.id + 1, "tester", desk.now)


def test_a_channel_that_is_down_holds_up_no_other_and_gives_up_after_a_day(desk: Desk, robot: Any, mailbox: Any) -> None:
    desk.rule(desk.channel(Way.WECOM, url="http://127.0.0.1:9/send?key=SECRETKEY"))
    desk.rule(desk.channel(Way.EMAIL, to=("a@campus.example",)))
    desk.raised()

    assert desk.turn() == 1
    assert len(mailbox.took) == 1
    for _ in range(30):
        desk.turn(3601)
    [failed] = sent_log(desk.conn, "failed", None, 0, 10).items
    assert failed.attempts > 10
    assert "SECRETKEY" not in str(failed.told)


def test_the_end_is_told_only_where_the_beginning_was(desk: Desk, mailbox: Any) -> None:
    channel = desk.channel(Way.EMAIL, to=("a@campus.example",))
    desk.rule(channel, after_s=600)
    short = desk.raised()
    desk.turn(60)
    desk.changed(short, "cleared")
    desk.turn(600)

    long = desk.raised()
    desk.turn(700)
    desk.changed(long, "cleared")
    desk.turn()

    assert desk.log() == [("raised", "needless"), ("cleared", "needless"), ("raised", "sent"), ("cleared", "sent")]


def test_what_was_acknowledged_in_time_is_not_escalated(desk: Desk, mailbox: Any) -> None:
    desk.rule(desk.channel(Way.EMAIL, to=("boss@campus.example",)), after_s=1800)
    alarm = desk.raised()
    desk.turn(60)
    desk.changed(alarm, "acknowledged")
    desk.turn(1800)

    assert desk.log() == [("raised", "needless")]
    assert mailbox.took == []


def test_a_stranger_to_the_place_is_told_nothing_and_children_are_not_told(desk: Desk, mailbox: Any) -> None:
    desk.rule(desk.channel(Way.EMAIL, to=("a@campus.example",)), place="b2")
    desk.raised(place="b1-101")
    parent = desk.raised(place="b2")
    desk.raised(place="b2", parent=parent)
    desk.turn()

    assert desk.log() == [("raised", "sent")]


def test_an_inbox_fills_at_once_and_is_read(desk: Desk) -> None:
    account = desk.conn.execute(
        "insert into account (name, role, password_hash, created_at) values ('ops', 'operator', 'x', now()) returning account_id"
    ).fetchone()[0]  # type: ignore[index]
    desk.rule(None, account=account)
    desk.raised(place="b2")
    desk.raised(place="b1")
    desk.turn()

    assert [one.severity for one in inbox(desk.conn, account, ["b2"], 10)] == ["urgent"], "a scope that shrank hides what it no longer covers"
    assert unread(desk.conn, account) == 2
    assert mark_read(desk.conn, account, None, desk.now) == 2
    assert unread(desk.conn, account) == 0


def test_a_resting_channel_keeps_what_waits(desk: Desk, mailbox: Any) -> None:
    channel = desk.channel(Way.EMAIL, to=("a@campus.example",))
    desk.rule(channel)
    desk.raised()
    desk.turn()
    assert len(mailbox.took) == 1
    enable_channel(desk.conn, channel, False, "tester")
    desk.raised()
    desk.turn()
    enable_channel(desk.conn, channel, True, "tester")
    desk.conn.commit()
    desk.turn()

    assert len(mailbox.took) == 1, "while a channel rests its rules ask for nothing"


def test_mail_refused_by_the_server_says_why(desk: Desk, mailbox: Any) -> None:
    mailbox.refuse = "550 no such user"
    desk.rule(desk.channel(Way.EMAIL, to=("nobody@campus.example",)))
    desk.raised()
    desk.turn()

    [failed] = sent_log(desk.conn, "failed", None, 0, 10).items
    assert "550 no such user" in str(failed.told)


def test_a_test_message_tells_what_was_answered(desk: Desk, robot: Any) -> None:
    channel = desk.channel(Way.WECOM, url=robot.url + "/wecom?key=K")
    desk.conn.commit()

    found = try_channel(desk.pool, desk.settings, channel, "tester", desk.now)

    assert (found.sent, len(robot.took)) == (True, 1)
    assert desk.conn.execute("select count(*) from audit where action = 'notify.channel_tried'").fetchone() == (1,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": Way.EMAIL},
        {"kind": Way.EMAIL, "to": ("no address",)},
        {"kind": Way.WECOM, "url": "http://robot.example/"},
        {"kind": Way.WECOM, "url": "file:///etc/passwd"},
        {"kind": Way.DINGTALK, "url": "https://user@robot.example/"},
        {"kind": Way.WEBHOOK, "url": "https://hook.example/", "secret": "short"},
    ],
)
def test_channels_that_cannot_work_are_refused(site: Connection, tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        add_channel(site, tmp_path / "key", NewChannel(name="c", **wrong), "tester", 0, allow_http=False)


def test_secrets_are_sealed_and_names_unique(site: Connection, tmp_path: Path) -> None:
    new = NewChannel(name="c", kind=Way.WECOM, url="https://robot.example/send?key=SECRETKEY")
    add_channel(site, tmp_path / "key", new, "tester", 0, allow_http=False)

    assert site.execute("select position('SECRETKEY' in encode(sealed, 'escape')), hint from notify_channel").fetchone() == (0, "robot.example")
    assert site.execute("select position('SECRETKEY' in details::text) from audit where action = 'notify.channel_made'").fetchone() == (0,)
    with pytest.raises(Conflict):
        add_channel(site, tmp_path / "key", new, "tester", 0, allow_http=False)


def test_a_key_file_others_may_read_is_refused(site: Connection, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"x" * 44)
    key.chmod(0o644)
    with pytest.raises(ConfigError):
        add_channel(site, key, NewChannel(name="c", kind=Way.WECOM, url="https://robot.example/"), "tester", 0, allow_http=False)
