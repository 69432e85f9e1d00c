"""The first text of a new profile: everything a person has to fill in, with the reason beside it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from protocol.errors import ConfigError
from protocol.profile import AnyProfile, DeviceKind
from protocol.profile_items import Protocol

_SERIAL = {Protocol.MODBUS_RTU: "{baud: 9600, parity: N}"}
_MAIN = {
    DeviceKind.ELECTRICITY_METER: ("energy_active_forward", "kWh", "energy"),
    DeviceKind.WATER_METER: ("water_volume", "m3", "volume"),
    DeviceKind.RELAY: ("relay_1", "state", "state"),
    DeviceKind.AIR_CONDITIONER: ("ac_power", "state", "state"),
    DeviceKind.SENSOR: ("temperature", "°C", "climate"),
}


def skeleton(key: str, kind: DeviceKind, protocol: Protocol, base: str | None, profiles: Mapping[str, AnyProfile]) -> str:
    """Return the YAML text of a new profile; `base`: the profile it extends. Raises ConfigError if the key is taken or the base does not fit."""
    if key in profiles:
        raise ConfigError(f"profile {key!r} exists already; choose another model name, or edit that file")
    maker, _, model = key.partition("/")
    head = _HEAD.format(key=key, extends="" if base is None else f"extends: {base}\n", maker=maker, model=model, kind=kind.value)
    phases = "phases: 1                         # 1 or 3\n" if kind is DeviceKind.ELECTRICITY_METER and base is None else ""
    if base is not None:
        above = profiles.get(base)
        if above is None:
            raise ConfigError(f"--extends {base}: there is no such profile; `provision profile list` shows them")
        if above.protocol is not protocol or above.kind is not kind:
            raise ConfigError(f"--extends {base}: it is a {above.kind.value} of {above.protocol.value}, not a {kind.value} of {protocol.value}")
        return head + _EXTENDED.format(phases=phases, serial=_shown_serial(above), protocol=protocol.value)
    return head + _WHOLE.format(
        phases=phases, serial=_SERIAL.get(protocol, "{baud: 2400, parity: E}"), protocol=protocol.value, **_first_item(kind, protocol)
    )


def _shown_serial(profile: AnyProfile) -> str:
    serial = profile.serial
    stop = f", stop_bits: {serial.stop_bits}" if serial.stop_bits != 1 else ""
    return f"{{baud: {serial.baud}, parity: {serial.parity}{stop}}}"


def _first_item(kind: DeviceKind, protocol: Protocol) -> dict[str, str]:
    quantity, unit, group = _MAIN[kind]
    place = {
        Protocol.DLT645_2007: 'di: "00010000", format: XXXXXX.XX',
        Protocol.DLT645_1997: 'di: "9010", format: XXXXXX.XX',
        Protocol.CJT188: 'di: "901F", offset: 0, format: XXXXXX.XX, unit_at: 4',
        Protocol.MODBUS_RTU: 'function: 3, address: 0x0000, type: u32, scale: "0.01"',
        Protocol.MBUS: "measures: volume",
    }[protocol]
    if kind is DeviceKind.RELAY and protocol is Protocol.MODBUS_RTU:
        place = "function: 1, address: 0x0000, type: bit"
    extra = {Protocol.CJT188: 'meter_type: "10"\ndi_order: low_first\n'}.get(protocol, "")
    return {"quantity": quantity, "unit": unit, "group": group, "place": place, "extra": extra}


_HEAD = """schema: 1
profile: {key}
{extends}name: {{zh: 请填中文名称, en: {maker} {model}}}
maker: {{zh: 请填厂家, en: {maker}}}
model: {model}
kind: {kind}
"""

_EXTENDED = """{phases}source: FILL IN the manual (title, edition, chapter) this rests on
verified: draft                   # draft -> simulated -> bench -> field; raise it only with a log that shows it
ask_maker:
  - FILL IN what the manual does not say
serial: {serial}      # as shipped
protocol: {protocol}
# What differs from the base: an item of the same quantity takes its place, a new one is added.
# items:
#   - {{di: "00900100", quantity: balance_energy, unit: kWh, format: XXXXXX.XX, group: balance}}
# without: [status_word_7]        # what this model does not have
"""

_WHOLE = """{phases}source: FILL IN the manual (title, edition, chapter) this rests on
verified: draft                   # draft -> simulated -> bench -> field; raise it only with a log that shows it
ask_maker:
  - FILL IN what the manual does not say
serial: {serial}    # as shipped
timing: {{gap_ms: 30, first_byte_ms: 1000, between_bytes_ms: 200}}
protocol: {protocol}
{extra}groups: {{{group}: 900}}              # seconds between two reads
items:
  - {{{place}, quantity: {quantity}, unit: {unit}, group: {group}}}
"""
