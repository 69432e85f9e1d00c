"""A whole plan as a virtual site: every line with its devices, and the plan rewritten so that the real agent finds them."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from protocol.errors import ConfigError, NotFound
from protocol.meter_events import METER_EVENTS
from protocol.profile import AnyProfile, DeviceKind, Profile188, Profile1997, Profile2007, ProfileMbus, ProfileModbus
from protocol.site_plan import (
    ConcentratorPort,
    Device,
    Gateway,
    Line,
    LinePort,
    Rehearsal,
    SerialPort,
    SitePlan,
    TcpClientPort,
    TcpServerPort,
    VirtualDevice,
    VirtualFault,
)
from provisioning.virtual import physics, reflexes
from provisioning.virtual.bus import CJT188, DLT645, MBUS, MODBUS, Bus, Unit
from provisioning.virtual.concentrator import Concentrator
from provisioning.virtual.devices.cjt188 import WaterMeter188
from provisioning.virtual.devices.dlt645_1997 import Meter1997
from provisioning.virtual.devices.dlt645_2007 import Meter2007
from provisioning.virtual.devices.mbus import MeterMbus
from provisioning.virtual.devices.modbus import ModbusUnit
from provisioning.virtual.folder import SiteFolder
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.journal import NOBODY
from provisioning.virtual.line import LineModel, line_settings
from provisioning.virtual.line_stats import LineStats
from provisioning.virtual.paced import MasterSide, PacedLine, Pacer
from provisioning.virtual.physics import Load, Shape
from provisioning.virtual.ptys import PtySide
from provisioning.virtual.tcp import DtuSide, TcpServerSide

_LOG = logging.getLogger(__name__)
_LOOPBACK = "127.0.0.1"
_BUILDING_SHAPES = {"B": Shape.CLASSROOM, "C": Shape.CLASSROOM, "I": Shape.DORM}  # library, teaching, dormitory; all others keep office hours
_MAX_CT_SHARE = 40  # a consumer behind transformers takes up to this many times the usual load


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What the devices of one site have in common. `buildings`: place -> type (campus code) of the building it lies in, where the plan says it."""

    seed: int
    utc_offset_s: int
    epoch_s: float
    buildings: Mapping[str, str] = field(default_factory=dict)


class VirtualSite:
    """The virtual lines of a plan. `start`, then give `rewritten_plan()` to the agents; `stop` when done.

    `gateways`: only these, None for all. `wall` and `now` are Unix time and a monotonic clock.
    """

    def __init__(
        self,
        plan: SitePlan,
        profiles: Mapping[str, AnyProfile],
        folder: Path,
        *,
        gateways: Collection[str] | None = None,
        wall: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._wall = wall
        self._folder = SiteFolder(folder)
        rehearsal = plan.rehearsal or Rehearsal()
        self._facts = site_facts(plan, wall(), self._folder.epoch_s(wall()))
        self._behaviour = {one.device: one for one in rehearsal.devices}
        self._tcp_lines = frozenset(rehearsal.tcp_lines)
        self._units: dict[str, Unit] = {}
        self._buses: dict[str, Bus] = {}
        self._ports: dict[str, LinePort] = {}
        self._doors: dict[tuple[str, str, int], int] = {}  # (gateway, host, port) of the plan -> TCP port on this machine
        self.concentrators: dict[tuple[int, str, int], Concentrator] = {}  # (TCP port dialled, region, terminal)
        self._lines = [
            self._line(gateway, line, profiles) for gateway in plan.gateways if gateways is None or gateway.id in gateways for line in gateway.lines
        ]
        self._pacer = Pacer(self._lines, now)

    def start(self) -> None:
        """Begin to answer."""
        self._pacer.start()

    def stop(self) -> None:
        """Stop answering; links are removed, ports and memories are kept for the next start."""
        self._pacer.stop()
        for unit in self._units.values():
            self._save(unit.responder.instrument)

    def rewritten_plan(self) -> SitePlan:
        """Return the plan with each virtual line's port in place of the real one."""
        gateways = tuple(
            gateway.model_copy(
                update={
                    "lines": tuple(line.model_copy(update={"port": self._ports.get(f"{gateway.id}/{line.id}", line.port)}) for line in gateway.lines)
                }
            )
            for gateway in self._plan.gateways
        )
        return self._plan.model_copy(update={"gateways": gateways})

    def lines(self) -> dict[str, str]:
        """Return where each line's master connects: a path or host:port."""
        return {name: port.path if isinstance(port, SerialPort) else f"{port.host}:{port.port}" for name, port in self._ports.items()}

    def set_fault(self, device: str, fault: VirtualFault | None) -> None:
        """Make a device play this fault from now on, or none at all."""
        bus = self._buses[self._unit(device).device]
        with self._pacer.lock:
            bus.set_faults(device, () if fault is None else (fault,))

    def faults(self) -> dict[str, tuple[VirtualFault, ...]]:
        """Return the faults being played."""
        return {name: tuple(unit.faults) for name, unit in self._units.items() if unit.faults}

    def stats(self, *, detail: bool = False) -> dict[str, dict[str, object]]:
        """Return every line's statistics as JSON-ready data."""
        return {line.name: self._stats_of(line, detail) for line in self._lines}

    def reset_stats(self) -> None:
        """Start a new window on every line."""
        with self._pacer.lock:
            for line in self._lines:
                line.stats.reset()

    def write_stats(self, path: Path) -> None:
        """Write every line's statistics, exchanges included, to a JSON file."""
        path.write_text(json.dumps(self.stats(detail=True), indent=1), encoding="utf-8")

    def truth(self, device: str, quantity: str) -> int:
        """Return what a device really measures now, in the quantity's base unit and on the primary side."""
        with self._pacer.lock:
            return self._living(device).value(quantity, self._wall())

    def set_state(self, device: str, quantity: str, value: int) -> None:
        """Switch something by hand: a relay at the meter, an input contact."""
        with self._pacer.lock:
            self._unit(device).responder.instrument.set_state(quantity, value, self._wall())

    def provoke(self, device: str, event: str, lasts_s: float = 0.0, operator: str = NOBODY) -> None:
        """Let a meter write an event into its log, as if it had just ended after `lasts_s`. `operator`: eight hex digits."""
        if event not in METER_EVENTS or len(bytes.fromhex(operator)) != 4:
            raise NotFound(f"no event {event!r} by operator {operator!r}; expected one of {', '.join(METER_EVENTS)} and eight hex digits")
        with self._pacer.lock:
            instrument, now_s = self._living(device), self._wall()
            instrument.journal.note(event, instrument.local_time(now_s - lasts_s), instrument.local_time(now_s), operator)
            instrument.changed()

    def set_account(self, device: str, balance: int | None = None, opened: bool | None = None, customer: str | None = None) -> dict[str, object]:
        """Change what a prepaid meter holds (Wh or fen), and return it; a meter whose account is closed starts again from nothing."""
        with self._pacer.lock:
            instrument, now_s = self._living(device), self._wall()
            account, counter = instrument.opened_account(now_s), instrument.counter(now_s)
            if opened is False:
                account.count, account.cumulative, account.purchases = 0, 0, []
                account.set_balance(0, counter)
            if balance is not None:
                account.set_balance(balance, counter)
            account.opened = account.opened if opened is None else opened
            account.customer = account.customer if customer is None else customer
            reflexes.live(instrument, now_s)
            instrument.changed()
            told = {"unit": account.unit, "count": account.count, "customer": account.customer, "opened": account.opened}
            return {"balance": account.balance(counter), **told}

    def switch_appliance(self, device: str, name: str, watts: int) -> None:
        """Switch on something of so many watts behind a meter; 0 switches it off."""
        with self._pacer.lock:
            instrument, now_s = self._living(device), self._wall()
            if watts:
                instrument.supply.plug_in(name, watts * 1000, now_s)
            else:
                instrument.supply.unplug(name, now_s)
            reflexes.live(instrument, now_s)
            instrument.changed()

    def memory(self, device: str) -> dict[str, Any]:
        """Return what a device remembers, as it is kept over a restart."""
        with self._pacer.lock:
            return dict(json.loads(self._living(device).memory()))

    def _living(self, device: str) -> Instrument:
        """A device's instrument, once it has done what was due."""
        instrument = self._unit(device).responder.instrument
        reflexes.live(instrument, self._wall())
        return instrument

    def _unit(self, device: str) -> Unit:
        if device not in self._units:
            raise NotFound(f"there is no virtual device {device!r}; {len(self._units)} devices run here")
        return self._units[device]

    def _stats_of(self, line: PacedLine, detail: bool) -> dict[str, object]:
        with self._pacer.lock:
            return line.stats.as_dict(detail=detail)

    def _line(self, gateway: Gateway, line: Line, profiles: Mapping[str, AnyProfile]) -> PacedLine:
        units = [self._build(device, profiles) for device in line.devices]
        settings = line_settings(line, modbus=any(unit.family is MODBUS for unit in units))
        stats = LineStats(settings.byte_s, settings.gap_s)
        name = f"{gateway.id}/{line.id}"
        side, self._ports[name] = self._side(name, line)
        bus = Bus(units, self._wall, line.baud)
        self._buses.update(dict.fromkeys(bus.units, bus))
        return PacedLine(name, LineModel(settings, bus, stats), side, stats)

    def _side(self, name: str, line: Line) -> tuple[MasterSide, LinePort]:
        """Make the port a master uses and say how the plan names it."""
        if isinstance(line.port, TcpServerPort | ConcentratorPort):
            port = self._door(name, line.port)
            moved = line.port.model_copy(update={"host": _LOOPBACK, "port": port})
            if isinstance(line.port, ConcentratorPort):
                return self._concentrator(line.port, port).channel(line.port.channel, line), moved
            return DtuSide(_LOOPBACK, port, line.port.registration, line.port.heartbeat), moved
        if isinstance(line.port, TcpClientPort) or name in self._tcp_lines:
            server = TcpServerSide(self._folder.tcp_port(name))
            return server, TcpClientPort(kind="tcp_client", host=_LOOPBACK, port=server.port)
        pty = PtySide(self._folder.link(name), line.baud)
        return pty, SerialPort(kind="serial", path=str(pty.link))

    def _door(self, name: str, port: TcpServerPort | ConcentratorPort) -> int:
        """The TCP port in place of one the gateway listens on; lines that share theirs share this one."""
        door = (name.partition("/")[0], port.host, port.port)
        if door not in self._doors:
            self._doors[door] = self._folder.tcp_port(name)
        return self._doors[door]

    def _concentrator(self, port: ConcentratorPort, dials: int) -> Concentrator:
        """The concentrator with this address; lines behind it share it."""
        key = (dials, port.region, port.terminal)
        if key not in self.concentrators:
            self.concentrators[key] = Concentrator(_LOOPBACK, dials, port.region, port.terminal, seed=self._facts.seed)
        return self.concentrators[key]

    def _build(self, device: Device, profiles: Mapping[str, AnyProfile]) -> Unit:
        if device.profile not in profiles:
            raise ConfigError(f"device {device.id} names profile {device.profile!r}, which is not loaded", loaded=len(profiles))
        unit = build_unit(device, profiles[device.profile], self._behaviour.get(device.id), self._facts)
        instrument = unit.responder.instrument
        self._folder.recall(instrument)
        instrument.on_change = self._save
        self._units[device.id] = unit
        return unit

    def _save(self, instrument: Instrument) -> None:
        self._folder.keep(instrument)


def site_facts(plan: SitePlan, now_s: float, epoch_s: float) -> SiteFacts:
    """Return what a plan's devices have in common; `epoch_s` as SiteFolder keeps it."""
    offset = ZoneInfo(plan.site.timezone).utcoffset(datetime.fromtimestamp(now_s, UTC).replace(tzinfo=None))
    buildings: dict[str, str] = {}
    for place in plan.places:  # parents stand before their children
        if (kind := place.building_type or buildings.get(place.parent or "")) is not None:
            buildings[place.id] = kind
    return SiteFacts((plan.rehearsal or Rehearsal()).seed, int(offset.total_seconds()) if offset else 0, epoch_s, buildings)


def build_unit(device: Device, profile: AnyProfile, behaviour: VirtualDevice | None, facts: SiteFacts) -> Unit:
    """Return a device of the plan as a unit of a bus."""
    behaviour = behaviour or VirtualDevice(device=device.id)
    instrument = Instrument(
        seed=facts.seed,
        device=device.id,
        load=_load(device, profile, behaviour, facts),
        phases=profile.phases or 1,
        utc_offset_s=facts.utc_offset_s,
        start=behaviour.start_energy_wh,
        epoch_s=facts.epoch_s,
        credit=None if profile.prepay is None else profile.prepay.unit,
        clock_offset_s=behaviour.clock_offset_s,
    )
    if behaviour.motor_s:
        instrument.state["motor_s"] = behaviour.motor_s
    captured = {key: bytes.fromhex(text) for key, text in behaviour.registers.items()}
    known = partial(
        Unit,
        device.id,
        delay_ms=behaviour.delay_ms,
        rng=random.Random(f"{facts.seed}/{device.id}"),
        faults=behaviour.faults,
        timeout_s=profile.timing.first_byte_ms / 1000,
        gap_s=profile.timing.gap_ms / 1000,
    )
    match profile:
        case Profile2007():
            return known(DLT645, Meter2007(profile, instrument, device.address, ct=device.ct, pt=device.pt, captured=captured))
        case Profile1997():
            return known(DLT645, Meter1997(profile, instrument, device.address, ct=device.ct, pt=device.pt, captured=captured))
        case Profile188():
            return known(CJT188, WaterMeter188(profile, instrument, device.address, captured=captured))
        case ProfileMbus():
            return known(MBUS, MeterMbus(profile, instrument, device.address))
        case ProfileModbus():
            return known(MODBUS, ModbusUnit(profile, instrument, device.address, ct=device.ct, pt=device.pt, captured=captured))


def _load(device: Device, profile: AnyProfile, behaviour: VirtualDevice, facts: SiteFacts) -> Load:
    """Choose a consumer: by hand, or a dorm room behind one phase, a floor behind three, a washroom behind a water meter."""
    seed = facts.seed
    if profile.kind is DeviceKind.WATER_METER:
        return Load(seed, device.id, Shape.WATER, 20_000 + physics.chosen(seed, f"{device.id}/load", 60_000))
    three = profile.phases == 3
    usual_w = 2_000 + physics.chosen(seed, f"{device.id}/load", 4_000) if three else 120 + physics.chosen(seed, f"{device.id}/load", 380)
    average_w = usual_w * min(device.ct, _MAX_CT_SHARE) if behaviour.load_w is None else behaviour.load_w
    return Load(seed, device.id, _shape(device, three, facts), average_w * 1000)


def _shape(device: Device, three: bool, facts: SiteFacts) -> Shape:
    """Whose day it is: the building's where the plan says what it is, so that a feeder and what hangs below it agree; else by the meter."""
    building = facts.buildings.get(device.place)
    if building is not None:
        return _BUILDING_SHAPES.get(building, Shape.OFFICE)
    return Shape.DORM if not three else (Shape.CLASSROOM, Shape.OFFICE)[physics.chosen(facts.seed, f"{device.id}/shape", 2)]
