"""Fuzz the codecs: `python -m tests.fuzz [--inputs N] [--seed S] [--only dlt645,mbus] [--jobs N] [--list]`.

Noise, damaged frames and valid frames with odd contents. Only errors of `protocol.errors` may escape, memory and work are bounded, a good frame
behind the noise is found, and what was accepted encodes to the bytes it came from. Exit status 1 when one of them does not hold.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.fuzz.play import fuzz, subjects

DEFAULT_INPUTS = 1_000_000


def main() -> int:
    """Play the chosen codecs, a share of the inputs each, and print a line for each."""
    options = _options()
    names = _chosen(options.only)
    if options.list:
        print("\n".join(names))
        return 0
    begun = time.monotonic()
    print(f"seed {options.seed}, {options.inputs} inputs, {len(names)} codecs, {options.jobs} processes", flush=True)
    results = fuzz(names, options.inputs, options.seed, options.jobs)
    for one in results:
        print(
            f"{one.name:12} {one.inputs:8} inputs {one.inputs / max(one.seconds, 1e-9):8.0f}/s  {one.most_steps:7} calls at most  {one.broken} broken"
        )
    total, seconds = sum(one.inputs for one in results), time.monotonic() - begun
    print(f"{total} inputs in {seconds:.1f} s, {total / seconds:.0f}/s")
    for one in results:
        for finding in one.findings:
            print(finding, file=sys.stderr)
    return 1 if any(one.broken for one in results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("--inputs", type=int, default=DEFAULT_INPUTS, help="how many in all")
    parser.add_argument("--seed", default=str(int(time.time()) % 1_000_000), help="draw these inputs again")
    parser.add_argument("--only", default="", metavar="DLT645,MBUS", help="these codecs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; part of what a seed means")
    parser.add_argument("--list", action="store_true", help="name the codecs")
    return parser.parse_args()


def _chosen(only: str) -> list[str]:
    """Names of the codecs asked for; ends the program when a word is none."""
    known = [subject.name for subject in subjects()]
    words = [word.strip().lower() for word in only.split(",") if word.strip()]
    if unknown := [word for word in words if word not in known]:
        raise SystemExit(f"no codec {', '.join(unknown)}; there are {', '.join(known)}")
    return words or known


if __name__ == "__main__":
    raise SystemExit(main())
