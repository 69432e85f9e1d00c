"""Requests to robots and webhooks byte by byte, and what their answers mean. The DingTalk mark was computed with openssl from the documented rule."""

from __future__ import annotations

import hashlib
import hmac
import json
from zoneinfo import ZoneInfo

import pytest

from central.notify.compose import Message, compose, shortened
from central.notify.model import Item, Outcome, Way
from central.notify.robots import Target, outcome, request
from central.web.translations import Language, load_translations
from protocol.errors import ConfigError

CHINA = ZoneInfo("Asia/Shanghai")
ITEM = Item(
    "raised", "urgent", "网关离线", "Gateway offline", "一号网关", "Gateway 1", "一号楼", "Building 1", 900, "s",
    1_790_000_000_000, 1_790_000_000_000, "https://energy.example/alarms/5", 5, "gateway_offline", "gw-1",
)  # fmt: skip
MESSAGE = Message("[urgent] Gateway offline: Gateway 1", "text 文")


def told(language: Language, *items: Item) -> Message:
    return compose(items, language, load_translations()[language].gettext, CHINA)


def test_a_message_about_one_alarm_says_what_where_since_and_the_link() -> None:
    message = told(Language.ENGLISH, ITEM)
    assert message.subject == "[urgent] Gateway offline: Gateway 1 (Building 1)"
    assert message.text == f"{message.subject}\nSince 2026-09-21 22:13\nhttps://energy.example/alarms/5\n"
    assert told(Language.CHINESE, ITEM).subject == "[紧急] 网关离线: 一号网关 (一号楼)"


def test_several_alarms_are_one_message_with_their_number() -> None:
    message = told(Language.ENGLISH, ITEM, ITEM, ITEM)
    assert message.subject == "3 alarms, first: [urgent] Gateway offline: Gateway 1 (Building 1)"
    assert message.text.count(ITEM.link) == 3


@pytest.mark.parametrize(("text", "limit", "cut"), [("abc", 3, "abc"), ("abcd", 3, "…"), ("文文文", 8, "文…"), ("文文文", 9, "文文文")])
def test_a_text_is_cut_at_a_character(text: str, limit: int, cut: str) -> None:
    assert shortened(text, limit) == cut
    assert len(cut.encode()) <= limit


def test_wecom_gets_text_within_its_limit() -> None:
    made = request(Way.WECOM, Target("https://robot.example/send?key=K"), Message("s", "文" * 2000), [ITEM], "m", 0)
    content = json.loads(made.body)
    assert made.url == "https://robot.example/send?key=K"
    assert content["msgtype"] == "text"
    assert len(content["text"]["content"].encode()) <= 2048


def test_dingtalk_requests_are_signed_as_documented() -> None:
    target = Target("https://robot.example/send?access_token=T", "SECabc")
    made = request(Way.DINGTALK, target, MESSAGE, [ITEM], "m", 1_790_000_000.5)
    assert made.url == f"{target.url}&timestamp=1790000000500&sign=KFCjiNh%2BVeLP5nVe30fTDAddMR9L8vYnFqA4%2FeEDTNM%3D"


def test_webhooks_carry_events_and_a_mark_over_stamp_and_body() -> None:
    made = request(Way.WEBHOOK, Target("https://hook.example/", "s" * 16), MESSAGE, [ITEM, ITEM], "ce-1-2", 1_790_000_000)
    body = json.loads(made.body)
    assert (body["id"], [one["alarm"] for one in body["events"]]) == ("ce-1-2", [5, 5])
    mark = hmac.new(b"s" * 16, b"1790000000." + made.body, hashlib.sha256).hexdigest()
    assert made.headers["x-ce-signature"] == f"sha256={mark}"


def test_mail_is_no_robot() -> None:
    with pytest.raises(ConfigError):
        request(Way.EMAIL, Target(), MESSAGE, [ITEM], "m", 0)


@pytest.mark.parametrize(
    ("way", "status", "body", "sent", "again"),
    [
        (Way.WECOM, 200, b'{"errcode":0,"errmsg":"ok"}', True, True),
        (Way.WECOM, 200, b'{"errcode":45009,"errmsg":"limit"}', False, True),
        (Way.WECOM, 200, b'{"errcode":93000,"errmsg":"invalid webhook url"}', False, False),
        (Way.DINGTALK, 200, b'{"errcode":130101}', False, True),
        (Way.DINGTALK, 200, b'{"errcode":310000,"errmsg":"sign not match"}', False, False),
        (Way.DINGTALK, 200, b"<html>proxy</html>", False, False),
        (Way.DINGTALK, 200, b"[]", False, False),
        (Way.WEBHOOK, 204, b"", True, True),
        (Way.WEBHOOK, 302, b"", False, False),
        (Way.WEBHOOK, 404, b"gone", False, False),
        (Way.WEBHOOK, 429, b"", False, True),
        (Way.WEBHOOK, 503, b"", False, True),
    ],
)
def test_answers_mean_what_they_say(way: Way, status: int, body: bytes, sent: bool, again: bool) -> None:
    found = outcome(way, status, body)
    assert (found.sent, found.again) == (sent, again)
    assert str(status) in (found.proof or found.told)


def test_a_target_never_shows_its_secrets() -> None:
    assert "KEY" not in repr(Target("https://robot.example/?key=KEY", "KEY"))
    assert "KEY" not in repr(Outcome(False, told="no connection: ConnectError"))
