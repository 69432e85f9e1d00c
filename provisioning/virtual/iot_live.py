"""Meters with an IoT card from now on: each reports every so many seconds instead of its hours, and what the meters are outlives a restart."""

from __future__ import annotations

import heapq
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from protocol.errors import CampusError, ConfigError
from provisioning.virtual.folder import replace_file
from provisioning.virtual.iot import IotMeter

_KEPT = ("start_l", "every_h", "valve", "shut_since_s", "results", "wanted_history")


@dataclass(frozen=True)
class Awakening:
    """One meter of a live play: `deliver` wakes it at a time and returns how many reports went."""

    name: str
    meter: IotMeter
    deliver: Callable[[float], int]


def live(
    plays: Sequence[Awakening], every_s: float, state: Path | None, clock: Callable[[], float], wait: Callable[[float], None] = time.sleep
) -> None:
    """Let meters report in turn, spread over the period, until the process is ended. What fails is told and tried at the next turn."""
    failing: set[str] = set()
    due = [(clock() + every_s * number / len(plays), number) for number in range(len(plays))]
    while due:
        at_s, number = due[0]
        wait(max(0.0, at_s - clock()))
        play = plays[number]
        try:
            told = f"{play.deliver(clock())} reports"  # none: late on purpose, or not acknowledged
            failing.discard(play.name)
        except (CampusError, httpx.HTTPError, OSError) as error:
            told = "" if play.name in failing else f"not delivered, next time again: {error}"
            failing.add(play.name)
        if told:
            _say(f"{play.name}: {told}")
        if state is not None:
            remember(state, [one.meter for one in plays])
        heapq.heapreplace(due, (max(at_s + every_s, clock()), number))


def remember(path: Path, meters: Sequence[IotMeter]) -> None:
    """Write what meters are: register, valve, period, commands done and what they still have to say."""
    kept = {one.imei: {**{name: getattr(one, name) for name in _KEPT}, "done": list(one.done.items())} for one in meters}
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(kept, indent=1) + "\n")


def recall(path: Path, meters: Sequence[IotMeter]) -> None:
    """Make meters what they were; one the file does not know stays new. Raises ConfigError."""
    try:
        kept: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        for meter in meters:
            if (known := kept.get(meter.imei)) is not None:
                for name in _KEPT:
                    setattr(meter, name, known[name])
                meter.done = dict(known["done"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error!r}; remove it and the meters begin anew") from error


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {text}\n")
    sys.stdout.flush()
