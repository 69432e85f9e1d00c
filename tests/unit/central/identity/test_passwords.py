"""The password policy, and that checking one tells nothing about who exists."""

from __future__ import annotations

import pytest

from central.identity.passwords import hash_password, policy_problem, verify_password


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("nine char", "too_short"),
        ("x" * 129, "too_long"),
        ("wang-lives-here", "has_name"),
        ("aaaaaaaaaaaa", "too_simple"),
        ("1234567890", "too_simple"),
        ("poiuytrewq", "too_simple"),
        ("Password2025!", "too_common"),
        ("administrator1", "too_common"),
        ("seven green kettles", None),
        ("七把绿色的水壶在窗台上", None),
    ],
)
def test_policy_names_the_first_broken_rule(password: str, problem: str | None) -> None:
    assert policy_problem(password, "wang") == problem


def test_right_password_verifies_and_wrong_one_does_not() -> None:
    stored = hash_password("seven green kettles")
    assert verify_password(stored, "seven green kettles")
    assert not verify_password(stored, "seven green kettle")


def test_nobody_can_sign_in_as_an_account_that_does_not_exist() -> None:
    assert not verify_password(None, "a name nobody has")


def test_stored_form_is_argon2id_with_its_own_salt() -> None:
    first, second = hash_password("seven green kettles"), hash_password("seven green kettles")
    assert first.startswith("$argon2id$")
    assert first != second
