"""A virtual site in real time on real ptys and sockets, in this process."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymodbus import FramerType
from pymodbus.client import ModbusTcpClient

from firmware_profiles.loader import load_profiles
from protocol.errors import NotFound
from protocol.site_plan import SerialPort, SitePlan, TcpClientPort, TcpServerPort, VirtualFault
from provisioning.virtual.control import obey
from provisioning.virtual.site import VirtualSite

GAP_S = 0.015
REQUEST = bytes.fromhex("68 11 11 11 11 11 11 68 11 04 33 33 34 33 18 16")
REPLY = bytes.fromhex("FE FE FE FE 68 11 11 11 11 11 11 68 91 08 33 33 34 33 75 39 45 33 C2 16")


@pytest.fixture
def site(plan: SitePlan, folder: Path) -> Iterator[VirtualSite]:
    one = VirtualSite(plan, load_profiles().profiles, folder)
    one.start()
    yield one
    one.stop()


def test_meter_on_a_pty_answers_after_line_time(site: VirtualSite, master: Any) -> None:
    port = master(site.lines()["g1/m"])

    asked_s = time.monotonic()
    received = port.ask(REQUEST, len(REPLY))
    took_s = time.monotonic() - asked_s
    port.close()

    (stats,) = (one for name, one in site.stats(detail=True).items() if name == "g1/m")
    exchange = stats["log"][0]
    assert received == REPLY
    assert took_s >= 40 * 11 / 9600 + exchange["td_s"]  # never faster than the wire
    assert exchange["reply_end_s"] - exchange["request_start_s"] == pytest.approx(40 * 11 / 9600 + exchange["td_s"])
    assert stats["violations"] == {"gap": 0, "collision": 0, "garbage": 0, "settings": 0}


def test_rewritten_plan_points_to_the_virtual_ports(site: VirtualSite, plan: SitePlan, folder: Path) -> None:
    ports = {line.id: line.port for line in site.rewritten_plan().gateways[0].lines}

    assert ports["m"] == SerialPort(kind="serial", path=str(folder / "g1-m"))
    assert isinstance(ports["r"], TcpClientPort)
    assert isinstance(ports["w"], TcpServerPort)
    assert ports["w"].registration == "DTU-7"
    assert SitePlan.model_validate_json(site.rewritten_plan().model_dump_json(by_alias=True)) == site.rewritten_plan()


def test_pymodbus_reads_and_switches_over_the_serial_server(site: VirtualSite) -> None:
    host, _, port = site.lines()["g1/r"].partition(":")
    client = ModbusTcpClient(host, port=int(port), framer=FramerType.RTU, timeout=3, retries=0)
    assert client.connect()

    voltage = client.read_input_registers(0, count=2, device_id=4)
    time.sleep(GAP_S)  # this client keeps no gap by itself, and the line would not hear it
    client.write_coil(2, True, device_id=3)
    time.sleep(GAP_S)
    coils = client.read_coils(0, count=8, device_id=3)
    time.sleep(GAP_S)
    refused = client.read_holding_registers(0x7000, count=1, device_id=3)
    client.close()

    shown = client.convert_from_registers(voltage.registers, client.DATATYPE.FLOAT32)
    assert shown == pytest.approx(site.truth("sdm-1", "voltage_a") / 1000, abs=0.5)
    assert coils.bits[:8] == [False, False, True, False, False, False, False, False]
    assert refused.exception_code == 2
    assert site.truth("relay-1", "relay_3") == 1


def test_dtu_dials_in_and_registers(site: VirtualSite) -> None:
    host, _, port = site.lines()["g1/w"].partition(":")
    with socket.create_server((host, int(port))) as listener:
        listener.settimeout(5)
        connection, _ = listener.accept()
        connection.settimeout(5)
        registered = connection.recv(64)
        connection.sendall(bytes.fromhex("68 10 AA AA AA AA AA AA AA 03 03 0A 81 00 AF 16"))
        reply = b""
        while not reply.endswith(b"\x16"):
            reply += connection.recv(64)
        connection.close()

    assert registered == b"DTU-7"
    assert reply[2:14].hex() == "6810" + "09000000000000" + "8303" + "0a"


def test_fault_set_at_run_time_is_visible_and_ends(site: VirtualSite, master: Any) -> None:
    port = master(site.lines()["g1/m"])

    site.set_fault("meter-1", VirtualFault(kind="dead"))
    silent = port.ask(REQUEST, len(REPLY), timeout_s=0.3)
    site.set_fault("meter-1", None)
    healthy = port.ask(REQUEST, len(REPLY))
    port.close()

    assert (silent, healthy) == (b"", REPLY)
    assert site.faults() == {}


def test_unknown_device_is_named(site: VirtualSite) -> None:
    with pytest.raises(NotFound, match="meter-9"):
        site.set_fault("meter-9", None)


def test_wrong_speed_is_met_with_silence(site: VirtualSite, master: Any) -> None:
    import serial

    port = serial.Serial(site.lines()["g1/m"], 2400, timeout=0.3)
    port.write(REQUEST)
    received = port.read(len(REPLY))
    port.close()

    assert received == b""
    assert site.stats()["g1/m"]["violations"]["settings"] == 1  # type: ignore[index]


def test_ports_and_relays_survive_a_restart(plan: SitePlan, folder: Path, master: Any) -> None:
    first = VirtualSite(plan, load_profiles().profiles, folder)
    first.start()
    first.set_state("meter-2", "meter_relay_open", 1)
    energy, lines = first.truth("meter-2", "energy_active_forward"), first.lines()
    first.stop()

    second = VirtualSite(plan, load_profiles().profiles, folder)
    second.start()
    try:
        assert second.lines() == lines
        assert second.truth("meter-2", "meter_relay_open") == 1
        assert second.truth("meter-2", "energy_active_forward") == energy
    finally:
        second.stop()


def test_stats_go_to_a_file_on_request(site: VirtualSite, master: Any, tmp_path: Path) -> None:
    port = master(site.lines()["g1/m"])
    port.ask(REQUEST, len(REPLY))
    port.close()

    site.write_stats(tmp_path / "stats.json")
    site.reset_stats()

    written = json.loads((tmp_path / "stats.json").read_text())
    assert written["g1/m"]["log"][0]["device"] == "meter-1"
    assert site.stats()["g1/m"]["efficiency"] is None


def test_control_orders_reach_the_meters_memory(site: VirtualSite) -> None:
    obey(site, {"do": "provoke", "device": "meter-1", "event": "meter_cover_open", "lasts_s": 60, "operator": "00000001"})
    obey(site, {"do": "set_state", "device": "meter-1", "quantity": "malicious_load_limit", "value": 800_000})
    obey(site, {"do": "appliance", "device": "meter-1", "name": "kettle", "watts": 1_800})

    assert obey(site, {"do": "truth", "device": "meter-1", "quantity": "malicious_load_trips"}) == 1
    assert obey(site, {"do": "truth", "device": "meter-1", "quantity": "meter_relay_open"}) == 1
    assert site.memory("meter-1")["journal"]["counts"] == {"meter_cover_open": 1, "relay_opened": 1}


def test_control_order_empties_an_account(site: VirtualSite) -> None:
    told = obey(site, {"do": "set_account", "device": "meter-2", "balance": 0, "customer": "000000000012"})

    assert told == {"balance": 0, "unit": "energy", "count": told["count"], "customer": "000000000012", "opened": True}  # type: ignore[index]
    assert obey(site, {"do": "account", "device": "meter-2"})["balance"] == 0  # type: ignore[index]
    assert site.truth("meter-2", "meter_relay_open") == 1


def test_meter_told_another_speed_is_heard_at_that_speed_on_its_pty(site: VirtualSite, master: Any) -> None:
    import serial

    body = bytes.fromhex("68 11 11 11 11 11 11 68 17 01") + bytes(((0x08 + 0x33) & 0xFF,))
    port = master(site.lines()["g1/m"])
    told = port.ask(body + bytes((sum(body) & 0xFF, 0x16)), 4 + 13)
    port.close()

    slower = serial.Serial(site.lines()["g1/m"], 2400, timeout=2.0)
    time.sleep(0.1)  # the gap before a request
    slower.write(REQUEST)
    received = slower.read(len(REPLY))
    slower.close()

    assert told[12] == 0x97
    assert received == REPLY


def test_unknown_event_is_refused(site: VirtualSite) -> None:
    with pytest.raises(NotFound, match="no event 'party'"):
        site.provoke("meter-1", "party")
