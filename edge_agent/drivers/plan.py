"""Due items -> block requests: as few exchanges as the profile declares safe, split and remembered where a device refuses. Pure.

A block is used when at least two of its items are due. A device that refuses a block is asked for its halves (registers) or single
identifiers instead; what it refuses alone it does not have, and is asked again once a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from protocol.profile import AnyProfile, ProfileMbus, ProfileModbus
from protocol.profile_items import Block1997, Block2007, Item188, Item1997, Item2007, ItemMbus, RegisterItem
from protocol.site_plan import Device

AnyItem = Item2007 | Item1997 | Item188 | RegisterItem | ItemMbus
IdentifierItem = Item2007 | Item1997 | Item188
Key = tuple[str] | tuple[int, int, int]  # (identifier,) or (function, first register, count)
MBUS_KEY: Key = ("mbus",)  # an M-Bus slave is asked for all it has
RETRY_REFUSED_S = 86_400.0
MAX_HOLE = {1: 512, 2: 512, 3: 32, 4: 32}  # reading a hole this long costs about as much line time as a second request


@dataclass(frozen=True, slots=True)
class Field:
    """Where an item lies in the reply: byte offset behind the identifier (negative: from the end), or registers (coils) from the first.

    M-Bus records are found by what they measure; their offset is 0.
    """

    item: AnyItem
    offset: int


@dataclass(frozen=True, slots=True)
class Request:
    """One read of one device. `key` is what is asked for, and what is remembered about it."""

    device: Device
    key: Key
    fields: tuple[Field, ...]


@dataclass(slots=True)
class Memory:
    """What one device has shown. `refused`: key -> when to ask again; `proven`: keys answered last time; `doubted`: a block met with silence."""

    refused: dict[Key, float] = field(default_factory=dict)
    proven: set[Key] = field(default_factory=set)
    doubted: Key | None = None

    def has(self, key: Key, now: float) -> bool:
        """False while the device is known to refuse this."""
        return self.refused.get(key, now) <= now

    def has_range(self, function: int, first: int, count: int, now: float) -> bool:
        """False while the device is known to refuse this range of registers or a part of it."""
        return not any(
            until > now and len(key) == 3 and key[0] == function and first <= key[1] and key[1] + key[2] <= first + count
            for key, until in self.refused.items()
        )


def plan(profile: AnyProfile, device: Device, items: Iterable[AnyItem], memory: Memory, now: float) -> list[Request]:
    """The requests that read these items of a profile, in the profile's order; items known to be refused are left out."""
    wanted = set(map(id, items))
    due = [item for item in profile.items if id(item) in wanted]
    found: Iterable[Request]
    if isinstance(profile, ProfileModbus):
        found = _register_requests(profile, device, cast(list[RegisterItem], due), memory, now)
    elif isinstance(profile, ProfileMbus):
        found = [Request(device, MBUS_KEY, tuple(Field(item, 0) for item in due))] if due and memory.has(MBUS_KEY, now) else []
    else:
        found = _identifier_requests(profile, device, cast(list[IdentifierItem], due), memory, now)
    position = {id(item): index for index, item in enumerate(profile.items)}
    return sorted(found, key=lambda request: min(position[id(one.item)] for one in request.fields))


def answered(memory: Memory, request: Request) -> None:
    """Note that the device has this. A block that met silence before is now known to be what it does not have."""
    memory.proven.add(request.key)
    memory.refused.pop(request.key, None)
    memory.doubted = None


def refused(profile: AnyProfile, request: Request, memory: Memory, now: float) -> list[Request]:
    """Note that the device refused this (or stayed silent to it, being alive); return what to ask instead, now.

    One refusal of what it has answered before is believed only when repeated.
    """
    if request.key != memory.doubted:
        memory.doubted = None  # the device lives, so its earlier silence was about the block
    if request.key in memory.proven:
        memory.proven.discard(request.key)
        return []
    memory.refused[request.key] = now + RETRY_REFUSED_S
    return plan(profile, request.device, [one.item for one in request.fields], memory, now)


def silent(profile: AnyProfile, request: Request, memory: Memory, now: float) -> list[Request]:
    """Return what to ask when the device is tried once more: parts of a block it has never answered, or the same again."""
    if memory.doubted is not None or request.key in memory.proven or not _splits(request):
        return [request]
    memory.doubted = request.key
    return refused(profile, request, memory, now)


def dead(memory: Memory) -> None:
    """The device is silent to everything: its silence to a block said nothing about the block."""
    if memory.doubted is not None:
        memory.refused.pop(memory.doubted, None)
        memory.doubted = None


def _splits(request: Request) -> bool:
    first = request.fields[0].item
    return any(_place(one.item) != _place(first) for one in request.fields)


def _place(item: AnyItem) -> Key:
    """What an item is read by when it is read alone."""
    if isinstance(item, RegisterItem):
        return (item.function, item.address, item.count)
    return MBUS_KEY if isinstance(item, ItemMbus) else (item.di,)


# --- identifiers (DL/T 645, CJ/T 188) ----------------------------------------------------------------------------------


def _identifier_requests(profile: AnyProfile, device: Device, due: Sequence[IdentifierItem], memory: Memory, now: float) -> Iterator[Request]:
    wanted: dict[str, list[IdentifierItem]] = {}
    for item in due:
        wanted.setdefault(item.di, []).append(item)
    for block in getattr(profile, "blocks", ()):
        carried = [di for di in block.items if di in wanted and min(item.offset for item in wanted[di]) >= 0]
        if len(carried) >= 2 and memory.has((block.di,), now):
            starts = _starts(profile, block)
            yield Request(device, (block.di,), tuple(Field(item, starts[di] + item.offset) for di in carried for item in wanted.pop(di)))
    for di, items in wanted.items():
        if memory.has((di,), now):
            yield Request(device, (di,), tuple(Field(item, item.offset) for item in items))


def _starts(profile: AnyProfile, block: Block2007 | Block1997) -> dict[str, int]:
    """Byte offset of each identifier inside its block. One the profile does not read is as long as the longest that it does."""
    sizes: dict[str, int] = {}
    for item in profile.items:
        if isinstance(item, IdentifierItem) and item.di in block.items:
            sizes[item.di] = max(sizes.get(item.di, 0), item.offset + item.size)
    starts, at = {}, 0
    for di in block.items:
        starts[di] = at
        at += sizes.get(di, max(sizes.values()))
    return starts


# --- registers (Modbus) ------------------------------------------------------------------------------------------------


def _register_requests(profile: ProfileModbus, device: Device, due: Sequence[RegisterItem], memory: Memory, now: float) -> Iterator[Request]:
    left = sorted(due, key=lambda item: (item.function, item.address, item.count))
    for block in profile.blocks:
        inside = [i for i in left if i.function == block.function and block.first <= i.address and i.address + i.count - 1 <= block.last]
        left = [item for item in left if item not in inside]
        for run in _runs(inside):
            yield from _ranges(device, run, memory, now)
    alone: dict[Key, list[RegisterItem]] = {}
    for item in left:
        alone.setdefault(_place(item), []).append(item)
    for items in alone.values():
        yield from _ranges(device, items, memory, now)


def _runs(items: Sequence[RegisterItem]) -> Iterator[list[RegisterItem]]:
    """Cut a sorted list where the hole is too long to be worth reading."""
    run: list[RegisterItem] = []
    for item in items:
        if run and item.address - max(one.address + one.count for one in run) > MAX_HOLE[item.function]:
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _ranges(device: Device, items: Sequence[RegisterItem], memory: Memory, now: float) -> Iterator[Request]:
    """One request for the run, or requests for its halves where the device refuses it or a part of it."""
    function, first = items[0].function, items[0].address
    count = max(item.address + item.count for item in items) - first
    places = sorted({(item.address, item.count) for item in items})
    if memory.has_range(function, first, count, now):
        yield Request(device, (function, first, count), tuple(Field(item, item.address - first) for item in items))
    elif len(places) > 1:
        cut = places[len(places) // 2]
        yield from _ranges(device, [item for item in items if (item.address, item.count) < cut], memory, now)
        yield from _ranges(device, [item for item in items if (item.address, item.count) >= cut], memory, now)
