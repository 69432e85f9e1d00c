"""The site plan of the whole reference university, built from its inventory. Pure and always the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from types import MappingProxyType

from protocol.errors import ConfigError
from protocol.profile import AnyProfile, Serial
from protocol.profile_items import Protocol
from protocol.record import Text
from protocol.site_plan import Device, Gateway, Line, Place, Rehearsal, ReportingDevice, SerialPort, Site, SitePlan
from provisioning import reference_inventory as inventory
from provisioning.reference_inventory import Buildings, Meters

_LINES = 4  # RS-485 ports of a gateway
_DIGITS = {Protocol.DLT645_2007: 12, Protocol.DLT645_1997: 12, Protocol.CJT188: 14}


@dataclass(frozen=True, slots=True)
class _Unit:
    """A device to be, and the profile that says what line it needs."""

    device: Device
    profile: AnyProfile


def reference_site(profiles: Mapping[str, AnyProfile]) -> SitePlan:
    """Return the plan: 183 gateways, 13,578 devices on lines, 182 that report by themselves. Raise ConfigError if a profile is missing."""
    places = [Place(id="campus", kind="campus", name=Text(zh="参考大学", en="Reference University"))]
    gateways = [*_dorms(places, profiles), *_energy(places, profiles), *_classrooms(places, profiles)]
    site = Site(id="reference", name=Text(zh="参考大学", en="Reference University"))
    return SitePlan(
        schema=1,
        site=site,
        places=tuple(places),
        gateways=tuple(gateways),
        reporting_devices=tuple(_energy_water(profiles)),
        rehearsal=Rehearsal(seed=1),
    )


def _dorms(places: list[Place], profiles: Mapping[str, AnyProfile]) -> Iterator[Gateway]:
    """59 gateways, two a building; each has one floor half of its building and the rooms' meters, all of one maker."""
    shares = [(meters, share) for meters, count in inventory.DORM_METERS for share in _shares(meters.count, count)]
    numbers = {id(meters): iter(range(1, meters.count + 1)) for meters, _ in inventory.DORM_METERS}
    waters = _shares(inventory.DORM_WATER.count, len(shares))
    water_numbers = iter(range(1, inventory.DORM_WATER.count + 1))
    for index, (meters, count) in enumerate(shares):
        building = f"dorm-{index // 2 + 1:02}"
        half = index % 2
        if half == 0:
            rooms_here = sum(count for _, count in shares[index : index + 2])
            facts = {
                "area_m2": rooms_here * inventory.DORM_M2_A_ROOM * 3 // 2,
                "people": rooms_here * inventory.DORM_PEOPLE_A_ROOM,
                "building_type": "I",
            }
            name = Text(zh=f"学生公寓{index // 2 + 1}号楼", en=f"Dormitory {index // 2 + 1}")
            places += _building(building, name, inventory.DORM_FLOORS, facts)
        floors = [half * inventory.DORM_FLOORS // 2 + n for n in range(1, inventory.DORM_FLOORS // 2 + 1)]
        rooms = _rooms(building, floors, count)
        places += rooms
        units = [
            _used_for(_unit(meters, number, f"m-{room.id}", room.id, profiles), "01A1")
            for room, number in zip(rooms, islice(numbers[id(meters)], count), strict=True)
        ]
        for position, number in enumerate(islice(water_numbers, waters[index])):
            floor = f"{building}-f{floors[position % len(floors)]}"
            units.append(_unit(inventory.DORM_WATER, number, f"w-{building}-{half}-{position + 1}", floor, profiles))
        yield _gateway(f"gw-{index + 1:03}", f"{building}-f{floors[0]}", units)


def _energy(places: list[Place], profiles: Mapping[str, AnyProfile]) -> Iterator[Gateway]:
    """70 gateways in 35 buildings; one run of meters after the other, each in a room, the first of a floor in its switch room."""
    buildings = _energy_buildings()
    meters = iter([(maker, number) for maker in inventory.ENERGY_METERS for number in range(1, maker.count + 1)])
    total = sum(maker.count for maker in inventory.ENERGY_METERS)
    main = ""
    for index, count in enumerate(_shares(total, inventory.ENERGY_GATEWAYS)):
        building, name, kind = buildings[index // 2]
        storeys = kind.floors
        if index % 2 == 0:
            places += _building(building, name, storeys, {"area_m2": kind.area_m2, "people": kind.people, "building_type": kind.building_type})
        floors = list(range(1, storeys + 1))[index % 2 :: 2]
        rooms = _rooms(building, floors, count)
        places += rooms
        units = [_unit(maker, number, f"e-{room.id}", room.id, profiles) for room, (maker, number) in zip(rooms, islice(meters, count), strict=True)]
        if index % 2 == 0:
            main = units[0].device.id
        items = cycle(inventory.ENERGY_ITEMS)
        units = [unit if unit.device.id == main else _used_for(unit, next(items)) for unit in units]
        yield _gateway(f"gw-{index + 60:03}", f"{building}-f{floors[0]}", [_below(unit, main) for unit in units])


def _energy_water(profiles: Mapping[str, AnyProfile]) -> Iterator[ReportingDevice]:
    """182 water meters at the entries of the same buildings; each reports over its own IoT card."""
    numbers = iter(range(1, inventory.ENERGY_WATER.count + 1))
    buildings = _energy_buildings()
    for (building, _, _), count in zip(buildings, _shares(inventory.ENERGY_WATER.count, len(buildings)), strict=True):
        for number in islice(numbers, count):
            device = _unit(inventory.ENERGY_WATER, number, f"w-{building}-{number:03}", f"{building}-f1", profiles).device
            yield ReportingDevice(
                id=device.id,
                profile=device.profile,
                address=device.address,
                place=device.place,
                name=device.name,
                imei=f"{inventory.ENERGY_WATER_IMEI}{number:07}",
                via=inventory.ENERGY_WATER_VIA,
            )


def _energy_buildings() -> list[tuple[str, Text, Buildings]]:
    """Id, name and kind of each building with a gateway of the energy system."""
    return [(f"{kind.id}-{n}", _numbered(kind.name, n, kind.count), kind) for kind in inventory.ENERGY_BUILDINGS for n in range(1, kind.count + 1)]


def _classrooms(places: list[Place], profiles: Mapping[str, AnyProfile]) -> Iterator[Gateway]:
    """54 control boxes; the first ones look after two classrooms."""
    rooms: list[Place] = []
    for number, share in enumerate(_shares(inventory.CLASSROOMS, inventory.CLASSROOM_BUILDINGS), start=1):
        building = f"class-{number}"
        places += _building(building, Text(zh=f"公共教室{number}号楼", en=f"Classroom Building {number}"), 4)
        rooms += _rooms(building, [1, 2, 3, 4], share)
    places += rooms
    lights = _shares(inventory.LIGHT_SWITCHES, inventory.CLASSROOMS)
    remaining = iter(zip(rooms, lights, strict=True))
    for index, count in enumerate(_shares(inventory.CLASSROOMS, inventory.CLASSROOM_BOXES)):
        own = list(islice(remaining, count))
        units = [unit for room, circuits in own for unit in _classroom(room, circuits, profiles)]
        yield _gateway(f"box-{index + 1:03}", own[0][0].id, units, lines=2)


def _classroom(room: Place, circuits: int, profiles: Mapping[str, AnyProfile]) -> Iterator[_Unit]:
    kinds = (
        ("k", "智能开关", "control switch", inventory.CONTROL_SWITCH, 1),
        ("l", "灯光开关", "light switch", inventory.LIGHT_SWITCH, circuits),
        ("a", "空调", "air conditioner", inventory.AIR_CONDITIONER, 1),
        ("t", "温湿度", "temperature", inventory.TEMPERATURE_SENSOR, 1),
    )
    for letter, zh, en, key, count in kinds:
        for number in range(1, count + 1):
            name = Text(zh=f"{room.name.zh}{zh}{number}", en=f"{room.name.en} {en} {number}")
            yield _Unit(Device(id=f"{letter}-{room.id}-{number}", profile=key, address="1", place=room.id, name=name), _profile(key, profiles))


def _unit(meters: Meters, number: int, device: str, place: str, profiles: Mapping[str, AnyProfile]) -> _Unit:
    """One meter. Modbus addresses are given when its line is known."""
    profile = _profile(meters.profile, profiles)
    digits = _DIGITS.get(profile.protocol)
    address = f"{meters.prefix}{number:0{digits - len(meters.prefix)}}" if digits else "1"
    name = Text(zh=f"{meters.maker.zh} {number}", en=f"{meters.maker.en} {number}")
    return _Unit(Device(id=device, profile=meters.profile, address=address, place=place, name=name), profile)


def _used_for(unit: _Unit, item: str) -> _Unit:
    return _Unit(unit.device.model_copy(update={"item": item}), unit.profile)


def _below(unit: _Unit, main: str) -> _Unit:
    """The unit in its building's tree of supply: the first meter is the main one, all others hang below it."""
    tree = {"role": "main"} if unit.device.id == main else {"upstream": main}
    return _Unit(unit.device.model_copy(update=tree), unit.profile)


def _profile(key: str, profiles: Mapping[str, AnyProfile]) -> AnyProfile:
    if key not in profiles:
        raise ConfigError(f"profile {key} does not exist; the reference site needs it")
    return profiles[key]


def _gateway(name: str, place: str, units: Sequence[_Unit], lines: int = _LINES) -> Gateway:
    """A box whose lines each carry devices of one setting; the fullest settings get the spare lines."""
    groups: dict[Serial, list[_Unit]] = {}
    for unit in units:
        groups.setdefault(unit.profile.serial, []).append(unit)
    parts = dict.fromkeys(groups, 1)
    for _ in range(lines - len(groups)):
        fullest = max(parts, key=lambda serial: len(groups[serial]) / parts[serial])
        parts[fullest] += 1
    cut = [(serial, piece) for serial, group in groups.items() for piece in _cut(group, parts[serial])]
    zh, en = ("控制箱", "Control box") if name.startswith("box") else ("网关", "Gateway")
    lines_ = tuple(_line(number, serial, piece) for number, (serial, piece) in enumerate(cut, start=1))
    return Gateway(id=name, name=Text(zh=f"{zh}{name}", en=f"{en} {name}"), place=place, lines=lines_)


def _line(number: int, serial: Serial, units: Sequence[_Unit]) -> Line:
    return Line(
        id=f"line-{number}",
        port=SerialPort(kind="serial", path=f"/dev/ttyS{number}"),
        baud=serial.baud,
        data_bits=serial.data_bits,
        parity=serial.parity,
        stop_bits=serial.stop_bits,
        devices=tuple(_addressed(unit, position) for position, unit in enumerate(units, start=1)),
    )


def _addressed(unit: _Unit, position: int) -> Device:
    """Modbus devices are numbered along their line; meters keep the number they were made with."""
    return unit.device.model_copy(update={"address": str(position)}) if unit.profile.protocol is Protocol.MODBUS_RTU else unit.device


def _building(building: str, name: Text, floors: int, facts: Mapping[str, object] = MappingProxyType({})) -> Iterator[Place]:
    yield Place(id=building, kind="building", parent="campus", name=name).model_copy(update=dict(facts))
    for floor in range(1, floors + 1):
        yield Place(id=f"{building}-f{floor}", kind="floor", parent=building, name=Text(zh=f"{floor}层", en=f"Floor {floor}"))


def _rooms(building: str, floors: Sequence[int], count: int) -> list[Place]:
    """`count` rooms spread evenly over the floors."""
    return [
        Place(id=f"{building}-{number}", kind="room", parent=f"{building}-f{floor}", name=Text(zh=f"{number}室", en=f"Room {number}"))
        for floor, share in zip(floors, _shares(count, len(floors)), strict=True)
        for number in (floor * 100 + n for n in range(1, share + 1))
    ]


def _numbered(name: Text, number: int, count: int) -> Text:
    return name if count == 1 else Text(zh=f"{number}号{name.zh}", en=f"{name.en} {number}")


def _shares(total: int, parts: int) -> list[int]:
    """`total` cut into `parts` whole shares that differ by one at most."""
    return [(total * (n + 1)) // parts - (total * n) // parts for n in range(parts)]


def _cut(units: Sequence[_Unit], parts: int) -> Iterator[Sequence[_Unit]]:
    start = 0
    for share in _shares(len(units), parts):
        yield units[start : start + share]
        start += share
