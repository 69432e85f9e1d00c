"""A rehearsal's past: what the meters would have sent in the weeks before the first start, made up and said to be so.

It goes to central through the ordinary door, so everything that follows from it (consumption, cost, leaks, alarms) is computed as on a real site. The
virtual devices get the same past (provisioning.virtual.past), so that their registers go on where it ends. Once for a fresh folder; a file remembers.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from edge_agent.drivers.driver import driver_for
from edge_agent.drivers.plan import Memory, plan
from protocol.errors import ProgramFailed
from protocol.messages import MAX_READINGS, BatchId, Columns, Event, encode_events, encode_readings
from protocol.profile import AnyProfile, DeviceKind
from protocol.profile_items import Ratio
from protocol.quantities import COUNTING
from protocol.reading import SeriesKey
from protocol.site_plan import Device, Rehearsal, SitePlan
from protocol.topics import Up
from provisioning.rehearse.door import Letter
from provisioning.rehearse.folder import Folder
from provisioning.virtual import past, physics
from provisioning.virtual.bus import Responder
from provisioning.virtual.folder import SiteFolder, replace_file
from provisioning.virtual.past import DAY_S, Past
from provisioning.virtual.physics import Shape
from provisioning.virtual.site import build_unit, site_facts

MAX_METERS = 500  # a past is made in memory and handed in at once
GENERATION = 1  # of the agents' settings, too: the same boxes
_EPOCH_SHIFT = 20  # an agent's epoch has the seconds of its first start in its high bits, so this one lies below every agent's
_STEP = 10  # Wh or L: registers as a display shows them
_CAPTURED_OFF = 2_000  # Wh or L between what a device should show and shows: it answers captured bytes
_DEAD_DAYS, _GAP_DAYS = 2, 12  # ago: when dead meters fell silent, and the day one meter was not read


@dataclass(frozen=True, slots=True)
class History:
    """The past of one folder. `stored`: central has it."""

    past: Past
    stored: bool

    @property
    def first_day(self) -> date:
        """The local day it begins with, and the meters with it."""
        return self._local(self.past.from_s)

    @property
    def holiday(self) -> date | None:
        """The weekday on which nobody worked."""
        at_s = past.holiday_s(self.past)
        return None if at_s is None else self._local(at_s)

    @property
    def days(self) -> int:
        """Whole days before today."""
        return (self.past.today_s - self.past.from_s) // DAY_S

    @property
    def epoch(self) -> int:
        """What its batches are numbered under."""
        return self.past.from_s << _EPOCH_SHIFT

    def _local(self, at_s: int) -> date:
        return datetime.fromtimestamp(at_s + self.past.utc_offset_s, UTC).date()


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter with a past. `register`: the quantity that counts. `divisor`: transformer ratios that the register does not hold."""

    gateway: str
    device: Device
    profile: AnyProfile
    responder: Responder
    register: str
    divisor: int
    dead: bool


def history_of(folder: Folder, site: SitePlan, days: int, now_s: float) -> History | None:
    """The folder's past: the one it has, or a new one of so many days for a folder without any life; None without one."""
    marker = folder.root / "history.json"
    if marker.is_file():
        document = json.loads(marker.read_text(encoding="utf-8"))
        return History(Past(**document["past"]), document["stored"])
    if days == 0 or (folder.root / "virtual" / "epoch").exists():
        return None
    facts = site_facts(site, now_s, now_s)
    history = History(past.past_of(facts.seed, days, now_s, facts.utc_offset_s), False)
    _write(folder, history)
    return history


def note_stored(folder: Folder, history: History) -> None:
    """Remember that central has it: the next start adds nothing."""
    _write(folder, History(history.past, True))


def _write(folder: Folder, history: History) -> None:
    replace_file(folder.root / "history.json", json.dumps({"past": asdict(history.past), "stored": history.stored}) + "\n")


def meters_of(history: History, site: SitePlan, profiles: Mapping[str, AnyProfile], gateways: Collection[str]) -> list[Meter]:
    """The electricity and water meters of these gateways, with what happened to them."""
    facts = site_facts(site, history.past.until_s, history.past.from_s)
    behaviour = {one.device: one for one in (site.rehearsal or Rehearsal()).devices}
    found = []
    for gateway, _, device in site.devices():
        profile, how = profiles[device.profile], behaviour.get(device.id)
        items = {item.quantity: item for item in profile.items}
        register = next((code for code in COUNTING if code in items), None)
        if gateway.id not in gateways or register is None or profile.kind not in (DeviceKind.ELECTRICITY_METER, DeviceKind.WATER_METER):
            continue
        unit = build_unit(device, profile, how, facts)
        unit.responder.instrument.supply.appliances = past.usual(history.past, device.id, unit.responder.instrument.load)
        ratio = items[register].ratio
        divisor = (device.ct if ratio in (Ratio.CT, Ratio.CT_PT) else 1) * (device.pt if ratio in (Ratio.PT, Ratio.CT_PT) else 1)
        dead = any(fault.kind == "dead" and fault.share >= 1 for fault in unit.faults)
        found.append(Meter(gateway.id, device, profile, unit.responder, register, divisor, dead))
    _befall(history.past, found)
    return found


def _befall(when: Past, meters: Sequence[Meter]) -> None:
    """One water meter gets a leak, one electricity meter a rise: ones that live, of which nothing else is said."""
    for meter in _one_of(when, meters, "leak", DeviceKind.WATER_METER):
        meter.responder.instrument.supply.appliances.append(past.leak(when))
    for meter in _one_of(when, meters, "rise", DeviceKind.ELECTRICITY_METER):
        meter.responder.instrument.supply.appliances.append(past.rise(when, meter.responder.instrument.load))


def _one_of(when: Past, meters: Sequence[Meter], what: str, kind: DeviceKind) -> Sequence[Meter]:
    above = {meter.device.upstream for meter in meters}
    fit = [
        meter
        for meter in meters
        if meter.profile.kind is kind
        and not meter.dead
        and meter.profile.prepay is None
        and meter.device.role is None
        and meter.device.upstream is None
        and meter.device.stands_at not in above
    ]
    preferred = [meter for meter in fit if meter.responder.instrument.load.shape is not Shape.DORM] or fit
    return [preferred[physics.chosen(when.seed, what, len(preferred))]] if preferred else []


def live_through(folder: Folder, history: History, meters: Sequence[Meter]) -> None:
    """Give the virtual devices their past, before they are started for the first time."""
    site = SiteFolder(folder.root / "virtual")
    site.epoch_s(history.past.from_s)
    for meter in meters:
        site.keep(meter.responder.instrument)


def dated(site: SitePlan, history: History) -> SitePlan:
    """The plan, saying of each device that it stands there since the first day."""
    since = {"installed": history.first_day}
    gateways = tuple(
        gateway.model_copy(
            update={
                "lines": tuple(
                    line.model_copy(update={"devices": tuple(one.model_copy(update=since) for one in line.devices)}) for line in gateway.lines
                )
            }
        )
        for gateway in site.gateways
    )
    return site.model_copy(update={"gateways": gateways, "reporting_devices": tuple(one.model_copy(update=since) for one in site.reporting_devices)})


def letters_of(history: History, gateway: str, meters: Sequence[Meter]) -> tuple[list[Letter], int]:
    """A gateway's past as it goes to central, first an event that says what it is; and how many readings it holds."""
    text = f"the readings from {history.first_day} until the first start are made up for a rehearsal; no meter was read"
    told = Event(code="rehearsal.history", at_ms=history.past.until_s * 1000, severity="info", message=text, data={"days": history.days})
    letters = [Letter(Up.EVENT, 1, encode_events(BatchId(gateway, GENERATION, history.epoch, 1), [told]))]
    rows = sorted(row for meter in meters if meter.gateway == gateway for row in readings_of(history.past, meter, meters))
    for first in range(0, len(rows), MAX_READINGS):
        seq = len(letters) + 1
        payload = encode_readings(BatchId(gateway, GENERATION, history.epoch, seq), _columns(rows[first : first + MAX_READINGS]))
        letters.append(Letter(Up.BACKFILL, seq, payload))
    return letters, len(rows)


_Row = tuple[int, str, str, int]  # instant in ms, device, quantity, register


def readings_of(when: Past, meter: Meter, meters: Sequence[Meter] = ()) -> Iterator[_Row]:
    """A meter's registers as it would have sent them: rising, and never above what it shows when the agents first ask."""
    shown = _shown(meter, when.until_s)
    instrument = meter.responder.instrument
    captured = abs(shown - instrument.value(meter.register, when.until_s) // meter.divisor) > _CAPTURED_OFF
    silent_s = when.today_s - _DEAD_DAYS * DAY_S + 14 * past.HOUR_S if meter.dead else when.until_s
    missed = _missed(when, meter, meters)
    for at_s in past.instants(when):
        if at_s > silent_s or missed[0] <= at_s < missed[1]:
            continue
        value = shown if captured else min(shown, instrument.value(meter.register, at_s) // meter.divisor // _STEP * _STEP)
        yield at_s * 1000, meter.device.id, meter.register, value


def _missed(when: Past, meter: Meter, meters: Sequence[Meter]) -> tuple[int, int]:
    """The day on which one electricity meter was not read."""
    fit = [one.device.id for one in meters if one.profile.kind is DeviceKind.ELECTRICITY_METER and not one.dead]
    if not fit or fit[physics.chosen(when.seed, "gap", len(fit))] != meter.device.id:
        return 0, 0
    since_s = when.today_s - _GAP_DAYS * DAY_S
    return since_s + past.HOUR_S, since_s + DAY_S


def _shown(meter: Meter, at_s: int) -> int:
    """What the agent would read at an instant: asked by its own driver, answered by the virtual device."""
    driver, items = driver_for(meter.profile), [item for item in meter.profile.items if item.quantity == meter.register]
    for request in plan(meter.profile, meter.device, items, Memory(), 0.0):
        replies: list[object] = []
        while (asked := driver.transaction(request, replies)) is not None:
            frames = asked.decoder.feed(meter.responder.respond(asked.request, at_s) or b"")
            replies.append(next(frame for frame in frames if asked.accept(frame)))
        values = dict(driver.decode(request, replies).values)
        if meter.register in values:
            return values[meter.register]
    raise ProgramFailed(f"virtual device {meter.device.id} does not show {meter.register}, so it can have no past; leave --history-days out")


def _columns(rows: Sequence[_Row]) -> Columns:
    series: dict[SeriesKey, int] = {}
    index = [series.setdefault(SeriesKey(device, quantity), len(series)) for _, device, quantity, _ in rows]
    return Columns(tuple(series), index, [row[0] for row in rows], [row[3] for row in rows], [0] * len(rows))
