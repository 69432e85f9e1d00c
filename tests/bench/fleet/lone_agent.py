"""The real agent without lines, a process of its own: `python -m tests.bench.fleet.lone_agent CONFIG`. Ten times a second it stores 200 readings.

Standard output, a line each: `committed SECONDS` once, from the start of the process to the first durable commit; then `stored N` after every append.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from edge_agent.agent import Agent
from edge_agent.settings import load_settings
from tests.bench.fleet.meters import Meters

_EVERY_S = 0.1
_METERS = 25


def main(config: Path) -> None:
    """Run until killed."""
    agent = Agent(load_settings(config, {}), {}, os.getpid())
    threading.Thread(target=_append, args=(agent,), daemon=True).start()
    agent.run()


def _append(agent: Agent) -> None:
    meters, stored = Meters([f"m{number:05}" for number in range(_METERS)], seed=os.getpid()), 0
    while True:
        agent.publish([reading for message in meters.poll(time.time_ns() // 1_000_000) for reading in message])
        if not stored:
            print(f"committed {_age_s():.3f}", flush=True)
        stored += 1
        print(f"stored {stored}", flush=True)
        time.sleep(_EVERY_S)


def _age_s() -> float:
    """Seconds since this process was started, interpreter and imports included."""
    started_ticks = int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
