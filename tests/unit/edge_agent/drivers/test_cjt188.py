"""CJ/T 188: other identifiers than the reading, and the preamble a converter wants."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.drivers import plan
from edge_agent.drivers.driver import driver_for
from edge_agent.drivers.fields import Decoded
from edge_agent.drivers.plan import Memory
from protocol.profile_items import Item188
from protocol.wire import cjt188

METER = "78330011223344"
MONTH = {"di": "D120", "quantity": "water_volume_monthly", "unit": "L", "format": "XXXXXX.XX", "unit_at": 4}


def answer(di: str, data: str) -> bytes:
    return cjt188.Frame(0x10, METER, 0x81, bytes.fromhex(di + "00" + data)).to_bytes()


@pytest.mark.parametrize(("code", "value"), [("2C", 122_345_000), ("29", 122_345)])
def test_item_of_another_identifier_follows_the_wires_unit(make_profile: Any, make_device: Any, code: str, value: int) -> None:
    profile, device = make_profile("cjt188", [MONTH], meter_type="10"), make_device(METER)
    driver = driver_for(profile)
    (request,) = plan.plan(profile, device, profile.items, Memory(), 0.0)
    asked = driver.transaction(request, [])
    assert asked is not None

    (reply,) = asked.decoder.feed(answer("20D1", "00 45 23 12 " + code))

    assert asked.accept(reply)
    assert asked.request.lstrip(b"\xfe")[11:13] == bytes.fromhex("20 D1")
    assert driver.decode(request, [reply]) == Decoded((("water_volume_monthly", value),))


@pytest.mark.parametrize(("protocol", "more"), [("cjt188", {"meter_type": "10"}), ("dlt645_2007", {}), ("dlt645_1997", {})])
@pytest.mark.parametrize("preamble", [0, 1, 20])
def test_requests_begin_with_the_profiles_preamble(make_profile: Any, make_device: Any, protocol: str, more: dict[str, Any], preamble: int) -> None:
    di = {"cjt188": "901F", "dlt645_2007": "00010000", "dlt645_1997": "9010"}[protocol]
    item = {"quantity": "water_volume" if protocol == "cjt188" else "energy_active_forward", "unit": "m3" if protocol == "cjt188" else "kWh"}
    profile = make_profile(protocol, [{**item, "di": di, "format": "XXXXXX.XX"}], preamble=preamble, **more)
    device = make_device("000102030425")
    (request,) = plan.plan(profile, device, profile.items, Memory(), 0.0)

    asked = driver_for(profile).transaction(request, [])

    assert asked is not None
    assert len(asked.request) - len(asked.request.lstrip(b"\xfe")) == preamble


def test_months_are_items_of_their_own() -> None:
    items = [Item188.model_validate({**MONTH, "di": cjt188.month_di(back)}) for back in (1, 12)]

    assert [item.di for item in items] == ["D120", "D12B"]
