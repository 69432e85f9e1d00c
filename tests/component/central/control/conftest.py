"""A small site with a relay box, a meter, and gateways whose results arrive as ingest gets them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from central.control import issue
from central.control.listing import get_command
from central.control.model import Command
from central.control.rounds import give_up, send
from central.db.pool import Connection, connect
from central.ingest.series import SeriesIds
from central.ingest.store import store
from central.ingest.verify import verify
from central.metering.import_plan import import_site_plan
from central.mqtt.session import Message
from firmware_profiles.loader import load_profiles
from protocol import command as wire
from protocol.messages import CRC_PROPERTY, BatchId, checksum, decode_record, encode_results
from protocol.topics import Up, up

NOW_MS = 1_800_000_000_000
PROFILES = load_profiles()
PLAN = """
schema: 1
site: {id: campus, name: {zh: 大学, en: University}}
places:
  - {id: campus, kind: campus, name: {zh: 大学, en: University}}
  - {id: b1, kind: building, parent: campus, name: {zh: 一号楼, en: Building 1}}
  - {id: b2, kind: building, parent: campus, name: {zh: 二号楼, en: Building 2}}
gateways:
  - id: gw-1
    name: {zh: 一号网关, en: Gateway 1}
    place: b1
    lines: [{id: l1, port: {kind: serial, path: /dev/ttyS0}, baud: 9600, devices: [
      {id: relay, profile: generic/lighting_relay_4ch, address: "5", place: b1},
      {id: meter, profile: generic/dlt645_2007_single_phase, address: "000000000001", place: b1}]}]
  - id: gw-2
    name: {zh: 二号网关, en: Gateway 2}
    place: b2
    lines: [{id: l1, port: {kind: serial, path: /dev/ttyS0}, baud: 9600, devices: [
      {id: other, profile: generic/lighting_relay_4ch, address: "6", place: b2}]}]
"""


@dataclass
class Wire:
    """A broker that takes everything, or nothing when it is `down`."""

    sent: list[tuple[str, wire.Command, int]] = field(default_factory=list)
    down: bool = False

    def publish(self, topic: str, payload: bytes, *, retain: bool, expiry_s: int | None = None) -> bool:
        assert not retain
        assert expiry_s is not None
        if not self.down:
            self.sent.append((topic, decode_record(wire.Command, payload), expiry_s))
        return not self.down


@dataclass
class Desk:
    """Commands on one database."""

    conn: Connection
    wire: Wire = field(default_factory=Wire)
    _seqs: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def read(self, device: str = "meter", actor: str = "anna", now_ms: int = NOW_MS, **more: object) -> Command:
        return issue.ask_read(self.conn, device, issue.ReadRequest.model_validate(more), actor, now_ms)

    def switch(self, command: str = "relay_1_on", key: str = "key-0001", device: str = "relay", actor: str = "anna", **more: object) -> Command:
        request = issue.SwitchRequest.model_validate({"command": command, "key": key, "reason": "a test", **more})
        return issue.ask_switch(self.conn, PROFILES, device, request, actor, NOW_MS)

    def send(self, now_ms: int = NOW_MS) -> int:
        return send(self.conn, self.wire, now_ms)

    def give_up(self, now_ms: int) -> int:
        return give_up(self.conn, now_ms)

    def state(self, command: Command) -> Command:
        return get_command(self.conn, command.id)

    def answer(self, command: Command | str, state: str, gateway: str = "gw-1", seq: int | None = None, **more: object) -> None:
        """A result as it comes from the broker, stored as ingest stores it."""
        asked = command if isinstance(command, str) else command.id
        result = wire.CommandResult.model_validate({"id": asked, "state": state, "at_ms": NOW_MS, **more})
        batch = BatchId(gateway, 1, 1, seq or next(self._seqs))
        payload = encode_results(batch, [result])
        message = Message(up(gateway, Up.RESULT), payload, {CRC_PROPERTY: f"{checksum(payload):08x}"})
        store(self.conn, SeriesIds(), [verify(message, NOW_MS)])

    def rows(self, query: str, *params: object) -> list[tuple]:
        return self.conn.execute(query, params).fetchall()


@pytest.fixture(scope="module")
def small_site(database: str) -> str:
    """The module's database with the small site."""
    with connect(database) as conn:
        import_site_plan(conn, PLAN, "plan.yaml", "tester", preview=False)
    return database


@pytest.fixture
def desk(small_site: str) -> Iterator[Desk]:
    """A desk whose commands are gone after the test."""
    with connect(small_site) as conn:
        yield Desk(conn)
        conn.rollback()
        for table in ("command", "quarantine", "batch", "ack_cursor"):
            conn.execute(f"delete from {table}")
        conn.commit()


@pytest.fixture
def sent(desk: Desk) -> Callable[[Command], Command]:
    """`sent(command)`: handed to the broker."""

    def hand_over(command: Command) -> Command:
        desk.send()
        return desk.state(command)

    return hand_over
