"""Print how the peers use a virtual RS-485 line: `python -m tests.bench.peers [--baud 9600] [--seconds 20] [--only NAME ...]`.

Each peer gets a fresh line of equal meters, once with all alive and once with every tenth dead.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from protocol.site_plan import SerialPort
from tests.bench.peers import pymodbus_loop, thingsboard
from tests.bench.peers.poll import Manners, block_reads, spaced, tuned
from tests.bench.peers.score import Score, score
from tests.bench.peers.virtual_line import virtual_line

Drive = Callable[[SerialPort, int, float, Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer with settled manners. `drive` takes port, meters, seconds and what to call once it polls."""

    name: str
    drive: Drive


def peers(profile: str, baud: int, gap_s: float, *, with_thingsboard: bool) -> Iterator[Peer]:
    """Every peer in each of its manners."""
    reads = block_reads(profile)
    best = tuned(reads, baud, gap_s)

    def pymodbus(manners: Manners, *, asynchronous: bool) -> Drive:
        return lambda port, meters, seconds, begin: pymodbus_loop.measure(
            port, meters, seconds, reads=reads, baud=baud, manners=manners, asynchronous=asynchronous, on_polling=begin
        )

    def gateway(manners: Manners) -> Drive:
        return lambda port, meters, seconds, begin: thingsboard.measure(
            port, meters, seconds, reads=reads, baud=baud, manners=manners, on_polling=begin
        )

    for manners in (pymodbus_loop.STOCK, spaced(pymodbus_loop.STOCK, gap_s), best):
        yield Peer(f"pymodbus {manners.name}", pymodbus(manners, asynchronous=manners is best))
    if with_thingsboard:
        for manners in (thingsboard.STOCK, spaced(thingsboard.STOCK, gap_s), best):
            yield Peer(f"thingsboard {manners.name}", gateway(manners))


def run_peer(peer: Peer, profile: str, meters: int, seconds: float, *, baud: int, gap_ms: int, dead: bool) -> Score:
    """Measure one peer on a fresh line, `dead`: with every tenth meter silent."""
    with virtual_line(profile, meters, baud, gap_ms) as line:
        if dead:
            line.kill_tenth(meters)
        peer.drive(line.port, meters, seconds, line.reset)
        return score(line.stats(), meters, seconds)


def main() -> int:
    """Print one row per peer, manners and share of dead meters."""
    options = _options()
    with_thingsboard = thingsboard.install() is not None and thingsboard.missing() is None
    print(f"{options.meters} x {options.profile}, {options.baud} 8N1, gap {options.gap_ms} ms, {options.seconds:g} s a run")
    print(f"{'peer':30} {'dead':>4} {'E':>6} {'gap viol.':>9} {'other':>6} {'silent':>6} {'useful/s':>8} {'cycle s':>8}")
    for peer in peers(options.profile, options.baud, options.gap_ms / 1000, with_thingsboard=with_thingsboard):
        if options.only and not any(word in peer.name for word in options.only):
            continue
        for dead in (False, True):
            one = run_peer(peer, options.profile, options.meters, options.seconds, baud=options.baud, gap_ms=options.gap_ms, dead=dead)
            print(_row(peer.name, one, dead=dead), flush=True)
    return 0


def _row(name: str, one: Score, *, dead: bool) -> str:
    efficiency = "-" if one.efficiency is None else f"{one.efficiency:.3f}"
    cycle = "-" if one.cycle_s is None else f"{one.cycle_s:.1f}"
    counts = f"{one.gap_violations:9} {one.other_violations:6} {one.silent:6}"
    return f"{name:30} {'10%' if dead else '0':>4} {efficiency:>6} {counts} {one.useful_per_s:8.2f} {cycle:>8}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--profile", default="chint/ddsu666", help="a shipped Modbus profile")
    parser.add_argument("--meters", type=int, default=30)
    parser.add_argument("--baud", type=int, default=9600)
    parser.add_argument("--gap-ms", type=int, default=30, help="idle time the line asks for before each request")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of one run")
    parser.add_argument("--only", nargs="*", metavar="WORD", help="peers whose name has one of these words, such as pymodbus or tuned")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
