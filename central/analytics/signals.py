"""How well a meter's modem hears the network, in words. Pure.

RSRP by what network planners use for narrow-band cells; CSQ is the modem's own scale of 0 to 31 (2 dB a step from -113 dBm), 99 is "not known".
"""

from __future__ import annotations

from central.analytics.model import Signal

_RSRP: tuple[tuple[int, Signal], ...] = ((-95, "good"), (-105, "fair"), (-115, "weak"))
_CSQ: tuple[tuple[int, Signal], ...] = ((20, "good"), (12, "fair"), (6, "weak"))
_CSQ_UNKNOWN = 99


def signal_word(rsrp_dbm: int | None, csq: int | None) -> Signal | None:
    """The word for a signal; RSRP counts where both are known. None when neither is."""
    if rsrp_dbm is not None:
        return _word(rsrp_dbm, _RSRP)
    return None if csq is None or csq == _CSQ_UNKNOWN else _word(csq, _CSQ)


def _word(value: int, steps: tuple[tuple[int, Signal], ...]) -> Signal:
    return next((word for least, word in steps if value >= least), "very_weak")
