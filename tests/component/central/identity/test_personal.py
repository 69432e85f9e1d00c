"""Personal data: handed over, corrected, deleted, with the audit kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from central.db.pool import Connection
from central.identity.accounts import add_account, find_account, set_disabled
from central.identity.external import account_of, join
from central.identity.oidc import Identity
from central.identity.permissions import Role
from central.identity.personal import erase, personal_data, rename
from central.identity.principal import CONSOLE, Principal
from central.identity.sessions import find_session, open_session
from central.settings import IdentitySettings
from protocol.errors import Conflict, Refused

NOW = 1_763_769_600.0
PASSWORD = "seven green kettles"


@pytest.fixture
def li(trial: Connection, boss: Principal) -> int:
    account_id = add_account(trial, "li", PASSWORD, Role.OPERATOR, NOW)
    account_of(trial, Identity("cas", "2025-li", "Li", None), IdentitySettings(), NOW)
    join(trial, "cas", "2025-li", account_id, boss, NOW)
    return account_id


def test_everything_about_a_person_is_handed_over(trial: Connection, li: int, enrolled: Callable[..., tuple]) -> None:
    enrolled(trial, li)
    open_session(trial, li, NOW)
    data = personal_data(trial, li, NOW)
    assert data.account.name == "li"
    assert data.factor is not None
    assert len(data.sessions) == 1
    assert data.externals[0].subject == "2025-li"
    assert {row.action for row in data.audit} == {"account.created", "external.joined", "factor.enrolled"}


def test_name_is_corrected_and_the_old_one_noted(trial: Connection, li: int, boss: Principal) -> None:
    rename(trial, li, " Li.Na ", boss)
    assert find_account(trial, li).name == "li.na"
    assert trial.execute("select details ->> 'from' from audit where action = 'account.renamed'").fetchone() == ("li",)
    add_account(trial, "zhao", PASSWORD, Role.VIEWER, NOW)
    with pytest.raises(Conflict):
        rename(trial, li, "zhao", boss)
    with pytest.raises(Refused, match="2 to 40"):
        rename(trial, li, "a b", boss)
    assert find_account(trial, li).name == "li.na"


def test_deleted_person_leaves_a_pseudonym_and_the_audit(trial: Connection, li: int, boss: Principal, enrolled: Callable[..., tuple]) -> None:
    enrolled(trial, li)
    secret = open_session(trial, li, NOW)
    assert erase(trial, li, "left the university", boss, NOW) == f"deleted-{li}"
    account = find_account(trial, li)
    assert (account.name, account.password, account.factor, account.disabled, account.erased) == (f"deleted-{li}", False, False, True, True)
    assert find_session(trial, secret, NOW) is None
    for table in ("account", "account_external", "one_time_link", "web_session", "recovery_code"):
        assert "li" not in [str(field) for row in trial.execute(f"select * from {table}") for field in row], table
    assert trial.execute("select count(*) from audit where target = 'li'").fetchone() != (0,)
    with pytest.raises(Refused, match="deleted"):
        set_disabled(trial, li, False, boss, NOW)


def test_oneself_the_last_administrator_and_no_reason_are_refused(trial: Connection, li: int, boss: Principal) -> None:
    chief = add_account(trial, "chief", PASSWORD, Role.ADMIN, NOW)
    own = Principal("chief", boss.permissions, account_id=chief, factor=True)
    for account_id, reason, actor in ((chief, "because", own), (chief, "because", CONSOLE), (li, "x", boss)):
        with pytest.raises(Refused):
            erase(trial, account_id, reason, actor, NOW)
