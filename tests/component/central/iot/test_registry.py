"""Reporting meters in the registry: replaced with their card, moved, counted as due when they report, shown without a gateway."""

from __future__ import annotations

import pytest

from central.completeness.days import By, begin_days, completeness, count_days
from central.completeness.hours import series_hours
from central.completeness.model import Expected
from central.metering.cancel_replacement import cancel_replacement
from central.metering.device import get_device
from central.metering.export_plan import export_site_plan
from central.metering.meters import Model
from central.metering.replace_meter import replace_meter
from central.metering.replacement import NewMeter, Swap
from central.metering.search import search
from central.metering.tree import devices_in
from protocol.errors import Conflict
from protocol.profile import DeviceKind

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
MODELS = {"acme/water": Model(DeviceKind.WATER_METER, "water_volume", 1_000_000_000)}


@pytest.fixture
def replaced(iot_site, say):
    """`replaced(imei=..., ...)`: i1 replaced an hour before NOW_MS."""
    say("i1", volume_l=500, meter_time=NOW_MS - 3 * HOUR_MS)

    def swap(**new: object):
        request = Swap(
            key="swap-key-1",
            device="i1",
            removed_at_ms=NOW_MS - HOUR_MS,
            closing={"water_volume": 510},
            installed_at_ms=NOW_MS - HOUR_MS + 60_000,
            opening={"water_volume": 0},
            new=NewMeter(**({"address": "00000000002001"} | new)),
            person="Wang Wei",
            reason="battery empty",
        )
        done = replace_meter(iot_site, request, "tester", NOW_MS, models=MODELS)
        iot_site.commit()
        return done

    return swap


def test_a_replaced_meter_reports_with_its_own_card(iot_site, replaced, say, import_plan):
    new = replaced(imei="868000000000111").new_device

    assert say("i1", imei="868000000000111", volume_l=3).device == new
    assert say("i1", imei="868000000000011", volume_l=511).reason == "iot.unknown_meter"
    diff = import_plan(iot_site, export_site_plan(iot_site), preview=True)
    assert (diff.created, diff.updated, diff.removed) == (0, 0, 0)


def test_undoing_a_replacement_gives_the_card_back(iot_site, replaced, say):
    done = replaced(imei="868000000000111")
    cancel_replacement(iot_site, done.id, "wrong meter", "tester", NOW_MS + 1000)
    iot_site.commit()

    assert say("i1", volume_l=511).device == "i1"
    assert say("i1", imei="868000000000111", volume_l=3).reason == "iot.unknown_meter"


@pytest.mark.parametrize(
    ("new", "words"),
    [({}, "imei"), ({"imei": "868000000000022"}, "i2's"), ({"imei": "868000000000111", "address": "1003"}, "i3's")],
)
def test_a_replacement_needs_a_card_of_its_own(replaced, new, words):
    with pytest.raises(Conflict, match=words):
        replaced(**new)


def test_a_daily_meter_is_due_once_a_day(iot_site, say):
    say("i1", volume_l=1, meter_time=NOW_MS - 30 * HOUR_MS)
    begin_days(iot_site, [Expected("acme/water", "water_volume", "volume", 900, 0)], NOW_MS, (1,))
    count_days(iot_site, NOW_MS)
    iot_site.commit()

    day = completeness(iot_site, None, By.DEVICE, NOW_MS - 24 * HOUR_MS, "b1-101")
    hours = series_hours(iot_site, {}, "i1", None, NOW_MS - 48 * HOUR_MS, NOW_MS, NOW_MS)

    assert [(row.code, row.due, row.measured) for row in day if row.code == "i1"] == [("i1", 1, 1)]
    assert (hours.period_s, sum(hour.due for hour in hours.hours)) == (86_400, 1)


def test_pages_and_search_show_it_without_a_gateway(iot_site):
    listed = {row.code: (row.gateway, row.line) for row in devices_in(iot_site, None, True, 0, 100, None).items}

    assert (listed["i1"], listed["m1"]) == ((None, None), ("gw-1", "l1"))
    assert get_device(iot_site, "i1").gateway is None
    assert [hit.subtitle for hit in search(iot_site, "1001", 5) if hit.code == "i1"] == ["00000000001001"]


def test_a_daily_meter_counts_as_online_until_its_report_is_late(iot_site, sql):
    for hours, state in ((25, "online"), (27, "stale"), (51, "silent")):
        sql("delete from reading")
        sql("insert into series (device, quantity) values ('i1', 'water_volume') on conflict do nothing")
        sql("insert into reading select id, now() - %s * interval '1 hour', 1, 0 from series", hours)
        assert get_device(iot_site, "i1").state == state
        assert {row.code: row.state for row in devices_in(iot_site, None, True, 0, 100, None).items}["i1"] == state
