"""M-Bus reads: opening, frame count bit, several telegrams, records to exact base units."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.drivers import plan
from edge_agent.drivers.driver import driver_for
from edge_agent.drivers.fields import Decoded
from edge_agent.drivers.mbus import MAX_TELEGRAMS
from edge_agent.drivers.plan import MBUS_KEY, Memory, Request
from protocol.errors import DeviceBusy, EncodeError, UnexpectedReply
from protocol.profile import AnyProfile
from protocol.site_plan import Device
from protocol.wire import mbus

VOLUME = {"measures": "volume", "quantity": "water_volume", "unit": "m3"}
SETTLED = {"measures": "volume", "storage": 1, "quantity": "water_volume_settlement", "unit": "m3"}
FLOW = {"measures": "volume_flow", "quantity": "water_flow", "unit": "m3/h"}
# Published answers: the example of the OMS specification (9275 2244), Engelmann WaterStar (0499 0254).
OMS = "68 29 29 68 08 FD 72 44 22 75 92 24 23 29 07 1F 00 00 00 0C 13 27 04 85 02 0B 3B 27 01 00 4C 13 19 54 44 01 42 6C FF 0C 02 FD 17 00 00 99 16"
STAR = (
    "68 51 51 68 08 0B 72 54 02 99 04 C5 14 00 06 0C 27 00 00 04 78 2E 25 4C 00 04 6D 0A 0C CD 13 04 13 4C 01 00 00 44 13 4B 01 00 00 84 01 13 4C 01 "
    "00 00 42 6C BF 1C 02 6C DF 1C 04 3B 00 00 00 00 14 3B 16 08 00 00 02 23 A7 04 01 FD 17 00 04 90 28 08 00 00 00 3F 16"
)
ACK = "E5"


@pytest.fixture
def water(make_profile: Any) -> Any:
    def make(*items: dict[str, Any], by: str = "secondary") -> AnyProfile:
        profile: AnyProfile = make_profile("mbus", list(items or (VOLUME, SETTLED, FLOW)), kind="water_meter", by=by)
        return profile

    return make


def ask(profile: AnyProfile, device: Device, replies: list[str]) -> tuple[list[str], Decoded]:
    """Play one request against these replies; returns the requests sent and what was decoded."""
    driver = driver_for(profile)
    (request,) = plan.plan(profile, device, profile.items, Memory(), 0.0)
    sent: list[str] = []
    accepted: list[mbus.Reply] = []
    while (transaction := driver.transaction(request, accepted)) is not None:
        sent.append(transaction.request.hex(" ").upper())
        found = transaction.decoder.feed(bytes.fromhex(replies[len(accepted)]))
        accepted += [one for one in found if transaction.accept(one)]
        assert len(accepted) == len(sent), "the reply was not accepted"
    return sent, driver.decode(request, accepted)


def telegram(records: str, identification: str = "44227592", control: int = 0x08, address: int = 5, ci: int = 0x72) -> str:
    head = bytes.fromhex(identification + "2423 29 07 1F 00 0000")
    return mbus.Frame(control, address, ci, head + bytes.fromhex(records)).to_bytes().hex(" ")


def test_secondary_address_is_selected_and_asked_at_253(water: Any, make_device: Any) -> None:
    sent, decoded = ask(water(), make_device("92752244"), [ACK, OMS])

    assert sent == ["68 0B 0B 68 53 FD 52 44 22 75 92 FF FF FF FF 0B 16", "10 7B FD 78 16"]
    assert decoded == Decoded((("water_volume", 2_850_427), ("water_volume_settlement", 1_445_419), ("water_flow", 127)))


def test_primary_address_is_reset_and_asked(water: Any, make_device: Any) -> None:
    sent, decoded = ask(water(by="primary"), make_device("11"), [ACK, STAR])

    assert sent == ["10 40 0B 4B 16", "10 7B 0B 86 16"]
    assert decoded.values == (("water_volume", 332), ("water_volume_settlement", 331), ("water_flow", 0))


def test_increment_per_pulse_is_not_taken_for_the_register(water: Any, make_device: Any) -> None:
    _, decoded = ask(water(VOLUME, by="primary"), make_device("5"), [ACK, telegram("0490280800 0000 041300010000")])

    assert decoded.values == (("water_volume", 256),)


def test_everything_due_is_one_request(water: Any, make_device: Any) -> None:
    profile = water()

    found = plan.plan(profile, make_device("92752244"), profile.items[1:], Memory(), 0.0)

    assert [(request.key, len(request.fields)) for request in found] == [(MBUS_KEY, 2)]
    assert plan.plan(profile, make_device("92752244"), [], Memory(), 0.0) == []


def test_more_telegrams_are_asked_for_with_a_toggling_count_bit(water: Any, make_device: Any) -> None:
    replies = [ACK, telegram("0C1301000000 1F"), telegram("4C1302000000 1F"), telegram("0B3B030000")]
    sent, decoded = ask(water(by="primary"), make_device("5"), replies)

    assert [frame[3:5] for frame in sent] == ["40", "7B", "5B", "7B"]
    assert [value for _, value in decoded.values] == [1, 2, 3]


def test_telegrams_without_end_are_cut_off(water: Any, make_device: Any) -> None:
    sent, _ = ask(water(by="primary"), make_device("5"), [ACK] + [telegram("0C1301000000 1F")] * 99)

    assert len(sent) == 1 + MAX_TELEGRAMS


def test_record_that_is_not_there_is_left_out(water: Any, make_device: Any) -> None:
    _, decoded = ask(water(by="primary"), make_device("5"), [ACK, telegram("0C1301000000")])

    assert decoded == Decoded((("water_volume", 1),))


def test_record_behind_a_break_is_told_and_not_called_absent(water: Any, make_device: Any) -> None:
    _, decoded = ask(water(by="primary"), make_device("5"), [ACK, telegram("0C1301000000 4C1302")])

    assert decoded.values == (("water_volume", 1),)
    assert [message.partition(":")[0] for message in decoded.bad] == ["water_volume_settlement", "water_flow"]
    assert "breaks off" in decoded.bad[0]


def test_value_the_slave_marks_invalid_is_told_and_the_others_survive(water: Any, make_device: Any) -> None:
    _, decoded = ask(water(by="primary"), make_device("5"), [ACK, telegram("0413 00000080 0B3B 270100")])

    assert decoded.values == (("water_flow", 127),)
    assert decoded.bad[0].startswith("water_volume:")


@pytest.mark.parametrize(
    ("measures", "quantity", "unit", "records", "value"),
    [
        ("volume", "water_volume", "m3", "0416 0D010000", 269_000),
        ("volume_flow", "water_flow", "m3/h", "053E 6666663F", 900),
        ("volume_flow", "water_flow", "m3/h", "0444 03000000", 180),
        ("energy", "energy_active_forward", "kWh", "040E 00000000", 0),
        ("energy", "energy_active_forward", "kWh", "0C08 03600000", 2),  # 6003 J are 1.6675 Wh
        ("energy", "energy_active_forward", "kWh", "04863B 23000000", 35_000),
        ("power", "power_active", "kW", "032D 5B0100", 34_700_000),
        ("flow_temperature", "water_temperature", "°C", "025A CBFF", -5_300),
        ("external_temperature", "temperature", "°C", "0265 D008", 22_560),
    ],
)
def test_record_brings_its_own_unit(water: Any, make_device: Any, measures: str, quantity: str, unit: str, records: str, value: int) -> None:
    item = {"measures": measures, "quantity": quantity, "unit": unit}
    _, decoded = ask(water(item, by="primary"), make_device("5"), [ACK, telegram(records)])

    assert decoded == Decoded(((quantity, value),))


def test_measure_that_does_not_convert_is_told(water: Any, make_device: Any) -> None:
    item = {"measures": "energy", "quantity": "water_volume", "unit": "m3"}
    _, decoded = ask(water(item, by="primary"), make_device("5"), [ACK, telegram("0406 01000000")])

    assert decoded.values == ()
    assert "Wh" in decoded.bad[0]


def test_answer_of_another_selected_slave_is_unexpected(water: Any, make_device: Any) -> None:
    with pytest.raises(UnexpectedReply):
        ask(water(), make_device("92752245"), [ACK, OMS])


def test_busy_slave_is_asked_again_later(water: Any, make_device: Any) -> None:
    with pytest.raises(DeviceBusy):
        ask(water(by="primary"), make_device("5"), [ACK, mbus.Frame(0x08, 5, 0x70, b"\x08").to_bytes().hex()])


def test_question_accepts_no_acknowledgement_and_no_other_address(water: Any, make_device: Any) -> None:
    profile, device = water(by="primary"), make_device("5")
    transaction = driver_for(profile).transaction(Request(device, MBUS_KEY, ()), [mbus.Acknowledgement()])

    assert transaction is not None
    found = transaction.decoder.feed(bytes.fromhex(ACK + telegram("", address=6) + telegram("")))
    assert [transaction.accept(one) for one in found] == [False, False, True]


@pytest.mark.parametrize(("by", "address"), [("primary", "1"), ("primary", "250"), ("secondary", "00000001"), ("secondary", "92752244")])
def test_addresses_that_fit(water: Any, make_device: Any, by: str, address: str) -> None:
    driver_for(water(by=by)).check(make_device(address))


@pytest.mark.parametrize(("by", "address"), [("primary", "0"), ("primary", "251"), ("secondary", "1"), ("secondary", "123456789")])
def test_address_that_does_not_fit_is_refused(water: Any, make_device: Any, by: str, address: str) -> None:
    with pytest.raises(EncodeError):
        driver_for(water(by=by)).check(make_device(address))
