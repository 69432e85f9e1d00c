"""Nobody gives away more than they have."""

from __future__ import annotations

import pytest

from central.identity.permissions import PERMISSIONS, ROLES, Role
from central.identity.principal import CONSOLE, Principal, check_giving
from central.identity.scope import Scope
from protocol.errors import Refused

CLERK = Principal("token:clerk", frozenset({"identity.manage", "metering.read"}), factor=True)
PORTER = Principal("porter", ROLES[Role.ENGINEER], ["b1"])


@pytest.mark.parametrize("places", [None, ["b1"]])
def test_administrator_gives_every_role_without_accounts(places: Scope) -> None:
    check_giving(CONSOLE, ROLES[Role.OPERATOR], places)


@pytest.mark.parametrize(
    ("giver", "permissions", "places", "problem"),
    [
        (CONSOLE, PERMISSIONS, ["b1"], "scoped_admin"),
        (CLERK, ROLES[Role.VIEWER], None, "more_than_own"),
        (PORTER, frozenset({"metering.read"}), None, "more_than_own"),
        (PORTER, frozenset({"metering.read"}), ["b1", "b2"], "more_than_own"),
    ],
)
def test_more_than_one_has_is_refused(giver: Principal, permissions: frozenset[str], places: Scope, problem: str) -> None:
    with pytest.raises(Refused) as refused:
        check_giving(giver, permissions, places)
    assert refused.value.details["problem"] == problem


def test_a_part_of_what_one_has_is_given() -> None:
    check_giving(CLERK, frozenset({"metering.read"}), ["b1"])
    check_giving(PORTER, frozenset({"metering.read"}), ["b1"])
