"""Passwords: the policy a new one must meet, and argon2id digests of them."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 10
MAX_LENGTH = 128  # a longer one only costs hashing time
MIN_DISTINCT = 5

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP Password Storage Cheat Sheet, argon2id, first choice by memory
_NOBODY = _HASHER.hash("a name nobody has")  # verified when the account does not exist, so that both answers take the same time

# Long enough for the policy and still among the first an attacker tries; compared in lower case without digits and marks at the ends.
_COMMON_TEXT = """
password passwort passw0rd p@ssword p@ssw0rd administrator administrador adminadmin adminroot rootroot rootadmin superadmin supervisor superuser
letmein letmeinnow welcome welcometo welcomeback iloveyou qwertyuiop qwertyasdf asdfghjkl qazwsxedc zxcvbnm changeme changemenow default defaultpass
guestguest testtest testing football baseball basketball princess sunshine superman michael jennifer monkeymonkey dragondragon trustno
university campusenergy energycampus campus energy operator operators woaini woaiwojia zhongguo beijing shanghai dianliguanli shuidianguanli
"""
_COMMON = frozenset(_COMMON_TEXT.split())
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm")
_EDGE_MARKS = "0123456789!@#$%^&*()-_=+.,?~ "


def hash_password(password: str) -> str:
    """Argon2id digest with its parameters and salt inside."""
    return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether `password` made `stored`. None (no such account) costs the same time and is always False."""
    try:
        return _HASHER.verify(stored or _NOBODY, password[: MAX_LENGTH + 1]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def policy_problem(password: str, name: str) -> str | None:
    """The first rule a new password breaks, as a stable word (`too_short`, `too_long`, `has_name`, `too_simple`, `too_common`), or None."""
    folded = password.casefold()
    if len(password) < MIN_LENGTH:
        return "too_short"
    if len(password) > MAX_LENGTH:
        return "too_long"
    if len(name) >= 3 and name.casefold() in folded:
        return "has_name"
    if len(set(folded)) < MIN_DISTINCT or _is_run(folded):
        return "too_simple"
    return "too_common" if folded.strip(_EDGE_MARKS) in _COMMON else None


def _is_run(folded: str) -> bool:
    """Whether the whole text walks along the alphabet, the digits or the keyboard, either way, possibly repeated."""
    return any(folded in direction * (len(folded) // len(run) + 2) for run in _RUNS for direction in (run, run[::-1]))
