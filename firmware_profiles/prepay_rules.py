"""Rules of prepaid meters: what proves a recharge must be readable, in the unit the meter counts in."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.document import Problem
from protocol.profile import AnyProfile, Verified
from protocol.profile_items import Protocol
from protocol.profile_logs import Purchases2007
from protocol.profile_writes import Prepay

_PROTOCOLS = {
    "esam": {Protocol.DLT645_2007},
    "plaintext_30": {Protocol.DLT645_2007},
    "plaintext_34": {Protocol.DLT645_2007},
    "vendor_di": {Protocol.DLT645_2007, Protocol.DLT645_1997},
    "modbus": {Protocol.MODBUS_RTU},
}
_OTHER = {"energy": "money", "money": "energy"}
_STEMS = ("balance", "overdraft", "purchase_last", "alarm_1", "alarm_2", "hoarding_limit", "overdraft_limit")
# DL/T 645-2007 supplement: purchases counted in kWh stand under 0332, in money under 0333; DI1 says what of them.
_TABLE = {"energy": "0332", "money": "0333"}
_PART = {"date": "01", "count": "02", "amount": "03", "before": "04", "after": "05", "cumulative": "06"}
_MAX_DEPTH = 10  # records kept by the supplement


def prepay_problems(profile: AnyProfile) -> Iterator[Problem]:
    """What is wrong with the prepay section of one profile; a profile without one passes."""
    prepay = profile.prepay
    if prepay is None:
        return
    if prepay.bench_log is not None and profile.verified not in (Verified.BENCH, Verified.FIELD):
        yield (
            ("prepay", "bench_log"),
            f"money writes need a profile verified on a bench or in the field, got {profile.verified.value!r}; remove bench_log",
        )
    if profile.protocol not in _PROTOCOLS[prepay.style]:
        yield ("prepay", "style"), f"style {prepay.style!r} is not one of protocol {profile.protocol.value}"
    readable = {item.quantity for item in profile.items}
    for quantity in (f"balance_{prepay.unit}", "purchase_count"):
        if quantity not in readable:
            yield ("prepay",), f"a recharge is proved by reading {quantity}; no item reads it"
    other = _OTHER[prepay.unit]
    wrong = sorted({f"{stem}_{other}" for stem in _STEMS} & (readable | {setting.quantity for setting in profile.settings}))
    if wrong:
        yield ("prepay", "unit"), f"a meter that counts {prepay.unit} has no {', '.join(wrong)}; its limits and records are in {prepay.unit} too"
    yield from _records(profile, prepay)


def _records(profile: AnyProfile, prepay: Prepay) -> Iterator[Problem]:
    if prepay.records is None:
        if profile.protocol is Protocol.DLT645_2007 and prepay.style != "vendor_di":
            yield ("prepay",), f"a recharge is proved by the meter's record of it; expected `records`, {_TABLE[prepay.unit]}xx01 for {prepay.unit}"
        return
    if profile.protocol is not Protocol.DLT645_2007:
        yield ("prepay", "records"), f"purchase records are those of DL/T 645-2007; a {profile.protocol.value} device has none"
    if prepay.style != "vendor_di":
        yield from ((("prepay", "records"), problem) for problem in _identifiers(prepay.records, prepay.unit))


def _identifiers(records: Purchases2007, unit: str) -> Iterator[str]:
    for name, part in _PART.items():
        expected, got = f"{_TABLE[unit]}{part}01", getattr(records, name)
        if got != expected:
            yield f"{name} is {got}; of purchases in {unit} it is {expected}"
    if records.depth > _MAX_DEPTH:
        yield f"depth {records.depth}: a meter keeps {_MAX_DEPTH} purchases"
