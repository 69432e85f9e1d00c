"""The permissions a route can ask for, the roles that hold them, and which of them need a second factor."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from central.web.translations import N_


class Role(StrEnum):
    """What a person is to the platform; stored with the account."""

    ADMIN = "admin"
    OPERATOR = "operator"
    ENGINEER = "engineer"
    VIEWER = "viewer"


_OWN = frozenset({"account.own"})  # one's own password, sessions, second factor
_VIEW = frozenset({"metering.read", "fleet.read", "reports.read", "alarms.read"})
_ON_SITE = frozenset(
    {
        "metering.read_now",  # ask a device at once, fetch its raw frames
        "metering.manage",  # replace meters, correct installations
        "quarantine.read",
        "fleet.manage",  # enrol gateways, import plans, send desired documents
        "alarms.manage",
        "maintenance.manage",
    }
)
_CONTROL = frozenset({"control.operate", "prepaid.operate"})
_ADMINISTER = frozenset({"identity.manage", "audit.read", "notify.manage", "metrics.read"})

PERMISSIONS: frozenset[str] = _OWN | _VIEW | _ON_SITE | _CONTROL | _ADMINISTER
ROLES: Mapping[Role, frozenset[str]] = MappingProxyType(
    {
        Role.ADMIN: PERMISSIONS,
        Role.OPERATOR: _OWN | _VIEW | _ON_SITE | _CONTROL,
        Role.ENGINEER: _OWN | _VIEW | _ON_SITE,
        Role.VIEWER: _OWN | _VIEW,
    }
)
ROLE_NAMES: Mapping[Role, str] = MappingProxyType(
    {
        Role.ADMIN: N_("Administrator"),
        Role.OPERATOR: N_("Operator"),
        Role.ENGINEER: N_("Engineer on site"),
        Role.VIEWER: N_("Viewer"),
    }
)
# What changes supply, money, accounts or the fleet is refused to a session that showed a password only.
SECOND_FACTOR: frozenset[str] = _CONTROL | {"identity.manage", "fleet.manage", "notify.manage"}
# What no program may hold: it has no account of its own.
PERSONS_ONLY: frozenset[str] = _OWN


def unknown(permissions: frozenset[str]) -> list[str]:
    """Those of `permissions` that no route can ask of a program, sorted; a token with one of them is a typing mistake."""
    return sorted(permissions - (PERMISSIONS - PERSONS_ONLY))
