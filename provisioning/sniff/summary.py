"""What a while of listening amounts to: who speaks, how often, what goes wrong. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from provisioning.sniff.dissect import Heard


@dataclass
class Device:
    """One address on the line."""

    protocol: str
    address: str
    asked: int = 0
    answered: int = 0
    refused: int = 0


@dataclass
class Summary:
    """Counts of one listening. `noise_bytes` belong to no frame with a right checksum: another speed, parity, protocol, or damage."""

    frames: int = 0
    noise_bytes: int = 0
    bytes: int = 0
    devices: dict[tuple[str, str], Device] = field(default_factory=dict)
    what: Counter[str] = field(default_factory=Counter)

    def add(self, heard: Iterable[Heard]) -> None:
        """Count what was heard."""
        for one in heard:
            self.bytes += len(one.data)
            if one.speaker == "noise":
                self.noise_bytes += len(one.data)
                continue
            self.frames += 1
            self.what[one.what.partition(";")[0]] += 1
            device = self.devices.setdefault((one.protocol, one.address), Device(one.protocol, one.address))
            device.asked += one.speaker == "master"
            device.answered += one.speaker == "device"
            device.refused += one.speaker == "device" and not one.ok

    @property
    def masters(self) -> int:
        """Requests heard: somebody polls this line."""
        return sum(device.asked for device in self.devices.values())

    def lines(self) -> Iterator[str]:
        """The summary in words, advice last."""
        yield f"{self.bytes} bytes, {self.frames} frames, {self.noise_bytes} bytes of noise"
        for device in sorted(self.devices.values(), key=lambda one: (one.protocol, one.address)):
            refused = f", {device.refused} refused" if device.refused else ""
            silent = "; does not answer" if device.asked and not device.answered else ""
            yield f"{device.protocol:12} {device.address:14} asked {device.asked}, answered {device.answered}{refused}{silent}"
        yield from self._advice()

    def _advice(self) -> Iterator[str]:
        if not self.bytes:
            yield "nothing was heard: nobody polls this line now, or A and B are not connected"
        elif not self.frames:
            yield "no frame has a right checksum: try another speed or parity (2400 8E1, 9600 8E1, 1200 8E1, 9600 8N1), and check A and B"
        if self.masters:
            yield "a master polls this line: a gateway put beside it would be a second one; stop it, or use its transparent mode"
        if self.frames and self.noise_bytes > self.bytes // 5:
            yield "much noise: a second master, a device of another speed on the pair, or missing termination and bias"

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "bytes": self.bytes,
            "frames": self.frames,
            "noise_bytes": self.noise_bytes,
            "master_requests": self.masters,
            "devices": [vars(device) for device in self.devices.values()],
            "advice": list(self._advice()),
        }
