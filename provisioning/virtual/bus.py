"""All devices on one line: who a request means, what each answers, after which delay, with which faults. Time comes in as a parameter."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from protocol.site_plan import VirtualFault
from provisioning.virtual.devices import cjt188, dlt645, mbus, modbus
from provisioning.virtual.faults import babble_after_s, spoil
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.line import Answer, Heard

_TAIL_SHARE = 0.05  # this share of replies takes up to twice the usual spread
_MAX_BABBLE = 24
_SPEED_PROVED_S = 60  # a device told to use another speed and not spoken to at it by then goes back


class Responder(Interface):
    """A device's protocol side."""

    instrument: Instrument

    @property
    def key(self) -> bytes:
        """The address on the wire, by which a bus finds it."""

    def means(self, frame: bytes) -> bool:
        """Return whether a valid frame is for this device."""

    def respond(self, frame: bytes, at_s: float) -> bytes | None:
        """Act on a valid frame that means this device; return its reply or None for silence. `at_s`: Unix time."""


@dataclass(frozen=True, slots=True)
class Family:
    """How frames of one protocol are found and addressed. `by_silence`: only silence ends a frame."""

    find: Callable[[bytes], tuple[int, int] | None]
    key: Callable[[bytes], bytes]
    is_broadcast: Callable[[bytes], bool]
    by_silence: bool = False


DLT645 = Family(dlt645.find_request, lambda frame: dlt645.parse_request(frame).address, dlt645.is_broadcast)
CJT188 = Family(cjt188.find_request, cjt188.request_key, lambda _frame: False)
MBUS = Family(mbus.find_request, mbus.request_key, mbus.is_broadcast)
MODBUS = Family(modbus.find_request, lambda frame: frame[:1], lambda frame: frame[0] == 0, by_silence=True)


@dataclass
class Unit:
    """One device on the bus. `timeout_s`: how long a master waits for its first byte; `gap_s`: idle line it asks for before a request.

    `babbles_at_s`: when it next sends unasked, if it does.
    """

    device: str
    family: Family
    responder: Responder
    delay_ms: tuple[int, int]
    rng: random.Random
    faults: Sequence[VirtualFault] = ()
    timeout_s: float = 1.0
    gap_s: float = 0.0
    babbles_at_s: float = 0.0

    def answers(self, frame: bytes, at_s: float) -> list[Answer]:
        """Act on a frame and return what comes of it."""
        if any(fault.kind == "dead" and fault.share >= 1 for fault in self.faults):
            return []  # a dead device does not act either
        reply = self.responder.respond(frame, at_s)
        if reply is None:
            return []
        answer = Answer(self.device, self._delay_s(), reply, useful=len(reply))
        return spoil(answer, frame, self.faults, timeout_s=self.timeout_s, rng=self.rng)

    def speed(self, usual: int, at_s: float) -> int:
        """Return the baud rate this device uses on a line that usually runs at `usual`."""
        instrument = self.responder.instrument
        changed = instrument.kept.get("baud")
        if changed is None:
            return usual
        if instrument.state.get("speed_proved", 0) == int(changed) or at_s - instrument.state.get("baud_used_s", 0) <= _SPEED_PROVED_S:
            return int(changed)
        del instrument.kept["baud"]
        instrument.changed()
        return usual

    def _delay_s(self) -> float:
        """Even over the device's range, with a tail of up to one more range above it."""
        low, high = self.delay_ms
        if self.rng.random() < _TAIL_SHARE:
            return (high + (high - low) * self.rng.random() ** 2) / 1000
        return self.rng.uniform(low, high) / 1000


class Bus:
    """The listener of one line. `baud`: what it usually runs at; a master may use another speed for devices that were told to."""

    def __init__(self, units: Sequence[Unit], wall: Callable[[], float], baud: int = 0) -> None:
        self.units = {unit.device: unit for unit in units}
        self._wall = wall
        self._usual_baud = self._baud = baud
        self._families = [family for family in (DLT645, CJT188, MBUS, MODBUS) if any(unit.family is family for unit in units)]
        self._babblers: list[Unit] = []
        self._by_key: dict[tuple[int, bytes], list[Unit]] = {}
        for unit in units:
            self._by_key.setdefault((id(unit.family), unit.responder.key), []).append(unit)
            self.set_faults(unit.device, unit.faults)

    def hear(self, burst: bytes, *, closed: bool) -> Heard | None:
        """Return the first complete request in the master's bytes with everything the devices do about it."""
        for family in self._families:
            if family.by_silence and not closed:
                continue
            found = family.find(burst)
            if found is not None:
                return self._heard(family, burst, *found)
        return None

    def spontaneous(self, now_s: float) -> list[Answer]:
        """Return the noise of babbling devices that is due."""
        return [answer for unit in self._babblers for answer in _babble(unit, now_s)]

    def next_spontaneous_at(self) -> float | None:
        """Return when the next device babbles."""
        return min((unit.babbles_at_s for unit in self._babblers), default=None)

    def set_faults(self, device: str, faults: Sequence[VirtualFault]) -> None:
        """Make a device play these faults from now on."""
        self.units[device].faults = faults
        self._babblers = [unit for unit in self.units.values() if any(fault.kind == "babbling" for fault in unit.faults)]

    def at_speed(self, baud: int) -> bool:
        """Say what the master's port is set to; False when nobody here can read that."""
        self._baud = baud
        at_s = self._wall()
        return baud == self._usual_baud or any(unit.speed(self._usual_baud, at_s) == baud for unit in self.units.values())

    def _heard(self, family: Family, burst: bytes, first: int, end: int) -> Heard:
        frame, at_s = burst[first:end], self._wall()
        meant = [unit for unit in self._candidates(family, frame) if unit.responder.means(frame)]
        meant = [unit for unit in meant if unit.speed(self._usual_baud, at_s) == self._baud]
        for unit in meant:
            if "baud" in unit.responder.instrument.kept:
                unit.responder.instrument.state["speed_proved"] = self._baud
        answers = tuple(answer for unit in meant for answer in unit.answers(frame, at_s))
        device, gap_s = (meant[0].device, meant[0].gap_s) if len(meant) == 1 else ("", 0.0)
        return Heard(first, end, not family.is_broadcast(frame), answers, device, gap_s)

    def _candidates(self, family: Family, frame: bytes) -> Sequence[Unit]:
        """Exact addresses by look-up; wildcards, broadcasts and addresses written since ask everyone."""
        key = family.key(frame)
        exact = self._by_key.get((id(family), key), ())
        return exact if exact and all(unit.responder.key == key for unit in exact) else [one for one in self.units.values() if one.family is family]


def _babble(unit: Unit, now_s: float) -> Iterator[Answer]:
    if now_s >= unit.babbles_at_s:
        fault = next(fault for fault in unit.faults if fault.kind == "babbling")
        unit.babbles_at_s = now_s + babble_after_s(fault, unit.rng)
        yield Answer(unit.device, 0.0, unit.rng.randbytes(unit.rng.randint(2, _MAX_BABBLE)), useful=0)
