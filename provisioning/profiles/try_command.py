"""`provision profile try`: a device read by its profile, virtual or real, and what came of it shown, logged and reported."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path

from edge_agent.drivers.access import Access
from firmware_profiles.loader import load_profile, load_profiles
from protocol.errors import CampusError, ConfigError
from protocol.profile import AnyProfile
from protocol.quantities import QUANTITIES
from protocol.site_plan import Device, Line
from provisioning.port_text import port_of
from provisioning.profiles.budget import costs, usual_address
from provisioning.profiles.checks import Check, Conformance
from provisioning.profiles.conformance import Orders, ask_address, check_device, check_virtual
from provisioning.profiles.golden import of_trial
from provisioning.profiles.report import report_page

Commands = argparse._SubParsersAction
PASSWORD = "CE_METER_PASSWORD"  # noqa: S105  the name of a variable, not what it holds
_MARKS = {"passed": "ok  ", "failed": "FAIL", "skipped": "-   "}


def add_try(kinds: Commands[argparse.ArgumentParser], epilog: str) -> None:
    """Add the command to `provision profile`."""
    trying = kinds.add_parser(
        "try",
        help="read a device by a profile: a virtual one, or a real one on a port",
        description="Read everything a profile says, once without faults and then with a noisy line, and compare with the truth. Without --port the "
        "device is virtual. With --port a real device is read and nothing is written to it; --expect says what its display shows, --switch "
        f"names commands to carry out on it after all (DL/T 645: the password stands in {PASSWORD}, never on the command line).",
        epilog=epilog,
    )
    trying.add_argument("profile", help="profile key (maker/model) or file")
    trying.add_argument("--port", metavar="PORT|HOST:PORT", help="serial port or serial server of a real device")
    trying.add_argument("--address", help="the device's address (default: the only device on the line is asked for it)")
    trying.add_argument("--baud", type=int, help="speed, if not the profile's")
    trying.add_argument("--parity", choices=("N", "E", "O"), help="parity, if not the profile's")
    trying.add_argument("--expect", action="append", default=[], metavar="QUANTITY=VALUE", help="what the display shows, in its unit (kWh, m³, V …)")
    trying.add_argument("--switch", action="append", default=[], metavar="COMMAND", help="carry out this command on the real device and read it back")
    trying.add_argument("--yes", action="store_true", help="do not ask before --switch; the device's supply or valve may move")
    trying.add_argument("--log", type=Path, metavar="FILE", help="write what was said as a section of a golden log")
    trying.add_argument("--report", type=Path, metavar="FILE.html", help="write the conformance report")
    trying.add_argument("--json", action="store_true", help="print one JSON object")
    trying.set_defaults(run=_try)


def _try(chosen: argparse.Namespace) -> int:
    profile = chosen_profile(chosen.profile)
    runs = list(_runs(chosen, profile))
    if chosen.log is not None:
        where, trial = next(iter(runs[0].trials.items()))
        source = f"{where} {profile.profile} at {chosen.port or 'a virtual line'}, {datetime.now().astimezone():%Y-%m-%d %H:%M:%S %z}"
        chosen.log.write_text(of_trial(trial, source), encoding="utf-8")
    if chosen.report is not None:
        chosen.report.write_text(report_page(runs, costs(profile), datetime.now().astimezone()), encoding="utf-8")
    failed = [check for run in runs for check in run.checks if check.state == "failed"]
    if chosen.json:
        values = {where: trial.values for run in runs for where, trial in run.trials.items()}
        document = {"profile": profile.profile, "ok": not failed, "values": values, "checks": [_check_dict(c) for run in runs for c in run.checks]}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    else:
        total = sum(len(run.checks) for run in runs)
        sys.stdout.write(f"{profile.profile}: {total} checks, {len(failed)} failed\n")
    return int(bool(failed))


def _runs(chosen: argparse.Namespace, profile: AnyProfile) -> Iterator[Conformance]:
    """The real device if there is a port, and the virtual one if there is none or a report is to show both."""

    def tell(check: Check) -> None:
        if not chosen.json:
            sys.stdout.write(f"{_MARKS[check.state]} {check.name}: {_in_words(check)}\n")
            sys.stdout.flush()

    if chosen.port is not None:
        device = Device(id="device", profile=profile.profile, address=chosen.address or _asked_address(chosen, profile), place="bench")
        orders = Orders(_agreed(chosen, profile), Access(password=os.environ.get(PASSWORD, "000000")))
        yield check_device(profile, device, _line(chosen, profile, device), _expected(chosen.expect, profile), orders, tell)
    if chosen.port is None or chosen.report is not None:
        virtual_at = chosen.address if chosen.port is None and chosen.address else usual_address(profile)
        yield check_virtual(profile, virtual_at, tell if chosen.port is None else lambda _: None)


def _asked_address(chosen: argparse.Namespace, profile: AnyProfile) -> str:
    """What the one device on the line says its address is."""
    try:
        address = ask_address(profile, _line(chosen, profile))
    except CampusError as error:
        raise ConfigError(f"give --address: the device could not be asked for it ({error.message})") from error
    sys.stderr.write(f"the device on {chosen.port} has the address {address}\n")
    return address


def _agreed(chosen: argparse.Namespace, profile: AnyProfile) -> tuple[str, ...]:
    """The commands to carry out, once a person has said yes."""
    names = [command.name for command in profile.commands]
    for name in chosen.switch:
        if name not in names:
            raise ConfigError(f"--switch {name}: {profile.profile} has {', '.join(names) or 'no commands'}")
    if chosen.switch and not chosen.yes:
        sys.stderr.write(f"{', '.join(chosen.switch)} will be carried out on the device at {chosen.port}, address {chosen.address}. Go on? [y/N] ")
        if not sys.stdin.isatty() or sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise ConfigError("nothing was sent; say y, or give --yes")
    return tuple(chosen.switch)


def _in_words(check: Check) -> str:
    if not check.name.startswith("read "):
        return check.detail
    words = []
    for part in check.detail.split(", "):
        quantity, equals, value = part.partition(" = ")
        words.append(f"{quantity} = {QUANTITIES[quantity].shown(int(value))}" if equals and quantity in QUANTITIES else part)
    return ", ".join(words)


def _line(chosen: argparse.Namespace, profile: AnyProfile, device: Device | None = None) -> Line:
    serial = profile.serial
    return Line.model_validate(
        {
            "id": "bench",
            "port": port_of(chosen.port),
            "baud": chosen.baud or serial.baud,
            "data_bits": serial.data_bits,
            "parity": chosen.parity or serial.parity,
            "stop_bits": serial.stop_bits,
            "gap_ms": profile.timing.gap_ms,
            "devices": () if device is None else (device,),
        }
    )


def _expected(texts: list[str], profile: AnyProfile) -> dict[str, int]:
    """What the display shows, in base units."""
    found: dict[str, int] = {}
    known = {item.quantity for item in profile.items}
    for text in texts:
        quantity, _, value = text.partition("=")
        if quantity not in known:
            raise ConfigError(f"--expect {text}: {profile.profile} does not read {quantity!r}; it reads {', '.join(sorted(known))}")
        try:
            found[quantity] = round(Fraction(Decimal(value)) * 10 ** QUANTITIES[quantity].decimals)
        except (InvalidOperation, ValueError, OverflowError) as error:
            raise ConfigError(f"--expect {text}: expected a number in {QUANTITIES[quantity].display_unit or 'units'}, got {value!r}") from error
    return found


def chosen_profile(text: str) -> AnyProfile:
    """The profile of a key, or in a file. Raises NotFound or ConfigError."""
    path = Path(text)
    return load_profile(path) if path.suffix == ".yaml" else load_profiles().find(text)


def _check_dict(check: Check) -> dict[str, object]:
    return {"where": check.where, "name": check.name, "state": check.state, "detail": check.detail, "log": list(check.log)}
