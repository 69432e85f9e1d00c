"""The sender's rules, played against a list of positions instead of an outbox."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.uplink.window import Lane, Limits, Window

LIMITS = Limits(window=4, live_slots=1, backfill_per_s=1000, backfill_burst=1000, retry_s=30, retry_max_s=600, refused_s=5, ack_grace_s=2)
AFTER_GRACE_S = 10.0


class Play:
    """A window with an outbox of positions 1..head, all pending above `acked`."""

    def __init__(self, head: int, limits: Limits = LIMITS, now_s: float = AFTER_GRACE_S) -> None:
        self.window = Window(limits)
        self.now_s = now_s
        self.head = head
        self.acked = 0
        self.sent: list[tuple[Lane, int]] = []
        self.window.opened(head, now_s - AFTER_GRACE_S)

    def pump(self) -> list[tuple[Lane, int]]:
        """Send all that may go now; returns what went."""
        self.window.grown(self.head)
        new = []
        while (want := self.window.next(self.now_s)) is not None:
            assert want.lane is not Lane.RESEND or want.upto == want.after + 1
            lowest = want.after if want.lane is Lane.RESEND else max(want.after, self.acked)
            position = lowest + 1 if lowest < min(want.upto, self.head) else None
            if position is None:
                self.window.nothing(want)
                continue
            self.window.sent(want, position, self.now_s)
            new.append((want.lane, position))
        self.sent += new
        return new

    def ack(self, seq: int, also: tuple[tuple[int, int], ...] = ()) -> None:
        self.acked = max(self.acked, seq)
        self.window.acked(0, seq, also)


def positions(sent):
    return [position for _, position in sent]


def test_live_goes_before_history():
    play = Play(head=100)
    play.head = 101

    assert play.pump()[0] == (Lane.LIVE, 101)


def test_history_goes_oldest_first_and_leaves_live_slots_free():
    play = Play(head=100)
    assert play.pump() == [(Lane.HISTORY, 1), (Lane.HISTORY, 2), (Lane.HISTORY, 3)]

    play.head = 101

    assert play.pump() == [(Lane.LIVE, 101)]


def test_nothing_is_sent_twice_while_its_receipt_is_not_overdue():
    play = Play(head=3)
    play.pump()
    play.now_s += 29

    assert play.pump() == []


def test_overdue_batch_is_sent_again_later_each_time():
    play = Play(head=1)
    times = []
    for _ in range(400):
        times += [play.now_s] * len(play.pump())
        play.now_s += 5

    gaps = [after - before for before, after in pairwise(times)]
    assert gaps == [30, 60, 120, 240, 480, 600]


def test_receipt_opens_the_window():
    play = Play(head=10)
    play.pump()

    play.ack(2)

    assert positions(play.pump()) == [4, 5]


def test_ranges_central_has_out_of_order_are_not_sent_again():
    play = Play(head=10)
    play.ack(0, also=((2, 4), (6, 9)))

    assert positions(play.pump()) == [1, 5, 10]


def test_puback_alone_frees_nothing():
    play = Play(head=10)
    for position in positions(play.pump()):
        play.window.delivered(position)

    assert play.pump() == []
    assert play.window.in_flight == 3


def test_history_waits_for_the_retained_receipt_after_a_connect():
    play = Play(head=10, now_s=AFTER_GRACE_S)
    play.window.opened(10, play.now_s)
    assert play.pump() == []

    play.ack(8)

    assert positions(play.pump()) == [9, 10]


def test_history_goes_without_a_receipt_once_the_grace_is_over():
    play = Play(head=10)
    play.window.opened(10, play.now_s)
    play.now_s += LIMITS.ack_grace_s

    assert positions(play.pump()) == [1, 2, 3]


def test_refusal_pauses_everything_then_one_batch_probes():
    play = Play(head=10)
    for position in positions(play.pump()):
        play.window.refused(position, play.now_s)
    play.head = 11
    assert play.pump() == []
    assert play.window.due_in_s(play.now_s) == 5

    play.now_s += 5

    assert positions(play.pump()) == [1]


def test_repeated_refusals_wait_longer_and_success_resumes():
    play = Play(head=10)
    waits = []
    for _ in range(4):
        for position in positions(play.pump()):
            play.window.refused(position, play.now_s)
        waits.append(play.window.due_in_s(play.now_s))
        play.now_s += waits[-1]
    assert waits == [5, 10, 20, 40]

    [(_, probe)] = play.pump()
    play.window.delivered(probe)

    assert len(play.pump()) >= 2


def test_token_bucket_throttles_history_and_not_live():
    play = Play(head=100, limits=Limits(window=16, live_slots=2, backfill_per_s=2, backfill_burst=2))
    assert positions(play.pump()) == [1, 2]
    play.head = 105

    assert positions(play.pump()) == [101, 102, 103, 104, 105]
    assert play.window.due_in_s(play.now_s) == pytest.approx(0.5)


def test_range_asked_for_again_is_sent_although_acked_and_leaves_with_its_puback():
    play = Play(head=10)
    play.ack(10)
    assert play.window.resend(3, 5)

    sent = play.pump()
    for position in positions(sent):
        play.window.delivered(position)

    assert sent == [(Lane.RESEND, 3), (Lane.RESEND, 4), (Lane.RESEND, 5)]
    assert play.window.in_flight == 0
    assert play.pump() == []


def test_too_many_ranges_are_refused():
    play = Play(head=10)

    assert [play.window.resend(n, n) for n in range(1, 18)] == [True] * 16 + [False]


def test_what_was_in_flight_is_history_after_a_reconnect():
    play = Play(head=2)
    play.pump()
    play.window.closed()
    assert play.pump() == []

    play.window.opened(2, play.now_s)
    play.now_s += LIMITS.ack_grace_s

    assert play.pump() == [(Lane.HISTORY, 1), (Lane.HISTORY, 2)]


def test_live_that_piled_up_behind_a_stalled_central_becomes_history():
    play = Play(head=0)
    play.head = 4
    play.pump()
    play.head = 200
    play.pump()

    play.ack(4)
    play.head = 201

    assert play.pump()[0] == (Lane.LIVE, 201)


def test_closed_window_wants_nothing():
    play = Play(head=5)
    play.window.closed()

    assert play.pump() == []
    assert play.window.due_in_s(play.now_s) == float("inf")


def test_what_central_asked_for_again_is_forgotten_with_the_session():
    play = Play(head=10)
    play.window.resend(3, 5)
    play.window.opened(10, play.now_s)
    play.now_s += LIMITS.ack_grace_s
    play.ack(10)

    assert play.pump() == []


def test_ranges_asked_for_again_go_one_after_the_other_and_each_once():
    play = Play(head=10)
    play.ack(10)
    for first, last in ((5, 6), (5, 6), (2, 2)):
        assert play.window.resend(first, last)

    assert positions(play.pump()) == [5, 6, 2]


def test_new_session_is_not_held_back_by_the_refusals_of_the_last():
    play = Play(head=10)
    for position in positions(play.pump()):
        play.window.refused(position, play.now_s)
    assert play.window.paused

    play.window.closed()
    play.window.opened(10, play.now_s)
    play.now_s += LIMITS.ack_grace_s

    assert not play.window.paused
    assert len(play.pump()) == 3


def test_renumbered_outbox_is_sent_from_its_beginning():
    play = Play(head=10)
    play.ack(0, also=((2, 9),))
    play.pump()

    play.head = 3
    play.window.renumbered(3, play.now_s)
    play.now_s += LIMITS.ack_grace_s

    assert positions(play.pump()) == [1, 2, 3]


def test_pause_lasts_although_nothing_is_in_flight_any_more():
    play = Play(head=2)
    play.pump()
    play.window.refused(1, play.now_s)
    play.ack(2)

    assert play.window.due_in_s(play.now_s) == 5


def test_throttled_range_asked_for_again_wakes_the_sender():
    play = Play(head=3, limits=Limits(window=16, live_slots=2, backfill_per_s=2, backfill_burst=2))
    play.ack(3)
    assert play.pump() == []
    play.window.resend(1, 3)
    assert positions(play.pump()) == [1, 2]
    for position in (1, 2):
        play.window.delivered(position)

    play.now_s += 0.25

    assert play.pump() == []
    assert play.window.due_in_s(play.now_s) == pytest.approx(0.25)


def test_receipt_beside_the_prefix_frees_its_batches():
    play = Play(head=10)
    play.pump()
    play.ack(0, also=((2, 3),))

    assert play.window.in_flight == 1


@pytest.mark.parametrize("stalls", [2, 20])
def test_history_in_several_pieces_is_sent_whole_and_live_in_between_not_again(stalls):
    play = Play(head=5)
    for _ in range(stalls):
        play.head += 1
        play.pump()  # one goes live
        play.head += 70
        play.pump()  # too many at once become history
    while play.pump() or play.acked < play.head:
        received = sorted(set(positions(play.sent)))
        play.ack(next((a for a, b in pairwise([*received, 0]) if b != a + 1), 0) if received[0] == 1 else 0, also=tuple((p, p) for p in received))
        play.now_s += 1

    assert sorted(set(positions(play.sent))) == list(range(1, play.head + 1))
    assert len(play.sent) <= play.head + (0 if stalls == 2 else stalls)


Step = st.one_of(
    st.tuples(st.just("grow"), st.integers(1, 90)),
    st.tuples(st.just("ack"), st.integers(0, 400)),
    st.tuples(st.just("also"), st.integers(0, 400)),
    st.tuples(st.just("wait"), st.integers(1, 100)),
    st.tuples(st.just("refuse"), st.just(0)),
    st.tuples(st.just("reconnect"), st.just(0)),
)


@given(st.integers(0, 100), st.lists(Step, max_size=40))
def test_window_is_never_exceeded_and_everything_is_sent_in_the_end(head, steps):
    play = Play(head)
    for kind, number in steps:
        if kind == "grow":
            play.head += number
        elif kind == "ack" and play.sent:
            play.ack(min(number, max(positions(play.sent))))
        elif kind == "also" and number < play.head:
            play.window.acked(0, play.acked, ((max(number, play.acked + 2), play.head),))
        elif kind == "wait":
            play.now_s += number
        elif kind == "refuse" and play.sent:
            play.window.refused(play.sent[-1][1], play.now_s)
        elif kind == "reconnect":
            play.window.opened(play.head, play.now_s)
        play.pump()
        assert play.window.in_flight <= LIMITS.window
    play.window.acked(0, play.acked, ())
    play.window.opened(play.head, play.now_s)
    for _ in range(5 * play.head + 10):
        play.now_s += 1
        for position in positions(play.pump()):
            play.window.delivered(position)
            play.ack(max(play.acked, position if position == play.acked + 1 else play.acked))
    assert play.acked == play.head
