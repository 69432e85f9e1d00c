"""Thirty of a hundred packets are lost, both ways.

What is exercised: the gateway in a network namespace behind a veth pair; nftables drops at random what comes in and what goes out on that pair only
(never on `lo`: paho waits on a socket pair of its own there). Rounds of batches from the gateway to the table take turns with rounds of the same
bytes that a bare paho publisher brings to the broker through the same loss, once with as many in flight as a gateway may have without a receipt and
once with a hundred: what TCP and MQTT let through at all.

Judged: the median of the gateway's rounds is at least half as fast as that of the bare publisher with the same number in flight, though the gateway
waits for a commit and a receipt where the other one has the broker's word (full size only: a slice has too few rounds for a median); sessions do not
churn; nothing is lost.
Noted, not judged: the share of a hundred in flight (a lost tail of a window costs a timer of TCP, so few in flight are slow: the price of a bound on
what waits at central; it is thousands of times the live rate still) and the share of the clean link (a tenth was once asked for; one stall of TCP,
which doubles its timer each time, decides a whole drain, therefore medians). Not covered: delay, and loss in bursts. What is dropped does not follow
from the seed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from edge_agent.settings import SenderSettings
from tests.faults.book import settle
from tests.faults.chain import Chain, chain
from tests.faults.gateway import ROOT, Box
from tests.faults.needs import program
from tests.faults.scenario import Outcome, Size

TITLE = "30 % packet loss both ways"
NEEDS = ("linux", "mosquitto", "root", "netns", "nft")
_LOSS = 30  # of a hundred
_SHARE = 0.5  # of the rate of the bare publisher with the same number in flight
_SESSIONS_MIN = 2.0  # a minute of loss; a connection may break, but not again and again
_LIMIT_S = 300.0
_MANY = 100  # in flight
_Round = Callable[[int, int], float]


def run(_chance: Random, size: Size) -> Outcome:
    """Rounds over a clean and over a lossy link, the gateway's and the bare publisher's in turn."""
    rounds, batches = (2, 8) if size is Size.SLICE else (20, 50)
    window = SenderSettings().window
    with _network(16 + os.getpid() % 230) as (host, inside, device), chain(host=host) as bed:
        box = bed.box("gw-1", prefix=inside)
        with _bare(bed, "gw-2", inside) as bare:
            clean = min(_round_s(bed, box, batches) for _ in range(3))
            with _loss(device):
                begun = time.monotonic()
                took = [(_round_s(bed, box, batches), bare(batches, window), bare(batches, _MANY)) for _ in range(rounds)]
                minutes = (time.monotonic() - begun) / 60
        ours, limit, many = (statistics.median(times) for times in zip(*took, strict=True))
        failures = bed.drained(120)
        if size is Size.FULL and limit / ours < _SHARE:
            failures.append(f"{limit / ours:.2f} of the bare publisher's rate, at least {_SHARE} is asked for")
        if len(box.ups) > 2 + minutes * _SESSIONS_MIN:
            failures.append(f"{len(box.ups)} sessions in {minutes:.1f} minutes: the session churns")
        notes = [f"{batches / ours:.0f} batches/s, {limit / ours:.2f} of a bare publisher's {batches / limit:.0f} with {window} in flight"]
        notes += [f"{many / ours:.2f} of its {batches / many:.0f} with {_MANY}", f"{clean / ours:.1%} of the clean rate"]
        notes += [f"{len(box.ups)} sessions in {minutes:.1f} min", f"slowest round {max(one for one, *_ in took):.1f} s"]
        return settle(bed.book, bed.dsn, failures, notes)


def _round_s(bed: Chain, box: Box, batches: int) -> float:
    """Seconds until so many new batches are stored."""
    begun = time.monotonic()
    for _ in range(batches):
        box.append()
    if late := bed.drained(_LIMIT_S):
        raise TimeoutError("; ".join(late))
    return time.monotonic() - begun


@contextmanager
def _bare(bed: Chain, gateway: str, prefix: list[str]) -> Iterator[_Round]:
    """A bare publisher, connected; yields what publishes (batches, in flight) and tells the seconds that took."""
    arguments = [bed.broker.host, str(bed.broker.port), gateway, bed.broker.passwords[gateway]]
    command = [*prefix, sys.executable, "-m", "tests.faults.bare_publisher", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        order, answer = process.stdin, process.stdout

        def publish(batches: int, in_flight: int) -> float:
            order.write(f"{batches} {in_flight}\n")
            return float(answer.readline())

        try:
            assert answer.readline() == "ready\n"
            yield publish
        finally:
            process.kill()


@contextmanager
def _network(third: int) -> Iterator[tuple[str, list[str], str]]:
    """A namespace and a veth pair to it; yields our address on it, the words that run a command inside, and our end's device.

    One segment a packet: a veth passes up to 64 KiB as one, and a whole window would be lost or pass at once.
    """
    name, device = f"ce-loss-{os.getpid()}", f"ce{os.getpid() % 100_000}"
    host, guest = f"10.213.{third}.1", f"10.213.{third}.2"
    ip = program("ip") or "ip"
    _run(ip, "netns", "add", name)
    try:
        _run(ip, "link", "add", device, "type", "veth", "peer", "name", "up0", "netns", name)
        _run(ip, "address", "add", f"{host}/30", "dev", device)
        _run(ip, "link", "set", device, "gso_max_segs", "1", "up")
        for words in (
            ["address", "add", f"{guest}/30", "dev", "up0"],
            ["link", "set", "up0", "gso_max_segs", "1", "up"],
            ["link", "set", "lo", "up"],
        ):
            _run(ip, "-n", name, *words)
        yield host, [ip, "netns", "exec", name], device
    finally:
        subprocess.run([ip, "link", "delete", device], capture_output=True, check=False)
        subprocess.run([ip, "netns", "delete", name], capture_output=True, check=False)


@contextmanager
def _loss(device: str) -> Iterator[None]:
    """Drop at random on one device, both ways."""
    table = f"ce_loss_{os.getpid()}"
    drop = f"numgen random mod 100 < {_LOSS} drop"
    rules = (
        f"table inet {table} {{\n"
        f'chain come {{ type filter hook input priority 0; iifname "{device}" {drop}; }}\n'
        f'chain go {{ type filter hook output priority 0; oifname "{device}" {drop}; }}\n}}\n'
    )
    nft = program("nft") or "nft"
    subprocess.run([nft, "-f", "-"], input=rules, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run([nft, "delete", "table", "inet", table], check=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
