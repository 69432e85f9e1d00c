"""The `provision` command: the engineer's tools. It only parses arguments and prints; the work is in the modules it calls."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path

from firmware_profiles.loader import load_profiles
from protocol.errors import CampusError, ConfigError
from protocol.site_plan import SitePlan
from provisioning.plan_check import check_plan, plan_doubts
from provisioning.profiles.command import add_profile
from provisioning.sniff.command import add_sniff

_SITES = Path(__file__).parent / "sites"
_MAX_DAYS = 400
_EPILOG = "Exit status: 0 done, 1 something is wrong (said on standard error), 2 the command line is wrong."


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    chosen = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        return int(chosen.run(chosen))
    except CampusError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="provision", description="Tools of the engineer: check a site plan, rehearse a whole site, listen to a line.", epilog=_EPILOG
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_rehearse(commands)
    add_profile(commands, _EPILOG)
    add_sniff(commands, _EPILOG)
    plan = commands.add_parser("plan", help="site plans: check one, write the reference site", description="Work with site plans.", epilog=_EPILOG)
    plans = plan.add_subparsers(required=True, metavar="COMMAND")
    check = plans.add_parser("check", help="check a plan's syntax, references, addresses and profiles", epilog=_EPILOG)
    check.add_argument("file", type=Path, metavar="FILE", help="site plan, YAML or JSON")
    check.add_argument("--strict", action="store_true", help="doubts (serial settings unlike the shipped ones) fail too")
    check.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    check.set_defaults(run=_check)
    reference = plans.add_parser("reference", help="write the plan of the whole reference university", epilog=_EPILOG)
    reference.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write the plan; an existing file is replaced")
    reference.add_argument("--json", action="store_true", help="print the counts as one JSON object")
    reference.set_defaults(run=_reference)
    return parser


def _add_rehearse(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rehearse = commands.add_parser(
        "rehearse",
        help="run a whole virtual site on this machine",
        description="Start broker, virtual devices, central and agents on this machine, keep them running, stop them with Ctrl-C.",
        epilog=_EPILOG,
    )
    rehearse.add_argument("--site", type=Path, default=_SITES / "demo.yaml", metavar="PLAN.yaml", help="site plan to play (default: the demo site)")
    rehearse.add_argument("--data", type=Path, metavar="DIR", help="where data, logs and secrets lie (default: demo-data, or below ~/.local/share)")
    rehearse.add_argument("--host", default="127.0.0.1", help="address the web page is served on (default: %(default)s, this machine only)")
    rehearse.add_argument("--port", type=_port, help="port of the web page (default: 8080, or the next free one)")
    rehearse.add_argument("--gateways", type=_positive, metavar="N", help="start only the first N gateways' agents and lines")
    rehearse.add_argument("--reports-every", type=_positive, default=60, metavar="S", help="pace of meters that report by themselves (default: 60)")
    past = "days of made-up past that a fresh data folder gets, so that its pages are full at once (default: none)"
    rehearse.add_argument("--history-days", type=_days, default=0, metavar="N", help=past)
    rehearse.add_argument("--unattended", action="store_true", help="print machine-readable lines (JSON) for scripts beside the progress")
    rehearse.set_defaults(run=_rehearse)


def _rehearse(chosen: argparse.Namespace) -> int:
    from provisioning.rehearse.supervisor import Options, rehearse

    where = (chosen.site, chosen.data or _default_data(), chosen.host, chosen.port)
    options = Options(*where, chosen.gateways, chosen.unattended, chosen.reports_every, chosen.history_days)
    return rehearse(options, sys.stdout)


def _check(chosen: argparse.Namespace) -> int:
    text, name, profiles = _read(chosen.file), str(chosen.file), load_profiles()
    report = check_plan(text, name, profiles)
    doubts = () if report.mistakes else plan_doubts(text, name, profiles)
    wrong = bool(report.mistakes or (chosen.strict and doubts))
    if chosen.json:
        _print_json({"file": name, "ok": not wrong, "mistakes": report.mistakes, "doubts": doubts, "counts": _counts(report.plan)})
        return int(wrong)
    for line in (*report.mistakes, *(f"{doubt} (doubt)" for doubt in doubts)):
        sys.stdout.write(f"{line}\n")
    if report.plan is not None:
        sys.stdout.write(f"{name}: {_counts_text(report.plan)}; {len(doubts)} doubts\n")
    return int(wrong)


def _reference(chosen: argparse.Namespace) -> int:
    from protocol.plan_text import plan_text
    from provisioning.reference_site import reference_site

    plan = reference_site(load_profiles())
    chosen.out.write_text(plan_text(plan), encoding="utf-8")
    if chosen.json:
        _print_json({"file": str(chosen.out), "counts": _counts(plan)})
    else:
        sys.stdout.write(f"{chosen.out}: {_counts_text(plan)}\n")
    return 0


def _counts(plan: SitePlan | None) -> dict[str, int]:
    if plan is None:
        return {}
    lines = [line for gateway in plan.gateways for line in gateway.lines]
    devices = sum(len(line.devices) for line in lines)
    counts = {"places": len(plan.places), "gateways": len(plan.gateways), "lines": len(lines), "devices": devices}
    return counts | ({"reporting devices": len(plan.reporting_devices)} if plan.reporting_devices else {})


def _counts_text(plan: SitePlan) -> str:
    return ", ".join(f"{count} {what}" for what, count in _counts(plan).items())


def _default_data() -> Path:
    """`demo-data` in a checkout, the user's data folder where the package is installed."""
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "demo-data"
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "campus-energy" / "demo"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8 text, got byte 0x{error.object[error.start]:02X} at position {error.start}") from error


def _print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def _days(text: str) -> int:
    if not text.isdigit() or int(text) > _MAX_DAYS:
        raise argparse.ArgumentTypeError(f"expected a number of days from 0 to {_MAX_DAYS}, got {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, got {text!r}")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
