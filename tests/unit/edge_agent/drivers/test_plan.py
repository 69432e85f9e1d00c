"""Due items -> requests: merged where the profile says so, split where the device refuses."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.drivers import plan
from edge_agent.drivers.plan import RETRY_REFUSED_S, Memory, Request
from protocol.profile import AnyProfile
from protocol.site_plan import Device

DAY_S = RETRY_REFUSED_S
VOLTAGES = [
    {"quantity": f"voltage_{p}", "unit": "V", "group": "load", "di": f"02010{n}00", "format": "XXX.X"} for n, p in ((1, "a"), (2, "b"), (3, "c"))
]
ENERGY = {"quantity": "energy_active_forward", "unit": "kWh", "di": "00010000", "format": "XXXXXX.XX"}
VOLTAGE_BLOCK = {"di": "0201FF00", "items": ["02010100", "02010200", "02010300"]}


def register(quantity: str, address: int, type_: str = "u16", function: int = 3, unit: str = "V", **more: Any) -> dict[str, Any]:
    return {"quantity": quantity, "unit": unit, "function": function, "address": address, "type": type_, "group": "load", **more}


@pytest.fixture
def meter(make_profile: Any) -> AnyProfile:
    profile: AnyProfile = make_profile("dlt645_2007", [ENERGY, *VOLTAGES], blocks=[VOLTAGE_BLOCK])
    return profile


@pytest.fixture
def panel(make_profile: Any) -> AnyProfile:
    items = [register(f"voltage_{p}", n) for n, p in enumerate("abc")] + [register(f"current_{p}", 4 + n, unit="A") for n, p in enumerate("abc")]
    profile: AnyProfile = make_profile("modbus_rtu", items, blocks=[{"function": 3, "first": 0, "last": 60}])
    return profile


@pytest.fixture
def device(make_device: Any) -> Device:
    one: Device = make_device()
    return one


def keys(requests: list[Request]) -> list[tuple[str | int, ...]]:
    return [request.key for request in requests]


def requests(profile: AnyProfile, device: Device, memory: Memory, now: float = 0.0, groups: tuple[str, ...] = ("energy", "load")) -> list[Request]:
    return plan.plan(profile, device, [item for item in profile.items if item.group in groups], memory, now)


def test_items_of_a_block_are_read_together_and_others_alone(meter: AnyProfile, device: Device) -> None:
    found = requests(meter, device, Memory())

    assert keys(found) == [("00010000",), ("0201FF00",)]
    assert [one.offset for one in found[1].fields] == [0, 2, 4]


def test_a_block_is_not_worth_it_for_one_item(meter: AnyProfile, device: Device) -> None:
    assert keys(plan.plan(meter, device, meter.items[1:2], Memory(), 0.0)) == [("02010100",)]


def test_items_of_one_identifier_share_its_read(make_profile: Any, device: Device) -> None:
    items = [
        {"quantity": "status_word_3", "unit": "word", "di": "04000503", "format": "u16"},
        {"quantity": "meter_relay_open", "unit": "state", "di": "04000503", "format": "u16", "bits": [4, 1]},
    ]

    assert [len(request.fields) for request in requests(make_profile("dlt645_2007", items), device, Memory())] == [2]


def test_refused_block_is_read_one_by_one_and_remembered(meter: AnyProfile, device: Device) -> None:
    memory = Memory()
    block = requests(meter, device, memory)[1]

    singles = [("02010100",), ("02010200",), ("02010300",)]
    assert keys(plan.refused(meter, block, memory, 0.0)) == singles
    assert keys(requests(meter, device, memory, now=60.0, groups=("load",))) == singles
    assert keys(requests(meter, device, memory, now=DAY_S, groups=("load",))) == [("0201FF00",)]


def test_item_refused_alone_is_left_out_for_a_day(meter: AnyProfile, device: Device) -> None:
    memory = Memory()
    energy = requests(meter, device, memory, groups=("energy",))[0]

    assert plan.refused(meter, energy, memory, 0.0) == []
    assert requests(meter, device, memory, now=DAY_S - 1, groups=("energy",)) == []
    assert keys(requests(meter, device, memory, now=DAY_S, groups=("energy",))) == [("00010000",)]


def test_one_refusal_of_what_was_answered_before_is_not_believed(meter: AnyProfile, device: Device) -> None:
    memory = Memory()
    energy = requests(meter, device, memory, groups=("energy",))[0]
    plan.answered(memory, energy)

    plan.refused(meter, energy, memory, 0.0)
    assert keys(requests(meter, device, memory, now=1.0, groups=("energy",))) == [("00010000",)]
    plan.refused(meter, energy, memory, 1.0)
    assert requests(meter, device, memory, now=2.0, groups=("energy",)) == []


def test_silence_to_a_block_is_tried_with_its_items(meter: AnyProfile, device: Device) -> None:
    memory = Memory()
    block = requests(meter, device, memory)[1]

    singles = plan.silent(meter, block, memory, 0.0)
    plan.answered(memory, singles[0])

    assert len(singles) == 3
    assert keys(requests(meter, device, memory, now=1.0, groups=("load",))) == keys(singles)


def test_silence_of_a_dead_device_says_nothing_about_its_blocks(meter: AnyProfile, device: Device) -> None:
    memory = Memory()
    plan.silent(meter, requests(meter, device, memory)[1], memory, 0.0)

    plan.dead(memory)

    assert ("0201FF00",) in keys(requests(meter, device, memory, now=1.0))


def test_silence_to_what_was_answered_before_is_tried_as_it_is(meter: AnyProfile, device: Device) -> None:
    memory = Memory()
    block = requests(meter, device, memory)[1]
    plan.answered(memory, block)

    assert plan.silent(meter, block, memory, 0.0) == [block]


def test_registers_of_a_block_are_one_request_over_the_due_ones(panel: AnyProfile, device: Device) -> None:
    assert keys(requests(panel, device, Memory())) == [(3, 0, 7)]
    assert keys(plan.plan(panel, device, panel.items[1:3], Memory(), 0.0)) == [(3, 1, 2)]


def test_registers_outside_blocks_are_never_merged(make_profile: Any, device: Device) -> None:
    profile = make_profile("modbus_rtu", [register(f"voltage_{p}", n) for n, p in enumerate("abc")])

    assert keys(requests(profile, device, Memory())) == [(3, 0, 1), (3, 1, 1), (3, 2, 1)]


def test_long_holes_are_not_read(make_profile: Any, device: Device) -> None:
    items = [register("voltage_a", 0), register("voltage_b", 90)]
    profile = make_profile("modbus_rtu", items, blocks=[{"function": 3, "first": 0, "last": 100}])

    assert keys(requests(profile, device, Memory())) == [(3, 0, 1), (3, 90, 1)]


def test_functions_are_not_mixed(make_profile: Any, device: Device) -> None:
    items = [register("voltage_a", 0, function=3), register("voltage_b", 1, function=4)]
    blocks = [{"function": 3, "first": 0, "last": 9}, {"function": 4, "first": 0, "last": 9}]

    assert keys(requests(make_profile("modbus_rtu", items, blocks=blocks), device, Memory())) == [(3, 0, 1), (4, 1, 1)]


def play(profile: AnyProfile, device: Device, memory: Memory, missing: set[int]) -> tuple[list[tuple[str | int, ...]], int]:
    """Ask a device that answers exception 02 to any range holding a missing register; returns what it answered, and the number of requests."""
    todo, answered, count = requests(profile, device, memory), [], 0
    while todo:
        request = todo.pop(0)
        count += 1
        _, first, size = request.key
        if missing & set(range(int(first), int(first) + int(size))):
            todo = plan.refused(profile, request, memory, 0.0) + todo
        else:
            plan.answered(memory, request)
            answered.append(request.key)
    return answered, count


@pytest.mark.parametrize("missing", [{0}, {2}, {3}, {6}, {1, 5}, set(range(7))])
def test_splitting_reads_all_that_exists_and_costs_nothing_the_second_time(panel: AnyProfile, device: Device, missing: set[int]) -> None:
    memory = Memory()
    first, _ = play(panel, device, memory, missing)
    second, count = play(panel, device, memory, missing)

    read = {register for _, at, size in second for register in range(int(at), int(at) + int(size))}
    assert read >= {0, 1, 2, 4, 5, 6} - missing
    assert second == first
    assert count == len(second)


def test_range_known_to_be_refused_is_avoided_inside_longer_ones_too(panel: AnyProfile, device: Device) -> None:
    memory = Memory(refused={(3, 1, 1): DAY_S})

    assert not any(int(first) <= 1 < int(first) + int(size) for _, first, size in keys(requests(panel, device, memory)))


def test_silence_to_a_single_item_says_nothing_about_it(meter: AnyProfile, device: Device) -> None:
    memory = Memory()
    energy = requests(meter, device, memory, groups=("energy",))[0]

    assert plan.silent(meter, energy, memory, 0.0) == [energy]
    assert keys(requests(meter, device, memory, now=1.0, groups=("energy",))) == [("00010000",)]


def test_second_block_is_not_doubted_while_the_first_is(meter: AnyProfile, device: Device) -> None:
    memory = Memory(doubted=("02030000",))
    block = requests(meter, device, memory)[1]

    assert plan.silent(meter, block, memory, 0.0) == [block]


def test_block_met_with_silence_stays_split_when_the_device_dies_after_it_has_answered(meter: AnyProfile, device: Device) -> None:
    memory = Memory()
    singles = plan.silent(meter, requests(meter, device, memory)[1], memory, 0.0)
    plan.answered(memory, singles[0])

    plan.dead(memory)

    assert keys(requests(meter, device, memory, now=1.0, groups=("load",))) == keys(singles)


def test_refused_part_shows_too_that_the_device_lives(meter: AnyProfile, device: Device) -> None:
    memory = Memory()
    singles = plan.silent(meter, requests(meter, device, memory)[1], memory, 0.0)
    plan.refused(meter, singles[0], memory, 0.0)

    plan.dead(memory)

    assert keys(requests(meter, device, memory, now=1.0, groups=("load",))) == keys(singles[1:])


def test_dead_device_is_asked_for_whole_blocks_again_and_may_doubt_them_again(meter: AnyProfile, device: Device) -> None:
    memory = Memory()
    block = requests(meter, device, memory)[1]
    plan.silent(meter, block, memory, 0.0)
    plan.dead(memory)

    assert len(plan.silent(meter, block, memory, 1.0)) == 3


def test_refusal_of_what_was_answered_before_asks_for_nothing_else(meter: AnyProfile, device: Device) -> None:
    memory = Memory()
    block = requests(meter, device, memory)[1]
    plan.answered(memory, block)

    assert plan.refused(meter, block, memory, 0.0) == []
    assert len(plan.refused(meter, block, memory, 1.0)) == 3


def test_item_counted_from_the_end_is_never_read_in_a_block(make_profile: Any, device: Device) -> None:
    last = {"quantity": "status_word_3", "unit": "word", "di": "02010100", "format": "u8", "offset": -1, "group": "load"}
    profile = make_profile("dlt645_2007", [*VOLTAGES, last], blocks=[VOLTAGE_BLOCK])

    assert keys(requests(profile, device, Memory())) == [("02010100",), ("0201FF00",)]


def test_identifier_of_a_block_that_is_not_read_takes_the_room_of_the_longest_of_that_block(make_profile: Any, device: Device) -> None:
    block = {"di": "0201FF00", "items": ["02010100", "02010900", "02010300"]}
    long = {"quantity": "current_a", "unit": "A", "di": "02010300", "format": "XXX.XXX", "group": "load"}
    found = requests(make_profile("dlt645_2007", [ENERGY, VOLTAGES[0], long], blocks=[block]), device, Memory())

    assert [one.offset for one in found[1].fields] == [0, 2 + 3]


def test_offset_of_a_register_counts_from_the_first_of_its_range(make_profile: Any, device: Device) -> None:
    items = [register("voltage_a", 1000), register("voltage_b", 1002)]
    profile = make_profile("modbus_rtu", items, blocks=[{"function": 3, "first": 1000, "last": 1010}])

    assert [(one.item.quantity, one.offset) for one in requests(profile, device, Memory())[0].fields] == [("voltage_a", 0), ("voltage_b", 2)]


@pytest.mark.parametrize(("address", "type_", "merged"), [(99, "u16", False), (109, "u16", True), (110, "u16", False), (109, "u32", False)])
def test_register_beyond_the_block_is_read_alone(make_profile: Any, device: Device, address: int, type_: str, merged: bool) -> None:
    items = [register("voltage_a", 100), register("voltage_b", address, type_)]
    profile = make_profile("modbus_rtu", items, blocks=[{"function": 3, "first": 100, "last": 109}])

    assert len(requests(profile, device, Memory())) == (1 if merged else 2)


@pytest.mark.parametrize(("hole", "count"), [(32, 1), (33, 2)])
def test_hole_is_read_as_long_as_a_second_request_would_cost_more(make_profile: Any, device: Device, hole: int, count: int) -> None:
    items = [register("voltage_a", 1000, "u32"), register("voltage_b", 1000), register("voltage_c", 1002 + hole)]
    profile = make_profile("modbus_rtu", items, blocks=[{"function": 3, "first": 1000, "last": 1100}])

    assert len(requests(profile, device, Memory())) == count


def test_refused_range_is_asked_for_again_after_a_day(panel: AnyProfile, device: Device) -> None:
    memory = Memory(refused={(3, 1, 1): DAY_S})

    assert keys(requests(panel, device, memory, now=DAY_S)) == [(3, 0, 7)]


def test_refusal_of_another_function_says_nothing(panel: AnyProfile, device: Device) -> None:
    assert keys(requests(panel, device, Memory(refused={(4, 1, 1): DAY_S, (3, 6, 2): DAY_S}))) == [(3, 0, 7)]
