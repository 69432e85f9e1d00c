"""Who asks too often waits; others do not; nobody's memory grows without end."""

from __future__ import annotations

import pytest

from central.web.limits import MAX_KEYS, Buckets, asker, build_limits


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_let_in_and_then_one_at_a_time() -> None:
    clock = Clock()
    buckets = Buckets(2.0, 3, clock)
    assert [buckets.wait_s(b"a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now += 0.5
    assert buckets.wait_s(b"a") == 0
    assert buckets.wait_s(b"a") > 0
    assert buckets.wait_s(b"b") == 0


def test_a_pause_fills_no_more_than_the_bucket() -> None:
    clock = Clock()
    buckets = Buckets(10.0, 2, clock)
    buckets.wait_s(b"a")
    clock.now += 3600
    assert [buckets.wait_s(b"a") > 0 for _ in range(3)] == [False, False, True]


def test_refused_requests_do_not_push_the_end_of_the_wait_away() -> None:
    clock = Clock()
    buckets = Buckets(1.0, 1, clock)
    buckets.wait_s(b"a")
    for _ in range(5):
        assert buckets.wait_s(b"a") == pytest.approx(1.0)
    clock.now += 1.0
    assert buckets.wait_s(b"a") == 0


def test_the_longest_unheard_is_forgotten_first() -> None:
    buckets = Buckets(0.001, 1, Clock())
    buckets.wait_s(b"old")
    for number in range(MAX_KEYS):
        buckets.wait_s(str(number).encode())
    assert buckets.wait_s(b"old") == 0
    assert buckets.wait_s(str(MAX_KEYS - 1).encode()) > 0


def test_made_up_sessions_share_the_limit_of_their_address() -> None:
    limits = build_limits(1.0, 2, Clock())
    waits = [limits.wait_s(asker({}, f"ce_session=made-up-{n}", "10.0.0.1"), "10.0.0.1") for n in range(41)]
    assert [wait > 0 for wait in waits] == [False] * 40 + [True]


def test_token_session_and_address_are_different_askers() -> None:
    keys = {
        asker({"authorization": "Bearer x"}, "", "1"),
        asker({}, "other=1; ce_session=x", "1"),
        asker({}, "__Host-ce_session=y", "1"),
        asker({}, "", "1"),
        asker({}, "", "2"),
    }
    assert len(keys) == 5
    assert asker({}, "a=1; ce_session=x; b=2", "9") == asker({}, "ce_session=x", "1")
