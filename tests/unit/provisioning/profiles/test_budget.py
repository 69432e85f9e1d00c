"""What polling costs, against the measured line times of the standard's frames."""

from __future__ import annotations

import pytest

from firmware_profiles.loader import load_profiles
from protocol.site_plan import Line
from provisioning.profiles.budget import costs, line_share

LIBRARY = load_profiles(strict=True)


def test_a_plain_read_at_2400_takes_about_a_quarter_of_a_second() -> None:
    # 20 bytes out and 24 back at 11 bits are 0.20 s of wire; Td 50 ms and gap 30 ms come on top
    [status] = [cost for cost in costs(LIBRARY["generic/dlt645_2007_single_phase"]) if cost.group == "status"]

    assert status.seconds / status.exchanges == pytest.approx(0.27, abs=0.02)


def test_the_share_of_a_line_follows_from_the_period() -> None:
    for cost in costs(LIBRARY["eastron/sdm630"]):
        assert cost.share_of_32 == pytest.approx(32 * cost.seconds / cost.period_s)
        assert cost.exchanges >= 1


def _line(baud: int, devices: int, poll_s: dict[str, int]) -> Line:
    units = [
        {"id": f"d{n}", "profile": "generic/dlt645_2007_single_phase", "address": f"{n:012}", "place": "room", "poll_s": poll_s}
        for n in range(devices)
    ]
    return Line.model_validate({"id": "line", "port": {"kind": "serial", "path": "/dev/none"}, "baud": baud, "devices": units})


def test_a_faster_line_and_longer_periods_take_less_of_its_time() -> None:
    share = {baud: line_share(_line(baud, 64, {}), lambda key: costs(LIBRARY[key])) for baud in (1200, 2400, 9600)}

    assert share[1200] > share[2400] > share[9600] > share[2400] / 4  # the waits do not shrink with the speed
    assert line_share(_line(2400, 64, {"electrical": 3600}), lambda key: costs(LIBRARY[key])) < share[2400]
    assert line_share(_line(2400, 32, {}), lambda key: costs(LIBRARY[key])) == pytest.approx(share[2400] / 2)
