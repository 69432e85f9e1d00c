"""Every action on many rows by its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from central.alarms.tables import ACTIONS as ALARM_ACTIONS
from central.consumption.tables import SETTLE
from central.control.tables import READ_NOW, SWITCH
from central.web.batch import BatchAction

_ACTIONS: tuple[BatchAction, ...] = (SETTLE, READ_NOW, SWITCH, *ALARM_ACTIONS)

ACTIONS: Mapping[str, BatchAction] = MappingProxyType({action.name: action for action in _ACTIONS})


def actions_for(table: str) -> list[BatchAction]:
    """What can be done with rows of the table."""
    return [action for action in ACTIONS.values() if table in action.tables]
