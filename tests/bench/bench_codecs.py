"""Decoders and encoders beside programs we did not write, on the same bytes; and how far the whole driver path is from what a line can bring.

CPU time of one core, interleaved rounds, medians. Peers: PyPI `dlt645` (its framing and the value its client makes of it), pyMeterBus (the telegram
and the value of each of its records), pymodbus (framer and PDU; ours stands on these, finds replies in noise, and checks that they fit the request).
Noise: 0 to 40 bytes before every frame, half of them bytes that begin, end or precede frames, fed in chunks of any size; every frame must be found.
A Modbus reply is known by its request only, so each has an exchange of its own; pymodbus gets noise and reply in one piece, which is kinder to it.
Driver path: plan, request, decoder, values in base units, for one whole read of a virtual meter; beside it the values that a line at 9600 baud
carries when nothing but the bits of these exchanges passes over it, without any reply delay or gap. The ratio is how many such lines a core decodes.
"""

from __future__ import annotations

import logging
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import dlt645 as dlt645_peer
from dlt645.protocol.protocol import DLT645Protocol
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadHoldingRegistersResponse

from edge_agent.drivers.driver import Driver, driver_for
from edge_agent.drivers.plan import Memory, Request, plan
from firmware_profiles.loader import load_profiles
from protocol.profile import AnyProfile
from protocol.site_plan import Device
from protocol.wire import bcd, dlt645, mbus, mbus_data, mbus_value, modbus, wirelog
from provisioning.virtual.bus import Unit
from provisioning.virtual.site import SiteFacts, build_unit
from tests.bench.figure import Figure

_GOLDEN = Path(__file__).parents[1] / "golden" / "wire"
_ROUNDS, _ROUND_S = 9, 0.05
_FRAMES = 2_000  # in a noisy stream
_BAUD = 9600
_AT_S = 1_790_000_000.0
_V07 = dlt645.Version.V2007
_METER, _ENERGY = "111111111111", "00010000"  # the peer keeps addresses in display order: this one reads the same both ways
_UNIT, _FIRST, _COUNT = 17, 0x0061, 23
_TELEGRAM = "mbus_06_heat_tariffs"
Work = Callable[[], object]
Find = Callable[[], list[bytes]]


def run() -> list[Figure]:
    """Clean frames, noisy streams, whole reads."""
    return [*_dlt645(), *_mbus(), *_modbus(), *_noisy(), *(_driver_path(key) for key in ("generic/dlt645_2007_three_phase", "acrel/adl400"))]


# --- beside peers ------------------------------------------------------------------------------------------------------


def _dlt645() -> Iterator[Figure]:
    logging.getLogger("dlt645").setLevel(logging.CRITICAL)
    client = dlt645_peer.MeterClientService.new_tcp_client("127.0.0.1", 1, 1.0)  # never connected
    client.set_address(_METER)
    asked = dlt645.read_request(_V07, _METER, _ENERGY)
    raw, identifier = _energy_reply(120_642), bytes.fromhex(_ENERGY)[::-1]

    def ours() -> int:
        (frame,) = dlt645.Decoder().feed(raw)
        return bcd.decode_bcd(dlt645.reply_data(_V07, asked, frame).data)

    def theirs() -> float:
        return float(client.handle_response(DLT645Protocol.deserialize(raw)).value)

    _agree(ours() / 100, theirs())
    _agree(asked.to_bytes(), bytes(DLT645Protocol.build_frame(bytes.fromhex(_METER), 0x11, identifier)))
    yield _beside("DL/T 645, replies to values", "dlt645", ours, theirs)
    yield _beside(
        "DL/T 645, requests to bytes",
        "dlt645",
        lambda: dlt645.read_request(_V07, _METER, _ENERGY).to_bytes(),
        lambda: DLT645Protocol.build_frame(bytes.fromhex(_METER), 0x11, identifier),
    )


def _mbus() -> Iterator[Figure]:
    peer = _meterbus()
    raw = _telegram()

    def ours() -> list[object]:
        (frame,) = mbus.Decoder().feed(raw)
        assert isinstance(frame, mbus.Frame)
        records = mbus_data.telegram(frame).records.records
        return [mbus_value.instant(one) if one.meaning.measures.startswith("date") else mbus_value.number(one) for one in records]

    def theirs() -> list[object]:
        records = peer.load(raw).body.bodyPayload.records
        return [one.value for one in records if one.dib.parts[0] != 0x0F]

    _agree(len(ours()), len(theirs()))
    yield _beside(f"M-Bus, telegrams of {len(ours())} records to values", "pyMeterBus", ours, theirs)
    sink = _Sink()
    yield _beside(
        "M-Bus, requests to bytes", "pyMeterBus", lambda: mbus.data_request(_UNIT, fcb=False).to_bytes(), lambda: peer.send_request_frame(sink, _UNIT)
    )


def _modbus() -> Iterator[Figure]:
    framer = FramerRTU(DecodePDU(is_server=False))
    asked = modbus.read_request(_UNIT, 3, _FIRST, _COUNT)
    raw = _registers_reply(range(_COUNT))

    def ours() -> list[int]:
        (frame,) = modbus.ReplyDecoder(asked).feed(raw)
        return modbus.reply_registers(asked, frame)

    def theirs() -> list[int]:
        _, pdu = framer.handleFrame(raw, _UNIT, 0)
        return [] if pdu is None else list(pdu.registers)

    _agree(ours(), theirs())
    yield _beside(f"Modbus RTU, replies of {_COUNT} registers to words", "pymodbus alone", ours, theirs)
    yield _beside(
        "Modbus RTU, requests to bytes",
        "pymodbus alone",
        lambda: modbus.read_request(_UNIT, 3, _FIRST, _COUNT),
        lambda: framer.buildFrame(ReadHoldingRegistersRequest(dev_id=_UNIT, address=_FIRST, count=_COUNT)),
    )


def _beside(name: str, peer: str, ours: Work, theirs: Work) -> Figure:
    mine, other = _a_second(ours, theirs)
    return Figure(name, f"{mine:,.0f} a CPU second", f"{other:,.0f} {peer}", f"{mine / other:.2f}")


def _a_second(*works: Work) -> list[float]:
    """How often each runs in a second of CPU time."""
    counts = [_repeats(work) for work in works]
    rounds = [[count / _cpu_s(work, count) for work, count in zip(works, counts, strict=True)] for _ in range(_ROUNDS)]
    return [statistics.median(rates) for rates in zip(*rounds, strict=True)]


def _repeats(work: Work) -> int:
    """Repeats that fill a round."""
    count = 1
    while (took_s := _cpu_s(work, count)) < _ROUND_S / 4:
        count *= 2
    return max(1, round(count * _ROUND_S / took_s))


def _cpu_s(work: Work, count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        work()
    return time.process_time() - began


# --- noise -------------------------------------------------------------------------------------------------------------


def _noisy() -> Iterator[Figure]:
    rng = random.Random(7)
    yield _noisy_dlt645(rng)
    yield _noisy_mbus(rng)
    yield _noisy_modbus(rng)


def _noisy_dlt645(rng: random.Random) -> Figure:
    frames = [_energy_reply(number) for number in range(_FRAMES)]
    chunks = _chunks(rng, frames, b"\x68\x16\xfe\x11")

    def ours() -> list[bytes]:
        decoder = dlt645.Decoder()
        return [frame.to_bytes(0) for chunk in chunks for frame in decoder.feed(chunk)]

    def theirs() -> list[bytes]:
        found, left = list[bytes](), b""
        for chunk in chunks:
            left, frame = DLT645Protocol.deserialize_with_remaining(left + chunk)
            while frame is not None:
                frame.preamble = b""
                found.append(DLT645Protocol.serialize(frame))
                left, frame = DLT645Protocol.deserialize_with_remaining(left)
        return found

    return _found("DL/T 645", frames, ours, "dlt645", theirs)


def _noisy_mbus(rng: random.Random) -> Figure:
    frames = [_telegram()] * (_FRAMES // 10)
    chunks = _chunks(rng, frames, b"\x68\x16\x10\xe5")

    def ours() -> list[bytes]:
        decoder = mbus.Decoder()
        return [frame.to_bytes() for chunk in chunks for frame in decoder.feed(chunk) if isinstance(frame, mbus.Frame)]

    return _found("M-Bus", frames, ours)


def _noisy_modbus(rng: random.Random) -> Figure:
    """One exchange at a time: a Modbus reply is only known by its request, and both programs begin anew with each."""
    asked, framer = modbus.read_request(_UNIT, 3, _FIRST, _COUNT), FramerRTU(DecodePDU(is_server=False))
    frames = [_registers_reply([(number + place) % 65_536 for place in range(_COUNT)]) for number in range(_FRAMES)]
    exchanges = [_chunks(rng, [frame], bytes((_UNIT, 3, 2 * _COUNT, 0x83))) for frame in frames]

    def ours() -> list[bytes]:
        return [frame for chunks in exchanges for decoder in [modbus.ReplyDecoder(asked)] for chunk in chunks for frame in decoder.feed(chunk)]

    def theirs() -> list[bytes]:
        pdus = [framer.handleFrame(b"".join(chunks), _UNIT, 0)[1] for chunks in exchanges]
        return [framer.buildFrame(pdu) for pdu in pdus if isinstance(pdu, ReadHoldingRegistersResponse)]

    return _found("Modbus RTU", frames, ours, "pymodbus alone", theirs)


def _found(protocol: str, frames: Sequence[bytes], ours: Find, peer: str = "", theirs: Find | None = None) -> Figure:
    (rate,) = _a_second(ours)
    beside = f"{_share(frames, theirs())} {peer}" if theirs is not None else "–"
    shown = f"{_share(frames, ours())} found, {rate * len(frames):,.0f} a CPU second"
    return Figure(f"{protocol}, frames in noise", shown, beside, "–", f"all {len(frames):,}")


def _share(sent: Sequence[bytes], found: Sequence[bytes]) -> str:
    """Frames found, and what was taken for a frame and is none."""
    good = (Counter(sent) & Counter(found)).total()
    return f"{good:,} of {len(sent):,}" + (f" and {len(found) - good} false" if len(found) > good else "")


def _chunks(rng: random.Random, frames: Sequence[bytes], telling: bytes) -> list[bytes]:
    """Frames with garbage before each, half of it `telling` bytes, cut anywhere."""
    garbage = [bytes(rng.choice(telling) if rng.random() < 0.5 else rng.randrange(256) for _ in range(rng.randint(0, 40))) for _ in frames]
    stream = b"".join(noise + frame for noise, frame in zip(garbage, frames, strict=True))
    chunks, at = [], 0
    while at < len(stream):
        size = rng.randint(1, 64)
        chunks.append(stream[at : at + size])
        at += size
    return chunks


# --- whole reads -------------------------------------------------------------------------------------------------------


def _driver_path(key: str) -> Figure:
    profile = load_profiles().profiles[key]
    device = Device(id="one", profile=key, address=_METER if profile.protocol.value.startswith("dlt645") else str(_UNIT), place="room")
    driver, memory = driver_for(profile), Memory()
    unit = build_unit(device, profile, None, SiteFacts(7, 8 * 3600, _AT_S - 400 * 86_400))
    replies = {request.key: _reply(unit, driver, request) for request in plan(profile, device, profile.items, memory, 0.0)}

    def read() -> int:
        return sum(_values(driver, request, replies[request.key]) for request in plan(profile, device, profile.items, memory, 0.0))

    values = read()
    _agree(values, len(profile.items))
    (reads,) = _a_second(read)
    limit = values / _wire_s(profile, driver, device, replies)
    name = f"driver path, {values} values of {key} in {len(replies)} exchanges"
    shown, beside = f"{reads * values:,.0f} values a CPU second", f"{limit:,.0f} a second on the wire at {_BAUD} baud"
    return Figure(name, shown, beside, f"{reads * values / limit:,.0f}")


def _values(driver: Driver, request: Request, raw: bytes) -> int:
    """Everything that is done for one exchange but the exchange itself; returns how many values came of it."""
    asked = driver.transaction(request, [])
    assert asked is not None
    replies = [frame for frame in asked.decoder.feed(raw) if asked.accept(frame)]
    assert driver.transaction(request, replies) is None
    return len(driver.decode(request, replies).values)


def _reply(unit: Unit, driver: Driver, request: Request) -> bytes:
    asked = driver.transaction(request, [])
    assert asked is not None
    found = unit.family.find(asked.request)
    assert found is not None
    (answer,) = unit.answers(asked.request[found[0] : found[1]], _AT_S)
    return answer.data


def _wire_s(profile: AnyProfile, driver: Driver, device: Device, replies: dict[Any, bytes]) -> float:
    """Seconds the bits of these exchanges take."""
    requests = [driver.transaction(request, []) for request in plan(profile, device, profile.items, Memory(), 0.0)]
    sent = sum(len(one.request) for one in requests if one is not None) + sum(map(len, replies.values()))
    return sent * profile.serial.bits_per_byte / _BAUD


# --- bytes -------------------------------------------------------------------------------------------------------------


def _energy_reply(hundredths: int) -> bytes:
    return dlt645.Frame(_METER, 0x91, bytes.fromhex(_ENERGY)[::-1] + bcd.encode_bcd(hundredths, 4)).to_bytes(0)


def _telegram() -> bytes:
    log = (_GOLDEN / f"{_TELEGRAM}.log").read_text(encoding="utf-8")
    (entry,) = [one for one in wirelog.parse(log, _TELEGRAM) if isinstance(one, wirelog.Received)]
    return entry.data


def _registers_reply(registers: Sequence[int]) -> bytes:
    return FramerRTU(DecodePDU(is_server=False)).buildFrame(ReadHoldingRegistersResponse(dev_id=_UNIT, registers=list(registers)))


class _Sink:
    """A serial port that leads nowhere."""

    def write(self, data: bytes) -> None:
        """Forget it."""


def _meterbus() -> Any:
    """The package; importing it configures the root logger, which is put back."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    meterbus = import_module("meterbus")
    root.handlers, root.level = before, level
    return meterbus


def _agree(ours: object, theirs: object) -> None:
    if ours != theirs:
        raise RuntimeError(f"both must read the same, or their rates mean nothing: {ours!r}, {theirs!r}")
