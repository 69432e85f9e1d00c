"""How long the next try has to wait."""

from __future__ import annotations

import pytest

from central.identity.throttle import ADDRESS, LOCK_S, NAME, PAIR, keys, wait_s


@pytest.mark.parametrize(("tries", "seconds"), [(1, 0), (2, 0), (3, 1), (4, 2), (5, LOCK_S), (50, LOCK_S)])
def test_waits_grow_and_end_in_a_lock(tries: int, seconds: float) -> None:
    assert wait_s(PAIR, tries) == seconds


def test_a_name_locks_later_than_a_name_from_one_address() -> None:
    assert PAIR.lock_after < NAME.lock_after <= ADDRESS.lock_after


def test_keys_do_not_show_what_was_typed_and_differ_by_kind() -> None:
    tried = keys("wang", "10.0.0.1")
    assert len({tried.pair, tried.name, tried.address}) == 3
    assert b"wang" not in tried.pair + tried.name


def test_limits_come_in_one_order_whoever_asks() -> None:
    assert [key for key, _ in keys("a", "b").limits()] == sorted([keys("a", "b").pair, keys("a", "b").name, keys("a", "b").address])
