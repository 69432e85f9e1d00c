"""Rules of commands: only writes that cannot harm, each proved by a reading of the same profile."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from protocol.document import Problem
from protocol.profile import AnyProfile, DeviceKind
from protocol.profile_items import Item, Protocol, RegisterItem
from protocol.profile_writes import Command, Write188, Write2007, WriteModbus

_WRITES = {Protocol.DLT645_2007: Write2007, Protocol.CJT188: Write188, Protocol.MODBUS_RTU: WriteModbus}
# N1 of control code 1CH (DL/T 645-2007 supplement): what the relay does then, and what status word 3 shows of keep-power (bit 12).
_OPENS = {"1A", "1D", "1E"}
_CLOSES = {"1B", "1C"}
_KEEPS = {"3A": 1, "3B": 0}
_OTHER_N1 = {"2A", "2B", *_KEEPS}
_VALVE_DI = "A017"  # CJ/T 188-2004: the one write identifier that moves no register and no address
_COIL_ON, _COIL_OFF = 0xFF00, 0x0000  # Modbus application protocol 6.5; makers' 0x5500 toggles and must not be repeated
_OPPOSITES = (
    ("_on", "_off"),
    ("_off", "_on"),
    ("_open", "_close"),
    ("_close", "_open"),
    ("_disconnect", "_reconnect"),
    ("_reconnect", "_disconnect"),
)


def command_problems(profile: AnyProfile) -> Iterator[Problem]:
    """What is wrong with the commands of one profile."""
    counts = Counter(command.name for command in profile.commands)
    readable: dict[str, Item] = {item.quantity: item for item in profile.items}
    for index, command in enumerate(profile.commands):
        if counts[command.name] > 1:
            yield ("commands", index, "name"), f"command {command.name} stands {counts[command.name]} times; names are unique"
        for problem in (*_confirm(command, readable), *_opposite(command, counts), *_relay(command, readable), *_air_conditioner(command, readable)):
            yield ("commands", index), problem
        for problem in (*_write(profile, command), *_run(command, readable)):
            yield ("commands", index, "write"), problem
    if profile.kind is DeviceKind.RELAY:
        yield from _every_relay_switches(readable, counts)
    if profile.kind is DeviceKind.AIR_CONDITIONER and "ac_power" in readable:
        yield from ((("commands",), f"ac_power can be read but not switched: no {name}") for name in ("ac_on", "ac_off") if name not in counts)


def _confirm(command: Command, readable: dict[str, Item]) -> Iterator[str]:
    item = readable.get(command.confirm.quantity)
    if item is None:
        yield f"{command.name} is confirmed by {command.confirm.quantity}, which no item of this profile reads"
        return
    one_bit = (isinstance(item, RegisterItem) and item.type == "bit") or (item.bits is not None and item.bits[1] == 1)
    if one_bit and command.confirm.value not in (0, 1):
        yield f"{command.name}: {command.confirm.quantity} is one bit and never reads {command.confirm.value}"


def _opposite(command: Command, names: Counter[str]) -> Iterator[str]:
    """What can be switched must be switchable back."""
    for end, other in _OPPOSITES:
        wanted = command.name.removesuffix(end) + other
        if command.name.endswith(end) and wanted not in names:
            yield f"{command.name} has no counterpart {wanted}"


def _relay(command: Command, readable: dict[str, Item]) -> Iterator[str]:
    """relay_3_on must write the coil that relay_3 is read from: a copied line here would switch another room."""
    match = re.fullmatch(r"(relay_\d+)_(on|off)", command.name)
    if not match:
        return
    expected = 1 if match[2] == "on" else 0
    if (command.confirm.quantity, command.confirm.value) != (match[1], expected):
        yield f"{command.name} must be confirmed by {match[1]} = {expected}, got {command.confirm.quantity} = {command.confirm.value}"
    item = readable.get(match[1])
    write = command.write
    if isinstance(write, WriteModbus) and isinstance(item, RegisterItem):
        if write.function != 5:
            yield f"{command.name} must write one coil (function 5), got function {write.function}"
        if item.function == 1 and write.address != item.address:
            yield f"{command.name} writes coil {write.address}, but {match[1]} is read from coil {item.address}"
        if write.value != _coil(expected):
            yield f"{command.name} must write 0x{_coil(expected):04X}, got 0x{write.value:04X}"


def _air_conditioner(command: Command, readable: dict[str, Item]) -> Iterator[str]:
    """ac_on must write the register that ac_power is read from, with the value that it then shows."""
    if command.name not in ("ac_on", "ac_off"):
        return
    expected = 1 if command.name == "ac_on" else 0
    if (command.confirm.quantity, command.confirm.value) != ("ac_power", expected):
        yield f"{command.name} must be confirmed by ac_power = {expected}, got {command.confirm.quantity} = {command.confirm.value}"
    item, write = readable.get("ac_power"), command.write
    if isinstance(write, WriteModbus) and isinstance(item, RegisterItem):
        raw = expected << (item.bits[0] if item.bits else 0) if write.function == 6 else _coil(expected)
        read = {5: 1, 6: 3}.get(write.function)
        if (read, write.address) != (item.function, item.address):
            yield f"{command.name} writes {write.address:04X} ({write.function}); ac_power is read from {item.address:04X} ({item.function})"
        if write.value != raw:
            yield f"{command.name} must write 0x{raw:04X}, got 0x{write.value:04X}"


def _run(command: Command, readable: dict[str, Item]) -> Iterator[str]:
    """A run of coils switches relays of this profile only, all of them the same way; the reading of the last one proves the whole run."""
    write = command.write
    if not isinstance(write, WriteModbus):
        return
    if write.function != 15:
        if write.count != 1:
            yield f"{command.name}: count {write.count} belongs to function 15"
        return
    relays = {item.address: name for name, item in readable.items() if isinstance(item, RegisterItem) and item.function == 1}
    unknown = [place for place in range(write.address, write.address + write.count) if not relays.get(place, "").startswith("relay_")]
    if unknown:
        yield f"{command.name} writes coils {unknown}, which no relay of this profile is read from"
    if re.fullmatch(r"relays_all_(on|off)", command.name):
        expected = 1 if command.name.endswith("on") else 0
        if (coils := sorted(relays)) != list(range(write.address, write.address + write.count)):
            yield f"{command.name} writes {write.count} coils from {write.address}; the relays are {coils}"
        if write.value != _coil(expected):
            yield f"{command.name} must write 0x{_coil(expected):04X}, got 0x{write.value:04X}"
        last = relays.get(max(relays, default=0))
        if (command.confirm.quantity, command.confirm.value) != (last, expected):
            yield f"{command.name} must be confirmed by {last} = {expected}, got {command.confirm.quantity} = {command.confirm.value}"
    else:
        yield f"{command.name}: function 15 is used for relays_all_on and relays_all_off only"


def _coil(on: int) -> int:
    return _COIL_ON if on else _COIL_OFF


def _write(profile: AnyProfile, command: Command) -> Iterator[str]:
    wanted = _WRITES.get(profile.protocol)
    write = command.write
    if wanted is None or not isinstance(write, wanted):
        yield f"a {profile.protocol.value} device has no {type(write).__name__}" + (f"; expected {wanted.__name__}" if wanted else "")
    elif isinstance(write, Write2007):
        yield from _n1(command, write.n1)
    elif isinstance(write, Write188) and write.di != _VALVE_DI:
        yield f"only {_VALVE_DI} (valve) may be written; {write.di} could change an address or a register"
    elif isinstance(write, WriteModbus) and write.function in (5, 15) and write.value not in (_COIL_ON, _COIL_OFF):
        yield f"a coil is written 0xFF00 or 0x0000, got 0x{write.value:04X}; a toggle cannot be repeated safely"


def _n1(command: Command, n1: str) -> Iterator[str]:
    if n1 not in _OPENS | _CLOSES | _OTHER_N1:
        yield f"n1 {n1} is not a known control word; expected one of {', '.join(sorted(_OPENS | _CLOSES | _OTHER_N1))}"
    if command.confirm.quantity == "meter_relay_open" and n1 in _OPENS | _CLOSES and command.confirm.value != (n1 in _OPENS):
        yield f"{command.name}: n1 {n1} leaves the relay {'open' if n1 in _OPENS else 'closed'}, but {command.confirm.value} is expected back"
    if n1 in _KEEPS and (command.confirm.quantity, command.confirm.value) != ("keep_power", _KEEPS[n1]):
        yield f"{command.name}: n1 {n1} is proved by keep_power = {_KEEPS[n1]}, got {command.confirm.quantity} = {command.confirm.value}"
    if command.confirm.quantity == "keep_power" and n1 not in _KEEPS:
        yield f"{command.name}: n1 {n1} does not change keep_power; expected one of {', '.join(_KEEPS)}"


def _every_relay_switches(readable: dict[str, Item], names: Counter[str]) -> Iterator[Problem]:
    for relay in sorted(quantity for quantity in readable if quantity.startswith("relay_")):
        missing = [name for name in (f"{relay}_on", f"{relay}_off") if name not in names]
        if missing:
            yield ("commands",), f"{relay} can be read but not switched: no {' or '.join(missing)}"
