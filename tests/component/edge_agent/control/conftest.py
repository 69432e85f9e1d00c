"""Commands on a virtual line: a relay box, a meter, a water valve and a meter that is switched by password, all on one pair."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_agent.buffer.inbox import Inbox
from edge_agent.control.executor import Executor
from edge_agent.line_set import LineSet
from edge_agent.lines.clock import SystemClock
from edge_agent.lines.worker import LineWorker
from firmware_profiles.loader import load_profiles
from protocol.command import Command, CommandResult
from protocol.errors import StorageError
from protocol.messages import encode_record
from protocol.reading import Reading
from protocol.site_plan import parse_site_plan
from provisioning.virtual.site import VirtualSite

PLAN = """
schema: 1
site: {id: test, name: {zh: 测试, en: Test}}
places: [{id: campus, kind: campus, name: {zh: 校园, en: Campus}}]
gateways:
  - id: gw-1
    name: {zh: 网关, en: Gateway}
    place: campus
    lines:
      - {id: l1, port: {kind: serial, path: /dev/ttyS1}, baud: 9600, devices: [
          {id: relay, profile: generic/lighting_relay_4ch, address: "5", place: campus},
          {id: meter, profile: generic/dlt645_2007_single_phase, address: "000000000001", place: campus}]}
"""
PROFILES = load_profiles()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualSite]:
    """The running virtual line."""
    one = VirtualSite(parse_site_plan(PLAN, "plan.yaml"), PROFILES, tmp_path_factory.mktemp("site"))
    one.start()
    yield one
    one.stop()


@dataclass
class Desk:
    """An executor with everything around it. `told`: results in the order the outbox got them; `full`: the outbox takes nothing."""

    folder: Path
    site: VirtualSite
    clock: SystemClock = field(default_factory=SystemClock)
    told: list[CommandResult] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    full: bool = False

    def open(self) -> None:
        """Start the lines and the executor, on the inbox an earlier one may have left."""
        self.lines = LineSet(lambda line, zone: LineWorker(line, PROFILES, self.readings.extend, lambda _: None, self.clock, zone=zone))
        self.lines.apply(self.site.rewritten_plan().gateways[0].lines)
        self.inbox = Inbox(self.folder, self.clock.monotonic)
        self.executor = Executor(self.inbox, self._answer, self.lines, PROFILES, self.clock)
        self.executor.start()

    def close(self) -> None:
        """Stop both."""
        assert self.executor.stop()
        self.lines.stop()
        self.inbox.close()

    def ask(self, kind: str, device: str | None = "relay", expiry_s: int | None = 30, again: Command | None = None, **more: object) -> Command:
        """Give it a command as the uplink does."""
        command = again or self.command(kind, device, **more)
        self.executor.receive(encode_record(command), expiry_s)
        return command

    def command(self, kind: str, device: str | None = "relay", **more: object) -> Command:
        """A command that is valid for 30 s."""
        now_ms = self.clock.wall_ms()
        facts = {"id": str(uuid.uuid4()), "kind": kind, "key": "k", "device": device, "requested_by": "tester"}
        return Command.model_validate({**facts, "issued_at_ms": now_ms, "expires_at_ms": now_ms + 30_000, **more})

    def results(self, command: Command, final: bool = True) -> list[CommandResult]:
        """What was told of a command."""
        return [one for one in list(self.told) if one.id == command.id and (one.final or not final)]

    def _answer(self, results: list[CommandResult]) -> int:
        if self.full:
            raise StorageError("full")
        self.told += results
        return 1


@pytest.fixture
def desk(site: VirtualSite, tmp_path: Path) -> Iterator[Desk]:
    """A running executor."""
    one = Desk(tmp_path, site)
    for number in (1, 2, 3):
        site.set_state("relay", f"relay_{number}", 0)
    one.open()
    yield one
    one.close()


@pytest.fixture
def settled(desk: Desk, eventually: Callable[..., None]) -> Callable[[Command], CommandResult]:
    """`settled(command)`: its result, once it is there."""

    def wait(command: Command) -> CommandResult:
        eventually(lambda: desk.results(command), f"{command.kind} is settled")
        return desk.results(command)[-1]

    return wait
