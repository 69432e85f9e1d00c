"""The latest reading of each series: a projection of the outbox, so it costs no write of its own.

It is held in memory, fed by whoever stores readings, and filled from the newest stored batches at the start.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence

from edge_agent.buffer.batches import Stored
from protocol.errors import CampusError
from protocol.messages import Columns, decode_stored
from protocol.reading import Reading, SeriesKey

_LOG = logging.getLogger(__name__)
MAX_SERIES = 50_000  # a gateway has a few thousand; beyond this the series updated longest ago goes


class Latest:
    """Newest reading by series. Every method may be called from any thread."""

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        self._lock = threading.Lock()
        self._readings: dict[SeriesKey, Reading] = {}
        self._evicted = 0

    def update(self, readings: Sequence[Reading]) -> None:
        """Take readings in; one measured before the one held is ignored."""
        with self._lock:
            for reading in readings:
                held = self._readings.pop(reading.series, None)
                self._readings[reading.series] = reading if held is None or held.measured_at_ms <= reading.measured_at_ms else held
            self._evict()

    def get(self, series: SeriesKey) -> Reading | None:
        """The newest reading of a series, or None if none is known."""
        with self._lock:
            return self._readings.get(series)

    def all(self) -> list[Reading]:
        """Every newest reading, by device and quantity."""
        with self._lock:
            return sorted(self._readings.values(), key=lambda reading: (reading.series.device, reading.series.quantity))

    def fill(self, batches: Iterable[Stored]) -> None:
        """Take in stored batches (oldest first); ones that cannot be decoded are left to the sender to report."""
        for stored in batches:
            if stored.kind != "readings":
                continue
            try:
                _, content = decode_stored(stored.payload, stored.crc32c)
            except CampusError as error:
                _LOG.warning("batch %d is not usable for the latest values: %s", stored.seq, error)
                continue
            if isinstance(content, Columns):
                self.update(content.readings())

    def _evict(self) -> None:
        excess = len(self._readings) - self._max_series
        for series in list(self._readings)[: max(0, excess)]:
            del self._readings[series]
            self._evicted += 1
            if self._evicted == 1:
                _LOG.warning("more than %d series; the latest values of those updated longest ago are forgotten", self._max_series)
