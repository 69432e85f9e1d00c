"""Words of a device's page: tabs, verdicts on readings, events. Message ids; whoever shows them translates them."""

from __future__ import annotations

from collections.abc import Mapping

from central.web.translations import Language, N_
from protocol.meter_events import METER_EVENTS

VERDICTS: Mapping[str, tuple[str, str]] = {
    "rejected": ("bad", N_("does not count")),
    "baseline": ("warn", N_("counting starts anew")),
}
REASONS: Mapping[str, str] = {
    "range": N_("outside of what the register can show"),
    "spike": N_("far above the readings before and after"),
    "dip": N_("far below the readings before and after"),
    "fall": N_("the register fell and stayed there: what passed meanwhile is unknown"),
    "jump": N_("it rose by more than can pass the meter: what passed meanwhile is unknown"),
}
SEVERITIES: Mapping[str, str] = {"info": "idle", "warning": "warn", "error": "bad"}
EVENTS: Mapping[str, str] = {
    "meter.replaced": N_("meter replaced"),
    "meter.replacement_cancelled": N_("replacement undone"),
    "meter.ratio_changed": N_("transformers changed"),
    "meter.ratio_corrected": N_("ratio corrected"),
    "register.fall": N_("register fell"),
    "register.jump": N_("register jumped"),
    "register.rollover": N_("register rolled over"),
    "register.freeze": N_("daily freeze does not fit"),
    "reading.conflict": N_("two values for one instant"),
    "reading.expired": N_("readings came too late to be kept"),
    "outbox.reading_unusable": N_("a reading could not be stored on the box"),
    "line.stuck": N_("the line is stuck"),
    "iot.silent": N_("the meter has stopped reporting"),
    "iot.reporting": N_("the meter reports again"),
    "iot.clock_wrong": N_("the meter's clock is wrong"),
    "iot.command_queued": N_("command waits for the next report"),
    "iot.command_sent": N_("command sent to the meter"),
    "iot.command_confirmed": N_("command confirmed by the meter"),
    "iot.command_refused": N_("command refused by the meter"),
    "iot.command_failed": N_("command failed"),
    "iot.command_expired": N_("command not confirmed in time"),
    "iot.command_cancelled": N_("command taken back"),
}


def event_name(code: str, language: Language) -> tuple[str, bool]:
    """The event's name, and whether it is a message id still to be translated: what meters log has names of its own. A code nobody knows is its name."""
    logged = METER_EVENTS.get(code.removeprefix("meter."))
    if logged is not None:
        return (logged.zh if language is Language.CHINESE else logged.en), False
    return EVENTS.get(code, code), code in EVENTS
