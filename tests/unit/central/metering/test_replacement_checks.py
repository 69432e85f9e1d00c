"""What a replacement must not be, and what a person has to confirm. Pure; the database side is in the component tier."""

from __future__ import annotations

import pytest

from central.metering.replacement import NewMeter, Seen, Standing, Swap
from central.metering.replacement_checks import Facts, doubts, mistakes

ENERGY = "energy_active_forward"
HOUR_MS = 3_600_000


def standing(**changes: object) -> Standing:
    fields: dict[str, object] = {"installation": 1, "point": "p1", "point_id": 1, "medium": "electricity", "device": "m1", "installed_at_ms": 0}
    fields |= {"ct": 1, "pt": 1, "numerator": 1, "denominator": 1, "register": ENERGY, "rollover": 1_000_000, "max_per_hour": 1000}
    fields |= {"profile": "a/b", "kind": "electricity_meter", "address": "1", "place": "b1", "gateway": "gw", "line": "l1", "poll_s": {}}
    fields |= {"name_zh": "x", "name_en": "x", "position": 0}
    return Standing(**(fields | changes))  # type: ignore[arg-type]


def swap(shown: int, /, **changes: object) -> Swap:
    fields: dict[str, object] = {"key": "12345678", "removed_at_ms": 10 * HOUR_MS, "installed_at_ms": 10 * HOUR_MS, "closing": {ENERGY: shown}}
    fields |= {"opening": {ENERGY: 0}, "new": NewMeter(address="2"), "person": "x", "reason": "broken"}
    return Swap.model_validate(fields | changes)


def facts(last: int | None = 500_000, last_at_h: float = 9, old: Standing | None = None, **changes: object) -> Facts:
    seen = {} if last is None else {ENERGY: Seen(ENERGY, last, int(last_at_h * HOUR_MS))}
    fields: dict[str, object] = {"register": ENERGY, "rollover": 1_000_000, "after": None, "following": None, "closed_months": ()} | changes
    return Facts(standing=old or standing(), now_ms=20 * HOUR_MS, last=seen, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("closing", "last", "last_at_h", "told"),
    [
        (500_000, 500_000, 9, None),
        (501_020, 500_000, 9, None),
        (501_021, 500_000, 9, "1020 can have passed"),
        (502_020, 500_000, 8.5, None),
        (499_980, 500_000, 9, None),
        (499_979, 500_000, 9, "below the 500000 read"),
        (500, 999_900, 9, None),
        (2_000, 999_900, 9, "below the 999900 read"),
        (999_999, None, 9, None),
    ],
)
def test_closing_register_has_to_follow_from_the_last_reading(closing: int, last: int | None, last_at_h: float, told: str | None):
    found = list(doubts(swap(closing), facts(last, last_at_h)))

    assert [told in text for text in found] == ([] if told is None else [True])


def test_fall_of_a_register_whose_wrap_is_unknown_is_doubtful():
    assert len(list(doubts(swap(500), facts(999_900, old=standing(rollover=None))))) == 1


def test_purchase_count_must_not_fall_and_a_balance_may():
    known = {code: Seen(code, 50, HOUR_MS) for code in ("purchase_count", "balance_money")}
    given = swap(1, closing={"purchase_count": 20, "balance_money": 20}, unreadable="burnt")

    found = list(doubts(given, Facts(standing(), 20 * HOUR_MS, ENERGY, None, known, None, None, ())))

    assert [text.split()[2] for text in found] == ["purchase_count"]


@pytest.mark.parametrize(("first", "doubtful"), [(12_300, False), (12_280, False), (12_279, True)])
def test_first_reading_of_the_new_meter_follows_from_its_opening(first: int, doubtful: bool):
    given = swap(500_000, opening={ENERGY: 12_300}, readings_are_new=True)

    assert bool(list(doubts(given, facts(after=Seen(ENERGY, first, 11 * HOUR_MS))))) is doubtful


@pytest.mark.parametrize("hours", [10, 20])
def test_now_is_not_the_future(hours: int):
    assert list(mistakes(swap(500_000, installed_at_ms=hours * HOUR_MS), facts())) == []


def test_everything_wrong_is_told_at_once():
    wrong = swap(1_000_000, installed_at_ms=9 * HOUR_MS, opening={ENERGY: -1, "voltage_a": 3})

    found = list(mistakes(wrong, facts(closed_months=("1970-01",), old=standing(installed_at_ms=10 * HOUR_MS))))

    assert [text.split()[0] for text in found] == ["installed_at_ms", "removed_at_ms", "voltage_a:", "closing", "opening", "closed"]


def test_meter_without_a_register_that_counts_needs_none():
    assert list(mistakes(swap(0, closing={}, opening={}), facts(None, old=standing(register=None), register=None))) == []
