"""Sets of numbers as ranges, against Python's own sets."""

from __future__ import annotations

import random

import pytest

from central.fleet.ranges import Ranges, common, count, minus, multirange, normal, pieces


def numbers(ranges: Ranges) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


def some(chance: random.Random) -> Ranges:
    return normal((first := chance.randint(1, 40), first + chance.randint(-1, 6)) for _ in range(chance.randint(0, 8)))


@pytest.mark.parametrize("seed", range(50))
def test_they_are_sets(seed: int):
    chance = random.Random(seed)
    one, other = some(chance), some(chance)

    assert numbers(minus(one, other)) == numbers(one) - numbers(other)
    assert numbers(common(one, other)) == numbers(one) & numbers(other)
    assert count(one) == len(numbers(one))
    assert numbers(tuple(pieces(one, 3))) == numbers(one)


def test_normal_joins_neighbours_and_sorts():
    assert normal([[5, 6], (1, 2), (3, 3), (9, 8)]) == ((1, 3), (5, 6))


def test_pieces_are_at_most_so_long():
    assert list(pieces(((1, 130), (140, 140)), 64)) == [(1, 64), (65, 128), (129, 130), (140, 140)]


def test_multirange_is_what_the_database_reads():
    assert multirange(((1, 3), (5, 5))) == "{[1,3],[5,5]}"
