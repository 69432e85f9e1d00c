"""`provision profile`: new, list, check, try, golden. It parses arguments and prints; the work is in the modules beside it."""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from firmware_profiles.loader import KIND_FOLDERS, PROFILES_FOLDER, load_profile, load_profiles
from protocol.errors import ConfigError
from protocol.profile import AnyProfile, DeviceKind
from protocol.profile_items import Protocol
from provisioning.profiles.budget import costs, usual_address
from provisioning.profiles.checks import Conformance
from provisioning.profiles.conformance import check_virtual
from provisioning.profiles.golden import of_capture
from provisioning.profiles.report import index_page, page_name, report_page
from provisioning.profiles.skeleton import skeleton
from provisioning.profiles.try_command import add_try, chosen_profile
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
    add_try(kinds, epilog)
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
    profile = chosen_profile(chosen.profile)
    pieces = [piece.data for piece in load_capture(chosen.capture)]
    section = of_capture(profile, pairwise(pieces), chosen.source)
    if chosen.out is None:
        sys.stdout.write(section)
    else:
        with chosen.out.open("a", encoding="utf-8") as log:
            log.write(f"\n{section}")
        sys.stdout.write(f"{chosen.out}: {section.count(chr(10))} lines added; look at every value before you commit them\n")
    return 0


def _costs(profile: AnyProfile) -> list[dict[str, object]]:
    return [{"group": one.group, "period_s": one.period_s, "exchanges": one.exchanges, "seconds": round(one.seconds, 3)} for one in costs(profile)]
