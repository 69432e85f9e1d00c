"""Words of alarms: severities, states, changes, units, pieces of evidence. Message ids; whoever shows them translates them."""

from __future__ import annotations

from collections.abc import Mapping

from central.web.translations import N_

SEVERITIES: Mapping[str, tuple[str, str]] = {
    "urgent": ("bad", N_("urgent")),
    "important": ("warn", N_("important")),
    "general": ("idle", N_("general")),
}
STATES: Mapping[str, tuple[str, str]] = {
    "open": ("bad", N_("not acknowledged")),
    "acknowledged": ("warn", N_("acknowledged")),
    "cleared": ("ok", N_("cleared")),
    "closed": ("idle", N_("closed")),
}
CHANGES: Mapping[str, str] = {
    "raised": N_("raised"),
    "flapping": N_("goes on and off: shown as one alarm until it is quiet"),
    "suppressed": N_("in planned work: shown when that is over"),
    "unsuppressed": N_("planned work is over, the condition is not"),
    "muted": N_("explained by another alarm"),
    "surfaced": N_("stands by itself: what explained it is over"),
    "unknown": N_("nothing is known of it any more; it stays as it was"),
    "known": N_("known again"),
    "cleared": N_("cleared"),
    "acknowledged": N_("acknowledged"),
    "assigned": N_("assigned"),
    "snoozed": N_("put aside"),
    "unsnoozed": N_("back from being put aside"),
    "commented": N_("comment"),
    "closed": N_("closed"),
    "reopened": N_("reopened"),
}
SNOOZES: Mapping[int, str] = {
    1: N_("1 hour"),
    4: N_("4 hours"),
    12: N_("12 hours"),
    24: N_("1 day"),
    72: N_("3 days"),
    168: N_("1 week"),
    720: N_("30 days"),
}
KINDS: Mapping[str, str] = {
    "site": N_("Platform"),
    "place": N_("Place"),
    "gateway": N_("Gateway"),
    "line": N_("Line"),
    "device": N_("Device"),
    "point": N_("Metering point"),
}
UNITS: Mapping[str, str] = {
    "s": N_("seconds"),
    "permille": N_("per mille"),
    "periods": N_("missed readings"),
    "reports": N_("missed reports"),
    "mV": N_("millivolts"),
    "count": N_("pieces"),
    "bp": N_("hundredths of a percent"),
    "percent": N_("percent"),
    "flag": N_("1: yes, 0: no"),
    "litres_per_day": N_("litres a day"),
}
EVIDENCE: Mapping[str, str] = {
    "heard_ms": N_("Heard last"),
    "gateways": N_("Gateways"),
    "silent": N_("Silent"),
    "devices": N_("Devices"),
    "state": N_("State"),
    "offset_ms": N_("Clock ahead by (ms)"),
    "offset_s": N_("Clock ahead by (s)"),
    "error": N_("Reason"),
    "refused": N_("Version refused"),
    "wanted": N_("Version wanted"),
    "reported": N_("Version reported"),
    "backlog": N_("Batches waiting"),
    "hour_before": N_("An hour before"),
    "backlog_bytes": N_("Bytes waiting"),
    "last_ms": N_("Last time"),
    "gaps": N_("Gaps"),
    "found_ms": N_("Found"),
    "lost_ms": N_("Given up"),
    "port": N_("Port"),
    "exchanges": N_("Exchanges"),
    "permille": N_("Now, per mille"),
    "usual_permille": N_("Usual, per mille"),
    "line_permille": N_("Rest of the line, per mille"),
    "last_measured_ms": N_("Last reading"),
    "period_s": N_("Read every (s)"),
    "told_ms": N_("Told"),
    "last_report_ms": N_("Last report"),
    "every_h": N_("Reports every (h)"),
    "measured_ms": N_("Measured"),
    "magnetic_tamper": N_("Magnet"),
    "cover_open": N_("Cover open"),
    "reverse_flow": N_("Reverse flow"),
    "day": N_("Day"),
    "due": N_("Readings due"),
    "measured": N_("Readings there"),
    "codes": N_("Findings"),
    "at_ms": N_("At"),
    "oldest_ms": N_("Oldest"),
    "stored_ms": N_("Stored last"),
    "waiting": N_("Waiting"),
    "reason": N_("Reason"),
    "nights": N_("Nights"),
    "began_on": N_("Began on"),
    "usual_l_day": N_("Usual, litres a day"),
    "floor_l_day": N_("Night flow, litres a day"),
}
