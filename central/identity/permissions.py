"""The permissions a route can ask for, and the roles that hold them."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What a person is to the platform; stored with the account."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


_VIEW = frozenset({"metering.read", "fleet.read", "reports.read", "alarms.read"})
_OPERATE = frozenset(
    {
        "metering.manage",  # replace meters, correct installations
        "quarantine.read",
        "fleet.manage",  # enrol gateways, import plans, send desired documents
        "control.operate",
        "prepaid.operate",
        "alarms.manage",
        "maintenance.manage",
    }
)
_ADMINISTER = frozenset({"identity.manage", "audit.read"})

PERMISSIONS: frozenset[str] = _VIEW | _OPERATE | _ADMINISTER
ROLES: MappingProxyType[Role, frozenset[str]] = MappingProxyType(
    {Role.ADMIN: PERMISSIONS, Role.OPERATOR: _VIEW | _OPERATE, Role.VIEWER: _VIEW},
)


def unknown(permissions: frozenset[str]) -> list[str]:
    """Those of `permissions` that no route can ask for, sorted; a token with one of them is a typing mistake."""
    return sorted(permissions - PERMISSIONS)
