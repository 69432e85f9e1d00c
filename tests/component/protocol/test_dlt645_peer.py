"""The PyPI package `dlt645` as a frame-level peer, both ways over TCP.

Only what it does by the standard is used: single identifiers of classes 00, 02 and 04, writes, passwords, clearing events, a new address, and
refusals. It keeps addresses and passwords in display order, so those used here read the same both ways.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest
from dlt645 import MeterClientService, MeterServerService

from protocol.errors import NoSuchData, WrongPassword
from protocol.wire.bcd import decode_bcd, decode_signed_bcd, encode_bcd, encode_signed_bcd
from protocol.wire.dlt645 import (
    Decoder,
    Frame,
    Version,
    change_password_request,
    clear_events_request,
    read_address_request,
    read_request,
    reply_data,
    write_address_request,
    write_request,
)

METER = "111111111111"
PASSWORD = "111111"
V07 = Version.V2007


@pytest.fixture
def peer_port() -> Iterator[int]:
    logging.getLogger("dlt645").setLevel(logging.CRITICAL)
    meter = MeterServerService.new_tcp_server("127.0.0.1", 0, 5.0)
    meter.set_address(METER)
    assert meter.set_password("02" + PASSWORD)
    assert meter.set_00(0x00010000, 1206.42)
    assert meter.set_02(0x02010100, 229.7)
    assert meter.set_02(0x02030000, -1.2345)
    assert meter.set_04(0x04000103, "15")
    assert meter.start()
    yield meter.server.port
    assert meter.stop()


@pytest.mark.parametrize(
    ("di", "decode", "value"),
    [("00010000", decode_bcd, 120_642), ("02010100", decode_bcd, 2297), ("02030000", decode_signed_bcd, -12_345), ("04000103", decode_bcd, 15)],
)
def test_our_codec_reads_the_peers_meter(ask: Callable, peer_port: int, di: str, decode: Callable[[bytes], int], value: int):
    request = read_request(V07, METER, di)

    reply = ask(peer_port, request.to_bytes(), Decoder())

    assert decode(reply_data(V07, request, reply).data) == value


def test_our_codec_reads_the_peers_address(ask: Callable, peer_port: int):
    request = read_address_request()

    reply = ask(peer_port, request.to_bytes(), Decoder())

    assert reply_data(V07, request, reply).data == bytes.fromhex(METER)


def test_the_peers_refusal_is_understood(ask: Callable, peer_port: int):
    request = read_request(V07, METER, "00FFFF00")

    reply = ask(peer_port, request.to_bytes(), Decoder())

    with pytest.raises(NoSuchData):
        reply_data(V07, request, reply)


def test_the_peers_meter_takes_our_write(ask: Callable, peer_port: int):
    write = write_request(V07, METER, "04000103", encode_bcd(30, 1), PASSWORD)

    assert reply_data(V07, write, ask(peer_port, write.to_bytes(), Decoder())).data == b""

    read = read_request(V07, METER, "04000103")
    assert reply_data(V07, read, ask(peer_port, read.to_bytes(), Decoder())).data == encode_bcd(30, 1)


def test_the_peers_meter_refuses_a_wrong_password(ask: Callable, peer_port: int):
    for asked in (write_request(V07, METER, "04000103", b"\x30", "222222"), clear_events_request(METER, "222222")):
        with pytest.raises(WrongPassword):
            reply_data(V07, asked, ask(peer_port, asked.to_bytes(), Decoder()))


def test_the_peers_meter_takes_a_new_password(ask: Callable, peer_port: int):
    change = change_password_request(V07, METER, PASSWORD, "333333")

    assert reply_data(V07, change, ask(peer_port, change.to_bytes(), Decoder())).data == bytes.fromhex("02 33 33 33")

    clear = clear_events_request(METER, "333333")
    assert reply_data(V07, clear, ask(peer_port, clear.to_bytes(), Decoder())).data == b""


def test_the_peers_meter_takes_a_new_address(ask: Callable, peer_port: int):
    write = write_address_request("222222222222")

    assert reply_data(V07, write, ask(peer_port, write.to_bytes(), Decoder())).data == b""

    request = read_address_request()
    assert reply_data(V07, request, ask(peer_port, request.to_bytes(), Decoder())).data == bytes.fromhex("22" * 6)


@pytest.fixture
def peer_client() -> Iterator[Callable[[int], MeterClientService]]:
    clients: list[MeterClientService] = []

    def connect(port: int) -> MeterClientService:
        client = MeterClientService.new_tcp_client("127.0.0.1", port, 5.0)
        client.set_address(METER)
        assert client.connect()
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.disconnect()


def test_the_peers_client_reads_our_frames(byte_server: Callable, peer_client: Callable[[int], MeterClientService]):
    client = peer_client(byte_server(meter()).port)

    energy, voltage, power = client.read_00(0x00010000), client.read_02(0x02010100), client.read_02(0x02030000)

    assert (energy.value, voltage.value, power.value) == (pytest.approx(1206.42), pytest.approx(229.7), pytest.approx(-1.2345))


def test_the_peers_client_takes_our_refusal_for_one(byte_server: Callable, peer_client: Callable[[int], MeterClientService]):
    client = peer_client(byte_server(meter()).port)

    assert client.read_00(0x00020000) is None


def meter() -> Callable[[bytes], bytes]:
    """A meter built with our codec: three registers, everything else is refused with `no such data`."""
    registers = {"00010000": encode_bcd(120_642, 4), "02010100": encode_bcd(2297, 2), "02030000": encode_signed_bcd(-12_345, 3)}
    decoder = Decoder()

    def answer(data: bytes) -> bytes:
        return b"".join(reply_to(frame) for frame in decoder.feed(data))

    def reply_to(asked: Frame) -> bytes:
        register = registers.get(asked.data[:4][::-1].hex().upper())
        if asked.control != 0x11 or register is None:
            return Frame(asked.address, asked.control | 0xC0, b"\x02").to_bytes()
        return Frame(asked.address, 0x91, asked.data[:4] + register).to_bytes()

    return answer
