"""Second factors on a real database: enrolment, codes once each, reset, and no way in around them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from central.context import Central
from central.db.pool import Connection, Pool
from central.identity.accounts import add_account
from central.identity.factor import CANDIDATE_S, check_code, enrol, find_factor, new_candidate, renew_codes, reset_factor
from central.identity.links import create_password_link, use_link
from central.identity.login import login
from central.identity.permissions import Role
from central.identity.principal import CONSOLE, Principal
from central.identity.sessions import Visitor, find_session, open_session
from central.identity.signing import STEP_S, begin, finish
from central.identity.throttle import LOCK_S, PAIR
from central.settings import IdentitySettings, Settings
from protocol.errors import Conflict, NotSignedIn, Refused, TooManyTries

NOW = 1_763_769_600.0
PASSWORD = "seven green kettles"
HERE = Visitor("10.0.0.1", "Firefox/140.0 Windows")


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wang(trial: Connection) -> int:
    return add_account(trial, "wang", PASSWORD, Role.ADMIN, NOW)


def test_first_code_confirms_and_the_secret_is_not_in_the_database(trial: Connection, wang: int, enrolled: Callable[..., tuple]) -> None:
    app, codes = enrolled(trial, wang)
    factor = find_factor(trial, wang)
    assert factor is not None
    assert factor.codes_left == len(codes) == 10
    stored = "".join(str(row) for table in ("account_factor", "recovery_code", "audit") for row in trial.execute(f"select * from {table}"))
    assert app.secret not in stored
    assert codes[0] not in stored


@pytest.mark.parametrize("late_s", [0, CANDIDATE_S + 1])
def test_wrong_or_late_first_code_enrols_nothing(trial: Connection, wang: int, key: Path, late_s: int) -> None:
    _, sealed = new_candidate(key, wang, NOW)
    with pytest.raises(Refused):
        enrol(trial, key, wang, sealed, "000000", NOW + late_s)
    assert find_factor(trial, wang) is None


def test_candidate_of_another_account_is_refused(trial: Connection, wang: int, key: Path) -> None:
    _, sealed = new_candidate(key, wang + 1, NOW)
    with pytest.raises(Refused, match="another account"):
        enrol(trial, key, wang, sealed, "000000", NOW)


def test_enrolling_twice_is_refused_and_ends_no_factor(trial: Connection, wang: int, enrolled: Callable[..., tuple]) -> None:
    enrolled(trial, wang)
    with pytest.raises(Conflict), trial.transaction():
        enrolled(trial, wang)
    assert find_factor(trial, wang)


def test_enrolment_ends_sessions_that_showed_a_password_only(trial: Connection, wang: int, enrolled: Callable[..., tuple]) -> None:
    session = open_session(trial, wang, NOW)
    enrolled(trial, wang)
    assert find_session(trial, session, NOW) is None


def test_a_code_works_once(trial: Connection, wang: int, key: Path, enrolled: Callable[..., tuple]) -> None:
    app, _ = enrolled(trial, wang)
    assert not check_code(trial, key, wang, app.at(int(NOW)), NOW)
    assert check_code(trial, key, wang, app.at(int(NOW) + 30), NOW + 30)
    assert not check_code(trial, key, wang, app.at(int(NOW) + 30), NOW + 31)
    assert not check_code(trial, key, wang, app.at(int(NOW)), NOW + 31)


def test_a_recovery_code_works_once_and_only_for_its_owner(trial: Connection, wang: int, key: Path, enrolled: Callable[..., tuple]) -> None:
    _, codes = enrolled(trial, wang)
    other = add_account(trial, "li", PASSWORD, Role.VIEWER, NOW)
    assert not check_code(trial, key, other, codes[0], NOW)
    assert check_code(trial, key, wang, codes[0].upper(), NOW)
    assert not check_code(trial, key, wang, codes[0], NOW)
    assert find_factor(trial, wang).codes_left == 9  # type: ignore[union-attr]


def test_new_recovery_codes_kill_the_old(trial: Connection, wang: int, key: Path, enrolled: Callable[..., tuple]) -> None:
    _, codes = enrolled(trial, wang)
    fresh = renew_codes(trial, wang, "wang")
    assert not check_code(trial, key, wang, codes[0], NOW)
    assert check_code(trial, key, wang, fresh[0], NOW)


def test_stored_secret_moved_to_another_account_opens_nothing(trial: Connection, wang: int, key: Path, enrolled: Callable[..., tuple]) -> None:
    app, _ = enrolled(trial, wang)
    other = add_account(trial, "li", PASSWORD, Role.ADMIN, NOW)
    trial.execute("update account_factor set account_id = %s", [other])
    assert not check_code(trial, key, other, app.at(int(NOW) + 30), NOW + 30)


def test_reset_is_another_person_s_with_a_reason_and_audited(trial: Connection, wang: int, boss: Principal, enrolled: Callable[..., tuple]) -> None:
    enrolled(trial, wang)
    session = open_session(trial, wang, NOW, factor=True)
    own = Principal("wang", boss.permissions, account_id=wang, factor=True)
    for actor, reason in ((own, "lost phone"), (boss, "  x ")):
        with pytest.raises(Refused):
            reset_factor(trial, wang, reason, actor)
    reset_factor(trial, wang, "phone lost, seen in person", boss)
    assert find_factor(trial, wang) is None
    assert find_session(trial, session, NOW) is None
    row = trial.execute("select actor, target, details ->> 'reason' from audit where action = 'factor.reset'").fetchone()
    assert row == ("boss", "wang", "phone lost, seen in person")


def test_password_link_does_not_lead_around_the_factor(trial: Connection, wang: int, enrolled: Callable[..., tuple]) -> None:
    enrolled(trial, wang)
    link = create_password_link(trial, "https://x", wang, CONSOLE, NOW).partition("#")[2]
    use_link(trial, link, "", "nine blue saucers", NOW)
    assert begin(trial, wang, NOW, HERE, None, method="link").waits_for_code


@pytest.fixture
def central(pool: Pool, key: Path) -> Central:
    return Central(Settings(identity=IdentitySettings(key_file=key)), pool, Clock(), "")


@pytest.fixture
def app(central: Central, enrolled: Callable[..., tuple]) -> object:
    with central.pool.connection() as conn:
        return enrolled(conn, add_account(conn, "wang", PASSWORD, Role.ADMIN, NOW))[0]


def test_password_then_code_opens_a_session_with_a_factor(central: Central, app: object) -> None:
    step = login(central, "wang", PASSWORD, HERE, None)
    assert step.waits_for_code
    with central.pool.connection() as conn:
        assert find_session(conn, step.secret, NOW) is None
    central.clock.now += 30  # type: ignore[attr-defined]
    secret = finish(central, step.secret, app.at(int(NOW) + 30), HERE, None)  # type: ignore[attr-defined]
    with central.pool.connection() as conn:
        session = find_session(conn, secret, NOW + 30)
    assert session is not None
    assert session.factor
    with pytest.raises(NotSignedIn, match="too long ago"):
        finish(central, step.secret, app.at(int(NOW) + 60), HERE, None)  # type: ignore[attr-defined]


def test_sixth_wrong_code_is_not_looked_at_whatever_password_came_before(central: Central, app: object) -> None:
    for _ in range(PAIR.lock_after):
        step = login(central, "wang", PASSWORD, HERE, None)
        with pytest.raises(NotSignedIn, match="code is wrong"):
            finish(central, step.secret, "000000", HERE, None)
        central.clock.now += 5  # type: ignore[attr-defined]
    step = login(central, "wang", PASSWORD, HERE, None)
    with pytest.raises(TooManyTries):
        finish(central, step.secret, app.at(int(central.clock())), HERE, None)  # type: ignore[attr-defined]
    central.clock.now += LOCK_S  # type: ignore[attr-defined]
    step = login(central, "wang", PASSWORD, HERE, None)
    assert finish(central, step.secret, app.at(int(central.clock())), HERE, None)  # type: ignore[attr-defined]


def test_step_dies_and_tells_nothing_without_the_password(central: Central, app: object) -> None:
    step = login(central, "wang", PASSWORD, HERE, None)
    central.clock.now += STEP_S  # type: ignore[attr-defined]
    with pytest.raises(NotSignedIn, match="too long ago"):
        finish(central, step.secret, app.at(int(central.clock())), HERE, None)  # type: ignore[attr-defined]
    with pytest.raises(NotSignedIn) as refused:
        login(central, "wang", "wrong wrong wrong", HERE, None)
    assert refused.value.details["problem"] == "wrong_login"
