"""One virtual device on a baud-true line of its own, so that a profile can be tried before the device is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_agent.drivers.driver import driver_for
from protocol.profile import AnyProfile
from protocol.record import Text
from protocol.site_plan import Device, Gateway, Line, Place, Rehearsal, SerialPort, Site, SitePlan, VirtualDevice, VirtualFault
from provisioning.virtual.site import VirtualSite

_NAME = Text(zh="试验", en="Trial")
SEED = 7
SITE_TIMEZONE = "Asia/Shanghai"


@dataclass(frozen=True)
class VirtualLine:
    """A running line. `line`: as a plan names it, its port the virtual one's."""

    site: VirtualSite
    line: Line
    device: Device

    def truth(self, quantity: str) -> int:
        """What the device really measures now, in base units."""
        return self.site.truth(self.device.id, quantity)

    def play(self, fault: VirtualFault | None) -> None:
        """Spoil the device's answers so from now on; None: answer well again."""
        self.site.set_fault(self.device.id, fault)


@contextmanager
def virtual_line(profile: AnyProfile, address: str, at_s: float) -> Iterator[VirtualLine]:
    """Run a device of this profile on a line with the profile's own serial settings. For the device it is `at_s` (Unix time) all the while, so that
    what it measures can be compared with what was read a little later. Raises EncodeError for an address that does not fit.
    """
    device = Device(id="device", profile=profile.profile, address=address, place="bench")
    driver_for(profile).check(device)
    serial = profile.serial
    line = Line(
        id="bench",
        port=SerialPort(kind="serial", path="/dev/none"),
        baud=serial.baud,
        data_bits=serial.data_bits,
        parity=serial.parity,
        stop_bits=serial.stop_bits,
        gap_ms=profile.timing.gap_ms,
        devices=(device,),
    )
    plan = SitePlan(
        schema=1,
        site=Site(id="bench", name=_NAME, timezone=SITE_TIMEZONE),
        places=(Place(id="bench", kind="campus", name=_NAME),),
        gateways=(Gateway(id="bench", name=_NAME, place="bench", lines=(line,)),),
        rehearsal=Rehearsal(seed=SEED, devices=(VirtualDevice(device=device.id),)),
    )
    with TemporaryDirectory(prefix="profile-trial-") as folder:
        site = VirtualSite(plan, {profile.profile: profile}, Path(folder), wall=lambda: at_s)
        site.start()
        try:
            [gateway] = site.rewritten_plan().gateways
            yield VirtualLine(site, gateway.lines[0], device)
        finally:
            site.stop()
