"""Short faults that can follow one another in any order on one chain; each leaves everything running again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tests.faults.chain import Chain
from tests.faults.proxy import Proxy


@dataclass(frozen=True, slots=True)
class Mischief:
    """What a fault may touch. `mortal`: gateways that may be killed."""

    bed: Chain
    proxies: Mapping[str, Proxy]
    chance: Random
    mortal: Sequence[str] = ()


def kill_gateway(on: Mischief) -> None:
    """F1: kill -9, start again on the same outbox."""
    if on.mortal:
        box = on.bed.boxes[on.chance.choice(on.mortal)]
        box.kill()
        box.start()


def restart_broker(on: Mischief) -> None:
    """F5."""
    on.bed.broker.stop()
    time.sleep(on.chance.uniform(0, 0.3))
    on.bed.broker.start()


def rob_broker(on: Mischief) -> None:
    """F6: kill -9, its store is gone."""
    on.bed.broker.kill()
    on.bed.broker.forget()
    on.bed.broker.start()


def cut(on: Mischief) -> None:
    """F7: silence, then a reset or everything that was held."""
    proxy = on.proxies[on.chance.choice(sorted(on.proxies))]
    proxy.silence()
    time.sleep(on.chance.uniform(0.1, 1.0))
    if on.chance.random() < 0.5:
        proxy.reset()
    proxy.heal()


def flap(on: Mischief) -> None:
    """F7, F8 as MQTT sees it: connections end again and again in the middle of packets."""
    proxy = on.proxies[on.chance.choice(sorted(on.proxies))]
    for _ in range(on.chance.randint(2, 5)):
        proxy.reset()
        time.sleep(on.chance.uniform(0, 0.3))


MISCHIEF: Mapping[str, Callable[[Mischief], None]] = {
    "gateway killed": kill_gateway,
    "broker restarted": restart_broker,
    "broker robbed": rob_broker,
    "link cut": cut,
    "link flapping": flap,
}
