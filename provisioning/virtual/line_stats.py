"""What happened on one line, counted so that a poller can be scored: exchanges, rule violations, and how late our own bytes were.

efficiency = (wire time of useful exchanges + their Td + the required gaps between them) / busy wall time          at most 1
utilisation = wire time of useful exchanges / busy wall time
ceiling = wire / (wire + Td + gaps)                                                              what a perfect poller could reach
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

Outcome = Literal["answered", "damaged", "silent", "broadcast"]
ViolationKind = Literal["gap", "collision", "garbage", "settings"]

_KEPT_EXCHANGES = 20_000  # an hour at 9600 baud; older ones leave the detail, never the totals
_KEPT_VIOLATIONS = 1_000
_KEPT_LAGS = 20_000
_IDLE_AFTER_S = 2.0  # a completed exchange followed by this much silence means that no work was queued


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as devices heard it and the reply it got. Times in seconds of the line's clock; `td_s` as planned by the device.

    `reply_useful_bytes`: bytes of the reply that belong to the valid frame; 0 when the device spoilt it on purpose.
    """

    device: str
    request_start_s: float
    request_end_s: float
    request_bytes: int
    gap_before_s: float | None
    required_gap_s: float
    outcome: Outcome
    td_s: float = 0.0
    reply_start_s: float | None = None
    reply_end_s: float | None = None
    reply_useful_bytes: int = 0

    def answered(self, device: str, td_s: float, reply_s: float, useful_bytes: int) -> Exchange:
        """Return this exchange with the reply it gets."""
        start_s = self.request_end_s + td_s
        return replace(
            self,
            device=device,
            td_s=td_s,
            reply_start_s=start_s,
            reply_end_s=start_s + reply_s,
            reply_useful_bytes=useful_bytes,
            outcome="answered" if useful_bytes else "damaged",
        )

    def damaged(self) -> Exchange:
        """Return this exchange with a reply that met other bytes on the pair."""
        return replace(self, outcome="damaged", reply_useful_bytes=0)

    @property
    def end_s(self) -> float:
        """When the line was free again."""
        return self.request_end_s if self.reply_end_s is None else self.reply_end_s

    @property
    def useful(self) -> bool:
        """Whether the exchange did what it was for."""
        return self.outcome in ("answered", "broadcast")


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule the master broke. `gap_s`: idle time it left before; negative when the line was still in use."""

    kind: ViolationKind
    at_s: float
    gap_s: float | None


@dataclass
class LineStats:
    """Running totals of one line since `reset`. Not thread-safe: the line's own thread writes it."""

    byte_s: float
    gap_s: float
    outcomes: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    wire_s: float = 0.0
    td_s: float = 0.0
    gaps_s: float = 0.0  # what a perfect poller would have left between the useful exchanges
    idle_s: float = 0.0
    first_start_s: float | None = None
    last_end_s: float | None = None
    damaged_transmissions: int = 0
    bytes_unread: int = 0
    lag_max_s: float = 0.0
    exchanges: deque[Exchange] = field(default_factory=lambda: deque(maxlen=_KEPT_EXCHANGES))
    violation_log: deque[Violation] = field(default_factory=lambda: deque(maxlen=_KEPT_VIOLATIONS))
    lags_s: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_LAGS))
    _useful_before: bool = False

    def add(self, exchange: Exchange) -> None:
        """Count a finished exchange."""
        self.exchanges.append(exchange)
        self.outcomes[exchange.outcome] += 1
        if self.last_end_s is not None and self._useful_before:
            pause_s = exchange.request_start_s - self.last_end_s
            self.idle_s += pause_s - self.gap_s if pause_s > _IDLE_AFTER_S else 0.0
        if exchange.useful and self.first_start_s is not None and exchange.gap_before_s is not None:
            self.gaps_s += min(exchange.required_gap_s, exchange.gap_before_s)
        self._useful_before = exchange.useful
        if exchange.useful:
            self.wire_s += (exchange.request_bytes + exchange.reply_useful_bytes) * self.byte_s
            self.td_s += exchange.td_s
        self.first_start_s = exchange.request_start_s if self.first_start_s is None else min(self.first_start_s, exchange.request_start_s)
        self.last_end_s = exchange.end_s if self.last_end_s is None else max(self.last_end_s, exchange.end_s)

    def violate(self, kind: ViolationKind, at_s: float, gap_s: float | None) -> None:
        """Count a broken rule."""
        self.violations[kind] += 1
        self.violation_log.append(Violation(kind, at_s, gap_s))

    def released(self, planned_s: float, actual_s: float) -> None:
        """Count how late bytes left us."""
        lag_s = actual_s - planned_s
        self.lags_s.append(lag_s)
        self.lag_max_s = max(self.lag_max_s, lag_s)

    @property
    def wall_s(self) -> float:
        """From the first request's start to the last exchange's end."""
        return 0.0 if self.first_start_s is None or self.last_end_s is None else self.last_end_s - self.first_start_s

    def efficiency(self, *, count_idle: bool = True) -> float | None:
        """Return needed time over wall time, None before the first exchange.

        `count_idle` False leaves out pauses after a completed exchange in which no work can have been queued.
        """
        wall_s = self.wall_s - (0.0 if count_idle else self.idle_s)
        return (self.wire_s + self.td_s + self.gaps_s) / wall_s if wall_s > 0 else None

    def reset(self) -> None:
        """Start a new window."""
        self.__dict__.update(LineStats(self.byte_s, self.gap_s).__dict__)

    def as_dict(self, *, detail: bool = False) -> dict[str, object]:
        """Return everything as JSON-ready data; `detail` adds the exchanges and violations kept."""
        needed_s = self.wire_s + self.td_s + self.gaps_s
        lags = sorted(self.lags_s)
        summary: dict[str, object] = {
            "exchanges": {kind: self.outcomes[kind] for kind in ("answered", "damaged", "silent", "broadcast")},
            "violations": {kind: self.violations[kind] for kind in ("gap", "collision", "garbage", "settings")},
            "wire_s": self.wire_s,
            "td_s": self.td_s,
            "gaps_s": self.gaps_s,
            "required_gap_s": self.gap_s,
            "wall_s": self.wall_s,
            "idle_s": self.idle_s,
            "efficiency": self.efficiency(),
            "efficiency_busy": self.efficiency(count_idle=False),
            "utilisation": self.wire_s / self.wall_s if self.wall_s > 0 else None,
            "ceiling": self.wire_s / needed_s if needed_s > 0 else None,
            "damaged_transmissions": self.damaged_transmissions,
            "bytes_unread": self.bytes_unread,
            "lag_p50_s": lags[len(lags) // 2] if lags else None,
            "lag_p99_s": lags[len(lags) * 99 // 100] if lags else None,
            "lag_max_s": self.lag_max_s,
        }
        if detail:
            summary["log"] = [asdict(exchange) for exchange in self.exchanges]
            summary["violation_log"] = [asdict(violation) for violation in self.violation_log]
        return summary
