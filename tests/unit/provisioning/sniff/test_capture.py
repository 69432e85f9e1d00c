"""Captures in the forms engineers bring them."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.errors import ConfigError
from provisioning.sniff.capture import load_capture, read_capture

FRAME = bytes.fromhex("68AAAAAAAAAAAA681300DF16")


@pytest.mark.parametrize(
    "text",
    [
        "> 68 AA AA AA AA AA AA 68 13 00 DF 16\n",
        "68AAAAAAAAAAAA681300DF16\n",
        "68 aa aa aa aa aa aa 68 13 00 df 16",
        "0x68 0xAA 0xAA 0xAA 0xAA 0xAA 0xAA 0x68 0x13 0x00 0xDF 0x16",
        "[2026-11-22 10:15:30.123] TX: 68 AA AA AA AA AA AA 68 13 00 DF 16",
        "10:15:30 > 68 AA AA AA AA AA AA 68 13 00 DF 16",
        "# what we saw\n68,AA,AA,AA,AA,AA,AA,68,13,00,DF,16",
        "[10:15:30.123]发送:68 AA AA AA AA AA AA 68 13 00 DF 16",
    ],
)
def test_text_forms_give_the_bytes(text: str) -> None:
    assert [piece.data for piece in read_capture(text.encode(), "capture")] == [FRAME]


def test_raw_bytes_are_taken_as_they_are() -> None:
    assert [piece.data for piece in read_capture(b"\xfe\xfe" + FRAME, "capture")] == [b"\xfe\xfe" + FRAME]


def test_wire_log_tells_who_sent(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("> 68 16\n< 68 16\n= x 1\n", encoding="ascii")

    assert [piece.sent for piece in load_capture(path)] == [True, False]


@pytest.mark.parametrize("text", ["", "hello world\n", "68 AA\nnot hex\n", "68 A\n"])
def test_what_is_no_capture_is_told_with_its_line(text: str) -> None:
    with pytest.raises(ConfigError, match="capture"):
        read_capture(text.encode(), "capture")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_capture(tmp_path / "none")
