"""Money at a virtual DL/T 645-2007 meter, style by style. Bytes low first: amount in 0.01 kWh, count, MAC, customer, MAC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provisioning.virtual.devices.dlt645_2007 import Meter2007
from provisioning.virtual.instrument import Instrument

NOW_S = 1_790_000_000.0
RECORDS = {name: f"0332{kind:02d}01" for kind, name in enumerate(("date", "count", "amount", "before", "after", "cumulative"), start=1)}
OPERATOR = "11000000"
CUSTOMER = "120000000000"  # 000000000012
Ask = Callable[..., tuple[int, bytes]]


@pytest.fixture
def meter(profile: Any, instrument: Instrument) -> Callable[..., Ask]:
    """A function style -> (control, data hex, at) -> (control, data); 5 kWh left, seven purchases, customer 12."""

    def build(style: str, **changes: Any) -> Ask:
        prepay = {"style": style, "unit": "energy", "checks_customer": True, "records": RECORDS, **changes}
        instrument.credit = "energy"
        account = instrument.opened_account(NOW_S)
        account.count, account.customer, account.purchases = 7, "000000000012", []
        account.set_balance(5_000, instrument.counter(NOW_S))
        device = Meter2007(profile("dlt645_2007", prepay=prepay), instrument, "260305510012", preamble=0)

        def ask(control: int, data: str, at_s: float = NOW_S) -> tuple[int, bytes]:
            shifted = bytes((byte + 0x33) & 0xFF for byte in bytes.fromhex(data))
            body = bytes.fromhex("68 12 00 51 05 03 26 68") + bytes((control, len(shifted))) + shifted
            reply = device.respond(body + bytes((sum(body) & 0xFF, 0x16)), at_s)
            assert reply is not None
            return reply[8], bytes((byte - 0x33) & 0xFF for byte in reply[10:-2])

        return ask

    return build


def recharge(amount: int, count: int, customer: str = CUSTOMER, mac: str = "01020304", kind: str = "FF020107") -> str:
    counts = amount.to_bytes(4, "little").hex() + count.to_bytes(4, "little").hex()
    return f"{kind} {OPERATOR} {counts} {mac} {customer} {mac}"


def order(amount: int, number: str, kind: str = "FF020107", meter: str = "120051050326") -> str:
    return f"{kind} 44332211 {amount.to_bytes(4, 'little').hex()} {bytes.fromhex(number)[::-1].hex()} 00000000 {meter} 00000000"


def test_plaintext_recharge_is_taken_and_answered_with_the_new_balance(meter: Any, instrument: Instrument) -> None:
    control, data = meter("plaintext_30")(0x03, recharge(2_000, 8))

    assert (control, data.hex()) == (0x83, "ff020107" + (2_500).to_bytes(4, "little").hex() + "08000000" + CUSTOMER)
    assert instrument.value("balance_energy", NOW_S) == 25_000


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (recharge(2_000, 7), "80"),  # the same once more
        (recharge(2_000, 9), "80"),
        (recharge(2_000, 8, customer="130000000000"), "81"),
        (recharge(2_000, 8) + "00", "84"),
    ],
)
def test_refused_plaintext_recharge_changes_nothing(meter: Any, instrument: Instrument, asked: str, error: str) -> None:
    control, data = meter("plaintext_30")(0x03, asked)

    assert (control, data.hex()) == (0xC3, error)
    assert (instrument.value("balance_energy", NOW_S), instrument.value("purchase_count", NOW_S)) == (5_000, 7)


def test_above_the_hoarding_limit_is_refused(meter: Any, instrument: Instrument) -> None:
    ask = meter("esam")
    instrument.state["hoarding_limit_energy"] = 20_000
    ask(0x03, f"FF000007 {OPERATOR}" + "01" * 24)

    assert ask(0x03, recharge(1_501, 8)) == (0xC3, bytes.fromhex("4000"))
    assert ask(0x03, recharge(1_500, 8))[0] == 0x83


def test_esam_meter_asks_who_it_is_first(meter: Any, instrument: Instrument) -> None:
    ask = meter("esam")

    stranger = ask(0x03, recharge(2_000, 8))
    control, told = ask(0x03, f"FF000007 {OPERATOR}" + "01" * 24)
    no_mac = ask(0x03, recharge(2_000, 8, mac="00000000"))
    expired = ask(0x03, recharge(2_000, 8), NOW_S + 301)
    taken = ask(0x03, recharge(2_000, 8), NOW_S + 299)

    assert stranger == (0xC3, bytes.fromhex("0800"))
    assert (control, len(told)) == (0x83, 16)
    assert no_mac == (0xC3, bytes.fromhex("0400"))
    assert expired == (0xC3, bytes.fromhex("0800"))
    assert taken == (0x83, bytes.fromhex("FF020107"))


@pytest.mark.parametrize(("count", "word"), [(7, "0200"), (9, "2000"), (6, "2000")])
def test_esam_meter_tells_a_duplicate_from_a_wrong_count(meter: Any, count: int, word: str) -> None:
    ask = meter("esam")
    ask(0x03, f"FF000007 {OPERATOR}" + "01" * 24)

    assert ask(0x03, recharge(2_000, count)) == (0xC3, bytes.fromhex(word))
    assert ask(0x03, recharge(2_000, 8, customer="99" * 6)) == (0xC3, bytes.fromhex("1000"))


def test_nothing_is_sold_before_the_account_is_opened(meter: Any, instrument: Instrument) -> None:
    ask = meter("esam")
    account = instrument.opened_account(NOW_S)
    account.opened, account.count = False, 0
    ask(0x03, f"FF000007 {OPERATOR}" + "01" * 24)

    early = ask(0x03, recharge(2_000, 1))
    opened = ask(0x03, recharge(2_000, 1, customer="220000000000", kind="FF010107"))
    again = ask(0x03, recharge(2_000, 2, kind="FF010107"))

    assert early == (0xC3, bytes.fromhex("0100"))
    assert opened[0] == 0x83
    assert again == (0xC3, bytes.fromhex("0100"))
    assert (account.customer, account.count) == ("000000000022", 1)


def test_purchase_is_read_back_as_a_record(meter: Any) -> None:
    ask = meter("plaintext_30")
    ask(0x03, recharge(2_000, 8))

    told = {name: ask(0x11, bytes.fromhex(di)[::-1].hex())[1][4:].hex() for name, di in RECORDS.items()}

    assert told["date"] == "1322210926"
    assert (told["count"], told["amount"], told["before"], told["after"]) == ("0800", "00200000", "00050000", "00250000")


def test_a_room_that_was_cut_off_has_power_again_after_a_recharge(meter: Any, instrument: Instrument) -> None:
    ask = meter("plaintext_30")
    ask(0x11, "03050004", NOW_S + 86_400 * 3)
    assert not instrument.on

    ask(0x03, recharge(2_000, 8), NOW_S + 86_400 * 3 + 60)

    assert instrument.on


def test_order_is_taken_once(meter: Any, instrument: Instrument) -> None:
    ask = meter("plaintext_34")

    first = ask(0x03, order(1_000, "1240826202124138"))
    second = ask(0x03, order(1_000, "1240826202124138"))
    strange = ask(0x03, order(1_000, "1240826202124139", meter="130051050326"))
    refund = ask(0x03, order(500, "1240826202124140", kind="FF080107"))

    assert first == (0x83, bytes.fromhex("FF020107"))
    assert (second[0], strange[0]) == (0xC3, 0xC3)
    assert refund == (0x83, bytes.fromhex("FF080107"))
    assert instrument.value("balance_energy", NOW_S) == 10_000


def test_published_status_query_is_refused_by_the_order_style(meter: Any) -> None:
    assert meter("plaintext_34")(0x03, "FF028107 11223344") == (0xC3, b"\x02")


def test_meter_that_says_no_may_have_taken_the_money(meter: Any, instrument: Instrument) -> None:
    ask = meter("plaintext_34")
    instrument.state["applies_refused"] = 1

    assert ask(0x03, order(1_000, "0000000000000001")) == (0xC3, b"\x01")
    assert instrument.value("balance_energy", NOW_S) == 15_000


def test_a_meter_without_prepay_knows_no_security_function(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = Meter2007(profile("dlt645_2007"), instrument, "260305510012", preamble=0)

    reply = ask(device, "68 12 00 51 05 03 26 68 03 08 32 35 B4 3A 44 55 66 77 37 16")

    assert reply.startswith("68 12 00 51 05 03 26 68 C3 01 37")
