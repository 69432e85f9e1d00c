"""Q/GDW 376.1: public captures both ways, then what a careless stream does to frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.errors import ChecksumError, EncodeError, FrameError, PayloadError, WireError
from protocol.wire import dlt645
from protocol.wire.bcd import decode_bcd
from protocol.wire.gdw376 import (
    CONFIRM,
    DENIED,
    LINK,
    LOGIN,
    Address,
    Decoder,
    Frame,
    confirm,
    decode_unit,
    deny,
    encode_unit,
    forward_request,
    forwarded,
    settings_word,
    wait_byte,
    wait_s,
)
from protocol.wire.wirelog import Received, Sent, Value, parse

GOLDEN = Path(__file__).parents[3] / "golden" / "wire"
TERMINAL = Address("0200", 0x1234)
LOGIN_FRAME = bytes.fromhex("68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16")
LOGS = sorted(path.stem for path in GOLDEN.glob("gdw376_*.log"))
METER = "151230011061"


def ask(serial: int, tag: str, request: dlt645.Frame, port: int = 31, reply_s: float = 60.0, station: int = 4) -> Frame:
    """A request as the captures make it."""
    address = Address(TERMINAL.region, TERMINAL.terminal, station)
    return forward_request(address, serial, port, settings_word(2400, "E", 8, 1), reply_s, 0.1, request.to_bytes(0), bytes.fromhex(tag))


def relay(action: int) -> dlt645.Frame:
    """Remote control as captured: valid until 2099-12-30 12:30, in bytes, because only the tunnel is under test here."""
    raw = f"68 61 10 01 30 12 15 68 1C 10 35 6A 39 35 34 33 33 33 {action + 0x33:02X} 33 33 33 33 63 45 CC"
    body = bytes.fromhex(raw)
    return dlt645.Frame.from_bytes(body + bytes([sum(body) & 0xFF, 0x16]))


def entries(log: str) -> list[object]:
    return list(parse((GOLDEN / f"{log}.log").read_text(), log))


def built(log: str) -> list[Frame]:
    """What our builders make, in the order of the log's `>` lines."""
    read = dlt645.read_request(dlt645.Version.V2007, METER, "00010000")
    status = dlt645.read_request(dlt645.Version.V2007, METER, "04000503")
    received = [Frame.from_bytes(entry.data) for entry in entries(log) if isinstance(entry, Received)]
    return {
        "gdw376_01_login_heartbeat": [confirm(frame) for frame in received],
        "gdw376_02_tunnel_read": [ask(0, "00 13 51 23 21 05", read)],
        "gdw376_03_tunnel_relay": [
            ask(5, "05 34 05 00 22 05", relay(0x1A)),
            ask(6, "06 12 06 00 22 05", status),
            ask(7, "07 15 07 00 22 05", relay(0x1B)),
        ],
        "gdw376_06_denied_empty": [ask(3, "", read, port=7, reply_s=2.01, station=2)],
    }.get(log, [])


@pytest.mark.parametrize("log", LOGS)
def test_builders_make_exactly_the_bytes_sent(log: str):
    assert [frame.to_bytes() for frame in built(log)] == [entry.data for entry in entries(log) if isinstance(entry, Sent)]


@pytest.mark.parametrize("log", LOGS)
def test_frames_mean_what_the_log_says_and_come_back_bit_for_bit(log: str):
    frame = None
    for entry in entries(log):
        if isinstance(entry, Sent | Received):
            frame = Frame.from_bytes(entry.data)
            assert frame.to_bytes() == entry.data
        elif isinstance(entry, Value):
            assert frame is not None
            assert meaning(frame, entry.name) == entry.value, entry.name


def meaning(frame: Frame, word: str) -> str:
    return {
        "address": lambda: f"{frame.address.region}-{frame.address.terminal:05d}/{frame.address.station}",
        "afn": lambda: f"{frame.afn:02X}",
        "unit": lambda: " ".join(f"p{point} F{fn}" for point, fn in frame.units),
        "serial": lambda: str(frame.serial),
        "wants_confirmation": lambda: "yes" if frame.wants_confirmation else "no",
        "from_terminal": lambda: "yes" if frame.from_terminal else "no",
        "content": lambda: frame.content.hex().upper(),
        "port": lambda: str(forwarded(frame).port),
        "payload": lambda: forwarded(frame).payload.hex().upper(),
        "energy_active_forward": lambda: str(decode_bcd(dlt645.Frame.from_bytes(forwarded(frame).payload).data[4:8]) * 10),
    }[word]()


@pytest.mark.parametrize(
    ("unit", "raw"),
    [((0, 1), "00000100"), ((0, 3), "00000400"), ((0, 9), "00000101"), ((1, 1), "01010100"), ((8, 2), "80010200"), ((9, 248), "0102801E")],
)
def test_data_units_count_points_and_items_in_bits(unit: tuple[int, int], raw: str):
    assert encode_unit(*unit) == bytes.fromhex(raw)
    assert list(decode_unit(bytes.fromhex(raw))) == [unit]


def test_one_unit_may_name_several_points_and_items():
    assert list(decode_unit(bytes.fromhex("03020500"))) == [(9, 1), (9, 3), (10, 1), (10, 3)]


@pytest.mark.parametrize(
    ("settings", "word"),
    [((2400, "E", 8, 1), 0x6B), ((9600, "E", 8, 1), 0xCB), ((1200, "O", 7, 2), 0x5E), ((300, "N", 8, 1), 0x03), ((19200, "N", 8, 1), 0xE3)],
)
def test_serial_settings_travel_in_one_byte(settings: tuple[int, str, int, int], word: int):
    assert settings_word(*settings) == word


@pytest.mark.parametrize("settings", [(38400, "E", 8, 1), (2400, "M", 8, 1), (2400, "E", 9, 1), (2400, "E", 8, 0)])
def test_settings_no_concentrator_has_are_refused(settings: tuple[int, str, int, int]):
    with pytest.raises(EncodeError):
        settings_word(*settings)


@pytest.mark.parametrize(
    ("seconds", "code", "waits_s"), [(60, 0xBC, 60), (0.1, 0x0A, 0.1), (1.27, 0x7F, 1.27), (1.28, 0x82, 2), (0, 1, 0.01), (500, 0xFF, 127)]
)
def test_waiting_times_are_rounded_up_and_bounded(seconds: float, code: int, waits_s: float):
    assert wait_byte(seconds) == code
    assert wait_s(code) == waits_s


@pytest.mark.parametrize("change", [0, 1, 3, 5, 18, 19])
def test_a_hit_byte_makes_no_frame(change: int):
    hit = bytearray(LOGIN_FRAME)
    hit[change] ^= 0x11

    with pytest.raises(WireError):
        Frame.from_bytes(bytes(hit))


def test_checksum_and_shape_are_told_apart():
    with pytest.raises(ChecksumError):
        Frame.from_bytes(LOGIN_FRAME[:-2] + b"\x00\x16")
    with pytest.raises(FrameError):
        Frame.from_bytes(LOGIN_FRAME[:-1])


def test_frames_are_found_between_noise_however_the_stream_is_cut():
    stream = b"\x68\x00" + LOGIN_FRAME + b"noise\x68\x32\x00" + LOGIN_FRAME + LOGIN_FRAME
    for size in (1, 2, 7, len(stream)):
        decoder = Decoder()
        found = [frame for at in range(0, len(stream), size) for frame in decoder.feed(stream[at : at + size])]
        assert [frame.to_bytes() for frame in found] == [LOGIN_FRAME] * 3
        assert decoder.noise_bytes == 10


def test_a_false_start_with_a_great_length_holds_nothing_back():
    assert len(Decoder().feed(b"\x68\xfe\xff\xfe\xff\x68" + LOGIN_FRAME)) == 1


def test_the_forerunner_protocol_is_answered_in_its_own_version():
    old = Frame(0xC9, TERMINAL, LINK, 0x71, encode_unit(0, LOGIN), version=1)

    assert Frame.from_bytes(old.to_bytes()) == old
    assert confirm(old).to_bytes()[1] & 3 == 1


def test_a_stranger_is_denied_under_its_own_number():
    denied = deny(Frame.from_bytes(LOGIN_FRAME))

    assert denied.says(CONFIRM, DENIED)
    assert (denied.serial, denied.address, denied.from_terminal) == (1, TERMINAL, False)


@pytest.mark.parametrize("data", ["", "00000100", "000001001F0500AA", "000002001F0100AA"])
def test_an_answer_without_its_bytes_is_refused(data: str):
    with pytest.raises(PayloadError):
        forwarded(Frame(0x88, TERMINAL, 0x10, 0x60, bytes.fromhex(data)))


def test_our_own_request_is_no_answer():
    with pytest.raises(PayloadError):
        forwarded(ask(0, "", dlt645.read_address_request()))


def test_length_decides_and_not_what_follows_it():
    frame = Frame(0x88, TERMINAL, 0x10, 0x60, bytes.fromhex("000001001F0200AABB 4F00 001122"))

    assert forwarded(frame).payload == b"\xaa\xbb"


@pytest.mark.parametrize(
    "build",
    [
        lambda: Address("20", 1).to_bytes(),
        lambda: Address("0200", 65_536).to_bytes(),
        lambda: encode_unit(0, 0),
        lambda: encode_unit(2041, 1),
        lambda: forward_request(TERMINAL, 0, 31, 0x6B, 1, 0.1, b""),
        lambda: forward_request(TERMINAL, 0, 31, 0x6B, 1, 0.1, bytes(513)),
        lambda: Frame(0x4B, TERMINAL, 0x10, 0x60, bytes(16_383)).to_bytes(),
        lambda: Frame(0x4B, TERMINAL, 0x100, 0x60).to_bytes(),
    ],
)
def test_what_does_not_fit_is_not_encoded(build):
    with pytest.raises(EncodeError):
        build()
