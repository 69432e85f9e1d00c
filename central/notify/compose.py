"""What a message says: one alarm in a few lines, several as a list with their number in the subject. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from central.notify.model import BEGINS, Item
from central.web.translations import N_, Language

MAX_ITEMS = 20  # in one message; more come in the next one
Translate = Callable[[str], str]
_SEVERITIES = {"urgent": N_("urgent"), "important": N_("important"), "general": N_("general")}
_KINDS = {
    "flapping": N_("alarm comes and goes"),
    "cleared": N_("alarm over"),
    "acknowledged": N_("alarm acknowledged"),
    "assigned": N_("alarm assigned"),
    "closed": N_("alarm closed"),
}


@dataclass(frozen=True, slots=True)
class Message:
    """`subject` is one line; `text` plain lines with links."""

    subject: str
    text: str


def compose(items: Sequence[Item], language: Language, translate: Translate, zone: ZoneInfo) -> Message:
    """A message about one to MAX_ITEMS alarms, worst first as given."""
    heads = [_head(item, language, translate) for item in items]
    subject = heads[0] if len(items) == 1 else translate(N_("%(number)s alarms, first: %(first)s")) % {"number": len(items), "first": heads[0]}
    blocks = [_block(head, item, translate, zone) for head, item in zip(heads, items, strict=True)]
    return Message(" ".join(subject.split()), "\n\n".join(blocks) + "\n")


def shortened(text: str, limit_bytes: int) -> str:
    """The text, cut at a character so that its UTF-8 form fits."""
    packed = text.encode()
    return text if len(packed) <= limit_bytes else packed[: limit_bytes - 3].decode(errors="ignore") + "…"


def event(item: Item) -> Mapping[str, Any]:
    """One alarm's news for machines."""
    return {
        "alarm": item.alarm,
        "change": item.kind,
        "at_ms": item.at_ms,
        "rule": item.rule,
        "subject": item.subject,
        "severity": item.severity,
        "raised_ms": item.raised_ms,
        "value": item.value,
        "unit": item.unit,
        "title": {"zh": item.title_zh, "en": item.title_en},
        "name": {"zh": item.name_zh, "en": item.name_en},
        "place": {"zh": item.place_zh, "en": item.place_en},
        "link": item.link,
    }


def _head(item: Item, language: Language, translate: Translate) -> str:
    chinese = language is Language.CHINESE
    title, name, place = (item.title_zh, item.name_zh, item.place_zh) if chinese else (item.title_en, item.name_en, item.place_en)
    state = translate(_KINDS[item.kind]) if item.kind in _KINDS else translate(_SEVERITIES[item.severity])
    where = f" ({place})" if place and place != name else ""
    return f"[{state}] {title}: {name}{where}"


def _block(head: str, item: Item, translate: Translate, zone: ZoneInfo) -> str:
    since = translate(N_("Since %(time)s")) % {"time": _stamp(item.raised_ms, zone)}
    lines = [head, since]
    if item.kind not in BEGINS:
        lines.append(translate(N_("Changed %(time)s")) % {"time": _stamp(item.at_ms, zone)})
    return "\n".join([*lines, item.link])


def _stamp(at_ms: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d %H:%M}"
