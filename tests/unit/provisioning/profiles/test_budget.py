"""What polling costs, against the measured line times of the standard's frames."""

from __future__ import annotations

import pytest

from firmware_profiles.loader import load_profiles
from provisioning.profiles.budget import costs

LIBRARY = load_profiles(strict=True)


def test_a_plain_read_at_2400_takes_about_a_quarter_of_a_second() -> None:
    # 20 bytes out and 24 back at 11 bits are 0.20 s of wire; Td 50 ms and gap 30 ms come on top
    [status] = [cost for cost in costs(LIBRARY["generic/dlt645_2007_single_phase"], "000000000001") if cost.group == "status"]

    assert status.seconds / status.exchanges == pytest.approx(0.27, abs=0.02)


def test_the_share_of_a_line_follows_from_the_period() -> None:
    for cost in costs(LIBRARY["eastron/sdm630"], "1"):
        assert cost.share_of_32 == pytest.approx(32 * cost.seconds / cost.period_s)
        assert cost.exchanges >= 1
