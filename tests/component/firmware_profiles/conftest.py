"""Support: the frame of a profile's command, as the protocol codecs build it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import pytest

from protocol.profile import AnyProfile, Profile188
from protocol.profile_writes import Command, Write188, Write2007
from protocol.wire import cjt188, dlt645, modbus


class WriteFrame(Protocol):
    """`carried`: what a frame of 1CH carries beside the code: `password`, `operator`, `valid_until` (ISO time, the meter's own)."""

    def __call__(self, profile: AnyProfile, address: str, command: Command, **carried: str) -> bytes: ...


@pytest.fixture
def write_frame() -> WriteFrame:
    """Return the function that gives the bytes of a command."""
    return _write_frame


def _write_frame(profile: AnyProfile, address: str, command: Command, **carried: str) -> bytes:
    write = command.write
    if isinstance(write, Write2007):
        until = datetime.fromisoformat(carried["valid_until"]) if "valid_until" in carried else None
        password, operator = carried.get("password", "000000"), carried.get("operator", "00000000")
        return dlt645.remote_control_request(address, int(write.n1, 16), until, password, operator, level=write.level).to_bytes()
    if isinstance(write, Write188):
        assert isinstance(profile, Profile188)
        data = bytes.fromhex(write.data)
        return cjt188.write_request(int(profile.meter_type, 16), address, write.di, data, di_order=profile.di_order).to_bytes()
    build = modbus.write_coil_request if write.function == 5 else modbus.write_register_request
    return build(int(address), write.address, write.value)
