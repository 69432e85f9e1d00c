"""Who asks, and the rule that nobody gives away more than they have."""

from __future__ import annotations

from dataclasses import dataclass

from central.identity.permissions import PERMISSIONS
from central.identity.scope import Scope
from protocol.errors import Refused


@dataclass(frozen=True, slots=True)
class Principal:
    """An account's name, or `token:<name>` for a program. `scope`: the places it may see with everything below them, None for the whole site.

    `account_id`, `session_id`: None for a program. `factor`: a second factor was shown; always true of a program, whose token a person made who
    showed one.
    """

    name: str
    permissions: frozenset[str]
    scope: Scope = None
    account_id: int | None = None
    factor: bool = False
    session_id: int | None = None


CONSOLE = Principal("console", PERMISSIONS, factor=True)  # who may start commands on the server


def check_giving(giver: Principal, permissions: frozenset[str], places: Scope) -> None:
    """Raise Refused where `giver` would hand somebody `permissions` over `places` that the giver has not, or accounts to a part of the site."""
    if places is not None and "identity.manage" in permissions:
        raise Refused("who manages accounts sees the whole site; take the places away or choose another role", problem="scoped_admin")
    missing = sorted(permissions - giver.permissions)
    if missing or (giver.scope is not None and (places is None or not set(places) <= set(giver.scope))):
        lacking = ", ".join(missing) or "other places"
        raise Refused(f"{giver.name} cannot give or manage more than it has itself; it lacks {lacking}", problem="more_than_own", lacking=missing)
