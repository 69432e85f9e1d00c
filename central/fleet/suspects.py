"""Addresses that two devices may answer: replies to one arrive damaged while the rest of the line is whole. A suspicion, never a finding. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.messages import DeviceHealth, LineHealth

ENOUGH = 20  # exchanges before a device is judged
DAMAGED_PERMILLE = 300
LINE_PERMILLE = 50  # a line worse than this is noisy as a whole: nothing points to one address


@dataclass(frozen=True, slots=True)
class Suspect:
    """A device whose replies are damaged out of proportion to its line, per mille each."""

    device: str
    damaged_permille: int
    line_permille: int


def suspected_duplicates(line: LineHealth) -> list[Suspect]:
    """Devices of a line, by its newest health message, that look like two on one address; worst first."""
    judged = [_suspect(line, one) for one in line.devices or () if one.exchanges >= ENOUGH]
    found = [one for one in judged if one.damaged_permille >= DAMAGED_PERMILLE and one.line_permille <= LINE_PERMILLE]
    return sorted(found, key=lambda one: -one.damaged_permille)


def slowest(line: LineHealth) -> Sequence[DeviceHealth]:
    """Devices with a known delay, slowest first."""
    return sorted((one for one in line.devices or () if one.delay_ms is not None), key=lambda one: -(one.delay_ms or 0))


def _suspect(line: LineHealth, device: DeviceHealth) -> Suspect:
    others = max(1, line.exchanges - device.exchanges)
    return Suspect(device.id, 1000 * device.damaged // device.exchanges, 1000 * max(0, line.checksum_errors - device.damaged) // others)
