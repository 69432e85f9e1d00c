"""An independent DL/T 645 client as peer. It sends addresses in display order, hence a meter whose address reads the same both ways."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from firmware_profiles.loader import load_profiles
from protocol.site_plan import SitePlan
from provisioning.virtual.site import VirtualSite

service = pytest.importorskip("dlt645.service.clientsvc.client_service", reason="the dlt645 distribution is a development dependency")
GAP_S = 0.035


def test_foreign_client_reads_energy_and_voltage(plan: SitePlan, folder: Path) -> None:
    assert plan.rehearsal is not None
    behind_tcp = plan.model_copy(update={"rehearsal": plan.rehearsal.model_copy(update={"tcp_lines": ("g1/m",)})})
    site = VirtualSite(behind_tcp, load_profiles().profiles, folder)
    site.start()
    host, _, port = site.lines()["g1/m"].partition(":")
    client = service.MeterClientService.new_tcp_client(host, int(port), 3.0)
    client.set_address("111111111111")

    try:
        assert client.connect()
        energy = client.read_00(0x00010000)
        time.sleep(GAP_S)  # this client keeps no gap by itself
        voltage = client.read_02(0x02010100)
    finally:
        client.disconnect()
        site.stop()

    assert energy.value == 1206.42
    assert 220 < voltage.value < 235
