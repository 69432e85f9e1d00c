"""Signing in on a real database: throttling, and no hint about who exists."""

from __future__ import annotations

import threading

import pytest

from central.context import Central
from central.db.pool import Pool
from central.identity import login as login_module
from central.identity.accounts import add_account
from central.identity.login import login
from central.identity.passwords import verify_password
from central.identity.permissions import Role
from central.identity.sessions import Visitor
from central.identity.throttle import ADDRESS, LOCK_S, PAIR
from central.settings import Settings
from protocol.errors import CampusError, NotSignedIn, TooManyTries

PASSWORD = "seven green kettles"


class Clock:
    now = 1_763_769_600.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def central(pool: Pool, clock: Clock) -> Central:
    """A server with one account, `wang`."""
    with pool.connection() as conn:
        add_account(conn, "wang", PASSWORD, Role.OPERATOR, clock.now)
    return Central(Settings(), pool, clock, "")


WRONG = "wrong wrong wrong"


def attempt(central: Central, name: str, password: str = WRONG, address: str = "10.0.0.1") -> CampusError | None:
    """The error of a try, None for success."""
    try:
        login(central, name, password, Visitor(address), None)
    except CampusError as error:
        return error
    return None


def fail_until_locked(central: Central, clock: Clock, name: str, address: str = "10.0.0.1") -> None:
    for _ in range(PAIR.lock_after):
        assert isinstance(attempt(central, name, address=address), NotSignedIn)
        clock.now += 5  # past the growing delay


def test_right_password_opens_a_session_whatever_the_case_of_the_name(central: Central) -> None:
    assert login(central, " Wang ", PASSWORD, Visitor("10.0.0.1"), None).secret


def test_sixth_try_is_refused_even_with_the_right_password(central: Central, clock: Clock) -> None:
    fail_until_locked(central, clock, "wang")
    assert isinstance(attempt(central, "wang", PASSWORD), TooManyTries)
    clock.now += LOCK_S
    assert attempt(central, "wang", PASSWORD) is None


def test_unknown_name_is_answered_and_locked_like_a_known_one(central: Central, clock: Clock) -> None:
    errors = {name: str(attempt(central, name)) for name in ("wang", "nobody")}
    assert errors["wang"] == errors["nobody"]
    clock.now += LOCK_S * 2
    fail_until_locked(central, clock, "nobody")
    assert isinstance(attempt(central, "nobody"), TooManyTries)


def test_unknown_name_costs_one_password_check_too(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    monkeypatch.setattr(login_module, "verify_password", lambda stored, password: checked.append(stored) or verify_password(stored, password))
    attempt(central, "nobody")
    attempt(central, "wang")
    assert checked[0] is None
    assert len(checked) == 2


def test_delay_grows_between_tries(central: Central, clock: Clock) -> None:
    for _ in range(PAIR.delay_after):
        attempt(central, "wang")
    refused = attempt(central, "wang", PASSWORD)
    assert isinstance(refused, TooManyTries)
    assert refused.details["wait_s"] == 1


def test_owner_elsewhere_is_not_locked_out_by_five_wrong_tries(central: Central, clock: Clock) -> None:
    fail_until_locked(central, clock, "wang", address="10.6.6.6")
    assert attempt(central, "wang", PASSWORD, address="10.0.0.9") is None


def test_one_address_cannot_spray_many_names(central: Central) -> None:
    errors = [attempt(central, f"name{number}", address="10.6.6.6") for number in range(ADDRESS.lock_after + 1)]
    assert isinstance(errors[-1], TooManyTries)


def test_success_forgets_the_tries(central: Central, clock: Clock) -> None:
    for _ in range(3):
        for _ in range(PAIR.delay_after - 1):
            attempt(central, "wang")
        assert attempt(central, "wang", PASSWORD) is None


def test_burst_of_parallel_tries_is_no_faster(central: Central) -> None:
    errors: list[CampusError | None] = []
    threads = [threading.Thread(target=lambda: errors.append(attempt(central, "wang"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(error, NotSignedIn) for error in errors) <= PAIR.lock_after


def test_failures_and_logins_stand_in_the_audit_without_what_was_typed(central: Central) -> None:
    attempt(central, "my secret password")
    attempt(central, "wang", PASSWORD)
    with central.pool.connection() as conn:
        rows = conn.execute("select actor, action, details::text from audit order by audit_id").fetchall()
    assert [(actor, action) for actor, action, _ in rows] == [("wang", "account.created"), ("unknown", "login.failed"), ("wang", "login")]
    assert "secret" not in str(rows)
