"""What identifiers and registers are called, from the device profiles: the words behind a frame's numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edge_agent.drivers.fields import byte_value, decode_fields, register_value
from edge_agent.drivers.plan import Field
from protocol.profile import AnyProfile, Profile188, Profile1997, Profile2007, ProfileModbus
from protocol.profile_items import AnyItem, ByteItem, Item188, Item1997, Item2007
from protocol.wire import dlt645

Values = tuple[tuple[str, int], ...]  # quantity -> integer in its base unit
_GENERIC = "generic/"


@dataclass(frozen=True)
class Meanings:
    """What is known of identifiers. `registers`: unit -> profile of the Modbus device there, as far as the caller knows."""

    by_2007: Mapping[str, tuple[Field, ...]]
    by_1997: Mapping[str, tuple[Field, ...]]
    by_188: Mapping[str, tuple[Field, ...]]
    registers: Mapping[int, ProfileModbus]

    def of_645(self, version: dlt645.Version, di: str, data: bytes) -> Values:
        """The values in the data of a reply to an identifier."""
        return _values(self.by_2007 if version is dlt645.Version.V2007 else self.by_1997, di, data)

    def of_188(self, di: str, data: bytes) -> Values:
        """As `of_645`; the identifier high byte first."""
        return _values(self.by_188, di, data)

    def name_645(self, version: dlt645.Version, di: str) -> str:
        """The quantities an identifier carries, or nothing."""
        known = (self.by_2007 if version is dlt645.Version.V2007 else self.by_1997).get(di, ())
        return ", ".join(dict.fromkeys(one.item.quantity for one in known))

    def of_registers(self, unit: int, function: int, first: int, words: list[int]) -> Values:
        """The values in the registers or coils a device answered with."""
        profile = self.registers.get(unit)
        if profile is None:
            return ()
        inside = [
            Field(item, item.address - first)
            for item in profile.items
            if item.function == function and first <= item.address and item.address + item.count <= first + len(words)
        ]
        return decode_fields(inside, lambda one: register_value(one, words)).values


def meanings(profiles: Mapping[str, AnyProfile], registers: Mapping[int, ProfileModbus] | None = None) -> Meanings:
    """Gather what the profiles know. Where makers differ on an identifier, the generic dialects are believed."""
    ordered = sorted(profiles.values(), key=lambda profile: (not profile.profile.startswith(_GENERIC), profile.profile))
    by_2007: dict[str, tuple[Field, ...]] = {}
    by_1997: dict[str, tuple[Field, ...]] = {}
    by_188: dict[str, tuple[Field, ...]] = {}
    for profile in ordered:
        match profile:
            case Profile2007():
                _learn(by_2007, _items_of(profile), _blocks_of(profile))
            case Profile1997():
                _learn(by_1997, _items_of(profile), _blocks_of(profile))
            case Profile188():
                _learn(by_188, list(profile.items), {})
            case _:
                pass
    return Meanings(by_2007, by_1997, by_188, registers or {})


_Named = Item2007 | Item1997 | Item188


def _items_of(profile: Profile2007 | Profile1997) -> list[_Named]:
    """Polled items, and the frozen ones under every number they go back."""
    found: list[_Named] = list(profile.items)
    for freeze in profile.freezes:
        for item in freeze.items:
            digits = len(item.di)
            found += [item.model_copy(update={"di": f"{int(item.di, 16) + back * freeze.step:0{digits}X}"}) for back in range(freeze.depth)]
    return found


def _blocks_of(profile: Profile2007 | Profile1997) -> dict[str, tuple[str, ...]]:
    return {block.di: block.items for block in profile.blocks}


def _learn(known: dict[str, tuple[Field, ...]], items: list[_Named], blocks: Mapping[str, tuple[str, ...]]) -> None:
    mine: dict[str, list[Field]] = {}
    for item in items:
        mine.setdefault(item.di, []).append(Field(item, item.offset))
    for di, members in blocks.items():
        mine[di] = list(_in_block(members, mine))
    for di, fields in mine.items():
        known.setdefault(di, tuple(fields))


def _in_block(members: tuple[str, ...], mine: Mapping[str, list[Field]]) -> Iterator[Field]:
    """A block's members one behind the other; one that is not known ends what can be told."""
    at = 0
    for di in members:
        fields = mine.get(di)
        if not fields:
            return
        yield from (Field(one.item, at + one.offset) for one in fields)
        at += max(one.offset + _size(one.item) for one in fields)


def _size(item: AnyItem) -> int:
    return item.size if isinstance(item, ByteItem) else 0


def _values(known: Mapping[str, tuple[Field, ...]], di: str, data: bytes) -> Values:
    return decode_fields(known.get(di, ()), lambda one: byte_value(one, data)).values
