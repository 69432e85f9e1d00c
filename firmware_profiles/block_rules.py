"""Rules of block reads: which identifiers a DL/T 645 block carries, and which Modbus ranges may be read across holes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from protocol.document import Problem
from protocol.profile import AnyProfile, Profile1997, Profile2007, ProfileModbus
from protocol.profile_items import Block1997, Block2007, Item1997, Item2007, RegisterBlock, RegisterItem

_MAX_DATA = 200  # bytes of a reply's data, the identifier among them (DL/T 645-2007 5.2.4)
# Blocks without a total: their first member is number 1 (phase A, or line AB). All others start at 0, the total.
_NO_TOTAL_2007 = ("0201", "0202", "0207", "0208", "0209", "020A", "020C")
_NO_TOTAL_1997 = ("B61", "B62")


def block_problems(profile: AnyProfile) -> Iterator[Problem]:
    """What is wrong with the blocks of one profile; profiles without blocks pass."""
    if isinstance(profile, ProfileModbus):
        yield from _register_blocks(profile.items, profile.blocks)
    elif isinstance(profile, Profile2007 | Profile1997):
        items: Sequence[Item2007 | Item1997] = profile.items
        for index, item in enumerate(items):
            if _block_places(item.di):
                yield ("items", index, "di"), f"{item.di} names a block; items have single identifiers, blocks stand under `blocks`"
        yield from _identifier_blocks(items, profile.blocks)


def _block_places(di: str) -> list[int]:
    """Where an identifier says "all": bytes FF of a 2007 identifier, the low digit F of a 1997 one (index from the high end)."""
    if len(di) == 8:
        return [place for place in range(4) if di[2 * place : 2 * place + 2] == "FF"]
    return [3] if di.endswith("F") else []


def _identifier_blocks(items: Sequence[Item2007 | Item1997], blocks: Sequence[Block2007 | Block1997]) -> Iterator[Problem]:
    known = {item.di: item for item in items}
    listed: dict[str, str] = {}
    for index, block in enumerate(blocks):
        path = ("blocks", index)
        for place, di in enumerate(block.items):
            if di not in known:
                yield (*path, "items", place), f"{di} is not an item of this profile"
            elif sum(item.di == di for item in items) > 1 or known[di].offset:
                yield (*path, "items", place), f"{di} carries several values or an offset; only plain single values can stand in a block"
            if di in listed:
                yield (*path, "items", place), f"{di} already stands in block {listed[di]}"
            listed.setdefault(di, block.di)
        size = len(block.di) // 2 + sum(known[di].size for di in block.items if di in known)
        if size > _MAX_DATA:
            yield path, f"the reply would carry {size} data bytes; expected at most {_MAX_DATA}"
        yield from (((*path, "di"), problem) for problem in _pattern(block))


def _pattern(block: Block2007 | Block1997) -> Iterator[str]:
    """A reply carries every member from the first on, so the list must too: a gap would shift all later values."""
    problem = _pattern_2007(block.di) if len(block.di) == 8 else _pattern_1997(block.di)
    if problem:
        yield problem
        return
    expected = _members(block.di, len(block.items))
    if block.items != expected:
        yield f"block {block.di} carries, in this order, {', '.join(expected)}; got {', '.join(block.items)}"


def _pattern_2007(di: str) -> str | None:
    places = _block_places(di)
    if 0 in places:
        return f"{di}: FF never stands in DI3 (DL/T 645-2007 annex A)"
    if len(places) != 1 or places == [1] or (places == [3] and not di.startswith("00")):
        return f"{di}: expected one FF, in DI1, or in DI0 with DI3 = 00; other blocks are not read the same by all makers"
    return None


def _pattern_1997(di: str) -> str | None:
    return None if _block_places(di) else f"{di}: expected a block identifier, which ends in F (DL/T 645-1997 annex A)"


def _members(di: str, count: int) -> tuple[str, ...]:
    if len(di) == 4:
        first = 1 if di.startswith(_NO_TOTAL_1997) else 0
        return tuple(f"{di[:3]}{number:X}" for number in range(first, first + count))
    first = 1 if di.startswith(_NO_TOTAL_2007) else 0
    at = 2 * _block_places(di)[0]
    return tuple(f"{di[:at]}{number:02X}{di[at + 2 :]}" for number in range(first, first + count))


def _register_blocks(items: Sequence[RegisterItem], blocks: Sequence[RegisterBlock]) -> Iterator[Problem]:
    for index, block in enumerate(blocks):
        touched = [item for item in items if _touches(item, block)]
        if not touched:
            yield ("blocks", index), f"no item lies in registers {_range(block)} of function {block.function}; remove the block"
        elif (first := min(item.address for item in touched)) > block.first or max(item.address + item.count for item in touched) <= block.last:
            yield ("blocks", index), f"{_range(block)} goes beyond its items; begin at 0x{first:04X} and end with the last register read"
        for item in touched:
            if item.address < block.first or item.address + item.count - 1 > block.last:
                yield ("blocks", index), f"{item.quantity} at 0x{item.address:04X} reaches beyond the block {_range(block)}"
    for (_, one), (index, other) in combinations(enumerate(blocks), 2):
        if one.function == other.function and one.first <= other.last and other.first <= one.last:
            yield ("blocks", index), f"{_range(other)} overlaps {_range(one)} of the same function; join them or part them"


def _touches(item: RegisterItem, block: RegisterBlock) -> bool:
    return item.function == block.function and item.address <= block.last and block.first <= item.address + item.count - 1


def _range(block: RegisterBlock) -> str:
    return f"0x{block.first:04X}..0x{block.last:04X}"
