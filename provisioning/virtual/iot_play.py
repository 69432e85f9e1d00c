"""The reporting devices of a site plan, played: they wake, report late, twice and out of order as the seed says, and obey at the next wake-up."""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from protocol.errors import CampusError, ConfigError
from protocol.site_plan import ReportingDevice, parse_site_plan
from provisioning.virtual.iot import HOUR_S, IotMeter
from provisioning.virtual.iot_live import Awakening, live, recall, remember
from provisioning.virtual.iot_ways import LISTEN_S, Webhook, report_over_mqtt, report_over_tcp, report_over_udp

_JITTER_S = 1800
_PAST_LISTEN_S = 0.05
_MAX_HELD = 48  # the oldest give way; a real meter's memory is no larger


@dataclass(frozen=True)
class Mischief:
    """Shares of reports that are held back until the next wake-up, sent twice, or sent behind a newer one."""

    late: float = 0.0
    repeated: float = 0.0
    out_of_order: float = 0.0


@dataclass
class Sleeper:
    """A meter between wake-ups, with the reports it could not deliver. `chance`: seeded."""

    meter: IotMeter
    chance: random.Random
    mischief: Mischief
    held: list[dict[str, Any]] = field(default_factory=list)

    def wake(self, now_s: float) -> list[dict[str, Any]]:
        """The reports to deliver now, in the order they go."""
        said = self.meter.report(now_s)
        if self.chance.random() < self.mischief.late:
            self.held.append(said)
            return []
        reports, self.held = [*self.held, said], []
        if self.chance.random() < self.mischief.out_of_order:
            self.chance.shuffle(reports)
        return reports + (reports[-1:] if self.chance.random() < self.mischief.repeated else [])

    def hold(self, reports: Sequence[dict[str, Any]]) -> None:
        """Keep what could not be delivered for the next wake-up."""
        self.held = list(reports)[-_MAX_HELD:]


def wake_times(meter: IotMeter, chance: random.Random, from_s: float, to_s: float) -> Iterator[float]:
    """When a meter wakes between two instants: every so many hours by its own phase, never exactly then. A changed period holds from the next on."""
    at_s = from_s + chance.random() * meter.every_h * HOUR_S
    while at_s < to_s:
        yield min(to_s, at_s + chance.uniform(0, _JITTER_S))
        at_s += meter.every_h * HOUR_S


Deliver = Callable[[Sleeper, float], int]  # wakes a meter, delivers what it says, lets it obey; returns how many reports went


def by_webhook(way: Webhook, clock: Callable[[], float]) -> Deliver:
    """Delivery by a vendor's platform. `clock`: for the signature, which is made now whatever time the meter plays."""

    def deliver(sleeper: Sleeper, now_s: float) -> int:
        reports = sleeper.wake(now_s)
        with _held_back(sleeper, reports):
            results = way.post(reports, clock()) if reports else []
        sleeper.meter.obey([command for result in results for command in result.get("commands", ())], now_s)
        return len(reports)

    return deliver


@contextlib.contextmanager
def _held_back(sleeper: Sleeper, reports: Sequence[dict[str, Any]]) -> Iterator[None]:
    try:
        yield
    except (CampusError, httpx.HTTPError, OSError):
        sleeper.hold(reports)
        raise


def by_mqtt(address: tuple[str, int], passwords: Mapping[str, str], listen_s: float) -> Deliver:
    """Delivery by the meter's own MQTT client. `passwords`: IMEI -> password at the broker."""

    def deliver(sleeper: Sleeper, now_s: float) -> int:
        reports = sleeper.wake(now_s)
        for number, report in enumerate(reports):
            with _held_back(sleeper, reports[number:]):
                report_over_mqtt(address, sleeper.meter, passwords[sleeper.meter.imei], report, now_s, listen_s)
        return len(reports)

    return deliver


def by_frames(send: Callable[[tuple[str, int], IotMeter, bytes, float], bool], address: tuple[str, int]) -> Deliver:
    """Delivery as CJ/T 188 pushes, over TCP or UDP; what is not acknowledged is pushed once more."""

    def deliver(sleeper: Sleeper, now_s: float) -> int:
        frame = sleeper.meter.push(now_s)
        times = 1 + (sleeper.chance.random() < sleeper.mischief.repeated)
        delivered = [send(address, sleeper.meter, frame, now_s) for _ in range(times)]
        return sum(delivered) or int(send(address, sleeper.meter, frame, now_s))

    return deliver


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the reporting devices of a plan over some days up to now; returns the exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        told = play(chosen, time.time)
    except CampusError as error:
        sys.stderr.write(f"virtual.iot: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    sys.stdout.write(f"{told} reports delivered\n")
    return 0


def play(chosen: argparse.Namespace, clock: Callable[[], float]) -> int:
    """As the command line says, without end where meters play on live; returns how many reports were delivered. Raises CampusError."""
    plan = parse_site_plan(chosen.plan.read_text(encoding="utf-8"), str(chosen.plan))
    now_s = clock()
    mischief = Mischief(chosen.late, chosen.repeated, chosen.out_of_order)
    sleepers: list[tuple[str, Sleeper, Deliver]] = []
    past: list[Deliver] = []
    for device in plan.reporting_devices:
        chance = random.Random(f"{chosen.seed}/{device.id}")
        meter = IotMeter(device.imei, device.address, chance.randrange(1 << 30), plan.site.timezone, every_h=device.expects_every_h)
        sleepers.append((f"{device.id} by {device.via}", Sleeper(meter, chance, mischief), _way(device, chosen, clock, LISTEN_S)))
        past.append(_way(device, chosen, clock, _PAST_LISTEN_S))
    known = chosen.state is not None and chosen.state.exists()
    if known:
        recall(chosen.state, [sleeper.meter for _, sleeper, _ in sleepers])
    delivered = 0 if known else _play_past([sleeper for _, sleeper, _ in sleepers], past, now_s - chosen.days * 24 * HOUR_S, now_s)
    if chosen.state is not None:
        remember(chosen.state, [sleeper.meter for _, sleeper, _ in sleepers])
    if chosen.every_s is not None:
        live([Awakening(name, sleeper.meter, partial(deliver, sleeper)) for name, sleeper, deliver in sleepers], chosen.every_s, chosen.state, clock)
    return delivered


def _play_past(sleepers: Sequence[Sleeper], deliver: Sequence[Deliver], from_s: float, to_s: float) -> int:
    wakes = [(at_s, number) for number, one in enumerate(sleepers) for at_s in wake_times(one.meter, one.chance, from_s, to_s)]
    return sum(deliver[number](sleepers[number], at_s) for at_s, number in sorted(wakes))


def _way(device: ReportingDevice, chosen: argparse.Namespace, clock: Callable[[], float], listen_s: float) -> Deliver:
    if device.via.startswith("webhook/"):
        source = device.via.removeprefix("webhook/")
        lines = (chosen.keys / f"{source}.key").read_text(encoding="utf-8").splitlines()
        return by_webhook(Webhook(chosen.url, source, lines[0].strip().encode()), clock)
    address = {"mqtt": chosen.mqtt, "tcp": chosen.tcp, "udp": chosen.udp}[device.via]
    if address is None:
        raise ConfigError(f"device {device.id} reports by {device.via}: say where, with --{device.via} HOST:PORT")
    if device.via == "mqtt":
        text = chosen.mqtt_passwords.read_text(encoding="utf-8") if chosen.mqtt_passwords else ""
        return by_mqtt(address, dict(line.split(":", 1) for line in text.splitlines() if ":" in line), listen_s)
    return by_frames(partial(report_over_tcp, listen_s=listen_s) if device.via == "tcp" else report_over_udp, address)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m provisioning.virtual.iot", description="Let the reporting devices of a site plan report.")
    parser.add_argument("plan", type=Path, metavar="PLAN.yaml", help="site plan with reporting_devices")
    parser.add_argument("--days", type=float, default=2.0, help="report as from so many days ago up to now (default: %(default)s)")
    live_help = "then report on as of now, each meter every so many seconds, until ended"
    parser.add_argument("--every-s", type=_seconds, metavar="SECONDS", help=live_help)
    state_help = "remember here what the meters are; where the file exists, the past is not played again"
    parser.add_argument("--state", type=Path, metavar="FILE", help=state_help)
    parser.add_argument("--seed", type=int, default=1, help="what jitter and mischief follow from (default: %(default)s)")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="central's address, for webhooks (default: %(default)s)")
    parser.add_argument("--keys", type=Path, default=Path("keys"), metavar="DIR", help="folder with SOURCE.key, for webhooks")
    parser.add_argument("--mqtt", type=_address, metavar="HOST:PORT", help="the broker")
    parser.add_argument("--mqtt-passwords", type=Path, metavar="FILE", help="lines IMEI:PASSWORD, the meters' accounts at the broker")
    parser.add_argument("--tcp", type=_address, metavar="HOST:PORT", help="central's port for frames over TCP")
    parser.add_argument("--udp", type=_address, metavar="HOST:PORT", help="central's port for frames over UDP")
    for name in ("late", "repeated", "out-of-order"):
        parser.add_argument(f"--{name}", type=float, default=0.1, metavar="SHARE", help="share of such reports (default: %(default)s)")
    return parser


def _seconds(text: str) -> float:
    if not text.replace(".", "", 1).isdigit() or float(text) < 1:
        raise argparse.ArgumentTypeError("expected a number of seconds, at least 1")
    return float(text)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError("expected HOST:PORT")
    return host, int(port)
