"""Small profiles of every protocol family, and devices of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter

from protocol.profile import AnyProfile, Profile
from protocol.site_plan import Device

_ADAPTER: TypeAdapter[AnyProfile] = TypeAdapter(Profile)
_COMMON = {
    "schema": 1,
    "profile": "test/model",
    "name": {"zh": "表", "en": "Meter"},
    "maker": {"zh": "厂", "en": "Maker"},
    "model": "M1",
    "kind": "electricity_meter",
    "source": "made for tests",
    "verified": "draft",
    "serial": {"baud": 2400, "parity": "E"},
    "groups": {"energy": 900, "load": 60},
}

MakeProfile = Callable[..., AnyProfile]
MakeDevice = Callable[..., Device]


@pytest.fixture
def make_profile() -> MakeProfile:
    def make(protocol: str, items: list[dict[str, Any]], **more: Any) -> AnyProfile:
        return _ADAPTER.validate_python({**_COMMON, "protocol": protocol, "items": items, **more})

    return make


@pytest.fixture
def make_device() -> MakeDevice:
    def make(address: str = "000102030425", name: str = "m1") -> Device:
        return Device(id=name, profile="test/model", address=address, place="room")

    return make
