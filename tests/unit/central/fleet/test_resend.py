"""Who is asked for what, when again, and how much at once."""

from __future__ import annotations

from dataclasses import replace

from central.fleet.resend import MAX_GATEWAYS, REQUEST_NUMBERS, REQUESTS_A_GATEWAY, RETRY_MS, Request, ask, choose
from central.fleet.sequence import Gap, Sequence, follow

NOW_MS = 1_800_000_000_000


def lost(upto: int, gateway: str = "gw-1") -> Sequence:
    """A central that was set back: it has nothing, the box has a receipt for everything."""
    return Sequence(gateway, 1, 7, [], [], upto, upto, 1, True, False)


def gaps_of(sequence: Sequence) -> list[Gap]:
    return [replace(gap, id=1) for gap in follow(sequence, [], NOW_MS)]


def chosen(sequence: Sequence, gaps: list[Gap], now_ms: int) -> tuple[list[Gap], list[Request]]:
    return choose([sequence], {(sequence.gateway, sequence.generation, sequence.epoch): gaps}, now_ms)


def test_a_long_gap_is_asked_for_in_short_ranges_and_not_all_at_once():
    sequence = lost(10_000)
    asked, requests = chosen(sequence, gaps_of(sequence), NOW_MS)

    assert len(requests) == REQUESTS_A_GATEWAY
    assert requests[0] == Request("gw-1", 7, 1, REQUEST_NUMBERS)
    assert (asked[0].asked_last, asked[0].times) == (REQUESTS_A_GATEWAY * REQUEST_NUMBERS, 1)


def test_the_next_part_is_asked_for_when_the_first_has_come():
    sequence = lost(10_000)
    asked, _ = chosen(sequence, gaps_of(sequence), NOW_MS)
    came = replace(sequence, ranges=[[1, asked[0].asked_last]])
    gaps = follow(came, asked, NOW_MS + 5)

    _, requests = chosen(came, gaps, NOW_MS + 5)

    assert requests[0].first == (asked[0].asked_last or 0) + 1


def test_what_does_not_come_is_asked_for_again_later_each_time():
    sequence = lost(10)
    gaps, asked_at = gaps_of(sequence), []
    for second in range(700):
        asked, _ = chosen(sequence, gaps, NOW_MS + second * 1000)
        if asked:
            asked_at.append(second)
            gaps = asked

    assert asked_at == [0, 30, 90, 210, 450]
    assert RETRY_MS == 30_000


def test_while_something_comes_nothing_is_repeated():
    sequence = lost(10)
    asked, _ = chosen(sequence, gaps_of(sequence), NOW_MS)
    half = replace(sequence, ranges=[[1, 5]])
    gaps = follow(half, asked, NOW_MS + RETRY_MS - 1)

    assert chosen(half, gaps, NOW_MS + RETRY_MS) == ([], [])
    assert chosen(half, gaps, NOW_MS + 2 * RETRY_MS)[1] == [Request("gw-1", 7, 6, 10)]


def test_many_small_gaps_share_the_limit():
    sequence = replace(lost(100), ranges=[[n, n] for n in range(2, 101, 2)])
    gaps = [replace(gap, id=number) for number, gap in enumerate(follow(sequence, [], NOW_MS), start=1)]
    asked, requests = chosen(sequence, gaps, NOW_MS)
    after = [next((one for one in asked if one.id == gap.id), gap) for gap in gaps]

    assert len(requests) == REQUESTS_A_GATEWAY
    assert chosen(sequence, after, NOW_MS + 1) == ([], [])


def test_a_box_that_is_offline_or_replaced_is_not_asked():
    for change in ({"online": False}, {"replaced": True}):
        assert chosen(replace(lost(10), **change), gaps_of(lost(10)), NOW_MS) == ([], [])


def test_so_many_gateways_at_once_and_the_others_next():
    sequences = [lost(10, f"gw-{n}") for n in range(MAX_GATEWAYS + 5)]
    gaps = {(one.gateway, 1, 7): gaps_of(one) for one in sequences}
    asked, requests = choose(sequences, gaps, NOW_MS)
    gaps |= {(gap.gateway, 1, 7): [gap] for gap in asked}
    _, later = choose(sequences, gaps, NOW_MS + 1)

    assert len(requests) == MAX_GATEWAYS
    assert len({one.gateway for one in [*requests, *later]}) == MAX_GATEWAYS + 5


def test_asking_ends_where_the_broker_takes_no_more():
    taken: list[str] = []

    def publish(topic: str, _body: bytes) -> bool:
        taken.append(topic)
        return len(taken) < 2

    assert ask([Request("gw-1", 7, n, n) for n in range(1, 9)], publish) == 1
    assert taken == ["ce/v1/gw-1/down/resend"] * 2
