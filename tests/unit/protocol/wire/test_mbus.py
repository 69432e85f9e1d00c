"""M-Bus frames, requests and answers, against published telegrams.

Size: one set of telegrams serves frames, decoder and data alike.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ChecksumError, DeviceBusy, DeviceRefused, EncodeError, FrameError, PayloadError
from protocol.wire import mbus, mbus_data, mbus_value, mbus_vif
from protocol.wire.mbus import Acknowledgement, Decoder, Frame, matches
from protocol.wire.mbus_record import Record, Records, parse_records

HEAD = bytes.fromhex("78563412 2423 29 16 01 00 0000")
ACK = Acknowledgement()
ASK = mbus.data_request(5, fcb=True)


def reply(records: str = "", control: int = 0x08, address: int = 5, ci: int = 0x72) -> Frame:
    return Frame(control, address, ci, HEAD + bytes.fromhex(records))


def record(text: str) -> Record:
    (one,) = parse_records(bytes.fromhex(text)).records
    return one


# --- frames ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 255), st.integers(0, 255), st.one_of(st.none(), st.integers(0, 255)), st.binary(max_size=252))
def test_frame_round_trip(control: int, address: int, ci: int | None, data: bytes) -> None:
    frame = Frame(control, address, ci, data if ci is not None else b"")

    assert Frame.from_bytes(frame.to_bytes()) == frame


@pytest.mark.parametrize("cut", range(5))
def test_short_frame_cut_off_is_a_frame_error(cut: int) -> None:
    with pytest.raises(FrameError):
        Frame.from_bytes(ASK.to_bytes()[:cut])


@pytest.mark.parametrize("place", [1, 4, 6, 12, -2, -1])
def test_hit_byte_of_a_long_frame_is_noticed(place: int) -> None:
    raw = bytearray(reply("0C1378563412").to_bytes())
    raw[place] ^= 0x01

    with pytest.raises(FrameError if place in (1, -1) else ChecksumError):
        Frame.from_bytes(bytes(raw))


def test_long_frame_shorter_than_its_fields_is_none() -> None:
    with pytest.raises(FrameError):
        Frame.from_bytes(bytes.fromhex("68 02 02 68 08 01 09 16"))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Frame(0x100, 1),
        lambda: Frame(0x08, 1, None, b"\x00"),
        lambda: Frame(0x08, 1, 0x72, bytes(253)),
        lambda: mbus.select_request("1234567"),
        lambda: mbus.select_request("1234567A"),
        lambda: mbus.select_request("12345678", manufacturer=0x10000),
        lambda: mbus.write_address_request(254, 251),
        lambda: mbus.baud_request(1, 1234),
    ],
)
def test_what_cannot_be_sent_is_refused_before_sending(build) -> None:
    with pytest.raises(EncodeError):
        build()


def test_wildcards_and_maker_stand_low_byte_first_in_a_selection() -> None:
    assert mbus.select_request("123FFFFF", 0x2324, 0x29, 0x07).data == bytes.fromhex("FF FF 3F 12 24 23 29 07")


# --- stream ------------------------------------------------------------------------------------------------------------


def test_acknowledgement_counts_between_frames_and_not_inside_one() -> None:
    frame = reply("0413E5E5E5E5").to_bytes()

    assert Decoder().feed(b"\xe5" + frame + b"\xe5") == [ACK, Frame.from_bytes(frame), ACK]


def test_acknowledgement_behind_noise_is_heard() -> None:
    decoder = Decoder()

    assert decoder.feed(b"\x00\x16\xe5") == [ACK]
    assert decoder.noise_bytes == 2


def test_wrong_checksum_is_counted_and_the_next_frame_found() -> None:
    broken = bytearray(reply("0C1378563412").to_bytes())
    broken[12] ^= 0x10
    decoder = Decoder()

    assert decoder.feed(bytes(broken) + reply().to_bytes()) == [reply()]
    assert decoder.checksum_errors == 1


def test_decoder_tells_what_is_missing() -> None:
    raw = reply().to_bytes()
    decoder = Decoder()
    decoder.feed(raw[:6])

    assert (decoder.started, decoder.missing) == (True, len(raw) - 6)


# --- who answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [mbus.reset_request(5), mbus.select_request("12345678"), mbus.baud_request(5, 2400)])
def test_what_is_sent_is_answered_by_an_acknowledgement_only(request_: Frame) -> None:
    assert matches(request_, ACK)
    assert not matches(request_, reply())


@pytest.mark.parametrize("control", [0x08, 0x18, 0x28, 0x38])
def test_data_of_the_asked_slave_answers_a_question(control: int) -> None:
    assert matches(ASK, reply(control=control))


@pytest.mark.parametrize("asked", [mbus.SELECTED, mbus.ANYBODY])
def test_slave_answers_a_pseudo_address_with_its_own(asked: int) -> None:
    assert matches(mbus.data_request(asked, fcb=True), reply(address=17))


@pytest.mark.parametrize("other", [ACK, reply(address=6), reply(control=0x48), reply(control=0x00), ASK, mbus.select_request("12345678")])
def test_anything_else_does_not_answer_a_question(other: mbus.Reply) -> None:
    assert not matches(ASK, other)


# --- answers -----------------------------------------------------------------------------------------------------------


def test_head_is_told() -> None:
    said = mbus_data.telegram(reply("0C1378563412"))

    assert (said.identification, said.manufacturer, said.version, said.medium) == ("12345678", "HYD", 0x29, 0x16)
    assert mbus_data.MEDIA[said.medium] == "cold water"
    assert (said.access, said.status, said.signature) == (1, 0, 0)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0x00, ()),
        (0x01, ("application busy",)),
        (0x06, ("application error", "power low")),
        (0x1B, ("abnormal condition", "permanent error", "temporary error")),
        (0xA0, ("maker's bits 101",)),
    ],
)
def test_status_byte_in_words(status: int, words: tuple[str, ...]) -> None:
    assert mbus_data.status_words(status) == words


@pytest.mark.parametrize(("code", "kind"), [(0x00, DeviceBusy), (0x08, DeviceBusy), (0x09, DeviceBusy), (0x01, DeviceRefused), (0x63, DeviceRefused)])
def test_application_error_is_a_refusal_of_its_kind(code: int, kind: type[DeviceRefused]) -> None:
    with pytest.raises(DeviceRefused) as told:
        mbus_data.telegram(Frame(0x08, 5, 0x70, bytes([code])))

    assert type(told.value) is kind
    assert told.value.details["err"] == f"{code:02X}"


@pytest.mark.parametrize("ci", [0x73, 0x76, 0x78])
def test_other_structures_are_told_apart(ci: int) -> None:
    with pytest.raises(PayloadError, match=f"{ci:02X}"):
        mbus_data.telegram(reply(ci=ci))


def test_encrypted_answer_is_not_read_as_records() -> None:
    sealed = Frame(0x08, 5, 0x72, HEAD[:10] + bytes.fromhex("1005") + bytes(16))

    with pytest.raises(PayloadError, match="encrypted"):
        mbus_data.telegram(sealed)


def test_answer_that_was_decrypted_on_the_way_is_read() -> None:
    opened = Frame(0x08, 5, 0x72, HEAD[:10] + bytes.fromhex("1005 2F2F 0C1378563412"))

    assert len(mbus_data.telegram(opened).records.records) == 1


def test_signature_of_an_older_slave_does_not_stop_the_reading() -> None:
    signed = Frame(0x08, 5, 0x72, HEAD[:10] + bytes.fromhex("27B6 0C1378563412"))

    assert len(mbus_data.telegram(signed).records.records) == 1


# --- records -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0113 80", None),
        ("0113 81", Fraction(-127, 1000)),
        ("0216 FF7F", 32767),
        ("0313 FFFFFF", Fraction(-1, 1000)),
        ("0413 40E20100", Fraction(123456, 1000)),
        ("0613 000000000001", Fraction(256**5, 1000)),
        ("0713 FFFFFFFFFFFFFF7F", Fraction(2**63 - 1, 1000)),
        ("0913 99", Fraction(99, 1000)),
        ("0A5A 8712", Fraction(1287, 10)),
        ("0B62 0200F0", Fraction(-2, 10)),
        ("0C13 27048502", Fraction(2850427, 1000)),
        ("0E03 563412907856", 567890123456),
        ("0D13 C3563412", Fraction(123456, 1000)),
        ("0D13 D156", Fraction(-56, 1000)),
        ("0D13 E2FFFF", Fraction(-1, 1000)),
        ("0D03 F0 01000000000000000000000000000000", Fraction(1)),
        ("0D03 F1 0000000000000000000000000000000001000000", 1 << 128),
        ("0D03 F5" + "01" + "00" * 47, 1),
        ("0D03 F6" + "01" + "00" * 63, 1),
        ("053E 00000080", 0),
        ("053E 6666663F", Fraction(9, 10)),
        ("0413 00000080", None),
        ("0C13 2704A502", None),
        ("0013", None),
        ("0813", None),
        ("053E 0000807F", None),
    ],
)
def test_codings_of_numbers_are_exact(text: str, value: Fraction | int | None) -> None:
    one = record(text)

    if value is None:
        with pytest.raises(PayloadError):
            mbus_value.number(one)
    else:
        assert mbus_value.number(one) == value


@pytest.mark.parametrize(
    ("vib", "measures", "factor", "unit"),
    [
        ("00", "energy", Fraction(1, 1000), "Wh"),
        ("07", "energy", 10_000, "Wh"),
        ("08", "energy", Fraction(1, 3600), "Wh"),
        ("0F", "energy", Fraction(10**7, 3600), "Wh"),
        ("FB00", "energy", 100_000, "Wh"),
        ("FB09", "energy", Fraction(10**9, 3600), "Wh"),
        ("13", "volume", Fraction(1, 1000), "m3"),
        ("14", "volume", Fraction(1, 100), "m3"),
        ("15", "volume", Fraction(1, 10), "m3"),
        ("16", "volume", 1, "m3"),
        ("17", "volume", 10, "m3"),
        ("FB11", "volume", 1000, "m3"),
        ("1B", "mass", 1, "kg"),
        ("FB18", "mass", 100_000, "kg"),
        ("2B", "power", 1, "W"),
        ("2E", "power", 1000, "W"),
        ("30", "power", Fraction(1, 3600), "W"),
        ("FB28", "power", 100_000, "W"),
        ("3B", "volume_flow", Fraction(1, 1000), "m3/h"),
        ("44", "volume_flow", Fraction(60, 1000), "m3/h"),
        ("4E", "volume_flow", Fraction(3600, 1000), "m3/h"),
        ("5A", "flow_temperature", Fraction(1, 10), "°C"),
        ("5E", "return_temperature", Fraction(1, 10), "°C"),
        ("66", "external_temperature", Fraction(1, 10), "°C"),
        ("20", "on_time", 1, "s"),
        ("23", "on_time", 86_400, "s"),
        ("78", "fabrication_number", 1, ""),
        ("FD48", "voltage", Fraction(1, 10), "V"),
        ("FD59", "current", Fraction(1, 1000), "A"),
        ("9376", "volume", Fraction(1, 1000), "m3"),
        ("9377", "volume", Fraction(1, 100), "m3"),
        ("937D", "volume", 1, "m3"),
        ("FF13", "", 1, ""),
        ("6F", "", 1, ""),
        ("FB7F", "", 1, ""),
    ],
)
def test_value_information_gives_measure_and_exact_factor(vib: str, measures: str, factor: Fraction | int, unit: str) -> None:
    meaning = mbus_vif.meaning(bytes.fromhex(vib))

    assert (meaning.measures, meaning.factor, meaning.unit, meaning.modifiers) == (measures, factor, unit, ())


@pytest.mark.parametrize(
    ("vib", "modifiers"), [("9028", (0x28,)), ("953C", (0x3C,)), ("95FF0102", (0x7F, 1, 2)), ("ED7E", (0x7E,)), ("9379", (0x79,))]
)
def test_vife_that_changes_what_is_meant_stays_visible(vib: str, modifiers: tuple[int, ...]) -> None:
    assert mbus_vif.meaning(bytes.fromhex(vib)).modifiers == modifiers


def test_value_the_slave_declares_wrong_is_not_used() -> None:
    with pytest.raises(PayloadError, match="no data available"):
        mbus_value.number(record("0C9315 27048502"))


def test_vife_that_declares_no_error_changes_nothing() -> None:
    assert mbus_value.number(record("0E8400 000000000001")) == 10**11


def test_storage_tariff_and_subunit_are_counted_over_all_dife() -> None:
    one = record("C4F17A13 01000000")

    assert (one.storage, one.tariff, one.subunit, one.function) == (1 + (1 << 1) + (10 << 5), 3 + (3 << 2), 1 + (1 << 1), "instantaneous")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("046D 3A0DE602", "2007-02-06T13:58:00"),
        ("046D 3AADE602", "2007-02-06T13:58:00"),
        ("026C E101", "2007-01-01"),
        ("026C BF1C", "2013-12-31"),
        ("026C 3FFC", None),
        ("026C 01A1", "2080-01-01"),
        ("026C 21A1", "1981-01-01"),
        ("066D 1E3A0DE60200", "2007-02-06T13:58:30"),
        ("046D BA0DE602", None),
        ("026C 0000", None),
        ("026C FFFF", None),
        ("036D 1E3A0D", None),
    ],
)
def test_points_in_time(text: str, value: str | None) -> None:
    if value is None:
        with pytest.raises(PayloadError):
            mbus_value.instant(record(text))
    else:
        assert mbus_value.instant(record(text)).isoformat() == value


def test_text_comes_last_character_first() -> None:
    assert mbus_value.text(record("0DFD0B 05 3132484657")) == "WFH21"
    with pytest.raises(PayloadError):
        mbus_value.text(record("0C13 27048502"))
    with pytest.raises(PayloadError):
        mbus_value.number(record("0DFD0B 05 3132484657"))


@pytest.mark.parametrize(
    ("text", "count", "broken"),
    [
        ("0C1327048502 0413 0100", 1, "record 2"),
        ("0C1327048502 04", 1, "record 2"),
        ("0C1327048502 0D78 BFAA", 1, "record 2"),
        ("0D78 FF", 0, "reserved"),
        ("3F", 0, "reserved"),
        ("84808080808080808080808013 01000000", 0, "more than 10 DIFE"),
        ("04FF8080808080808080808080 01000000", 0, "more than 10 VIFE"),
        ("027C 09 65", 0, "record 1"),
        ("2F2F", 0, ""),
    ],
)
def test_records_in_front_of_a_break_count(text: str, count: int, broken: str) -> None:
    found = parse_records(bytes.fromhex(text))

    assert len(found.records) == count
    assert broken in found.broken
    assert bool(found.broken) == bool(broken)


def test_maker_data_and_more_telegrams() -> None:
    assert parse_records(bytes.fromhex("2F 0F 0102")) == Records((), maker_data=b"\x01\x02")
    assert parse_records(bytes.fromhex("0C1327048502 1F")).more


@given(st.binary(max_size=240))
def test_any_bytes_are_parsed_and_valued_without_surprise(body: bytes) -> None:
    for one in parse_records(body).records:
        for value in (mbus_value.number, mbus_value.text, mbus_value.instant):
            try:
                value(one)
            except PayloadError:
                continue


# --- finding -----------------------------------------------------------------------------------------------------------

SEVERAL = parse_records(
    bytes.fromhex("0490280800 0000 0C1327048502 4C1319544401 8C101301000000 8C401302000000 143B16080000 04853C01000000 04853B02000000")
).records


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        ({"measures": "volume"}, Fraction(2850427, 1000)),
        ({"measures": "volume", "storage": 1}, Fraction(1445419, 1000)),
        ({"measures": "volume", "tariff": 1}, Fraction(1, 1000)),
        ({"measures": "volume", "subunit": 1}, Fraction(2, 1000)),
        ({"measures": "volume_flow", "function": "maximum"}, Fraction(2070, 1000)),
        ({"measures": "energy"}, 200),
    ],
)
def test_record_is_found_by_what_it_measures(wanted: dict, value: Fraction | int) -> None:
    one = mbus_data.find(SEVERAL, **wanted)

    assert one is not None
    assert mbus_value.number(one) == value


@pytest.mark.parametrize("wanted", [{"measures": "volume_flow"}, {"measures": "volume", "storage": 2}, {"measures": "power"}])
def test_record_that_is_not_there_is_none(wanted: dict) -> None:
    assert mbus_data.find(SEVERAL, **wanted) is None
