"""One virtual gateway for tests that run the whole agent."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from firmware_profiles.loader import load_profiles
from protocol.site_plan import parse_site_plan
from provisioning.virtual.site import VirtualSite

WAIT_S = 30.0
PLAN = """
schema: 1
site: {id: test, name: {zh: 测试, en: Test}}
places: [{id: campus, kind: campus, name: {zh: 校园, en: Campus}}]
gateways:
  - id: gw-1
    name: {zh: 网关, en: Gateway}
    place: campus
    lines:
      - {id: l1, port: {kind: serial, path: /dev/ttyS1}, baud: 9600, devices: [
          {id: m-1, profile: generic/dlt645_2007_single_phase, address: "000000000001", place: campus},
          {id: m-2, profile: generic/dlt645_2007_single_phase, address: "000000000002", place: campus}]}
"""


@pytest.fixture
def virtual_site(tmp_path):
    site = VirtualSite(parse_site_plan(PLAN, "plan.yaml"), load_profiles(), tmp_path / "site")
    site.start()
    yield site
    site.stop()


@pytest.fixture(name="eventually")
def _eventually():
    def wait(condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"did not happen within {WAIT_S:.0f} s: {what}")
            time.sleep(0.02)

    return wait
