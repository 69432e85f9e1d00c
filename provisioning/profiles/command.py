"""`provision profile`: new, list, check, try, golden. It parses arguments and prints; the work is in the modules beside it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from edge_agent.drivers.access import Access
from firmware_profiles.loader import KIND_FOLDERS, PROFILES_FOLDER, load_profile, load_profiles
from protocol.errors import ConfigError
from protocol.profile import AnyProfile, DeviceKind
from protocol.profile_items import Protocol
from protocol.quantities import QUANTITIES
from protocol.site_plan import Device, Line, SerialPort, TcpClientPort
from provisioning.profiles.budget import costs, usual_address
from provisioning.profiles.checks import Check, Conformance
from provisioning.profiles.conformance import Orders, check_device, check_virtual
from provisioning.profiles.golden import of_capture, of_trial
from provisioning.profiles.report import index_page, page_name, report_page, shown
from provisioning.profiles.skeleton import skeleton
from provisioning.sniff.capture import load_capture

Commands = argparse._SubParsersAction
PASSWORD = "CE_METER_PASSWORD"  # noqa: S105  the name of a variable, not what it holds
_MARKS = {"passed": "ok  ", "failed": "FAIL", "skipped": "-   "}


def add_profile(commands: Commands[argparse.ArgumentParser], epilog: str) -> None:
    """Add the commands to `provision`."""
    profile = commands.add_parser(
        "profile", help="device profiles: new, list, check, try, golden", description="Work with device profiles.", epilog=epilog
    )
    kinds = profile.add_subparsers(required=True, metavar="COMMAND")
    _add_new(kinds, epilog)
    _add_list(kinds, epilog)
    check = kinds.add_parser("check", help="check profile files (default: the library): rules, reads, line time", epilog=epilog)
    check.add_argument("files", type=Path, nargs="*", metavar="FILE", help="profile, at KIND/maker/model.yaml")
    check.add_argument("--folder", type=Path, default=PROFILES_FOLDER, help="without FILE: the folder to check (default: the library)")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(run=_check)
    _add_try(kinds, epilog)
    _add_report(kinds, epilog)
    golden = kinds.add_parser("golden", help="turn a capture into a section of a golden log, values filled in", epilog=epilog)
    golden.add_argument("profile", help="profile key (maker/model) or file")
    golden.add_argument("capture", type=Path, help="wire log or hex dump: each request followed by its reply")
    golden.add_argument("--source", required=True, help="where the bytes come from; stands above them for ever")
    golden.add_argument("--out", type=Path, metavar="FILE", help="append to this log (default: print)")
    golden.set_defaults(run=_golden)


def _add_new(kinds: Commands[argparse.ArgumentParser], epilog: str) -> None:
    new = kinds.add_parser("new", help="write the skeleton of a profile", epilog=epilog)
    new.add_argument("key", metavar="MAKER/MODEL", help="lower-case letters, digits and _ only")
    new.add_argument("--kind", choices=[kind.value for kind in DeviceKind], help="what the device is (default: the base's)")
    new.add_argument("--protocol", choices=[protocol.value for protocol in Protocol], help="what it speaks (default: the base's)")
    new.add_argument("--extends", metavar="PROFILE", help="a tested profile this one is built on")
    new.add_argument("--folder", type=Path, default=PROFILES_FOLDER, help="folder of profiles (default: the library)")
    new.set_defaults(run=_new)


def _add_list(kinds: Commands[argparse.ArgumentParser], epilog: str) -> None:
    every = kinds.add_parser("list", help="list the profiles of the library", epilog=epilog)
    every.add_argument("words", nargs="*", metavar="WORD", help="only profiles that hold all these words (maker, model, protocol, 中文)")
    every.add_argument("--json", action="store_true", help="print one JSON object")
    every.set_defaults(run=_list)


def _add_try(kinds: Commands[argparse.ArgumentParser], epilog: str) -> None:
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
    trying.add_argument("--address", help="the device's address (default of a virtual one: any)")
    trying.add_argument("--baud", type=int, help="speed, if not the profile's")
    trying.add_argument("--parity", choices=("N", "E", "O"), help="parity, if not the profile's")
    trying.add_argument("--expect", action="append", default=[], metavar="QUANTITY=VALUE", help="what the display shows, in its unit (kWh, m³, V …)")
    trying.add_argument("--switch", action="append", default=[], metavar="COMMAND", help="carry out this command on the real device and read it back")
    trying.add_argument("--yes", action="store_true", help="do not ask before --switch; the device's supply or valve may move")
    trying.add_argument("--log", type=Path, metavar="FILE", help="write what was said as a section of a golden log")
    trying.add_argument("--report", type=Path, metavar="FILE.html", help="write the conformance report")
    trying.add_argument("--json", action="store_true", help="print one JSON object")
    trying.set_defaults(run=_try)


def _add_report(kinds: Commands[argparse.ArgumentParser], epilog: str) -> None:
    report = kinds.add_parser("report", help="write the conformance reports of many profiles, played as virtual devices", epilog=epilog)
    report.add_argument("profiles", nargs="*", metavar="PROFILE", help="profile keys (default: the whole library)")
    report.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the pages; index.html lists them")
    report.add_argument("--jobs", type=int, default=12, help="devices played at once (default: %(default)s)")
    report.set_defaults(run=_report)


def _new(chosen: argparse.Namespace) -> int:
    profiles = load_profiles()
    base = profiles.find(chosen.extends) if chosen.extends else None
    kind = DeviceKind(chosen.kind) if chosen.kind else base.kind if base else None
    protocol = Protocol(chosen.protocol) if chosen.protocol else base.protocol if base else None
    if kind is None or protocol is None:
        raise ConfigError("give --kind and --protocol, or --extends with a profile that has both")
    text = skeleton(chosen.key, kind, protocol, chosen.extends, profiles)
    folder = next(name for name, one in KIND_FOLDERS.items() if one is kind)
    path = chosen.folder / folder / f"{chosen.key}.yaml"
    if path.exists():
        raise ConfigError(f"{path}: exists already; nothing was written")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{path}: fill it in, then `provision profile check {path}` and `provision profile try {path}`\n")
    return 0


def _list(chosen: argparse.Namespace) -> int:
    rows = []
    for profile in load_profiles().values():
        row = (profile.profile, f"{profile.maker.en} {profile.maker.zh}", profile.model, profile.protocol.value, profile.verified.value)
        if all(word.casefold() in " ".join((*row, profile.name.zh, profile.name.en)).casefold() for word in chosen.words):
            rows.append(row)
    if chosen.json:
        keys = ("profile", "maker", "model", "protocol", "verified")
        sys.stdout.write(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{row[0]:45} {row[3]:12} {row[4]:10} {row[1]}, {row[2]}\n" for row in rows)
    return 0 if rows else 1


def _check(chosen: argparse.Namespace) -> int:
    if not chosen.files:
        return _check_folder(chosen)
    bases = load_profiles()
    found: dict[str, object] = {}
    wrong = 0
    for path in chosen.files:
        try:
            profile = load_profile(path, bases)
            found[str(path)] = {"ok": True, "profile": profile.profile, "verified": profile.verified.value, "costs": _costs(profile)}
            if not chosen.json:
                sys.stdout.writelines(_good(path, profile))
        except ConfigError as error:
            wrong += 1
            found[str(path)] = {"ok": False, "problems": error.message.splitlines()}
            if not chosen.json:
                sys.stdout.write(f"{error.message}\n")
    if chosen.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    return int(wrong > 0)


def _check_folder(chosen: argparse.Namespace) -> int:
    registry = load_profiles(chosen.folder)
    problems = [line for error in registry.problems for line in error.message.splitlines()]
    if chosen.json:
        sys.stdout.write(json.dumps({"ok": not problems, "good": sorted(registry), "problems": problems}, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in problems)
        sys.stdout.write(f"{chosen.folder}: {len(registry)} profiles are good, {len(registry.problems)} files are not\n")
    return int(bool(problems))


def _good(path: Path, profile: AnyProfile) -> list[str]:
    lines = [f"{path}: good; {len(profile.items)} quantities, {len(profile.commands)} commands, verified: {profile.verified.value}\n"]
    for cost in costs(profile):
        share = f"{100 * cost.share_of_32:.1f} % of the line for 32 devices"
        lines.append(f"  {cost.group:12} every {cost.period_s:>5} s: {cost.exchanges:>2} exchanges, {cost.seconds:.2f} s; {share}\n")
    return lines + [f"  ask the maker: {question}\n" for question in profile.ask_maker]


def _try(chosen: argparse.Namespace) -> int:
    profile = _profile(chosen.profile)
    runs = [_run(chosen, profile)]
    if chosen.log is not None:
        [(where, trial)] = runs[0].trials.items()
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


def _run(chosen: argparse.Namespace, profile: AnyProfile) -> Conformance:
    def tell(check: Check) -> None:
        if not chosen.json:
            sys.stdout.write(f"{_MARKS[check.state]} {check.name}: {_in_words(check)}\n")
            sys.stdout.flush()

    address = chosen.address or (None if chosen.port else usual_address(profile))
    if address is None:
        raise ConfigError("--port needs --address; `provision sniff` or the meter's plate tells it")
    if chosen.port is None:
        return check_virtual(profile, address, tell)
    device = Device(id="device", profile=profile.profile, address=address, place="bench")
    orders = Orders(_agreed(chosen, profile), Access(password=os.environ.get(PASSWORD, "000000")))
    return check_device(profile, device, _line(chosen, profile, device), _expected(chosen.expect, profile), orders, tell)


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
        words.append(f"{quantity} = {shown(quantity, int(value))}" if equals and quantity in QUANTITIES else part)
    return ", ".join(words)


def _line(chosen: argparse.Namespace, profile: AnyProfile, device: Device) -> Line:
    serial = profile.serial
    host, colon, port = chosen.port.rpartition(":")
    tcp = bool(colon) and port.isdigit() and "/" not in host
    where = TcpClientPort(kind="tcp_client", host=host, port=int(port)) if tcp else SerialPort(kind="serial", path=chosen.port)
    return Line.model_validate(
        {
            "id": "bench",
            "port": where,
            "baud": chosen.baud or serial.baud,
            "data_bits": serial.data_bits,
            "parity": chosen.parity or serial.parity,
            "stop_bits": serial.stop_bits,
            "gap_ms": profile.timing.gap_ms,
            "devices": (device,),
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


def _report(chosen: argparse.Namespace) -> int:
    library = load_profiles()
    profiles = [library.find(key) for key in chosen.profiles] or list(library.values())
    chosen.out.mkdir(parents=True, exist_ok=True)
    made = datetime.now().astimezone()
    runs: list[Conformance] = []
    with ThreadPoolExecutor(max(1, chosen.jobs), thread_name_prefix="trial") as pool:
        trials = {pool.submit(check_virtual, one, usual_address(one), lambda _: None): one for one in profiles}
        for number, trial in enumerate(as_completed(trials), start=1):
            run = trial.result()
            runs.append(run)
            (chosen.out / page_name(run.profile)).write_text(report_page([run], costs(run.profile), made), encoding="utf-8")
            failed = [check.name for check in run.checks if check.state == "failed"]
            said = f"{len(run.checks)} checks" + (f", FAILED: {'; '.join(failed)}" if failed else "")
            sys.stdout.write(f"[{number}/{len(profiles)}] {run.profile.profile}: {said}\n")
            sys.stdout.flush()
    (chosen.out / "index.html").write_text(index_page(runs, made), encoding="utf-8")
    bad = sum(not run.passed for run in runs)
    sys.stdout.write(f"{chosen.out / 'index.html'}: {len(runs)} profiles, {bad} with failures\n")
    return int(bad > 0)


def _golden(chosen: argparse.Namespace) -> int:
    profile = _profile(chosen.profile)
    pieces = [piece.data for piece in load_capture(chosen.capture)]
    section = of_capture(profile, pairwise(pieces), chosen.source)
    if chosen.out is None:
        sys.stdout.write(section)
    else:
        with chosen.out.open("a", encoding="utf-8") as log:
            log.write(f"\n{section}")
        sys.stdout.write(f"{chosen.out}: {section.count(chr(10))} lines added; look at every value before you commit them\n")
    return 0


def _profile(text: str) -> AnyProfile:
    path = Path(text)
    return load_profile(path) if path.suffix == ".yaml" else load_profiles().find(text)


def _costs(profile: AnyProfile) -> list[dict[str, object]]:
    return [{"group": one.group, "period_s": one.period_s, "exchanges": one.exchanges, "seconds": round(one.seconds, 3)} for one in costs(profile)]


def _check_dict(check: Check) -> dict[str, object]:
    return {"where": check.where, "name": check.name, "state": check.state, "detail": check.detail, "log": list(check.log)}
