"""Play many inputs against one codec and keep what went wrong."""

from __future__ import annotations

import faulthandler
import math
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from random import Random

from tests.fuzz import builders, drivers, payloads, procedures, streams
from tests.fuzz.subject import Broken, Subject, require

MOST_FINDINGS = 5  # of one codec; the rest is counted
_COUNTED_EVERY = 64
_WATCHED_EVERY = 1000
HANG_S = 300  # a thousand inputs that take longer hang: the trace is printed and the program ends


@dataclass(slots=True)
class Played:
    """What came of a codec. `findings`: one text each, at most MOST_FINDINGS of them; `broken`: how many inputs in all."""

    name: str
    inputs: int = 0
    broken: int = 0
    most_steps: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)

    def add(self, other: Played) -> None:
        """Take in what another worker found."""
        self.inputs += other.inputs
        self.broken += other.broken
        self.most_steps = max(self.most_steps, other.most_steps)
        self.seconds += other.seconds
        self.findings = (self.findings + other.findings)[:MOST_FINDINGS]


def subjects() -> Iterator[Subject]:
    """Every codec that can be fuzzed in this tree."""
    yield from streams.subjects()
    yield from payloads.subjects()
    yield from builders.subjects()
    yield from drivers.subjects()
    yield from procedures.subjects()


def fuzz(names: list[str], inputs: int, seed: str, jobs: int) -> list[Played]:
    """Play `inputs` inputs, shared among the codecs by weight and split over processes; the same seed and jobs draw the same inputs."""
    weights = {subject.name: subject.weight for subject in subjects() if subject.name in names}
    shares = {name: math.ceil(inputs * weight / sum(weights.values())) for name, weight in weights.items()}
    parts = [(name, share // jobs + (job < share % jobs), f"{seed}.{job}") for name, share in shares.items() for job in range(jobs)]
    if jobs == 1:
        done = [_play(*part) for part in parts]
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            done = list(pool.map(_play, *zip(*parts, strict=True)))
    results = {name: Played(name) for name in names}
    for one in done:
        results[one.name].add(one)
    return list(results.values())


def _play(name: str, inputs: int, seed: str) -> Played:
    return play(next(subject for subject in subjects() if subject.name == name), inputs, seed)


def play(subject: Subject, inputs: int, seed: str) -> Played:
    """Try so many inputs; the same seed draws the same ones."""
    rng = Random(f"{seed}/{subject.name}")
    played = Played(subject.name)
    begun = time.monotonic()
    for number in range(inputs):
        if number % _WATCHED_EVERY == 0:
            faulthandler.dump_traceback_later(HANG_S, exit=True)
        data = subject.make(rng)
        problem = _counted(subject, data, rng, played) if number % _COUNTED_EVERY == 0 else _tried(subject, data, rng)
        played.inputs += 1
        if problem:
            played.broken += 1
            if len(played.findings) < MOST_FINDINGS:
                played.findings.append(f"{subject.name}, seed {seed}, input {number}: {problem}\n    {data.hex(' ')}")
    faulthandler.cancel_dump_traceback_later()
    played.seconds = time.monotonic() - begun
    return played


def _tried(subject: Subject, data: bytes, rng: Random) -> str | None:
    """What is wrong with this input, or None."""
    try:
        subject.check(data, rng)
    except Broken as broken:
        return str(broken)
    except Exception:  # noqa: BLE001 - whatever escapes is what we are looking for
        return traceback.format_exc(limit=-6).rstrip()
    return None


def _counted(subject: Subject, data: bytes, rng: Random, played: Played) -> str | None:
    """As `_tried`, with a bound on the function calls it may take: what stays within it cannot be slow."""
    steps = 0
    limit = subject.steps + subject.steps_a_byte * len(data)

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal steps
        steps += 1
        if steps > limit:
            sys.setprofile(None)
            require(False, f"more than {limit} function calls for {len(data)} bytes")

    sys.setprofile(count)
    try:
        problem = _tried(subject, data, rng)
    finally:
        sys.setprofile(None)
    played.most_steps = max(played.most_steps, steps)
    return problem
