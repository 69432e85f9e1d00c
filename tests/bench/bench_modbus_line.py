"""Our poller, pymodbus' own client loop and thingsboard-gateway's Modbus connector on the same kind of virtual line, from a cold start.

30 x chint/ddsu666 at 9600 8N1 on a pty, gap 30 ms, the same register blocks for all; every run has a fresh line, and the line's statistics judge.
With "10 % dead" three meters never answer; finding that out is inside the window. "defaults + gap" is the peer with its default time-out and retries
and the gap slept by hand; "tuned" has no retry and a time-out fitted to this line, which is the best either can be told. Ours has no settings.
The gap is our line's rule; a peer that keeps none is not heard by the meters, and its frames count as violations. thingsboard-gateway runs from
an environment of its own (.cache/peers) and is left out, with the reason, where it cannot be installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from edge_agent.lines.clock import SystemClock
from edge_agent.lines.worker import LineWorker
from firmware_profiles.loader import load_profiles
from protocol.site_plan import Device, Line, SerialPort
from tests.bench.figure import Figure
from tests.bench.peers import thingsboard
from tests.bench.peers.__main__ import Peer, peers, run_peer
from tests.bench.peers.score import Score

_PROFILE, _METERS, _BAUD, _GAP_MS, _SECONDS = "chint/ddsu666", 30, 9600, 30, 60.0
_BESIDE = ("pymodbus defaults + gap", "pymodbus tuned", "thingsboard tuned")


def run() -> list[Figure]:
    """Ours, then each peer, healthy and with dead meters."""
    with_thingsboard = thingsboard.install() is not None and thingsboard.missing() is None
    chosen = [peer for peer in peers(_PROFILE, _BAUD, _GAP_MS / 1000, with_thingsboard=with_thingsboard) if peer.name in _BESIDE]
    return [figure for dead in (False, True) for figure in _figures(chosen, dead=dead)]


def _figures(beside: list[Peer], *, dead: bool) -> Iterator[Figure]:
    ours = _run(Peer("ours", _ours), dead=dead)
    share, aim = ("10 % dead", "E >= 0.90") if dead else ("healthy", "E >= 0.95")
    yield Figure(f"{share}: E", _shown(ours), "limit 1", f"{ours.efficiency or 0:.3f}", aim)
    for peer in beside:
        theirs = _run(peer, dead=dead)
        yield Figure(f"{share}: useful reads/s beside {peer.name}", _shown(ours), _shown(theirs), _ratio(ours.useful_per_s, theirs.useful_per_s))


def _run(peer: Peer, *, dead: bool) -> Score:
    return run_peer(peer, _PROFILE, _METERS, _SECONDS, baud=_BAUD, gap_ms=_GAP_MS, dead=dead)


def _ours(port: SerialPort, meters: int, seconds: float, begin: Callable[[], None]) -> None:
    """Poll everything every second, so that the queue is never empty; readings go nowhere."""
    profiles = load_profiles().profiles
    every_second = dict.fromkeys(profiles[_PROFILE].groups, 1)
    devices = tuple(Device(id=f"m{unit}", profile=_PROFILE, address=str(unit), place="room", poll_s=every_second) for unit in range(1, meters + 1))
    line = Line(id="l", port=port, baud=_BAUD, parity="N", gap_ms=_GAP_MS, devices=devices)
    worker = LineWorker(line, profiles, lambda readings: None, lambda event: None, SystemClock())
    begin()
    worker.start()
    time.sleep(seconds)
    worker.stop()


def _shown(score: Score) -> str:
    efficiency = "none" if score.efficiency is None else f"{score.efficiency:.3f}"
    return f"E {efficiency}, {score.useful_per_s:.2f}/s, {score.gap_violations} gap violations, {score.silent} unanswered"


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.2f}" if theirs else "–"
