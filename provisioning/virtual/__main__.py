"""`python -m provisioning.virtual`: run a plan's virtual lines until told to stop. Prints one JSON line when ready."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import signal
import sys
import threading
from pathlib import Path

from firmware_profiles.loader import load_profiles
from protocol.errors import CampusError
from protocol.site_plan import parse_site_plan
from provisioning.virtual.control import ControlServer
from provisioning.virtual.folder import replace_file
from provisioning.virtual.site import VirtualSite

_SWITCH_INTERVAL_S = 0.0005  # the pacing thread waits at most this long for a control thread


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    try:
        _serve(options, stopping)
    except (CampusError, OSError) as error:
        sys.stderr.write(f"virtual site not started: {error}\n")
        return 2
    return 0


def _serve(options: argparse.Namespace, stopping: threading.Event) -> None:
    plan = parse_site_plan(options.plan.read_text(encoding="utf-8"), str(options.plan))
    site = VirtualSite(plan, load_profiles(options.profiles).profiles, options.folder, gateways=options.gateway)
    control = ControlServer(site, options.control)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    site.start()
    control.start()
    if options.write_plan is not None:
        replace_file(options.write_plan, site.rewritten_plan().model_dump_json(by_alias=True, indent=1))
    sys.stdout.write(json.dumps({"ready": True, "control": control.port, "lines": site.lines()}) + "\n")
    sys.stdout.flush()
    stopping.wait()
    control.stop()
    site.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m provisioning.virtual", description="Run the virtual RS-485 lines and devices of a site plan.")
    parser.add_argument("--plan", type=Path, required=True, help="site plan (YAML or JSON)")
    parser.add_argument("--folder", type=Path, required=True, help="where links to ports and device memories live")
    parser.add_argument("--control", type=int, default=0, metavar="PORT", help="loopback port of the control socket (default: a free one)")
    parser.add_argument("--profiles", type=Path, default=None, help="folder of device profiles (default: the ones shipped)")
    parser.add_argument("--gateway", action="append", metavar="ID", help="run only this gateway's lines; may be given several times")
    parser.add_argument("--write-plan", type=Path, default=None, metavar="FILE", help="write the plan with virtual ports here (JSON)")
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
