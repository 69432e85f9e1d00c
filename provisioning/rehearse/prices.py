"""What electricity and water cost in a rehearsal: made-up prices by time of day, so that the pages of cost have something to show. Data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

_SOURCE = "made up for a rehearsal; no supplier charges this"
_ALL_YEAR = list(range(1, 13))
_WORKDAY = (
    ("00:00", "07:00", "valley"),
    ("07:00", "08:00", "flat"),
    ("08:00", "11:00", "peak"),
    ("11:00", "17:00", "flat"),
    ("17:00", "19:00", "peak"),
    ("19:00", "21:00", "sharp"),
    ("21:00", "23:00", "flat"),
    ("23:00", "24:00", "valley"),
)
_DAY_OFF = (("00:00", "08:00", "valley"), ("08:00", "23:00", "flat"), ("23:00", "24:00", "valley"))

# Tariff -> body; prices in 1/10000 yuan a kWh, of water a cubic metre.
TARIFFS: Mapping[str, Mapping[str, Any]] = {
    "electricity": {
        "source": _SOURCE,
        "prices": {"sharp": 12_400, "peak": 10_300, "flat": 6_200, "valley": 3_100},
        "plans": [
            {"months": _ALL_YEAR, "kinds": kinds, "periods": [{"from": since, "to": until, "rate": rate} for since, until, rate in periods]}
            for kinds, periods in ((["workday"], _WORKDAY), (["weekend", "holiday"], _DAY_OFF))
        ],
    },
    "water": {
        "source": _SOURCE,
        "prices": {"flat": 42_000},
        "plans": [{"months": _ALL_YEAR, "kinds": ["workday", "weekend", "holiday"], "periods": [{"from": "00:00", "to": "24:00", "rate": "flat"}]}],
    },
}


def holiday(day: date) -> Mapping[str, str]:
    """The past's weekday without work, as a calendar writes it."""
    return {"day": day.isoformat(), "kind": "holiday", "name_zh": "演练假日", "name_en": "Rehearsal holiday"}
