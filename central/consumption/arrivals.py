"""What arrived, told in few bytes: which registers got readings between which seconds. Written by ingest, read by the consumption job. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from central.consumption.model import Integers

# Registers consumption can be computed from; an installation names the one that counts.
COUNTED = frozenset({"energy_active_forward", "energy_active_reverse", "energy_active_total", "water_volume"})
_TRIPLE = np.dtype([("series", "<i4"), ("first_s", "<i4"), ("last_s", "<i4")])


def pack_arrival(series_id: Integers, at_ms: Integers) -> bytes:
    """Readings as packed triples (series, first second, last second), one a series."""
    order = np.argsort(series_id, kind="stable")
    ids, seconds = series_id[order], at_ms[order] // 1000
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    packed = np.empty(len(starts), _TRIPLE)
    if len(starts):
        packed["series"] = ids[starts]
        packed["first_s"] = np.minimum.reduceat(seconds, starts)
        packed["last_s"] = np.maximum.reduceat(seconds, starts)
    return packed.tobytes()


def clip_arrival(packed: bytes, from_ms: int | None) -> bytes:
    """An arrival without what lies before an instant (None: all of it): readings retention has removed are not computed with again."""
    if from_ms is None or not packed:
        return packed
    triples = np.frombuffer(packed, _TRIPLE)
    kept = triples[triples["last_s"] >= from_ms // 1000].copy()
    kept["first_s"] = np.maximum(kept["first_s"], from_ms // 1000)
    return kept.tobytes()


def unpack_arrivals(arrivals: Iterable[bytes]) -> dict[int, tuple[int, int]]:
    """Series id -> (first, last) second over all arrivals, both included."""
    merged: dict[int, tuple[int, int]] = {}
    for series, first_s, last_s in np.concatenate([np.frombuffer(one, _TRIPLE) for one in arrivals] or [np.empty(0, _TRIPLE)]).tolist():
        known = merged.get(series)
        merged[series] = (first_s, last_s) if known is None else (min(first_s, known[0]), max(last_s, known[1]))
    return merged
