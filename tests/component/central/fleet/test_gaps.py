"""What a gateway sent and central has not got: found, asked for, filled; or told as lost."""

from __future__ import annotations

from typing import Any

N = 30
KEPT = 10


def deliver(site: Any) -> None:
    """The box has delivered batches 1..N and has central's receipts; then central is set back to 1..KEPT and the box's program ends."""
    site.box.read(N)
    site.box.sender.start()
    site.until(lambda: site.box.outbox.backlog().batches == 0, "everything is delivered")
    site.box.end()
    site.set_back(KEPT)


def begin_again(site: Any) -> None:
    site.box.begin()
    site.box.sender.start()
    closed = "select count(*) from gateway_gap where filled_at is not null or lost_at is not null"
    site.until(lambda: site.row(closed) == (1,), "the gap is closed")


def test_a_restored_central_asks_for_what_it_has_lost_and_gets_it(whole_site):
    deliver(whole_site)

    begin_again(whole_site)

    assert whole_site.stored() == list(range(1, N + 1))
    assert whole_site.row("select first, last, lost, times >= 1, filled_at >= found_at from gateway_gap") == (KEPT + 1, N, 0, True, True)
    assert whole_site.row("select count(*), received = int8multirange(int8range(1, 31)) from batch, ack_cursor group by received") == (N, True)


def test_batches_missing_in_the_middle_come_back(whole_site):
    deliver(whole_site)
    whole_site.box.begin()
    whole_site.box.read(5)
    whole_site.box.sender.start()
    whole_site.until(lambda: whole_site.stored() == list(range(1, N + 6)), "old and new are there")

    assert whole_site.row("select count(*) from batch where seq between 11 and 30") == (N - KEPT,)


def test_rows_the_box_has_lost_are_told(whole_site):
    deliver(whole_site)
    whole_site.box.lose(12, 15)

    begin_again(whole_site)

    assert whole_site.stored() == [n for n in range(1, N + 1) if not 12 <= n <= 15]
    assert whole_site.row("select lost, filled_at from gateway_gap") == (4, None)
    assert whole_site.row("select gateway, severity, data ->> 'lost' from event where code = 'gateway.gap_lost'") == ("gw-1", "error", "4")


def test_rows_the_box_let_go_long_ago_are_not_even_asked_for(whole_site):
    deliver(whole_site)
    whole_site.box.lose(1, 20)

    begin_again(whole_site)

    assert whole_site.stored() == [*range(1, KEPT + 1), *range(21, N + 1)]
    assert whole_site.row("select lost, given_up = int8multirange(int8range(11, 21)) from gateway_gap") == (10, True)
    assert whole_site.row("select count(*) from event where code = 'outbox.batch_lost'") == (0,)


def test_a_box_that_drains_its_backlog_is_left_alone(whole_site):
    whole_site.box.read(N)
    whole_site.box.sender.start()
    whole_site.box.read(5)

    whole_site.until(lambda: len(whole_site.stored()) == N + 5, "the backlog is drained")

    assert whole_site.row("select count(*) from gateway_gap where times > 0 or lost > 0") == (0,)
