"""Requests to group robots (WeCom, DingTalk) and to webhooks, and what their answers mean. Pure.

    WeCom     POST url            {"msgtype": "text", "text": {"content": ≤ 2048 bytes}}         answer {"errcode": 0}; 45009 asks to slow down
    DingTalk  POST url&timestamp&sign   {"msgtype": "text", "text": {"content": …}}              answer {"errcode": 0}; 130101 asks to slow down
              sign = base64(HMAC-SHA256(secret, "timestamp\nsecret")), timestamp in ms, no more than an hour off
    webhook   POST url            {"id": …, "events": [...]}, header x-ce-signature: sha256=HMAC-SHA256(secret, "timestamp.body"), x-ce-timestamp (s)

Source: the two makers' public documentation of custom robots.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import orjson

from central.notify.compose import Message, event, shortened
from central.notify.model import Item, Outcome, Way
from protocol.errors import ConfigError

_WECOM_BYTES = 2048
_DINGTALK_BYTES = 6000
_SLOW_DOWN = frozenset({45009, 130101})
_PROOF_CHARS = 300
_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """Where a channel leads. `url` and `secret` are secrets themselves: a robot's address holds its key. `to`: mail addresses."""

    url: str = ""
    secret: str = ""
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One HTTP POST of JSON."""

    url: str
    body: bytes
    headers: Mapping[str, str]


def request(way: Way, target: Target, message: Message, items: Sequence[Item], message_id: str, now_s: float) -> Request:
    """What to post; raise ConfigError for a way that does not speak HTTP."""
    if way is Way.WEBHOOK:
        return _webhook(target, items, message_id, now_s)
    if way not in (Way.WECOM, Way.DINGTALK):
        raise ConfigError(f"{way.value} does not speak HTTP")
    limit = _WECOM_BYTES if way is Way.WECOM else _DINGTALK_BYTES
    body = orjson.dumps({"msgtype": "text", "text": {"content": shortened(message.text, limit)}})
    url = target.url if way is Way.WECOM or not target.secret else _signed(target, int(now_s * 1000))
    return Request(url, body, {"content-type": "application/json"})


def outcome(way: Way, status: int, body: bytes) -> Outcome:
    """What an answer means."""
    proof = f"{status} {body[:_PROOF_CHARS].decode(errors='replace')}".strip()
    if status // 100 != 2:
        return Outcome(False, told=proof, again=status // 100 == 5 or status in _AGAIN)
    if way is Way.WEBHOOK:
        return Outcome(True, proof)
    try:
        code = orjson.loads(body)["errcode"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return Outcome(False, told=f"no answer of a robot: {proof}", again=False)
    return Outcome(True, proof) if code == 0 else Outcome(False, told=proof, again=code in _SLOW_DOWN)


def _webhook(target: Target, items: Sequence[Item], message_id: str, now_s: float) -> Request:
    body = orjson.dumps({"id": message_id, "events": [event(item) for item in items]})
    stamp = str(int(now_s))
    mark = hmac.new(target.secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return Request(target.url, body, {"content-type": "application/json", "x-ce-timestamp": stamp, "x-ce-signature": f"sha256={mark}"})


def _signed(target: Target, now_ms: int) -> str:
    mark = hmac.new(target.secret.encode(), f"{now_ms}\n{target.secret}".encode(), hashlib.sha256).digest()
    return f"{target.url}&timestamp={now_ms}&sign={quote(base64.b64encode(mark), safe='')}"
