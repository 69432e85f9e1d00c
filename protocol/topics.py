"""MQTT topics, version 1. The gateway stands directly behind the prefix, so two broker ACL patterns cover the fleet."""

from __future__ import annotations

import re
from enum import StrEnum

from protocol.errors import TopicError

PREFIX = "ce/v1"
_GATEWAY = re.compile(r"[a-z0-9][a-z0-9\-]{0,62}")
_IMEI = re.compile(r"[0-9]{15}")


class Up(StrEnum):
    """What a gateway publishes."""

    BIRTH = "birth"
    STATE = "state"
    DATA = "data"
    BACKFILL = "backfill"
    EVENT = "event"
    RESULT = "result"
    REPORTED = "reported"
    HEALTH = "health"


class Down(StrEnum):
    """What central publishes to one gateway."""

    DESIRED = "desired"
    ACK = "ack"
    CMD = "cmd"
    RESEND = "resend"


UP_RETAINED = frozenset({Up.BIRTH, Up.STATE, Up.REPORTED})
UP_STORED = frozenset({Up.DATA, Up.BACKFILL, Up.EVENT, Up.RESULT})  # carry (generation, epoch, seq) and are acked by central
_UP = frozenset(channel.value for channel in Up)
_DOWN = frozenset(channel.value for channel in Down)
TIME = f"{PREFIX}/all/down/time"


def up(gateway: str, channel: Up) -> str:
    """Topic a gateway publishes on."""
    return f"{PREFIX}/{gateway}/up/{channel.value}"


def down(gateway: str, channel: Down, document: str | None = None) -> str:
    """Topic central publishes on; `document` names a desired document and goes with DESIRED only."""
    base = f"{PREFIX}/{gateway}/down/{channel.value}"
    return f"{base}/{document}" if document else base


def down_filter(gateway: str) -> str:
    """Subscription of a gateway: everything addressed to it."""
    return f"{PREFIX}/{gateway}/down/#"


def up_filter(channel: Up, share: str | None = None) -> str:
    """Subscription of central for one channel of the whole fleet; `share` names a shared-subscription group."""
    base = f"{PREFIX}/+/up/{channel.value}"
    return f"$share/{share}/{base}" if share else base


def parse_up(topic: str) -> tuple[str, Up]:
    """Split a fleet topic into gateway id and channel; raise TopicError if it is not one."""
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != PREFIX or parts[3] != "up" or not _GATEWAY.fullmatch(parts[2]) or parts[4] not in _UP:
        raise TopicError(f"not a topic of the contract: {topic!r}", topic=topic)
    return parts[2], Up(parts[4])


def iot_report(imei: str) -> str:
    """Topic a meter with an IoT card reports on; its broker user is its IMEI."""
    return f"{PREFIX}/iot/{imei}/report"


def iot_command(imei: str) -> str:
    """Topic such a meter hears commands on while it is awake."""
    return f"{PREFIX}/iot/{imei}/command"


def iot_report_filter(share: str) -> str:
    """Subscription of central for the reports of all such meters, shared among its processes."""
    return f"$share/{share}/{PREFIX}/iot/+/report"


def parse_iot_report(topic: str) -> str:
    """The IMEI of a report's topic; raise TopicError if it is not one."""
    parts = topic.split("/")
    if len(parts) != 5 or parts[:3] != [*PREFIX.split("/"), "iot"] or not _IMEI.fullmatch(parts[3]) or parts[4] != "report":
        raise TopicError(f"not a topic of the contract: {topic!r}", topic=topic)
    return parts[3]


def parse_down(topic: str, gateway: str) -> tuple[Down, str | None]:
    """Split a topic addressed to `gateway` into channel and document name; raise TopicError if it is not one."""
    parts = topic.split("/")
    if len(parts) not in (5, 6) or parts[:4] != [*PREFIX.split("/"), gateway, "down"] or parts[4] not in _DOWN:
        raise TopicError(f"not a topic of the contract: {topic!r}", topic=topic)
    return Down(parts[4]), parts[5] if len(parts) == 6 else None
