"""Signed requests."""

from __future__ import annotations

import pytest

from central.iot.signature import Signed, check, secrets_of, sign
from protocol.errors import NotSignedIn

SECRET = b"key" * 8
BODY = b'{"volume_l":1}'


def test_the_signature_is_what_openssl_computes():
    """printf '%s\\n%s\\n%s' 1800000000 nonce-01 '{"volume_l":1}' | openssl dgst -sha256 -hmac keykeykeykeykeykeykeykey"""
    assert sign(SECRET, "1800000000", "nonce-01", BODY) == "c7fc243959290e222876f6f1c29452acda8f6c2ed06b567d790eab870c6ce721"


@pytest.mark.parametrize("now_s", [1_800_000_000 - 300, 1_800_000_000, 1_800_000_300])
def test_a_right_signature_in_time_yields_its_nonce(now_s):
    assert check([b"other" * 5, SECRET], _signed(), BODY, now_s) == "nonce-01"


@pytest.mark.parametrize(
    ("change", "now_s", "problem"),
    [
        ({}, 1_800_000_301, "clock"),
        ({"timestamp": None}, 1_800_000_000, "unsigned"),
        ({"timestamp": "1.8e9"}, 1_800_000_000, "unsigned"),
        ({"nonce": "a b c d e"}, 1_800_000_000, "unsigned"),
        ({"nonce": "x" * 65}, 1_800_000_000, "unsigned"),
        ({"signature": "0" * 63}, 1_800_000_000, "unsigned"),
        ({"signature": "0" * 64}, 1_800_000_000, "bad_signature"),
        ({"nonce": "nonce-02"}, 1_800_000_000, "bad_signature"),
        ({"timestamp": "1800000001"}, 1_800_000_000, "bad_signature"),
    ],
)
def test_anything_else_is_refused(change, now_s, problem):
    given = {"timestamp": "1800000000", "nonce": "nonce-01", "signature": sign(SECRET, "1800000000", "nonce-01", BODY)} | change

    with pytest.raises(NotSignedIn) as caught:
        check([SECRET], Signed(**given), BODY, now_s)

    assert caught.value.details["problem"] == problem


def test_without_a_secret_nothing_is_right():
    with pytest.raises(NotSignedIn):
        check([], _signed(), BODY, 1_800_000_000)


def test_where_one_part_ends_and_the_next_begins_is_signed():
    assert sign(SECRET, "1", "23", b"4") != sign(SECRET, "12", "3", b"4")


def test_a_key_file_has_a_secret_a_line_and_no_short_ones():
    assert secrets_of("  long-enough-for-this\n\nshort\nanother-that-is-long-enough") == [b"long-enough-for-this", b"another-that-is-long-enough"]


def test_a_signature_is_not_shown():
    assert sign(SECRET, "1800000000", "nonce-01", BODY) not in repr(_signed())


def _signed() -> Signed:
    return Signed("1800000000", "nonce-01", sign(SECRET, "1800000000", "nonce-01", BODY))
