"""Roles hold what they should and nothing that no route knows."""

from __future__ import annotations

import pytest

from central.identity.guard import require
from central.identity.permissions import PERMISSIONS, ROLES, Role, unknown
from protocol.errors import ConfigError


def test_each_role_holds_what_the_lower_one_holds() -> None:
    assert ROLES[Role.VIEWER] < ROLES[Role.ENGINEER] < ROLES[Role.OPERATOR] < ROLES[Role.ADMIN] == PERMISSIONS


@pytest.mark.parametrize("permission", ["metering.manage", "control.operate", "identity.manage", "audit.read", "quarantine.read"])
def test_viewer_changes_nothing_and_sees_no_audit(permission: str) -> None:
    assert permission not in ROLES[Role.VIEWER]


def test_unknown_permissions_are_told_apart() -> None:
    assert unknown(frozenset({"metering.read", "metering.raed"})) == ["metering.raed"]


def test_route_with_a_mistyped_permission_does_not_start() -> None:
    with pytest.raises(ConfigError, match=r"metering\.raed"):
        require("metering.raed")
