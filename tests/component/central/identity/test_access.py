"""Roles down to a building: given, changed, never more than the giver has."""

from __future__ import annotations

import pytest

from central.db.pool import CONTENT_ERRORS, Connection
from central.identity.accounts import add_account, change_access, find_account, insert_account, set_disabled
from central.identity.links import create_invitation, create_password_link, use_link
from central.identity.managed_sessions import end_sessions
from central.identity.permissions import Role
from central.identity.places import places_named, search_places
from central.identity.principal import CONSOLE, Principal
from central.identity.sessions import Visitor, end_sessions_of, find_session, list_sessions, open_session
from central.identity.tokens import create_token, find_token, list_tokens
from protocol.errors import NotFound, Refused

NOW = 1_763_769_600.0
PASSWORD = "seven green kettles"
CLERK = Principal("token:clerk", frozenset({"identity.manage", "metering.read"}), factor=True)


@pytest.fixture
def li(trial: Connection) -> int:
    return add_account(trial, "li", PASSWORD, Role.ENGINEER, NOW, ["b1"])


def test_invitation_carries_role_and_places(trial: Connection, boss: Principal) -> None:
    link = create_invitation(trial, "https://x", Role.ENGINEER, boss, NOW, ["b2", "b1", "b2"])
    account = find_account(trial, use_link(trial, link.partition("#")[2], "zhao", PASSWORD, NOW))
    assert (account.role, account.places) == (Role.ENGINEER, ["b1", "b2"])


def test_new_places_hold_from_the_next_request_and_stand_in_the_audit(trial: Connection, li: int, boss: Principal) -> None:
    secret = open_session(trial, li, NOW)
    change_access(trial, li, Role.OPERATOR, ["b2"], boss)
    session = find_session(trial, secret, NOW)
    assert session is not None
    assert (session.role, session.scope) == (Role.OPERATOR, ["b2"])
    row = trial.execute("select details from audit where action = 'account.access_changed'").fetchone()
    assert row == ({"from": "engineer", "to": "operator", "places_from": ["b1"], "places_to": ["b2"]},)


@pytest.mark.parametrize(
    ("role", "places", "problem"),
    [
        (Role.ADMIN, ["b1"], "scoped_admin"),
        (Role.VIEWER, [], "places_count"),
        (Role.VIEWER, ["b9"], "unknown_place"),
        (Role.VIEWER, [f"p{n}" for n in range(201)], "unknown_place"),
    ],
)
def test_what_cannot_be_is_refused(trial: Connection, li: int, boss: Principal, role: Role, places: list[str], problem: str) -> None:
    with pytest.raises(Refused) as refused:
        change_access(trial, li, role, places, boss)
    assert refused.value.details["problem"] == problem


def test_database_refuses_an_administrator_of_a_part(trial: Connection) -> None:
    with pytest.raises(CONTENT_ERRORS), trial.transaction():
        insert_account(trial, "boss2", None, Role.ADMIN, ["b1"], "x", NOW)


def test_program_that_may_manage_accounts_cannot_make_or_take_over_more_than_it_is(trial: Connection, li: int) -> None:
    attempts = (
        lambda: create_invitation(trial, "https://x", Role.ADMIN, CLERK, NOW),
        lambda: create_password_link(trial, "https://x", li, CLERK, NOW),
        lambda: change_access(trial, li, Role.VIEWER, None, CLERK),
        lambda: set_disabled(trial, li, True, CLERK, NOW),
        lambda: end_sessions(trial, li, None, CLERK),
        lambda: create_token(trial, "more", ["metering.read"], NOW, CLERK),
    )
    for attempt in attempts:
        with pytest.raises(Refused) as refused, trial.transaction():
            attempt()
        assert refused.value.details["problem"] in {"more_than_own", "person_needed"}


def test_places_are_found_by_name_or_code_and_told_with_what_they_lie_in(trial: Connection) -> None:
    assert [place.code for place in search_places(trial, "101")] == ["b1-101"]
    assert [place.code for place in search_places(trial, "号楼")] == ["b1", "b2"]
    assert search_places(trial, "%") == []
    assert search_places(trial, "") == []
    assert places_named(trial, ["b1-101", "nowhere"])["b1-101"].above_en == "Building 1"


def test_token_lives_its_days_and_frees_its_name(trial: Connection, boss: Principal) -> None:
    secret = create_token(trial, "reader", ["metering.read"], NOW, boss, ["b1"], days=30)
    end = NOW + 30 * 86_400
    found = find_token(trial, secret, end - 1)
    assert found is not None
    assert (found.scope, found.created_by) == (["b1"], "boss")
    assert find_token(trial, secret, end) is None
    assert list_tokens(trial, end) == []
    assert create_token(trial, "reader", ["metering.read"], end, boss)


def test_last_use_of_a_token_is_written_once_a_minute(trial: Connection) -> None:
    secret = create_token(trial, "reader", ["metering.read"], NOW)
    uses = []
    for at in (NOW, NOW + 59, NOW + 61):
        find_token(trial, secret, at)
        uses.append(list_tokens(trial, at)[0].last_used_at.timestamp())  # type: ignore[union-attr]
    assert uses == [NOW, NOW, NOW + 61]


@pytest.mark.parametrize(
    ("permissions", "places", "days", "problem"),
    [
        (["identity.manage"], ["b1"], None, "scoped_admin"),
        (["account.own"], None, None, "unknown_permission"),
        (["metering.read"], None, 0, "bad_days"),
        ([], None, None, "bad_token"),
    ],
)
def test_token_nobody_should_have_is_refused(
    trial: Connection, permissions: list[str], places: list[str] | None, days: int | None, problem: str
) -> None:
    with pytest.raises(Refused) as refused:
        create_token(trial, "t", permissions, NOW, CONSOLE, places, days)
    assert refused.value.details["problem"] == problem


def test_own_sessions_are_listed_and_ended_but_not_those_of_others(trial: Connection, li: int) -> None:
    other = add_account(trial, "zhao", PASSWORD, Role.VIEWER, NOW)
    mine = [open_session(trial, li, NOW + at, visitor=Visitor("10.0.0.1", "Firefox/1\n Windows"), factor=at == 2) for at in range(3)]
    open_session(trial, other, NOW)
    listed = list_sessions(trial, li, NOW + 3)
    assert next((one.device, one.address, one.factor) for one in listed) == ("Firefox/1 Windows", "10.0.0.1", True)
    with pytest.raises(NotFound):
        end_sessions(trial, other, listed[0].session_id, CONSOLE)
    assert end_sessions_of(trial, li, but=listed[0].session_id) == 2
    assert [find_session(trial, secret, NOW + 3) is not None for secret in mine] == [False, False, True]
    assert len(list_sessions(trial, other, NOW)) == 1
