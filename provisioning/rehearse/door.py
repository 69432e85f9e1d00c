"""The door every gateway goes through: batches over MQTT under its own account, and central's receipts for them."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from protocol.errors import ProgramFailed
from protocol.messages import Ack, decode_record
from protocol.topics import Down, Up, down, up
from provisioning.rehearse.settings_files import BrokerAccess
from provisioning.virtual import mqtt_wire

_WAIT_S = 10.0
_PATIENCE_S = 60.0  # what central may take for one gateway


@dataclass(frozen=True, slots=True)
class Letter:
    """A stored message ready to go. `seq`: its number within the epoch."""

    channel: Up
    seq: int
    payload: bytes


def hand_in(broker: BrokerAccess, epoch: int, letters: Sequence[Letter]) -> None:
    """Publish a gateway's letters and wait until central has stored every one. Raises ProgramFailed.

    Without the checksum beside them (MQTT 3.1.1 has no place for it): the packets' own compression still tells damage.
    """
    gateway, password = broker.username, broker.password_file.read_text(encoding="utf-8").strip()
    with socket.create_connection((broker.host, broker.port), timeout=_WAIT_S) as link:
        mqtt_wire.connect(link, gateway, password, _WAIT_S)
        mqtt_wire.subscribe(link, down(gateway, Down.ACK), _WAIT_S)
        for number, letter in enumerate(letters, start=1):
            mqtt_wire.publish(link, number, up(gateway, letter.channel), letter.payload)
        _await_receipt(link, gateway, epoch, max((letter.seq for letter in letters), default=0))
        mqtt_wire.disconnect(link)


def _await_receipt(link: socket.socket, gateway: str, epoch: int, last: int) -> None:
    deadline, seen = time.monotonic() + _PATIENCE_S, 0
    while seen < last:
        if time.monotonic() > deadline:
            raise ProgramFailed(f"central stored {seen} of {last} messages of {gateway} within {_PATIENCE_S:.0f} s; look into its log")
        kind, body = mqtt_wire.receive(link, 1.0)
        if kind & 0xF0 != mqtt_wire.PUBLISH:
            continue
        _, number, payload = mqtt_wire.published(kind, body)
        if number:
            mqtt_wire.send(link, mqtt_wire.PUBACK, number)
        ack = decode_record(Ack, payload)
        if ack.epoch == epoch:
            seen = max(seen, ack.seq)
