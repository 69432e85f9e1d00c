"""What a device does by itself as time passes: a motor arrives, a credit runs out, a load is too much. Asked before each look at a device.

Time comes in as a parameter. What fell due between two looks happens at the instant it fell due, so that no counter runs on meanwhile.
"""

from __future__ import annotations

from provisioning.virtual import buyer
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.physics import ANCHOR_S


def live(one: Instrument, at_s: float) -> None:
    """Let the device do what is due by now."""
    _arrive(one, at_s)
    _close_after_warning(one, at_s)
    if one.on and not one.state.get("keep_power", 0):
        _run_out(one, at_s)
        _recognise(one, at_s)
        _overload(one, at_s)
    one.state["lived_s"] = int(at_s)


def trip(one: Instrument, at_s: float, operator: str = "00000000") -> None:
    """Open the relay."""
    one.state["meter_relay_command"] = 1
    one.set_state("meter_relay_open", 1, at_s, operator)


def close(one: Instrument, at_s: float, operator: str = "00000000") -> None:
    """Close the relay and forget why it was open."""
    for reason in ("meter_relay_command", "trip_announced", "out_of_credit", "overloaded", "malicious_load", "overload_since_s", "close_due_s"):
        one.state.pop(reason, None)
    one.set_state("meter_relay_open", 0, at_s, operator)


def close_if_credit_returned(one: Instrument, at_s: float) -> None:
    """Close a relay that only want of credit had opened."""
    account = one.opened_account(at_s)
    needed = one.value("close_limit_money", at_s) if account.unit == "money" else 0
    if one.state.get("out_of_credit", 0) and account.balance(one.counter(at_s)) > needed:
        close(one, at_s)


def move_valve(one: Instrument, target: int, at_s: float) -> None:
    """Begin to turn the valve; its motor needs `motor_s`, and until then the old state is told."""
    motor_s = one.state.get("motor_s", 0)
    if motor_s <= 0:
        one.set_state("valve_state", target, at_s)
        return
    one.state.update(valve_target=target, valve_due_s=int(at_s) + motor_s)
    one.changed()


def _arrive(one: Instrument, at_s: float) -> None:
    due_s = one.state.get("valve_due_s")
    if due_s is not None and at_s >= due_s:
        del one.state["valve_due_s"]
        one.set_state("valve_state", one.state.pop("valve_target"), due_s)


def _close_after_warning(one: Instrument, at_s: float) -> None:
    """A relay opened with 1D closes when its time is over; one opened with 1E may then be closed by hand."""
    due_s = one.state.get("close_due_s")
    if due_s is None or at_s < due_s:
        return
    if one.state.pop("close_directly", 0):
        close(one, due_s)
        return
    del one.state["close_due_s"]
    one.state.update(meter_relay_command=0, trip_announced=0)
    one.changed()


def _run_out(one: Instrument, at_s: float) -> None:
    if one.account is None:
        return
    ends_wh = one.account.runs_out_at_wh(one.value(f"overdraft_limit_{one.account.unit}", at_s))
    if one.counter(at_s) < ends_wh:
        return
    ended_s = buyer.reached_at(ends_wh, one.counter, float(ANCHOR_S - one.utc_offset_s), at_s)
    one.state["out_of_credit"] = 1
    trip(one, max(ended_s, float(one.state.get("lived_s", 0))))


def _recognise(one: Instrument, at_s: float) -> None:
    """Trip on an appliance as large as the limit for malicious loads; plugged in still, it trips the next time too."""
    limit = one.value("malicious_load_limit", at_s)
    if one.on and limit and one.supply.plugged_mw(at_s) >= limit:
        one.state["malicious_load_trips"] = one.state.get("malicious_load_trips", 0) + 1
        one.state["malicious_load"] = 1
        trip(one, at_s)


def _overload(one: Instrument, at_s: float) -> None:
    limit = one.value("overload_limit", at_s)
    if not one.on or not limit or one.supply.rate(at_s) <= limit:
        one.state.pop("overload_since_s", None)
        return
    since_s = one.state.setdefault("overload_since_s", int(at_s))
    due_s = since_s + one.value("overload_delay", at_s) / 1000
    if at_s < due_s:
        return
    one.state["overload_trips"] = one.state.get("overload_trips", 0) + 1
    one.state["overloaded"] = 1
    one.journal.note("overload_a", one.local_time(since_s), one.local_time(due_s))
    trip(one, due_s)
