"""Words of a device's page: tabs, verdicts on readings, events. Message ids; whoever shows them translates them."""

from __future__ import annotations

from collections.abc import Mapping

from central.web.translations import N_, Language
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
    "device.silent": N_("the device stopped answering"),
    "device.answering": N_("the device answers again"),
    "device.bad_value": N_("a value that cannot be"),
    "device.misconfigured": N_("the device is set up wrongly"),
    "meter.clock_off": N_("the meter's clock is off"),
    "meter.clock_right": N_("the meter's clock is right again"),
    "meter.replaced": N_("meter replaced"),
    "meter.replacement_cancelled": N_("replacement undone"),
    "meter.ratio_changed": N_("transformers changed"),
    "meter.ratio_corrected": N_("ratio corrected"),
    "reading.conflict": N_("two values for one instant"),
    "iot.silent": N_("the meter stopped reporting"),
    "iot.reporting": N_("the meter reports again"),
    "iot.clock_wrong": N_("the meter's clock is wrong"),
    "iot.command_confirmed": N_("command confirmed by the meter"),
    "iot.command_refused": N_("command refused by the meter"),
    "iot.command_expired": N_("command not confirmed in time"),
}


def event_name(code: str, language: Language) -> tuple[str, bool]:
    """The event's name, and whether that is a message id: what meters log has names of its own, and a code nobody knows is its name."""
    logged = METER_EVENTS.get(code.removeprefix("meter."))
    if logged is not None:
        return (logged.zh if language is Language.CHINESE else logged.en), False
    return EVENTS.get(code, code), code in EVENTS
