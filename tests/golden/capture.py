"""Write the golden wire logs of the device profiles again.

    python tests/golden/capture.py [maker/model ...]        no argument: every profile
    git diff tests/golden/profiles                          then look at every changed line

A difference is a change of what goes over the wire or of what a reply is billed as. Commit it only when it is meant; a log is never written
again just to make a test pass. A profile that is new, or reads more than before, needs this run.

The bytes and integers here owe nothing to the agent's codec (`protocol.wire`, `edge_agent.drivers`): requests are framed and replies made by
the virtual devices, expected integers follow from what the virtual device measures. Only the choice of what to ask is `drivers.plan`'s.
Seed and instant are fixed. What a log holds from its first line `# public capture`, `# manual` or `# by hand` on was published by others, printed
in a manual, or worked out from the standard; it is kept as it stands.

Words of a log, beside quantities: `address` of the device; `due` items (quantities, or all), `command` name and what its frame carries, and those
of `capture_memory`: each begins a step; `refused` with the reply's error bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
from capture_memory import memory_sections

from edge_agent.drivers.plan import AnyItem, Memory, Request, answered, plan, refused
from firmware_profiles.evidence import CAPTURED, COMPUTED, PRINTED
from firmware_profiles.loader import load_profiles
from protocol.profile import AnyProfile, Profile188, Profile1997, ProfileMbus, ProfileModbus
from protocol.profile_items import RegisterItem
from protocol.profile_writes import Command, Write188, Write2007
from protocol.site_plan import Device
from protocol.wire.wirelog import Comment, Entry, Received, Sent, Value, render
from provisioning.virtual.bus import Responder, Unit
from provisioning.virtual.devices import dlt645, mbus, modbus
from provisioning.virtual.devices.encoding import raw_scale
from provisioning.virtual.site import SiteFacts, build_unit

FOLDER = Path(__file__).parent / "profiles"
NOW = 1_790_000_000.0
FACTS = SiteFacts(seed=7, utc_offset_s=8 * 3600, epoch_s=NOW - 86_400)
_ADDRESSES = {"modbus_rtu": "17", "cjt188": "00112233445566", "dlt645_2007": "000102030425", "dlt645_1997": "000102030425"}
_MBUS_ADDRESSES = {"primary": "17", "secondary": "00112233"}
_BELOW_ZERO = {"power_active": -437_600, "temperature": -5_300}  # quantity -> base units; what a campus seldom shows and a sign bit must carry


def main(keys: Sequence[str]) -> None:
    """Write the logs of these profiles, or of all."""
    registry = load_profiles(strict=True)
    FOLDER.mkdir(exist_ok=True)
    for key in keys or registry:
        path = FOLDER / f"{key.replace('/', '_')}.log"
        sections = [render(section) for section in _sections(registry.find(key))]
        path.write_text("\n".join([*sections, *_kept(path)]), encoding="utf-8")
        sys.stdout.write(f"{path.name}\n")


def _kept(path: Path) -> list[str]:
    """The hand-written end of a log that is there already."""
    sections = path.read_text(encoding="utf-8").split("\n\n") if path.exists() else []
    kept = [place for place, section in enumerate(sections) if section.startswith((CAPTURED, PRINTED, COMPUTED))]
    return ["\n\n".join(sections[kept[0] :])] if kept else []


def _sections(profile: AnyProfile) -> Iterator[list[Entry]]:
    if isinstance(profile, ProfileMbus):
        yield from _mbus_sections(profile)
        return
    device = Device(id="one", profile=profile.profile, address=_ADDRESSES[profile.protocol.value], place="room")
    unit = build_unit(device, profile, None, FACTS)
    _switch_some_on(profile, unit)
    yield [*_head(profile), Value("address", device.address), *_read(profile, device, unit, profile.items, "every item, nothing known of the device")]
    for item in profile.items:
        if item.quantity in _BELOW_ZERO and (item.signed if not isinstance(item, RegisterItem) else item.type[0] in "if"):
            unit.responder.instrument.set_state(item.quantity, _BELOW_ZERO[item.quantity], NOW)
            yield list(_read(profile, device, unit, [item], "below zero"))
    if not isinstance(profile, ProfileModbus):
        yield list(_ends(profile, device, build_unit(device, profile, None, FACTS)))
        if flags := [item for item in profile.items if item.bits is not None]:
            yield list(_flags(profile, device, build_unit(device, profile, None, FACTS), flags))
    for command in dict.fromkeys((*profile.commands[:2], *profile.commands[-2:])):
        yield list(_command(profile, device, unit, command))
    if profile.commands and isinstance(profile.commands[0].write, Write2007):
        yield list(_wrong_password(profile, unit, profile.commands[0]))
    unit = build_unit(device, profile, None, FACTS)
    yield from memory_sections(profile, unit, NOW, lambda di: _asked(profile, unit, di), lambda item, at_s: _meaning(item, unit, at_s))
    lesser, due, what = _lesser(profile, device)
    yield list(_read(profile, device, build_unit(device, lesser, None, FACTS), due, what))


def _mbus_sections(profile: ProfileMbus) -> Iterator[list[Entry]]:
    """An M-Bus slave is opened (reset or selection) and asked for everything; it may take several telegrams, or have no time."""
    device = Device(id="one", profile=profile.profile, address=_MBUS_ADDRESSES[profile.by], place="room")
    unit = build_unit(device, profile, None, FACTS)
    yield [*_head(profile), Value("address", device.address), *_mbus_read(profile, unit, unit.responder, "one telegram")]
    short = mbus.MeterMbus(profile, unit.responder.instrument, device.address, most_records=3)
    yield list(_mbus_read(profile, unit, short, "three records a telegram: the frame count bit toggles"))
    short.busy = True
    yield list(_mbus_read(profile, unit, short, "no time to answer"))


def _mbus_read(profile: ProfileMbus, unit: Unit, meter: Responder, what: str) -> Iterator[Entry]:
    yield from (Comment(what), Value("due", "all"))
    is_primary = profile.by == "primary"
    address = int(_MBUS_ADDRESSES["primary"]) if is_primary else 0xFD
    mask = bytes.fromhex(_MBUS_ADDRESSES["secondary"])[::-1] + b"\xff" * 4
    asked = _mbus_short(0x40, address) if is_primary else mbus.long_frame(0x53, address, 0x52, mask)
    control, more = 0x7B, True
    while more:
        reply = meter.respond(asked, NOW)
        if reply is None:
            raise SystemExit(f"{profile.profile}: the virtual meter stays silent to {asked.hex(' ')}")
        yield from (Sent(asked), Received(reply))
        if reply[6:7] == b"\x70":
            yield Value("refused", reply[7:-2].hex().upper())
            return
        more = reply == b"\xe5" or reply[-3] == 0x1F
        asked, control = _mbus_short(control, address), control ^ 0x20
    yield from (Value(item.quantity, str(unit.responder.instrument.value(item.quantity, NOW))) for item in profile.items)


def _mbus_short(control: int, address: int) -> bytes:
    return bytes((0x10, control, address, (control + address) % 256, 0x16))


def _head(profile: AnyProfile) -> Iterator[Entry]:
    when = datetime.fromtimestamp(NOW, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    yield Comment(f"{profile.profile}: {profile.name.en}")
    yield Comment(f"source: virtual device of provisioning/virtual, seed {FACTS.seed}, {when}; written by tests/golden/capture.py")


def _switch_some_on(profile: AnyProfile, unit: Unit) -> None:
    """Every third relay and input, so that neither the order of bits nor a shift by one goes unseen."""
    for place, item in enumerate(profile.items):
        if isinstance(item, RegisterItem) and item.type == "bit":
            unit.responder.instrument.set_state(item.quantity, int(place % 3 == 0), NOW)


def _ends(profile: AnyProfile, device: Device, unit: Unit) -> Iterator[Entry]:
    """Every register near its end - the top digit 9, or 7 and below zero - and every flag set: so that no sign bit and no digit goes unseen."""
    for place, item in enumerate(profile.items, start=1):
        if isinstance(item, RegisterItem):
            continue
        if item.bits is not None:
            truth = (1 << item.bits[1]) - 1
        elif not item.is_bcd:
            truth = int((256**item.size - 1) * item.factor())
        else:
            top, rest = 10 ** (2 * item.size - 1), 7 * place % 10 ** (2 * item.size - 1)
            truth = round((-7 * top - rest if item.signed else 9 * top + rest) * item.factor())
        unit.responder.instrument.set_state(item.quantity, truth, NOW)
    yield from _read(profile, device, unit, profile.items, "every register near its end, every flag set")


def _flags(profile: AnyProfile, device: Device, unit: Unit, flags: Sequence[AnyItem]) -> Iterator[Entry]:
    """Every second flag of a word, and nothing else of it: so that no flag is taken for its neighbour."""
    for item in profile.items:
        if item.spec.base_unit == "word":
            unit.responder.instrument.set_state(item.quantity, 0, NOW)
    for place, item in enumerate(sorted(flags, key=lambda item: item.bits or (0, 0))):
        unit.responder.instrument.set_state(item.quantity, int(place % 2 == 0), NOW)
    yield from _read(profile, device, unit, flags, "every second flag set")


def _lesser(profile: AnyProfile, device: Device) -> tuple[AnyProfile, Sequence[AnyItem], str]:
    """A device that lacks something its profile names; the items to ask of it, and in words what is missing."""
    requests = plan(profile, device, profile.items, Memory(), NOW)
    first = next((one for one in requests if len(one.fields) > 1), requests[0])
    due = [field.item for field in first.fields]
    if isinstance(profile, ProfileModbus):
        last = max((item for item in due if isinstance(item, RegisterItem)), key=lambda item: item.address)
        return _without_register(profile, last), due[-4:], f"a device without {last.quantity}: of what is refused, halves are asked for"
    missing = str(first.key[0])
    items = tuple(item for item in profile.items if item.di != missing)
    if isinstance(profile, Profile188):
        return profile.model_copy(update={"items": items, "clock": None}), due, f"a device without {missing}"
    blocks = tuple(block for block in profile.blocks if block.di != missing)
    what = f"a device without {missing}: of a block refused, the items are asked for one by one"
    return profile.model_copy(update={"items": items, "blocks": blocks}), due, what


def _without_register(profile: ProfileModbus, last: RegisterItem) -> ProfileModbus:
    """The profile of a device whose registers end before this item."""
    items = tuple(item for item in profile.items if (item.function, item.address) != (last.function, last.address))
    cut = {"last": last.address - 1}
    blocks = tuple(
        block.model_copy(update=cut) if block.function == last.function and block.first < last.address <= block.last else block
        for block in profile.blocks
    )
    return profile.model_copy(update={"items": items, "blocks": blocks})


def _read(profile: AnyProfile, device: Device, unit: Unit, due: Sequence[AnyItem], what: str) -> Iterator[Entry]:
    yield Comment(what)
    yield Value("due", "all" if len(due) == len(profile.items) else " ".join(item.quantity for item in due))
    memory = Memory()
    pending = plan(profile, device, due, memory, NOW)
    while pending:
        request = pending.pop(0)
        asked = _read_frame(profile, unit, request)
        reply = _exchange(unit, asked)
        yield from (Sent(asked), Received(reply))
        if error := _error(profile, reply):
            yield Value("refused", error)
            pending = [*refused(profile, request, memory, NOW), *pending]
            continue
        answered(memory, request)
        for field in request.fields:
            yield Value(field.item.quantity, str(_meaning(field.item, unit)))


def _command(profile: AnyProfile, device: Device, unit: Unit, command: Command) -> Iterator[Entry]:
    asked = _write_frame(profile, unit, command)
    yield from (Comment(f"{command.name}, and the reading that proves it"), Value("command", command.name))
    yield from (Sent(asked), Received(_exchange(unit, asked)))
    due = [item for item in profile.items if item.quantity == command.confirm.quantity]
    yield from list(_read(profile, device, unit, due, ""))[1:]


def _wrong_password(profile: AnyProfile, unit: Unit, command: Command) -> Iterator[Entry]:
    password = "111111"
    asked = _write_frame(profile, unit, command, bytes.fromhex(password))
    reply = _exchange(unit, asked)
    yield from (Comment(f"{command.name} with a wrong password"), Value("command", f"{command.name} password={password}"))
    yield from (Sent(asked), Received(reply), Value("refused", _error(profile, reply)))


def _exchange(unit: Unit, asked: bytes) -> bytes:
    reply = unit.responder.respond(asked, NOW) if unit.responder.means(asked) else None
    if reply is None:
        raise SystemExit(f"{unit.device}: the virtual device is silent to {asked.hex(' ')}")
    return reply


# --- a master's frames and a reply's error, by the virtual devices' own framing -----------------------------------------


def _read_frame(profile: AnyProfile, unit: Unit, request: Request) -> bytes:
    if isinstance(profile, ProfileModbus):
        function, first, count = (int(part) for part in request.key)
        return _modbus(unit, function, first, count)
    return _identifier_frame(profile, unit, str(request.key[0]))


def _asked(profile: AnyProfile, unit: Unit, di: str) -> tuple[Sent, Received]:
    frame = _identifier_frame(profile, unit, di)
    return Sent(frame), Received(_exchange(unit, frame))


def _identifier_frame(profile: AnyProfile, unit: Unit, di: str) -> bytes:
    identifier = bytes.fromhex(di)
    if isinstance(profile, Profile188):
        return _cjt188(profile, unit, 0x01, identifier)
    return dlt645.build_reply(unit.responder.key, 0x01 if isinstance(profile, Profile1997) else 0x11, identifier[::-1])


def _write_frame(profile: AnyProfile, unit: Unit, command: Command, password: bytes = bytes(3)) -> bytes:
    write = command.write
    if isinstance(write, Write2007):  # level, password, operator 00000000 | N1, N2, no end of validity
        who = bytes.fromhex(write.level) + password[::-1] + bytes(4)
        return dlt645.build_reply(unit.responder.key, 0x1C, who + bytes.fromhex(write.n1) + bytes(7))
    if isinstance(write, Write188) and isinstance(profile, Profile188):
        return _cjt188(profile, unit, 0x04, bytes.fromhex(write.di), bytes.fromhex(write.data))
    if isinstance(write, Write188):
        raise SystemExit(f"{profile.profile}: command {command.name} is of another protocol")
    if write.function == 15:
        bits = (1 << write.count) - 1 if write.value else 0
        data = bits.to_bytes((write.count + 7) // 8, "little")
        frame = unit.responder.key + b"\x0f" + write.address.to_bytes(2, "big") + write.count.to_bytes(2, "big") + bytes((len(data),)) + data
        return frame + modbus.crc16(frame)
    return _modbus(unit, write.function, write.address, write.value)


def _modbus(unit: Unit, function: int, address: int, value: int) -> bytes:
    frame = unit.responder.key + bytes((function,)) + address.to_bytes(2, "big") + value.to_bytes(2, "big")
    return frame + modbus.crc16(frame)


def _cjt188(profile: Profile188, unit: Unit, control: int, identifier: bytes, data: bytes = b"") -> bytes:
    ordered = identifier if profile.di_order == "high_first" else identifier[::-1]
    body = bytes((0x68, int(profile.meter_type, 16), *unit.responder.key, control, 3 + len(data), *ordered, 0)) + data
    return b"\xfe" * profile.preamble + body + bytes((sum(body) % 256, 0x16))


def _error(profile: AnyProfile, reply: bytes) -> str:
    """The error bytes of a reply that refuses, as hex; nothing for any other."""
    if isinstance(profile, ProfileModbus):
        return f"{reply[2]:02X}" if reply[1] & 0x80 else ""
    body = reply.lstrip(b"\xfe")
    if isinstance(profile, Profile188):
        return body[11:-2].hex().upper() if body[9] & 0x40 else ""
    parsed = dlt645.parse_request(body)
    return parsed.data.hex().upper() if parsed.control & dlt645.REFUSED else ""


def _meaning(item: AnyItem, unit: Unit, at_s: float = NOW) -> int:
    """The integer a register stands for that shows what the device measures: exact, one rounding half to even.

    A float register means the shortest decimal that names it, here found by numpy.
    """
    truth, scale = unit.responder.instrument.value(item.quantity, at_s), raw_scale(item, 1, 1)
    if item.bits is not None:
        return round((truth & (1 << item.bits[1]) - 1) * item.factor())
    if isinstance(item, RegisterItem) and item.type == "bit":
        return int(bool(truth))
    if isinstance(item, RegisterItem) and item.type in ("f32", "f64"):
        number = np.float32(scale.real(truth)) if item.type == "f32" else np.float64(scale.real(truth))
        return round(Fraction(str(number)) * item.factor())
    return round(scale.raw(truth) * item.factor())


if __name__ == "__main__":
    main(sys.argv[1:])
