"""Money at a virtual DL/T 645-2007 meter: the security function 03H of the later supplement, in the three styles makers are known by.

    identifier 4 | operator 4 | ..                                                    everything low byte first
    A esam, B plaintext_30   070101FF open, 070102FF recharge      amount 4  count 4  MAC 4  customer 6  MAC 4
                             070103FF preset                       amount 4  MAC 4  count 4  MAC 4
    C plaintext_34           070102FF recharge, 070108FF refund    amount 4  order 8  MAC 4  meter 6  MAC 4
    A                        070000FF authenticate                 cipher 8  random 8  dispersion 8
                             070001FF length of a session          minutes 2  MAC 4       070002FF end of it

A cannot check a MAC (the keys are the utility's): any that is not zero passes, but only while a session lasts. B and C look at none. A refused
recharge changes nothing, save at a meter with the state `applies_refused`: it answers no and has taken the money all the same, as one maker's do.
"""

from __future__ import annotations

from collections.abc import Callable

from protocol.profile_writes import Prepay
from provisioning.virtual import reflexes
from provisioning.virtual.account import Account, Refusal
from provisioning.virtual.devices.dlt645 import LOCAL_FAILURE, REFUSED, REPLY, Reply645, refuse
from provisioning.virtual.instrument import Instrument

SECURITY = 0x03
_OTHER, _DUPLICATE, _ESAM, _IDENTITY, _CUSTOMER, _COUNT, _HOARDING = (1 << bit for bit in range(7))  # SERR word
_WORDS: dict[Refusal, int] = {"duplicate": _DUPLICATE, "count": _COUNT, "customer": _CUSTOMER, "hoarding": _HOARDING, "not_opened": _OTHER}
_PRIVATE: dict[Refusal, int] = {"duplicate": 0x80, "count": 0x80, "customer": 0x81, "hoarding": 0x83}  # one maker's error bytes instead of SERR
_WRONG_LENGTH = 0x84
_SESSION_MIN = 5
_MOST_ORDERS = 20  # of style C; a meter forgets older ones
_KEY_INFORMATION = bytes(4)
_Act = Callable[[bytes, float], Reply645]


class Till:
    """The part of one meter that takes money."""

    def __init__(self, prepay: Prepay, instrument: Instrument, meter_number: str) -> None:
        self._prepay, self._instrument, self._meter_number = prepay, instrument, meter_number.zfill(12)[-12:]
        esam: dict[str, tuple[int, _Act]] = {
            "070000FF": (24, self._authenticate),
            "070001FF": (6, self._session_length),
            "070002FF": (0, self._end_session),
        }
        counted: dict[str, tuple[int, _Act]] = {
            "070101FF": (22, lambda data, at_s: self._recharge(data, at_s, opening=True)),
            "070102FF": (22, lambda data, at_s: self._recharge(data, at_s, opening=False)),
            "070103FF": (16, self._preset),
            "078102FF": (0, self._status),
        }
        ordered: dict[str, tuple[int, _Act]] = {
            "070102FF": (26, lambda data, at_s: self._order(data, at_s, sign=1)),
            "070108FF": (26, lambda data, at_s: self._order(data, at_s, sign=-1)),
        }
        self._acts = {"esam": {**esam, **counted}, "plaintext_30": counted, "plaintext_34": ordered}.get(prepay.style, {})

    def handle(self, data: bytes, at_s: float) -> Reply645:
        """Answer 03H."""
        size, act = self._acts.get(data[3::-1].hex().upper(), (0, None))
        if act is None:
            return refuse(SECURITY, 0x02) if self._prepay.style == "plaintext_34" else self._refuse(_OTHER)
        if len(data) != 8 + size:
            return refuse(SECURITY, _WRONG_LENGTH) if self._prepay.style == "plaintext_30" else self._refuse(_OTHER)
        control, payload = act(data[8:], at_s)
        self._instrument.changed()
        return control, payload if control & REFUSED else data[:4] + payload

    def _recharge(self, data: bytes, at_s: float, *, opening: bool) -> Reply645:
        amount, count = _number(data[:4]) * self._prepay.step, _number(data[4:8])
        if (refused := self._identity(at_s, data[8:12], data[18:22])) is not None:
            return refused
        account, counter = self._instrument.opened_account(at_s), self._instrument.counter(at_s)
        if opening and account.opened:
            return self._refuse(_OTHER)
        customer = data[17:11:-1].hex()
        told_customer = customer if self._prepay.checks_customer and not opening else None
        account.opened = account.opened or opening
        why = account.refusal(count=count, amount=amount, customer=told_customer, counter_wh=counter, hoarding=self._hoarding(account, at_s))
        if why is not None:
            account.opened = account.opened and not opening
            return self._refuse_purchase(why)
        if opening:
            account.customer = customer
        self._take(account, amount, at_s)
        return SECURITY | REPLY, self._wallet(account, at_s) if self._prepay.style == "plaintext_30" else b""

    def _order(self, data: bytes, at_s: float, *, sign: int) -> Reply645:
        """Style C: an order number in place of a count; the same one again is refused."""
        amount, order = _number(data[:4]) * self._prepay.step, data[11:3:-1].hex()
        account, counter = self._instrument.opened_account(at_s), self._instrument.counter(at_s)
        orders = [one for one in self._instrument.kept.get("orders", "").split(",") if one]
        known = data[21:15:-1].hex() == self._meter_number or not self._prepay.checks_customer
        hoarding = self._hoarding(account, at_s) if sign > 0 else 0
        why = account.refusal(count=None, amount=amount, customer=None, counter_wh=counter, hoarding=hoarding)
        if why is not None or not known or order in orders:
            return refuse(SECURITY, LOCAL_FAILURE)
        if sign > 0:
            self._take(account, amount, at_s)
        elif not account.give_back(amount, counter):
            return refuse(SECURITY, LOCAL_FAILURE)
        self._instrument.kept["orders"] = ",".join([order, *orders][:_MOST_ORDERS])
        return refuse(SECURITY, LOCAL_FAILURE) if self._instrument.state.get("applies_refused", 0) else (SECURITY | REPLY, b"")

    def _take(self, account: Account, amount: int, at_s: float) -> None:
        account.take(amount, self._instrument.counter(at_s), self._instrument.local_time(at_s))
        reflexes.close_if_credit_returned(self._instrument, at_s)

    def _preset(self, data: bytes, at_s: float) -> Reply645:
        if (refused := self._identity(at_s, data[4:8], data[12:16])) is not None:
            return refused
        account = self._instrument.opened_account(at_s)
        account.set_balance(_number(data[:4]) * self._prepay.step, self._instrument.counter(at_s))
        account.count = _number(data[8:12]) if self._prepay.style == "esam" else 0
        return SECURITY | REPLY, b""

    def _status(self, _data: bytes, at_s: float) -> Reply645:
        account = self._instrument.opened_account(at_s)
        wallet = self._wallet(account, at_s)
        mac = b"\x5a" * 4
        return SECURITY | REPLY, wallet[:4] + mac + wallet[4:8] + mac + wallet[8:] + _KEY_INFORMATION

    def _wallet(self, account: Account, at_s: float) -> bytes:
        left = max(0, account.balance(self._instrument.counter(at_s))) // self._prepay.step
        return left.to_bytes(4, "little") + account.count.to_bytes(4, "little") + bytes.fromhex(account.customer)[::-1]

    def _hoarding(self, account: Account, at_s: float) -> int:
        return self._instrument.value(f"hoarding_limit_{account.unit}", at_s)

    # --- style A: who asks -----------------------------------------------------------------------------------------------

    def _authenticate(self, data: bytes, at_s: float) -> Reply645:
        if not any(data[:8]):
            return self._refuse(_ESAM)
        minutes = self._instrument.state.get("session_min", _SESSION_MIN)
        self._instrument.state["session_until_s"] = int(at_s) + 60 * minutes
        return SECURITY | REPLY, bytes(byte ^ 0xA5 for byte in data[8:12]) + bytes.fromhex(self._meter_number.zfill(16))[::-1]

    def _session_length(self, data: bytes, at_s: float) -> Reply645:
        if (refused := self._identity(at_s, data[2:6])) is not None:
            return refused
        self._instrument.state["session_min"] = _number(data[:2])
        return SECURITY | REPLY, b""

    def _end_session(self, _data: bytes, at_s: float) -> Reply645:
        self._instrument.state.pop("session_until_s", None)
        wallet = self._wallet(self._instrument.opened_account(at_s), at_s)
        return SECURITY | REPLY, wallet[8:] + wallet[:8] + _KEY_INFORMATION

    def _identity(self, at_s: float, *macs: bytes) -> Reply645 | None:
        """Refuse who has no session, or a MAC of zeros; styles without ESAM let everybody pass."""
        if self._prepay.style != "esam":
            return None
        if at_s > self._instrument.state.get("session_until_s", 0):
            return self._refuse(_IDENTITY)
        return None if all(any(mac) for mac in macs) else self._refuse(_ESAM)

    def _refuse_purchase(self, why: Refusal) -> Reply645:
        if self._prepay.style == "plaintext_30" and why in _PRIVATE:
            return refuse(SECURITY, _PRIVATE[why])
        return self._refuse(_WORDS[why])

    def _refuse(self, word: int) -> Reply645:
        return SECURITY | REPLY | REFUSED, word.to_bytes(2, "little")


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
