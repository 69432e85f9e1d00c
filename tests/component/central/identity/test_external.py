"""People the identity provider vouches for: mapped by subject, accepted by an administrator, never by a name."""

from __future__ import annotations

import pytest

from central.db.pool import Connection
from central.identity import external as external_module
from central.identity.accounts import add_account, find_account, list_accounts, set_disabled
from central.identity.external import accept, account_of, dismiss, join, list_waiting
from central.identity.journey import LIFETIME_S, arrive, set_out
from central.identity.oidc import Identity
from central.identity.permissions import Role
from central.identity.principal import CONSOLE, Principal
from central.settings import IdentitySettings
from protocol.errors import Conflict, NotFound, Refused

NOW = 1_763_769_600.0
PASSWORD = "seven green kettles"
WANG = Identity("oidc", "sub-1", "wang", None)
CLOSED, OPEN = IdentitySettings(), IdentitySettings(auto_create=True)
MAPPED = IdentitySettings(auto_create=True, places_claim="buildings", external_role="engineer")


def test_first_sign_in_makes_no_account_even_for_a_known_name(trial: Connection) -> None:
    add_account(trial, "wang", PASSWORD, Role.ADMIN, NOW)
    assert account_of(trial, WANG, CLOSED, NOW) is None
    assert account_of(trial, WANG, CLOSED, NOW + 9) is None
    assert [(one.subject, one.last_seen_at.timestamp()) for one in list_waiting(trial)] == [("sub-1", NOW + 9)]
    assert len(list_accounts(trial)) == 1


def test_accepted_person_signs_in_without_a_password(trial: Connection, boss: Principal) -> None:
    account_of(trial, WANG, CLOSED, NOW)
    account_id = accept(trial, "oidc", "sub-1", "Wang", Role.VIEWER, ["b1"], boss, NOW)
    assert account_of(trial, WANG, CLOSED, NOW) == account_id
    account = find_account(trial, account_id)
    assert (account.name, account.places, account.password) == ("wang", ["b1"], False)
    assert list_waiting(trial) == []


def test_joined_person_gets_the_account_that_exists(trial: Connection, boss: Principal) -> None:
    mine = add_account(trial, "wang", PASSWORD, Role.OPERATOR, NOW)
    account_of(trial, WANG, CLOSED, NOW)
    join(trial, "oidc", "sub-1", mine, boss, NOW)
    assert account_of(trial, WANG, CLOSED, NOW) == mine


def test_same_subject_of_another_provider_is_another_person(trial: Connection, boss: Principal) -> None:
    account_of(trial, WANG, CLOSED, NOW)
    accept(trial, "oidc", "sub-1", "wang", Role.VIEWER, None, boss, NOW)
    assert account_of(trial, Identity("cas", "sub-1", "wang", None), CLOSED, NOW) is None


def test_new_name_at_the_provider_stays_the_same_account(trial: Connection, boss: Principal) -> None:
    account_of(trial, WANG, CLOSED, NOW)
    account_id = accept(trial, "oidc", "sub-1", "wang", Role.VIEWER, None, boss, NOW)
    assert account_of(trial, Identity("oidc", "sub-1", "boss", None), CLOSED, NOW) == account_id


def test_disabled_account_is_not_opened(trial: Connection, boss: Principal) -> None:
    account_of(trial, WANG, CLOSED, NOW)
    account_id = accept(trial, "oidc", "sub-1", "wang", Role.VIEWER, None, boss, NOW)
    set_disabled(trial, account_id, True, CONSOLE, NOW)
    with pytest.raises(Refused, match="disabled"):
        account_of(trial, WANG, CLOSED, NOW)


def test_accepting_twice_a_stranger_or_a_taken_name_is_refused(trial: Connection, boss: Principal) -> None:
    with pytest.raises(NotFound):
        accept(trial, "oidc", "sub-1", "wang", Role.VIEWER, None, boss, NOW)
    account_of(trial, WANG, CLOSED, NOW)
    add_account(trial, "wang", PASSWORD, Role.VIEWER, NOW)
    with pytest.raises(Conflict), trial.transaction():
        accept(trial, "oidc", "sub-1", "wang", Role.VIEWER, None, boss, NOW)
    accept(trial, "oidc", "sub-1", "wang2", Role.VIEWER, None, boss, NOW)
    with pytest.raises(NotFound):
        accept(trial, "oidc", "sub-1", "wang3", Role.VIEWER, None, boss, NOW)


def test_dismissed_person_may_come_again(trial: Connection) -> None:
    account_of(trial, WANG, CLOSED, NOW)
    dismiss(trial, "oidc", "sub-1", "boss")
    assert list_waiting(trial) == []
    account_of(trial, WANG, CLOSED, NOW)
    assert len(list_waiting(trial)) == 1


def test_account_is_made_by_itself_only_where_the_settings_say_so(trial: Connection) -> None:
    account = find_account(trial, account_of(trial, WANG, OPEN, NOW))  # type: ignore[arg-type]
    assert (account.name, account.role, account.places) == ("wang", Role.VIEWER, None)


def test_account_made_by_itself_takes_no_other_person_s_name(trial: Connection) -> None:
    add_account(trial, "wang", PASSWORD, Role.ADMIN, NOW)
    account = find_account(trial, account_of(trial, WANG, OPEN, NOW))  # type: ignore[arg-type]
    assert account.name == "oidc-sub-1"


@pytest.mark.parametrize(("claim", "places"), [(("b1", "b2"), ["b1", "b2"]), (("b1", "b9"), None), (None, None), ((), None)])
def test_places_come_from_the_claim_or_an_administrator_decides(trial: Connection, claim: tuple[str, ...] | None, places: object) -> None:
    account_id = account_of(trial, Identity("oidc", "sub-1", "wang", claim), MAPPED, NOW)
    assert (account_id is None) is (places is None)
    if account_id is not None:
        assert find_account(trial, account_id).places == places


def test_waiting_list_has_an_end(trial: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_module, "MAX_WAITING", 1)
    account_of(trial, WANG, CLOSED, NOW)
    account_of(trial, WANG, CLOSED, NOW)
    with pytest.raises(Refused, match="too many"):
        account_of(trial, Identity("oidc", "sub-2", "li", None), CLOSED, NOW)


@pytest.mark.parametrize(
    ("provider", "visit", "later_s"), [("oidc", "other", 0.0), ("cas", "browser", 0.0), ("oidc", None, 0.0), ("oidc", "browser", LIFETIME_S)]
)
def test_journey_ends_in_the_browser_it_began_in_with_the_same_provider_in_time(
    trial: Connection, provider: str, visit: str | None, later_s: float
) -> None:
    state, _ = set_out(trial, "oidc", "browser", "/", NOW)
    with pytest.raises(Refused, match="another browser"):
        arrive(trial, provider, state, visit, NOW + later_s)


def test_journey_ends_once(trial: Connection) -> None:
    state, journey = set_out(trial, "oidc", "browser", "/devices/m1", NOW)
    assert arrive(trial, "oidc", state, "browser", NOW) == journey
    with pytest.raises(Refused):
        arrive(trial, "oidc", state, "browser", NOW)
