"""Published answers of M-Bus meters: head, records, exact values, as others read them; and the bytes of our own requests."""

from __future__ import annotations

import shlex
from decimal import Decimal
from pathlib import Path

import pytest

from protocol.errors import DeviceRefused, PayloadError
from protocol.wire import mbus, mbus_data, mbus_value
from protocol.wire.mbus_record import Record
from protocol.wire.wirelog import Received, Sent, Value, parse

GOLDEN = Path(__file__).parents[3] / "golden" / "wire"
LOGS = sorted(path.stem for path in GOLDEN.glob("mbus_*.log"))
ANSWERS = [name for name in LOGS if name < "mbus_12"]


def frames(name: str) -> list[tuple[bytes, list[Value]]]:
    """(received bytes, what the log says they mean) of every frame."""
    found: list[tuple[bytes, list[Value]]] = []
    for entry in parse((GOLDEN / f"{name}.log").read_text(encoding="utf-8"), name):
        if isinstance(entry, Received):
            found.append((entry.data, []))
        elif isinstance(entry, Value):
            found[-1][1].append(entry)
    return found


def meant(record: Record, decimals: int) -> str:
    """A record as a log words it; numbers rounded to as many decimals as the log has."""
    what = record.meaning.measures or record.text
    if what in ("date", "date_time"):
        try:
            value = mbus_value.instant(record).isoformat()
        except PayloadError:
            value = "invalid"
    else:
        try:
            value = str(round(Decimal(float(mbus_value.number(record))), decimals).normalize() + 0)
        except PayloadError:
            value = mbus_value.text(record)
    return f"{record.function} {record.storage} {record.tariff} {record.subunit} {what} {value}"


def worded(text: str) -> tuple[str, int]:
    """A log's wording with its number made plain, and how many decimals it has."""
    *words, value = shlex.split(text)
    number = value.lstrip("-").replace(".", "", 1).isdecimal()
    plain = str(Decimal(value).normalize() + 0) if number else value
    return " ".join([*words, plain]), len(value.partition(".")[2]) if number else 0


def test_there_are_answers_and_requests() -> None:
    assert len(ANSWERS) >= 11
    assert len(LOGS) > len(ANSWERS)


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_means_what_others_read_in_it(name: str) -> None:
    ((raw, values),) = frames(name)
    frame = mbus.Frame.from_bytes(raw)
    said = mbus_data.telegram(frame)

    assert frame.to_bytes() == raw
    assert said.records.broken == ""
    for value in values:
        if value.name.startswith("record_"):
            expected, decimals = worded(value.value)
            assert meant(said.records.records[int(value.name[7:])], decimals) == expected, value.name
        elif value.name == "maker_data":
            assert said.records.maker_data.hex().upper() == value.value
        elif value.name == "more":
            assert str(said.records.more) == value.value
        else:
            assert str(getattr(said, value.name)) == value.value, value.name


@pytest.mark.parametrize("name", ANSWERS)
def test_decoder_finds_the_answer_however_it_is_cut(name: str) -> None:
    ((raw, _),) = frames(name)
    noise = b"\x00\x68\xff\x10\x5b"

    for size in (1, 7, 300):
        decoder = mbus.Decoder()
        stream = noise + raw + raw
        found = [frame for at in range(0, len(stream), size) for frame in decoder.feed(stream[at : at + size])]

        assert found == [mbus.Frame.from_bytes(raw)] * 2
        assert (decoder.noise_bytes, decoder.checksum_errors, decoder.started) == (len(noise), 0, False)


def test_our_requests_are_the_bytes_of_the_standard() -> None:
    name = "mbus_12_requests"
    sent = [entry.data for entry in parse((GOLDEN / f"{name}.log").read_text(encoding="utf-8"), name) if isinstance(entry, Sent)]

    ours = [
        mbus.reset_request(1),
        mbus.data_request(1, fcb=True),
        mbus.data_request(1, fcb=False),
        mbus.select_request("12345678"),
        mbus.data_request(mbus.SELECTED, fcb=True),
        mbus.write_address_request(mbus.ANYBODY, 8),
        mbus.baud_request(mbus.ANYBODY, 9600),
    ]

    assert [frame.to_bytes() for frame in ours] == sent
    assert [mbus.Frame.from_bytes(raw) for raw in sent] == ours


def test_refusals_name_their_reason() -> None:
    for raw, (value,) in frames("mbus_13_refusals"):
        with pytest.raises(DeviceRefused, match=value.value):
            mbus_data.telegram(mbus.Frame.from_bytes(raw))
