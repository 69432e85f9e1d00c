"""One-time codes against RFC 6238's own table, and how they are taken."""

from __future__ import annotations

import base64

import pytest

from central.identity.totp import RECOVERY_CODES, folded_code, matching_counter, new_recovery_codes, provisioning_uri

SECRET = base64.b32encode(b"12345678901234567890").decode()  # RFC 6238, appendix B, SHA-1
NEVER = 0


@pytest.mark.parametrize(
    ("now", "code"), [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")]
)
def test_codes_are_those_of_the_standard(now: int, code: str) -> None:
    assert matching_counter(SECRET, code, now, NEVER) == now // 30


@pytest.mark.parametrize(("late_s", "taken"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_a_code_is_taken_one_step_early_or_late(late_s: int, taken: bool) -> None:
    assert (matching_counter(SECRET, "005924", 1234567890 + late_s, NEVER) is not None) is taken


def test_a_code_not_newer_than_the_last_is_a_replay() -> None:
    step = 1234567890 // 30
    assert matching_counter(SECRET, "005924", 1234567890, step) is None
    assert matching_counter(SECRET, "005924", 1234567890, step - 1) == step


@pytest.mark.parametrize("code", ["", "5924", "0059240", "abcdef", "００５９２４"])
def test_other_texts_are_no_code(code: str) -> None:
    assert matching_counter(SECRET, code, 1234567890, NEVER) is None


def test_recovery_codes_are_distinct_and_read_back_as_people_type_them() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == RECOVERY_CODES
    assert folded_code(f"  {codes[0].upper().replace('-', ' ')} ") == codes[0].replace("-", "")


def test_app_is_told_who_and_where() -> None:
    assert provisioning_uri(SECRET, "wang", "North campus") == f"otpauth://totp/North%20campus:wang?secret={SECRET}&issuer=North%20campus"
