"""The site plan: places, gateways, lines and devices as the engineer drew them, plus what a rehearsal plays on top.

Ids are chosen by the plan, unique over the site and stable for ever: they are what readings are filed under.

Size: one document, its record types beside the checks of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter, field_validator

from protocol.document import Location, parse_yaml
from protocol.line_port import CONCENTRATOR_BAUDS, ConcentratorPort, DialledPort, LinePort, SerialPort, TcpClientPort, TcpServerPort, spoken_bytes
from protocol.profile import REMEMBERED, DeviceKind
from protocol.quantities import Medium
from protocol.record import Record, Text

__all__ = ["ConcentratorPort", "LinePort", "SerialPort", "TcpClientPort", "TcpServerPort"]  # what a plan is made of, wherever it is defined

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_\-]{0,62}$")]
GatewayId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9\-]{0,62}$")]
Role = Literal["intake", "main", "branch", "sub", "check"]
ItemCode = Annotated[str, Field(pattern=r"^\d{2}[A-Z](\d([A-Z])?)?$")]  # energy item: class, letter, level-2 digit, level-3 letter; 01B1A
Installed = Annotated[date, Field(ge=date(2000, 1, 1))]
Coefficient = Literal[1, -1]
MAX_TERMS = 200  # inputs of a virtual point


class Device(Record):
    """One device on a line. `address`, as text: 12 digits (DL/T 645), 14 (CJ/T 188), 8 or 1..250 (M-Bus secondary, primary), 1..247 (Modbus).

    `point`: the metering point it stands at (default: the device's own id); `ct`, `pt`: transformer ratios; `item`: its energy item.
    `role`: what the point is in the tree of supply (default: sub; a check meter is in no sum); `upstream`: the point that measures this one too.
    `max_per_hour`: what can pass the meter in an hour at most, Wh or L of its own register, before the transformer ratios; default by medium.
    `installed`: the local day since which it stands there; default: it begins when the plan is imported. Counts for a device that is new to central.
    `poll_s` overrides the profile's periods per group. Groups of every profile: `freeze` (default: behind each end of the freeze's period), `events`
    (hourly), `clock` (every six hours); 0 turns one of these off.
    """

    id: Id
    profile: str
    address: str = Field(pattern=r"^\d{1,14}$")
    place: Id
    name: Text | None = None
    point: Id | None = None
    ct: int = Field(default=1, ge=1, le=100_000)
    pt: int = Field(default=1, ge=1, le=10_000)
    role: Role | None = None  # None and not "sub", so that documents for gateways do not carry it
    upstream: Id | None = None
    item: ItemCode | None = None
    max_per_hour: int | None = Field(default=None, ge=1, lt=1 << 53)
    installed: Installed | None = None
    poll_s: dict[str, int] = {}

    @field_validator("poll_s")
    @classmethod
    def _periods(cls, poll_s: dict[str, int]) -> dict[str, int]:
        for group, period_s in poll_s.items():
            least = 0 if group in REMEMBERED else 1
            if not least <= period_s <= 86_400:
                raise ValueError(f"group {group!r}: period {period_s} s is outside {least}..86400")
        return poll_s

    @property
    def stands_at(self) -> str:
        """The metering point it stands at."""
        return self.point or self.id


class ReportingDevice(Record):
    """A meter with an IoT card that reports by itself: no gateway, no line. `address`: its number, as the profile's protocol writes addresses.

    `via`: the one way its reports may come: webhook/SOURCE (a vendor's platform), mqtt, tcp or udp. A report is expected every `expects_every_h`
    hours and is late `window_h` hours after that: meters spread their reports. Everything else as in Device.
    """

    ct: ClassVar[int] = 1
    pt: ClassVar[int] = 1

    id: Id
    profile: str
    address: str = Field(pattern=r"^\d{1,14}$")
    place: Id
    name: Text | None = None
    point: Id | None = None
    imei: str = Field(pattern=r"^\d{15}$")
    iccid: str | None = Field(default=None, pattern=r"^[0-9A-F]{19,20}$")
    via: str = Field(pattern=r"^(mqtt|tcp|udp|webhook/[a-z0-9][a-z0-9\-]{0,30})$")
    expects_every_h: int = Field(default=24, ge=1, le=168)
    window_h: int = Field(default=2, ge=0, le=48)
    role: Role | None = None
    upstream: Id | None = None
    item: ItemCode | None = None
    max_per_hour: int | None = Field(default=None, ge=1, lt=1 << 53)
    installed: Installed | None = None

    @property
    def stands_at(self) -> str:
        """The metering point it stands at."""
        return self.point or self.id


class Line(Record):
    """One RS-485 pair: one port, one set of serial settings, the devices on it."""

    id: Id
    port: LinePort
    baud: Literal[300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200]
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "E"
    stop_bits: Literal[1, 2] = 1
    gap_ms: int = Field(default=30, ge=2, le=1000)
    devices: tuple[Device, ...] = ()

    @property
    def bits_per_byte(self) -> int:
        """Bit times one byte takes on the wire."""
        return 1 + self.data_bits + (self.parity != "N") + self.stop_bits


class Gateway(Record):
    """One box and its lines."""

    id: GatewayId
    name: Text
    place: Id
    lines: tuple[Line, ...] = ()


class Place(Record):
    """A node of the place tree. Parents stand before their children. `building_type`: campus code, such as I, a dormitory."""

    id: Id
    kind: Literal["campus", "zone", "building", "floor", "room"]
    parent: Id | None = None
    name: Text
    area_m2: int | None = Field(default=None, ge=1, le=100_000_000)
    people: int | None = Field(default=None, ge=0, le=10_000_000)
    building_type: str | None = Field(default=None, pattern=r"^[A-Z]$")


class VirtualPoint(Record):
    """A metering point without a meter: the sum of others, each once added or once taken away. `terms`: point -> 1 or -1."""

    id: Id
    place: Id
    name: Text
    medium: Literal["electricity", "water"] = "electricity"
    item: ItemCode | None = None
    terms: dict[Id, Coefficient] = Field(min_length=1, max_length=MAX_TERMS)


class Site(Record):
    """Whose plan it is. `timezone`: an IANA name; days, months and bills follow it."""

    id: Id
    name: Text
    timezone: str = "Asia/Shanghai"


class VirtualFault(Record):
    """A fault a virtual device plays, always or from time to time (`share` of exchanges, seeded)."""

    kind: Literal["dead", "slow", "noisy", "echoing", "wrong_checksum", "duplicate_address", "late_reply", "babbling", "gateway_timeout"]
    share: float = Field(default=1.0, gt=0, le=1)
    delay_ms: int = Field(default=0, ge=0, le=60_000)


class VirtualDevice(Record):
    """How one device behaves in a rehearsal. `registers`: captured register bytes, by identifier, answered as they are (hex).

    `clock_offset_s`: how far its own clock is ahead when it is new; `motor_s`: how long its valve takes to move.
    """

    device: Id
    load_w: int | None = Field(default=None, ge=0, le=10_000_000)
    start_energy_wh: int | None = Field(default=None, ge=0)
    delay_ms: tuple[int, int] = (20, 60)
    faults: tuple[VirtualFault, ...] = ()
    registers: dict[str, str] = {}
    clock_offset_s: int = Field(default=0, ge=-86_400, le=86_400)
    motor_s: int = Field(default=0, ge=0, le=60)


class Rehearsal(Record):
    """The virtual site: which line transport it uses and what single devices do. Never sent to a gateway."""

    seed: int = 1
    tcp_lines: tuple[str, ...] = ()  # "gateway/line" reached through a TCP serial server instead of a pty
    devices: tuple[VirtualDevice, ...] = ()


class SitePlan(Record):
    """A whole site. `problems` checks it as a whole: ids unique, references resolve, no address twice on a line, no circle of supply."""

    schema_: Literal[1] = Field(alias="schema")
    site: Site
    places: tuple[Place, ...]
    gateways: tuple[Gateway, ...]
    reporting_devices: tuple[ReportingDevice, ...] = ()
    virtual_points: tuple[VirtualPoint, ...] = ()
    rehearsal: Rehearsal | None = None

    def devices(self) -> Iterator[tuple[Gateway, Line, Device]]:
        """Every device with its gateway and line."""
        for gateway in self.gateways:
            for line in gateway.lines:
                for device in line.devices:
                    yield gateway, line, device

    def placed(self) -> Iterator[tuple[Location, Device | ReportingDevice]]:
        """Everything that stands at a metering point, on a line or reporting by itself, with its path in the document."""
        for g, gateway in enumerate(self.gateways):
            for n, line in enumerate(gateway.lines):
                for d, device in enumerate(line.devices):
                    yield ("gateways", g, "lines", n, "devices", d), device
        for index, reporting in enumerate(self.reporting_devices):
            yield ("reporting_devices", index), reporting


_ADAPTER: TypeAdapter[SitePlan] = TypeAdapter(SitePlan)
Problem = tuple[Location, str]


def parse_site_plan(text: str, name: str) -> SitePlan:
    """Return the plan in YAML (or JSON) text; raise ConfigError with one `name:line: problem` per mistake, cross references included."""
    return parse_yaml(text, name, _ADAPTER, problems)


def problems(plan: SitePlan) -> Iterator[Problem]:
    """What is wrong with a plan that no single field shows, each with its path in the document."""
    yield from _place_problems(plan.places)
    yield from _gateway_problems(plan)
    yield from _device_problems(plan)
    yield from _reporting_problems(plan)
    yield from _upstream_problems(plan)
    yield from _virtual_problems(plan)
    yield from _rehearsal_problems(plan)


def medium_problems(plan: SitePlan, kinds: Mapping[str, DeviceKind]) -> Iterator[Problem]:
    """Where electricity and water are mixed in one tree or sum. `kinds`: profile -> what it is; devices of unknown profiles are passed over."""
    media = {device.stands_at: medium_of(kinds[device.profile]) for _, device in plan.placed() if device.profile in kinds}
    for path, device in plan.placed():
        own, above = media.get(device.stands_at), media.get(device.upstream or "")
        if own and above and own is not above:
            yield (*path, "upstream"), f"point {device.stands_at!r} measures {own.value} and its upstream {device.upstream!r} {above.value}"
    for index, point in enumerate(plan.virtual_points):
        for term in point.terms:
            medium = media.get(term)
            if medium and medium.value != point.medium:
                yield ("virtual_points", index, "terms", term), f"{term!r} measures {medium.value}, virtual point {point.id!r} {point.medium}"


def medium_of(kind: DeviceKind) -> Medium:
    """What a metering point measures, by the device that stands at it."""
    return Medium.WATER if kind is DeviceKind.WATER_METER else Medium.ELECTRICITY


def _place_problems(places: tuple[Place, ...]) -> Iterator[Problem]:
    known: set[str] = set()
    for index, place in enumerate(places):
        if place.id in known:
            yield ("places", index, "id"), f"place {place.id!r} stands twice; ids are unique over the site"
        if place.parent is not None and place.parent not in known:
            yield ("places", index, "parent"), f"parent {place.parent!r} is not a place listed before this one"
        known.add(place.id)


def _gateway_problems(plan: SitePlan) -> Iterator[Problem]:
    places = {place.id for place in plan.places}
    gateways: set[str] = set()
    for index, gateway in enumerate(plan.gateways):
        if gateway.id in gateways:
            yield ("gateways", index, "id"), f"gateway {gateway.id!r} stands twice; ids are unique over the site"
        if gateway.place not in places:
            yield ("gateways", index, "place"), f"place {gateway.place!r} does not exist"
        gateways.add(gateway.id)
        lines: set[str] = set()
        for position, line in enumerate(gateway.lines):
            if line.id in lines:
                yield ("gateways", index, "lines", position, "id"), f"line {line.id!r} stands twice in gateway {gateway.id!r}"
            lines.add(line.id)
        for position, message in dial_in_problems(gateway.lines):
            yield ("gateways", index, "lines", position, "port"), message


def dial_in_problems(lines: Sequence[Line]) -> Iterator[tuple[int, str]]:
    """What keeps the callers of one gateway's lines from being told apart, and serial settings a concentrator cannot do; by position of the line."""
    doors: dict[tuple[str, int], set[tuple[object, ...]]] = {}
    for position, line in enumerate(lines):
        if not isinstance(line.port, TcpServerPort | ConcentratorPort):
            continue
        known = doors.setdefault((line.port.host, line.port.port), set())
        caller = _caller(line.port)
        door = f"{line.port.host}:{line.port.port}"
        if caller in known:
            yield position, f"line {line.id!r}: the same caller stands twice on {door}; two lines there need different registrations or channels"
        elif known and ((b"",) in known or caller == (b"",)):
            yield position, f"line {line.id!r}: several lines wait on {door}, so every DTU there needs a registration"
        known.add(caller)
        if isinstance(line.port, ConcentratorPort) and line.baud not in CONCENTRATOR_BAUDS:
            yield position, f"line {line.id!r}: a concentrator cannot do {line.baud} baud; expected at most {CONCENTRATOR_BAUDS[-1]}"


def _caller(port: DialledPort) -> tuple[object, ...]:
    """What a caller, and the port behind a concentrator, is known by."""
    if isinstance(port, ConcentratorPort):
        return port.region, port.terminal, port.channel
    return (spoken_bytes(port.registration),)


def _device_problems(plan: SitePlan) -> Iterator[Problem]:
    places = {place.id for place in plan.places}
    devices: set[str] = set()
    for g, gateway in enumerate(plan.gateways):
        for n, line in enumerate(gateway.lines):
            addresses: set[int] = set()
            for d, device in enumerate(line.devices):
                path: Location = ("gateways", g, "lines", n, "devices", d)
                if device.id in devices:
                    yield (*path, "id"), f"device {device.id!r} stands twice; ids are unique over the site"
                if device.place not in places:
                    yield (*path, "place"), f"place {device.place!r} does not exist"
                if int(device.address) in addresses:
                    yield (
                        (*path, "address"),
                        f"address {device.address} stands twice on line {gateway.id}/{line.id}; both would answer",
                    )
                devices.add(device.id)
                addresses.add(int(device.address))


def _reporting_problems(plan: SitePlan) -> Iterator[Problem]:
    """A report is known by its IMEI or its meter number: neither may stand twice."""
    places = {place.id for place in plan.places}
    devices = {device.id for _, _, device in plan.devices()}
    cards: set[str] = set()
    numbers: set[int] = set()
    for index, device in enumerate(plan.reporting_devices):
        path: Location = ("reporting_devices", index)
        if device.id in devices:
            yield (*path, "id"), f"device {device.id!r} stands twice; ids are unique over the site"
        if device.place not in places:
            yield (*path, "place"), f"place {device.place!r} does not exist"
        if device.imei in cards:
            yield (*path, "imei"), f"IMEI {device.imei} stands twice; a report could be either's"
        if int(device.address) in numbers:
            yield (*path, "address"), f"meter number {device.address} stands twice among reporting_devices; a report could be either's"
        devices.add(device.id)
        cards.add(device.imei)
        numbers.add(int(device.address))


def _upstream_problems(plan: SitePlan) -> Iterator[Problem]:
    above = {device.stands_at: device.upstream for _, device in plan.placed()}
    for path, device in plan.placed():
        if device.upstream is None:
            continue
        if device.upstream not in above:
            yield (*path, "upstream"), f"upstream {device.upstream!r} is no point that a device of this plan stands at"
        elif circle := circle_above(device.stands_at, above):
            yield (*path, "upstream"), f"point {device.stands_at!r} would be above itself: {' -> '.join(circle)}"


def circle_above(point: str, above: Mapping[str, str | None]) -> list[str]:
    """The way up from a point back to itself, or nothing if it ends at a root or in a circle that the point is no part of."""
    way, seen = [point], {point}
    while (higher := above.get(way[-1])) is not None:
        way.append(higher)
        if higher in seen:
            return way if higher == point else []
        seen.add(higher)
    return []


def _virtual_problems(plan: SitePlan) -> Iterator[Problem]:
    places = {place.id for place in plan.places}
    measured = {device.stands_at for _, device in plan.placed()}
    taken = set(measured)
    for index, point in enumerate(plan.virtual_points):
        if point.id in taken:
            yield ("virtual_points", index, "id"), f"point {point.id!r} stands twice; ids are unique over the site"
        if point.place not in places:
            yield ("virtual_points", index, "place"), f"place {point.place!r} does not exist"
        for term in point.terms:
            if term not in measured:
                yield ("virtual_points", index, "terms", term), f"term {term!r} is no point that a device of this plan stands at"
        taken.add(point.id)


def _rehearsal_problems(plan: SitePlan) -> Iterator[Problem]:
    if plan.rehearsal is None:
        return
    devices = {device.id for _, _, device in plan.devices()}
    lines = {f"{gateway.id}/{line.id}" for gateway in plan.gateways for line in gateway.lines}
    for index, one in enumerate(plan.rehearsal.devices):
        if one.device not in devices:
            yield ("rehearsal", "devices", index, "device"), f"device {one.device!r} does not exist"
    for index, name in enumerate(plan.rehearsal.tcp_lines):
        if name not in lines:
            yield ("rehearsal", "tcp_lines", index), f"line {name!r} does not exist; expected gateway/line"
