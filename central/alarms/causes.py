"""What an alarm can have been, as data: chosen when it is closed, counted afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from central.web.translations import N_


@dataclass(frozen=True, slots=True)
class CloseCause:
    """`label`: a message id. `while_it_holds`: may be chosen although the condition still holds."""

    label: str
    while_it_holds: bool = False


CAUSES: Mapping[str, CloseCause] = MappingProxyType(
    {
        "repaired": CloseCause(N_("Repaired")),
        "replaced": CloseCause(N_("Device replaced")),
        "power": CloseCause(N_("Power")),
        "network": CloseCause(N_("Network")),
        "wiring": CloseCause(N_("Wiring")),
        "configuration": CloseCause(N_("Configuration or site plan")),
        "by_itself": CloseCause(N_("Gone by itself, cause unknown")),
        "other": CloseCause(N_("Other (see the note)")),
        "planned_work": CloseCause(N_("Planned work"), while_it_holds=True),
        "out_of_use": CloseCause(N_("Device out of use"), while_it_holds=True),
        "accepted": CloseCause(N_("Known and accepted"), while_it_holds=True),
        "false_alarm": CloseCause(N_("False alarm"), while_it_holds=True),
    }
)
