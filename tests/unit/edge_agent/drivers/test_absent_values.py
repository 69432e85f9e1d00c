"""A register that says "no value yet" gives none; its neighbours are read."""

from __future__ import annotations

import pytest

from edge_agent.drivers.fields import Decoded, decode_fields, register_value
from edge_agent.drivers.plan import Field
from protocol.profile_items import RegisterItem

SETPOINT = RegisterItem(quantity="ac_setpoint", unit="°C", function=3, address=4, type="i16", scale="0.1", absent_raw=-32768)
ROOM = RegisterItem(quantity="temperature", unit="°C", function=3, address=5, type="i16", scale="0.1", absent_raw=-32768)


@pytest.mark.parametrize(("word", "value"), [(0x8000, None), (0x8001, -3_276_700), (0x00FF, 25_500)])
def test_only_the_very_number_means_absent(word: int, value: int | None) -> None:
    assert register_value(Field(SETPOINT, 0), [word]) == value


def test_neighbour_of_an_absent_value_is_read() -> None:
    words = [0x8000, 0x00EB]

    decoded = decode_fields([Field(SETPOINT, 0), Field(ROOM, 1)], lambda one: register_value(one, words))

    assert decoded == Decoded((("temperature", 23_500),))
