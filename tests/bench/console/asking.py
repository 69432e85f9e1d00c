"""Requests without a browser: what one address takes by itself, and what twenty operators get who click at the same time."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Answered:
    """Server times of one address in order, milliseconds, and its compressed body."""

    path: str
    status: int
    took_ms: Sequence[float]
    body_bytes: int

    @property
    def p50_ms(self) -> float:
        """Median."""
        return float(np.percentile(self.took_ms, 50))

    @property
    def p95_ms(self) -> float:
        """All but the slowest twentieth."""
        return float(np.percentile(self.took_ms, 95))


@dataclass(slots=True)
class Clicked:
    """What operators got together: milliseconds of each answer by address, and how many answers were no page."""

    seconds: float = 0.0
    took_ms: dict[str, list[float]] = field(default_factory=dict)
    failed: int = 0

    @property
    def all_ms(self) -> list[float]:
        """Every answer's time."""
        return [one for times in self.took_ms.values() for one in times]


class Line:
    """One kept connection of a signed-in browser."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        self._headers = {"cookie": f"ce_session={cookie}", "accept": "text/html", "accept-encoding": "gzip", "accept-language": "zh-CN"}

    def get(self, path: str, target: str = "") -> tuple[int, float, int]:
        """Status, milliseconds and bytes of the body. `target`: as htmx would ask for a part."""
        headers = {**self._headers, **({"hx-request": "true", "hx-target": target} if target else {})}
        started = time.perf_counter()
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        size = len(answer.read())
        return answer.status, (time.perf_counter() - started) * 1000, size


def ask(port: int, cookie: str, path: str, times: int, target: str = "") -> Answered:
    """One address, `times` times after one that is not counted."""
    line = Line(port, cookie)
    status, _, size = line.get(path, target)
    return Answered(path, status, [line.get(path, target)[1] for _ in range(times)], size)


def click_around(port: int, cookies: Sequence[str], paths: Sequence[str], seconds: float, pause_s: float = 0.0) -> Clicked:
    """An operator a cookie, each walking through `paths` (from a place of his own) until the time is over, `pause_s` between clicks."""
    found, lock, end = Clicked(seconds), threading.Lock(), time.monotonic() + seconds

    def operate(number: int) -> None:
        line = Line(port, cookies[number])
        start = number * len(paths) // len(cookies)
        for path in itertools.cycle([*paths[start:], *paths[:start]]):
            if time.monotonic() >= end:
                return
            status, took_ms, _ = line.get(path, "content")
            with lock:
                found.took_ms.setdefault(path.partition("?")[0], []).append(took_ms)
                found.failed += status != 200
            time.sleep(pause_s)

    threads = [threading.Thread(target=operate, args=[number], daemon=True) for number in range(len(cookies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
