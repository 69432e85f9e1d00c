"""`provision sniff`: decode a line or a capture, in words."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from edge_agent.lines.port import open_port
from firmware_profiles.loader import load_profiles
from protocol.errors import ConfigError
from protocol.profile import AnyProfile, ProfileModbus
from protocol.quantities import QUANTITIES
from protocol.site_plan import Line
from protocol.wire.wirelog import Comment, Entry, Received, Sent, render
from provisioning.port_text import port_of
from provisioning.sniff.capture import Piece, load_capture
from provisioning.sniff.dissect import Dissector, Heard
from provisioning.sniff.listen import listen
from provisioning.sniff.meaning import meanings
from provisioning.sniff.summary import Summary

_SHOWN_BYTES = 24


def add_sniff(commands: argparse._SubParsersAction[argparse.ArgumentParser], epilog: str) -> None:
    """Add the command to `provision`."""
    sniff = commands.add_parser(
        "sniff",
        help="decode what is spoken on a line, or in a capture",
        description="Listen to a line without ever writing to it, or read a capture, and say in words what is spoken: who asks whom for what, which "
        "values come back, what is damaged. Listen before you connect a gateway: two masters on one pair are the commonest fault of a site.",
        epilog=epilog,
    )
    sniff.add_argument("source", metavar="PORT|HOST:PORT|FILE", help="serial port, serial server, or a capture (wire log, hex dump, raw bytes)")
    sniff.add_argument("--baud", type=int, default=2400, help="speed of a serial port (default: %(default)s)")
    sniff.add_argument("--parity", choices=("N", "E", "O"), default="E", help="parity of a serial port (default: %(default)s)")
    sniff.add_argument("--seconds", type=float, default=10.0, help="how long to listen to a live line (default: %(default)s)")
    sniff.add_argument("--device", action="append", default=[], metavar="UNIT=PROFILE", help="profile of a Modbus unit: its registers get names")
    sniff.add_argument("--log", type=Path, metavar="FILE", help="write what was heard as a wire log")
    sniff.add_argument("--json", action="store_true", help="print one JSON object a line, the summary last")
    sniff.set_defaults(run=_sniff)


def _sniff(chosen: argparse.Namespace) -> int:
    profiles = load_profiles()
    dissector = Dissector(meanings(profiles, _units(chosen.device, profiles)))
    summary, log = Summary(), list[Entry]()
    for heard in _everything(dissector, _pieces(chosen)):
        summary.add([heard])
        sys.stdout.write(json.dumps(_as_dict(heard), ensure_ascii=False) + "\n" if chosen.json else _sentence(heard))
        sys.stdout.flush()
        log.append(Comment("noise: " + heard.data.hex(" ")) if heard.speaker == "noise" else _entry(heard))
    if chosen.json:
        sys.stdout.write(json.dumps({"summary": summary.as_dict()}, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in ("", *summary.lines()))
    if chosen.log is not None:
        chosen.log.write_text(render([Comment(f"heard on {chosen.source}"), *log]), encoding="utf-8")
    return 0 if summary.frames else 1


def _everything(dissector: Dissector, pieces: Iterable[Piece | None]) -> Iterator[Heard]:
    for piece in pieces:
        yield from dissector.silence() if piece is None else dissector.hear(piece)
    yield from dissector.silence()


def _pieces(chosen: argparse.Namespace) -> Iterable[Piece | None]:
    """A capture's pieces, or a live line's."""
    path = Path(chosen.source)
    if path.is_file():
        return load_capture(path)
    line = Line.model_validate({"id": "sniff", "port": port_of(chosen.source), "baud": chosen.baud, "parity": chosen.parity})
    sys.stderr.write(f"listening to {chosen.source} for {chosen.seconds:g} s ({chosen.baud} 8{chosen.parity}1); nothing is sent\n")
    return listen(open_port(line), chosen.seconds)


def _units(texts: Iterable[str], profiles: Mapping[str, AnyProfile]) -> dict[int, ProfileModbus]:
    found: dict[int, ProfileModbus] = {}
    for text in texts:
        unit, _, key = text.partition("=")
        profile = profiles.get(key)
        if not unit.isdigit() or not isinstance(profile, ProfileModbus):
            raise ConfigError(f"--device {text}: expected UNIT=PROFILE with a Modbus profile, such as 3=chint/dtsu666")
        found[int(unit)] = profile
    return found


def _sentence(heard: Heard) -> str:
    at = f"{datetime.fromtimestamp(heard.at_s).astimezone():%H:%M:%S.%f} " if heard.at_s is not None else ""
    arrow = {"master": "->", "device": "<-"}.get(heard.speaker, "??")
    shown = heard.data[:_SHOWN_BYTES].hex(" ").upper() + (" …" if len(heard.data) > _SHOWN_BYTES else "")
    values = "".join(f"\n{'':16}{quantity} = {QUANTITIES[quantity].shown(value)}" for quantity, value in heard.values)
    who = f"{heard.protocol} {heard.address} " if heard.protocol else ""
    return f"{at}{arrow} {who}{heard.what}   [{shown}]{values}\n"


def _as_dict(heard: Heard) -> dict[str, object]:
    return {
        "at": heard.at_s,
        "protocol": heard.protocol,
        "speaker": heard.speaker,
        "address": heard.address,
        "what": heard.what,
        "ok": heard.ok,
        "values": dict(heard.values),
        "hex": heard.data.hex(),
    }


def _entry(heard: Heard) -> Entry:
    return Sent(heard.data) if heard.speaker == "master" else Received(heard.data)
