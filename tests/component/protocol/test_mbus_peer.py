"""The PyPI package `pyMeterBus` as a peer: its parser on published answers, its requests against ours, its master on our virtual meter.

Left out is what it reads otherwise than the standard: plain text behind the VIFE, and telegrams that reach it with fillers at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from protocol.profile import ProfileMbus
from protocol.wire import mbus, mbus_data, mbus_value
from protocol.wire.wirelog import Received, parse
from provisioning.virtual.devices.mbus import MeterMbus, find_request
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.physics import Load, Shape

GOLDEN = Path(__file__).parents[2] / "golden" / "wire"
ANSWERS = sorted(path.stem for path in GOLDEN.glob("mbus_*.log") if path.stem < "mbus_12")
READ_OTHERWISE = {"mbus_08_text_behind_vife", "mbus_11_fillers"}
NOW_S = 1_790_000_000.0
TEXT = {"zh": "表", "en": "Meter"}
# pyMeterBus' unit -> our measures of that unit
UNITS = {"Wh": ("energy",), "m^3": ("volume",), "W": ("power",), "m^3/h": ("volume_flow",), "C": ("flow_temperature", "return_temperature"), "K": ()}


@pytest.fixture(scope="module")
def peer() -> Iterator[ModuleType]:
    """The package; importing it configures the root logger, which is put back."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    import meterbus

    yield meterbus
    root.handlers, root.level = before, level


def answer(name: str) -> bytes:
    (entry,) = [one for one in parse((GOLDEN / f"{name}.log").read_text(encoding="utf-8"), name) if isinstance(one, Received)]
    return entry.data


@pytest.mark.parametrize("name", [name for name in ANSWERS if name not in READ_OTHERWISE])
def test_peer_reads_the_same_records_out_of_published_answers(peer: ModuleType, name: str) -> None:
    raw = answer(name)
    theirs = [one for one in peer.load(raw).body.bodyPayload.records if one.dib.parts[0] not in (0x0F, 0x1F)]
    said = mbus_data.telegram(mbus.Frame.from_bytes(raw))
    ours = said.records.records

    assert said.manufacturer == peer.load(raw).body.bodyHeader.manufacturer_field.decodeManufacturer
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        storage, tariff, device = other.dib.parse_dife()
        assert (mine.storage, mine.tariff, mine.subunit) == (storage, tariff or 0, device or 0)
        assert mine.function == ("instantaneous", "maximum", "minimum", "error")[other.dib.function_type.value]
        measures = UNITS.get(str(other.unit), ())
        if mine.meaning.measures in measures:
            assert float(mbus_value.number(mine)) == pytest.approx(float(other.value), rel=1e-6)


def test_measures_were_compared(peer: ModuleType) -> None:
    """The comparison above would be empty if the peer's names changed."""
    compared = {
        (name, str(one.unit))
        for name in ANSWERS
        if name not in READ_OTHERWISE
        for one in peer.load(answer(name)).body.bodyPayload.records
        if one.vib.parts
    }

    assert {unit for _, unit in compared} >= set(UNITS)


@pytest.mark.parametrize("name", ["mbus_02_warm_water_storage", "mbus_04_water_due_date", "mbus_06_heat_tariffs"])
def test_peer_reads_the_same_points_in_time(peer: ModuleType, name: str) -> None:
    raw = answer(name)
    theirs = [str(one.value) for one in peer.load(raw).body.bodyPayload.records if str(one.unit) in ("date", "date time")]

    records = mbus_data.telegram(mbus.Frame.from_bytes(raw)).records.records
    ours = [mbus_value.instant(record).isoformat() for record in records if record.meaning.measures in ("date", "date_time")]

    assert [text.removesuffix(":00") for text in ours] == [text.removesuffix(":00") for text in theirs]
    assert ours


class Wire:
    """A serial port with a virtual meter at its end, as pyMeterBus expects one."""

    def __init__(self, meter: MeterMbus | None = None) -> None:
        self.sent = b""
        self._meter, self._waiting = meter, b""

    def write(self, data: bytes) -> None:
        self.sent += bytes(data)
        frame = bytes(data)
        assert find_request(frame) == (0, len(frame))
        if self._meter is not None and self._meter.means(frame):
            self._waiting += self._meter.respond(frame, NOW_S) or b""

    def read(self, count: int = 1) -> bytes:
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken


def test_requests_are_those_the_peer_sends(peer: ModuleType) -> None:
    wire = Wire()
    peer.send_ping_frame(wire, 17)
    peer.send_request_frame(wire, 17)
    peer.send_request_frame_multi(wire, 17)
    peer.send_select_frame(wire, "12345678FFFFFFFF")

    select = mbus.select_request("12345678")
    ours = [mbus.reset_request(17), mbus.data_request(17, fcb=False), mbus.data_request(17, fcb=True)]
    theirs = wire.sent
    assert theirs.startswith(b"".join(frame.to_bytes() for frame in ours))
    chosen = mbus.Frame.from_bytes(theirs[15:])
    assert (chosen.address, chosen.ci, chosen.data) == (select.address, select.ci, select.data)  # they send C 73, we 53: the same with the other FCB


@pytest.fixture
def meter() -> MeterMbus:
    profile = ProfileMbus.model_validate(
        {
            "schema": 1,
            "profile": "test/mbus",
            "name": TEXT,
            "maker": TEXT,
            "model": "M",
            "kind": "water_meter",
            "source": "made for tests",
            "verified": "draft",
            "serial": {"baud": 2400, "parity": "E"},
            "groups": {"energy": 900},
            "protocol": "mbus",
            "items": [
                {"measures": "volume", "quantity": "water_volume", "unit": "m3"},
                {"measures": "volume", "storage": 1, "quantity": "water_volume_settlement", "unit": "m3"},
                {"measures": "volume_flow", "quantity": "water_flow", "unit": "m3/h"},
                {"measures": "flow_temperature", "quantity": "water_temperature", "unit": "°C"},
            ],
        }
    )
    meter = MeterMbus(profile, Instrument(7, "tap", Load(7, "tap", Shape.WATER, 40_000)), "12345678")
    meter.instrument.set_state("water_temperature", -5_300, NOW_S)
    return meter


def test_peers_master_selects_and_reads_our_virtual_meter(peer: ModuleType, meter: MeterMbus) -> None:
    wire = Wire(meter)
    peer.send_select_frame(wire, "12345678FFFFFFFF")
    assert isinstance(peer.load(peer.recv_frame(wire, 1)), peer.TelegramACK)
    peer.send_request_frame(wire, 253)

    read = peer.load(peer.recv_frame(wire, peer.FRAME_DATA_LENGTH))

    values: list[tuple[str, Any]] = [(str(one.unit), one.value) for one in read.body.bodyPayload.records if one.dib.parts[0] != 0x0F]
    truth = meter.instrument
    assert float(dict(values[:5])["m^3"]) * 1000 == pytest.approx(truth.value("water_volume_settlement", NOW_S))
    assert float(values[2][1]) * 1000 == pytest.approx(truth.value("water_volume", NOW_S))
    assert float(dict(values)["m^3/h"]) * 1000 == pytest.approx(truth.value("water_flow", NOW_S))
    assert float(dict(values)["C"]) == pytest.approx(-5.3)
    assert str(values[1][1]).startswith("2026-09-21T22:13")


def test_frame_the_peer_builds_is_read_by_us(peer: ModuleType) -> None:
    built = peer.TelegramControl()
    built.address = [mbus.ANYBODY]
    built.set_baud(9600)

    assert mbus.Frame.from_bytes(bytes(built)) == mbus.baud_request(mbus.ANYBODY, 9600)


def test_answer_with_a_wrong_sum_is_refused_by_both(peer: ModuleType) -> None:
    raw = bytearray(answer("mbus_09_water_oms"))
    raw[-2] ^= 1

    with pytest.raises(peer.exceptions.MBusFrameCRCError):
        peer.load(bytes(raw))
    assert mbus.Decoder().feed(bytes(raw)) == []
