"""Meters that report by themselves in a rehearsal: their accounts and keys, central's ways in for them, and the program that plays them."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from protocol.site_plan import ReportingDevice, SitePlan
from provisioning.rehearse.broker import write_secret
from provisioning.rehearse.folder import Folder
from provisioning.rehearse.settings_files import BrokerAccess, IotWays

PAST_DAYS = 2  # played once, before the first report of now


@dataclass(frozen=True, slots=True)
class IotGround:
    """What the reporting devices of a plan need. `passwords`: file with the accounts at the broker of those that report by MQTT.

    `every_s`: how often each reports here; a demonstration cannot wait a day for one.
    """

    devices: tuple[ReportingDevice, ...]
    ways: IotWays
    passwords: Path
    every_s: int

    @property
    def told(self) -> str:
        """For the person in front of the console."""
        expected = sorted({device.expects_every_h for device in self.devices})
        hours = f"{expected[0]} h" if len(expected) == 1 else f"{expected[0]} to {expected[-1]} h"
        return f"{len(self.devices)} meters report by themselves, every {self.every_s} s here; on a real site they sleep {hours} between reports"


def iot_ground(plan: SitePlan, folder: Folder, every_s: int) -> IotGround | None:
    """Make keys and choose ports, once for a folder; None for a plan without such meters."""
    devices = plan.reporting_devices
    if not devices:
        return None
    for source in sorted({device.via.removeprefix("webhook/") for device in devices if device.via.startswith("webhook/")}):
        folder.secret(f"iot/{source}.key")
    tcp, udp = folder.port("iot-tcp"), folder.port("iot-udp", kind=socket.SOCK_DGRAM)
    secrets_dir, passwords = folder.secret_file("iot"), folder.secret_file("iot-passwords")
    accounts = "".join(f"{imei}:{folder.secret(f'broker-{imei}')}\n" for imei in mqtt_users(devices))
    folder.token.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets_dir.mkdir(mode=0o700, exist_ok=True)
    write_secret(passwords, accounts)
    return IotGround(devices, IotWays(secrets_dir, tcp, udp), passwords, every_s)


def mqtt_users(devices: Sequence[ReportingDevice]) -> list[str]:
    """The IMEIs that sign in at the broker themselves."""
    return [device.imei for device in devices if device.via == "mqtt"]


def player(ground: IotGround, site: Path, folder: Folder, address: str, broker: BrokerAccess, past_days: int) -> tuple[str, ...]:
    """The command that plays the meters over some days and from now on, at the ground's pace. `address`: of central."""
    ways = ground.ways
    command = [sys.executable, "-m", "provisioning.virtual.iot", str(site)]
    command += ["--days", str(past_days), "--every-s", str(ground.every_s), "--state", str(folder.root / "virtual" / "iot-meters.json")]
    command += [
        "--url",
        address,
        "--keys",
        str(ways.secrets_dir),
        "--mqtt",
        f"{broker.host}:{broker.port}",
        "--mqtt-passwords",
        str(ground.passwords),
    ]
    return (*command, "--tcp", f"127.0.0.1:{ways.tcp_port}", "--udp", f"127.0.0.1:{ways.udp_port}")
