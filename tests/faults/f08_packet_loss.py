"""Thirty of a hundred packets are lost, both ways.

What is exercised: the gateway in a network namespace behind a veth pair; nftables drops at random what comes in and what goes out on that pair only
(never on `lo`: paho waits on a socket pair of its own there). A backlog of the same size is drained over the clean link first. Judged: the lossy
link still carries a tenth of it, and sessions do not churn.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.faults.book import settle
from tests.faults.chain import Chain, chain
from tests.faults.gateway import Box
from tests.faults.needs import program
from tests.faults.scenario import Outcome, Size

TITLE = "30 % packet loss both ways"
NEEDS = ("linux", "mosquitto", "root", "netns", "nft")
_LOSS = 30  # of a hundred
_SHARE = 0.10
_SENDER = {"backfill_per_s": 1000}  # the link is measured, not the token bucket


def run(chance: Random, size: Size) -> Outcome:
    """Drain a backlog over a clean and over a lossy link."""
    batches = 40 if size is Size.SLICE else 600
    with _network(chance.randrange(16, 250)) as (host, inside, device), chain(host=host) as bed:
        clean = _drain_s(bed, bed.box("gw-1", prefix=inside, connect=False, sender=_SENDER), batches)
        with _loss(device):
            box = bed.box("gw-2", prefix=inside, connect=False, sender=_SENDER)
            lossy = _drain_s(bed, box, batches)
            live_s = _live_s(bed, box)
        failures = bed.drained(120)
        rate = clean / lossy
        if rate < _SHARE:
            failures.append(f"{rate:.0%} of the clean throughput, at least {_SHARE:.0%} are asked for")
        if len(box.ups) > 1 + batches // 60:
            failures.append(f"{len(box.ups)} sessions for {batches} batches: the session churns")
        notes = [f"{rate:.0%} of clean throughput", f"{batches / lossy:.0f} beside {batches / clean:.0f} batches/s"]
        notes += [f"{len(box.ups)} sessions", f"live batch stored after {live_s:.1f} s"]
        return settle(bed.book, bed.dsn, failures, notes)


def _drain_s(bed: Chain, box: Box, batches: int) -> float:
    """Seconds from the first to the last stored batch of a pre-filled outbox."""
    for _ in range(batches):
        box.append()
    box.connect()
    bed.drained(300)
    return float(bed.scalar(f"select extract(epoch from max(received_at) - min(received_at)) from batch where gateway = '{box.gateway}'"))


def _live_s(bed: Chain, box: Box) -> float:
    box.append()
    begun = time.monotonic()
    bed.drained(60)
    return time.monotonic() - begun


@contextmanager
def _network(third: int) -> Iterator[tuple[str, list[str], str]]:
    """A namespace and a veth pair to it; yields our address on it, the words that run a command inside, and our end's device."""
    name, device = f"ce-loss-{os.getpid()}", f"ce{os.getpid() % 100_000}"
    host, guest = f"10.213.{third}.1", f"10.213.{third}.2"
    ip = program("ip") or "ip"
    _run(ip, "netns", "add", name)
    try:
        _run(ip, "link", "add", device, "type", "veth", "peer", "name", "up0", "netns", name)
        _run(ip, "address", "add", f"{host}/30", "dev", device)
        _run(ip, "link", "set", device, "up")
        for words in (["address", "add", f"{guest}/30", "dev", "up0"], ["link", "set", "up0", "up"], ["link", "set", "lo", "up"]):
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
