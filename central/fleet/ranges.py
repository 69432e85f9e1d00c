"""Sets of whole numbers as inclusive ranges in rising order, disjoint and not touching. Pure; the form multiranges take outside the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Range = tuple[int, int]
Ranges = tuple[Range, ...]


def normal(ranges: Iterable[Iterable[int]]) -> Ranges:
    """Any inclusive ranges as a set; empty ones vanish, neighbours become one."""
    merged: list[Range] = []
    for first, last in sorted((first, last) for first, last in ranges if first <= last):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def minus(these: Ranges, those: Ranges) -> Ranges:
    """What is in `these` and not in `those`."""
    left: list[Range] = []
    for first, last in these:
        start = first
        for low, high in those:
            if high < start:
                continue
            if low > last:
                break
            if low > start:
                left.append((start, low - 1))
            start = high + 1
        if start <= last:
            left.append((start, last))
    return tuple(left)


def common(these: Ranges, those: Ranges) -> Ranges:
    """What is in both."""
    return minus(these, minus(these, those))


def count(ranges: Ranges) -> int:
    """How many numbers there are."""
    return sum(last - first + 1 for first, last in ranges)


def pieces(ranges: Ranges, size: int) -> Iterator[Range]:
    """The ranges cut to at most `size` numbers each, lowest first."""
    for first, last in ranges:
        for start in range(first, last + 1, size):
            yield start, min(last, start + size - 1)


def multirange(ranges: Ranges) -> str:
    """As int8multirange text."""
    return "{" + ",".join(f"[{first},{last}]" for first, last in ranges) + "}"
