"""When a virtual consumer was cut off, and what was plugged in beside its usual load. Energy is rate x milliseconds, exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from provisioning.virtual import physics
from provisioning.virtual.physics import Load

_MAX_SPANS = 200  # cuts and finished appliances kept one by one; what older ones withheld or added stays in the sum, only its date is lost


@dataclass(frozen=True, slots=True)
class Appliance:
    """Something plugged in: mW from `since_s` until `until_s` (None: still on)."""

    name: str
    power_mw: int
    since_s: float
    until_s: float | None = None


@dataclass
class Supply:
    """The wires to one consumer. `withheld`: rate x ms not taken in cuts that are no longer kept one by one, by tariff."""

    load: Load
    utc_offset_s: int
    withheld: dict[str, int]
    hours: dict[str, frozenset[int]]
    off_since_s: float | None = None
    cuts: list[tuple[float, float]] = field(default_factory=list)
    appliances: list[Appliance] = field(default_factory=list)

    def taken(self, at_s: float, tariff: str) -> int:
        """Return what was taken from the anchor until an instant, cuts left out."""
        total = self._usual(at_s, tariff) - self.withheld[tariff]
        cuts = list(self._cuts_before(at_s))
        for first, last in cuts:
            total -= self._usual(last, tariff) - self._usual(first, tariff)
        return total + sum(self._added(one, at_s, tariff, cuts) for one in self.appliances if one.since_s < at_s)

    def rate(self, at_s: float) -> int:
        """Return the momentary power (mW) or flow (mL/h)."""
        if any(first <= at_s < last for first, last in self._cuts_before(at_s)) or self.is_cut(at_s):
            return 0
        return self.load.rate(self._local_ms(at_s)) + sum(one.power_mw for one in self.appliances if _runs(one, at_s))

    def is_cut(self, at_s: float) -> bool:
        """Return whether the cut in progress had begun by then."""
        return self.off_since_s is not None and self.off_since_s <= at_s

    def cut(self, at_s: float) -> None:
        """Take the power away."""
        self.off_since_s = at_s

    def restore(self, at_s: float) -> None:
        """Give the power back."""
        if self.off_since_s is None:
            return
        self.cuts.append((self.off_since_s, max(at_s, self.off_since_s)))
        self.off_since_s = None
        while len(self.cuts) > _MAX_SPANS:
            first, last = self.cuts.pop(0)
            for tariff in self.withheld:
                self.withheld[tariff] += self._usual(last, tariff) - self._usual(first, tariff)

    def plug_in(self, name: str, power_mw: int, at_s: float) -> None:
        """Switch an appliance on; one of that name that runs already is switched off first."""
        self.unplug(name, at_s)
        self.appliances.append(Appliance(name, power_mw, at_s))

    def unplug(self, name: str, at_s: float) -> None:
        """Switch an appliance off."""
        self.appliances = [_ended(one, at_s) if one.name == name and one.until_s is None else one for one in self.appliances]
        finished = [one for one in self.appliances if one.until_s is not None]
        for old in finished[: max(0, len(finished) - _MAX_SPANS)]:
            self.appliances.remove(old)
            for tariff in self.withheld:
                self.withheld[tariff] -= self._added(old, at_s, tariff, list(self._cuts_before(at_s)))

    def plugged_mw(self, at_s: float) -> int:
        """Return the largest appliance that is plugged in and switched on, powered or not."""
        return max((one.power_mw for one in self.appliances if _runs(one, at_s)), default=0)

    def _usual(self, at_s: float, tariff: str) -> int:
        return self.load.taken(self._local_ms(at_s), self.hours[tariff])

    def _added(self, one: Appliance, at_s: float, tariff: str, cuts: Sequence[tuple[float, float]]) -> int:
        first, last = one.since_s, at_s if one.until_s is None else min(at_s, one.until_s)
        total = self._steady(one, first, last, tariff)
        for cut_s, back_s in cuts:
            total -= self._steady(one, max(first, cut_s), min(last, back_s), tariff)
        return total

    def _steady(self, one: Appliance, first_s: float, last_s: float, tariff: str) -> int:
        if last_s <= first_s:
            return 0
        return physics.steady(one.power_mw, self._local_ms(first_s), self._local_ms(last_s), self.hours[tariff])

    def _cuts_before(self, at_s: float) -> Iterator[tuple[float, float]]:
        """Cuts up to an instant, each cut short there."""
        for first, last in self.cuts:
            if first < at_s:
                yield first, min(last, at_s)
        if self.off_since_s is not None and self.off_since_s < at_s:
            yield self.off_since_s, at_s

    def _local_ms(self, at_s: float) -> int:
        return int((at_s + self.utc_offset_s) * 1000)


def _runs(one: Appliance, at_s: float) -> bool:
    return one.since_s <= at_s and (one.until_s is None or at_s < one.until_s)


def _ended(one: Appliance, at_s: float) -> Appliance:
    return Appliance(one.name, one.power_mw, one.since_s, at_s)
