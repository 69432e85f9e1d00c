"""Play the fault scenarios: `python -m tests.faults [--list] [--only f02,f05] [--seed N] [--slice] [--json]`.

A scenario breaks something on purpose and compares what stands at the end with a book of what was accepted. Exit status 1 when one of them
fails, or (with CI set) cannot run. The same seed plays the same faults; threads and processes still interleave as they like.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from functools import partial

from tests.faults.needs import missing
from tests.faults.play import Played, load, names, number, play
from tests.faults.scenario import Size


def main() -> int:
    """Play what was asked for, one line each, and a table at the end."""
    options = _options()
    chosen = _chosen(options.only)
    if options.list:
        _list(chosen)
        return 0
    say = partial(print, file=sys.stderr if options.json else sys.stdout, flush=True)
    size = Size.SLICE if options.slice else Size.FULL
    say(f"seed {options.seed}, {size}, {len(chosen)} scenarios")
    played = []
    for name in chosen:
        say(f"{number(name)} {load(name).TITLE} ...")
        played.append(play(name, options.seed, size))
        say(_line(played[-1]))
    if options.json:
        print(json.dumps({"seed": options.seed, "size": size, "scenarios": [asdict(one) | {"passed": one.passed} for one in played]}, indent=1))
    else:
        print(_table(played, options.seed))
    return 0 if all(one.passed for one in played) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("--list", action="store_true", help="name the scenarios and what they lack here")
    parser.add_argument("--only", default="", metavar="F02,F05", help="play these; a number or the beginning of a name")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000, help="play this chance again")
    parser.add_argument("--slice", action="store_true", help="the short form that every test run plays")
    parser.add_argument("--json", action="store_true", help="result as JSON on standard output, progress on standard error")
    return parser.parse_args()


def _chosen(only: str) -> list[str]:
    """Names of the scenarios asked for; ends the program when a word fits none."""
    words = [word.strip().lower() for word in only.split(",") if word.strip()]
    fitting = {word: [name for name in names() if name.startswith(word) or number(name).lower() == word] for word in words}
    for word, found in fitting.items():
        if not found:
            raise SystemExit(f"no scenario fits {word!r}; --list names them")
    return [name for name in names() if not words or any(name in found for found in fitting.values())]


def _list(chosen: list[str]) -> None:
    for name in chosen:
        module = load(name)
        lacking = [reason for need in module.NEEDS if (reason := missing(need))]
        print(f"{number(name):4} {name:28} {module.TITLE}" + "".join(f"\n     {reason}" for reason in lacking))


def _line(one: Played) -> str:
    if one.outcome is None:
        return f"{one.title}: {'skipped' if one.skipped else 'BROKE OFF'}: {one.said.rstrip()}"
    out = one.outcome
    counts = f"accepted {out.accepted}, lost {out.lost}, wrong {out.wrong}, duplicated {out.duplicated}"
    head = f"{one.title}: {'' if one.passed else 'FAILED: '}{counts}"
    return "".join([", ".join([head, *out.notes, f"{one.took_s:.1f} s"]), *(f"\n    not met: {failure}" for failure in out.failures)])


def _table(played: list[Played], seed: int) -> str:
    rows = [f"\n{'scenario':44} {'result':8} {'accepted':>9} {'lost':>5} {'wrong':>5} {'dupl.':>5} {'s':>7}"]
    for one in played:
        out = one.outcome
        counts = f"{out.accepted:9} {out.lost:5} {out.wrong:5} {out.duplicated:5}" if out else " " * 27
        result = "skipped" if one.skipped else "ok" if one.passed else "FAILED"
        rows.append(f"{one.title[:44]:44} {result:8} {counts} {one.took_s:7.1f}")
    failed = [one for one in played if not one.passed]
    skipped = sum(one.skipped for one in played)
    again = f"; again with --seed {seed} --only {','.join(one.name[:3] for one in failed)}" if failed else ""
    return "\n".join([*rows, f"{len(played) - len(failed) - skipped} of {len(played)} passed, {skipped} skipped, {len(failed)} failed{again}"])


if __name__ == "__main__":
    sys.exit(main())
