"""A command delivered several times, too late, or to an agent that dies in the middle of it.

What is exercised: commands asked at central, sent by its rounds over a real broker to a real agent process (inbox, guard, line worker) that switches
relays on a baud-true virtual line. The oracle is the relay itself: behind each switch that was proved it is set back by hand, and the very bytes of
the command, and of earlier ones, are published again; a relay that moves then was switched twice. At the end everything comes once more, when the
rest that outputs need is over. Other commands are held back until their time is over, and some meet an agent that is killed at a random moment.
Judged: nothing moves twice, a late command moves nothing and is reported as expired, each command gets a result, and what a result says the relay
shows. Not covered: passwords and money, which the agent does not send.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from central.control import issue
from central.control.listing import get_command
from central.control.model import OPEN, Command
from central.control.rounds import ControlRounds, work_commands
from central.db.pool import connect, open_pool
from central.mqtt.session import Session
from central.settings import BrokerSettings
from firmware_profiles.loader import load_profiles
from protocol.messages import LinesDocument, encode_record
from provisioning.rehearse.broker import CENTRAL_USER
from tests.faults.chain import Chain, chain
from tests.faults.scenario import Outcome, Size
from tests.faults.virtual_line import Site, virtual_line
from tests.faults.wait import LONG_S, wait

TITLE = "command replay"
NEEDS = ("linux", "mosquitto")
_RELAY = "generic/lighting_relay_4ch"
_OUTPUTS = 4
_LIFE_S, _SHORT_S = 40, 5
_ROOT = Path(__file__).resolve().parents[2]


def run(chance: Random, size: Size) -> Outcome:
    """Switch, set back, replay; be late; die."""
    boxes, plain, late, killed = (2, 4, 2, 2) if size is Size.SLICE else (16, 40, 10, 14)
    with chain() as bed, virtual_line(_RELAY, boxes, 9600, lambda n: str(n + 1)) as site, _desk(bed, site) as desk:
        outputs = [(box, number) for box in range(boxes) for number in range(1, _OUTPUTS + 1)]
        chance.shuffle(outputs)
        tally = _Tally()
        held = [_hold_back(desk, outputs.pop()) for _ in range(late)]
        for _ in range(plain):
            _switch_and_replay(desk, chance, outputs.pop(), tally)
        for _ in range(killed):
            _die_in_the_middle(desk, chance, outputs.pop(), tally)
        for command, output in held:
            _deliver_late(desk, command, output, tally)
        _replay_everything(desk, range(boxes), tally)
    notes = [f"{tally.replays} replays", f"{tally.interrupted} interrupted", f"slowest result {tally.slowest_s:.2f} s"]
    return Outcome(tally.settled, tally.lost, tally.wrong, tally.twice, tuple(tally.failures), tuple(notes))


@dataclass
class _Tally:
    settled: int = 0
    lost: int = 0
    wrong: int = 0
    twice: int = 0
    replays: int = 0
    interrupted: int = 0
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)


@dataclass
class _Desk:
    """Central's side, the agent and the relays. `held`: commands that do not arrive, with what was sent; `said`: every other one as it was sent."""

    bed: Chain
    site: Site
    agent: _Agent
    session: Session
    held: dict[str, tuple[str, bytes] | None] = field(default_factory=dict)
    holding: threading.Lock = field(default_factory=threading.Lock)
    said: list[tuple[str, bytes]] = field(default_factory=list)

    def publish(self, topic: str, payload: bytes, *, retain: bool, expiry_s: int | None = None) -> bool:
        """As a session does, for the rounds."""
        with self.holding:
            kept = next((command for command in self.held if command.encode() in payload), None)
        if kept is not None:
            self.held[kept] = (topic, payload)
            return True
        if not self.session.publish(topic, payload, retain=retain, expiry_s=expiry_s):
            return False
        self.said.append((topic, payload))
        return True

    def again(self, topic: str, payload: bytes) -> None:
        """The same bytes once more, as valid as a network that held them back would make them."""
        wait(lambda: self.session.publish(topic, payload, retain=False, expiry_s=600), LONG_S, "a replay is handed over")

    def switch(self, box: int, number: int, on: bool, life_s: int = _LIFE_S) -> Command:
        """Ask for a switch."""
        name = f"relay_{number}_{'on' if on else 'off'}"
        request = issue.SwitchRequest(command=name, reason="fault test", expires_in_s=life_s, key=str(uuid.uuid4()))
        with connect(self.bed.dsn) as conn:
            return issue.ask_switch(conn, load_profiles(), self.site.device(box), request, "tester", _now_ms())

    def fence(self, box: int) -> None:
        """A read behind everything that was published: when it is settled, so is what came before."""
        with connect(self.bed.dsn) as conn:
            request = issue.ReadRequest(expires_in_s=_LIFE_S, key=str(uuid.uuid4()))
            read = issue.ask_read(conn, self.site.device(box), request, "tester", _now_ms())
        self.settled(read)

    def settled(self, command: Command) -> Command:
        """Its end, or as it is when that does not come."""
        with suppress(TimeoutError):
            wait(lambda: self.state(command).state not in OPEN, LONG_S, "a result")
        return self.state(command)

    def state(self, command: Command) -> Command:
        """As central knows it."""
        with connect(self.bed.dsn) as conn:
            return get_command(conn, command.id)

    def shows(self, box: int, number: int) -> int:
        """What the relay is, by its own word."""
        return self.site.truth(self.site.device(box), f"relay_{number}")

    def set_by_hand(self, box: int, number: int, value: int) -> None:
        """Move the relay behind everybody's back."""
        self.site.order(do="set_state", device=self.site.device(box), quantity=f"relay_{number}", value=value)


def _switch_and_replay(desk: _Desk, chance: Random, output: tuple[int, int], tally: _Tally) -> None:
    begun = time.monotonic()
    command = desk.settled(desk.switch(*output, on=True))
    tally.slowest_s = max(tally.slowest_s, time.monotonic() - begun)
    _count(tally, command)
    tally.wrong += command.state != "done" or desk.shows(*output) != 1
    _set_back_and_replay(desk, chance, output, tally)


def _set_back_and_replay(desk: _Desk, chance: Random, output: tuple[int, int], tally: _Tally) -> None:
    """Whatever comes again now must not move the relay."""
    desk.set_by_hand(*output, 0)
    repeats = [desk.said[-1]] * chance.randint(1, 4) + chance.choices(desk.said, k=2)
    for topic, payload in repeats:
        desk.again(topic, payload)
    tally.replays += len(repeats)
    desk.fence(output[0])
    tally.twice += desk.shows(*output) != 0


def _hold_back(desk: _Desk, output: tuple[int, int]) -> tuple[Command, tuple[int, int]]:
    """A command that leaves central and does not arrive."""
    with desk.holding:
        command = desk.switch(*output, on=True, life_s=_SHORT_S)
        desk.held[command.id] = None
    return command, output


def _deliver_late(desk: _Desk, command: Command, output: tuple[int, int], tally: _Tally) -> None:
    """It arrives when its time is over, from a broker that thinks it valid."""
    wait(lambda: desk.held[command.id] is not None and _now_ms() > command.expires_at_ms, LONG_S, "its time is over")
    desk.again(*(desk.held[command.id] or ("", b"")))
    wait(lambda: desk.state(command).code == "expired", LONG_S, "the gateway reports it as expired")
    tally.settled += 1
    tally.wrong += desk.state(command).state != "expired"
    tally.twice += desk.shows(*output) != 0


def _die_in_the_middle(desk: _Desk, chance: Random, output: tuple[int, int], tally: _Tally) -> None:
    command = desk.switch(*output, on=True)
    wait(lambda: any(command.id.encode() in payload for _, payload in desk.said), LONG_S, "the command is sent")
    time.sleep(chance.uniform(0, 0.12))
    desk.agent.kill()
    desk.agent.start()
    ended = desk.settled(command)
    _count(tally, ended)
    tally.interrupted += ended.code == "interrupted"
    seen = ended.evidence.seen if ended.evidence is not None else None
    tally.wrong += seen is not None and seen != desk.shows(*output)
    tally.wrong += ended.state not in ("done", "unknown")
    _set_back_and_replay(desk, chance, output, tally)


def _replay_everything(desk: _Desk, boxes: range, tally: _Tally) -> None:
    """Every relay stands as it was set by hand; it must stand so when all that was ever sent comes once more."""
    for topic, payload in list(desk.said):
        desk.again(topic, payload)
        tally.replays += 1
    for box in boxes:
        desk.fence(box)
    tally.twice += sum(desk.shows(box, number) != 0 for box in boxes for number in range(1, _OUTPUTS + 1))


def _count(tally: _Tally, command: Command) -> None:
    tally.settled += command.state not in OPEN
    tally.lost += command.state in OPEN or command.state == "expired"


class _Agent:
    """The whole edge program on a folder of its own, killed and started again on the same state."""

    def __init__(self, bed: Chain, site: Site, gateway: str) -> None:
        self._folder = bed.folder / "agent"
        self._folder.mkdir()
        (self._folder / "password").write_text(bed.broker.passwords[gateway])
        (self._folder / "lines.json").write_bytes(encode_record(LinesDocument(gateway=gateway, version=1, lines=(site.line,))))
        uplink = f'[uplink]\nhost = "{bed.broker.host}"\nport = {bed.broker.port}\nusername = "{gateway}"\npassword_file = "password"\n'
        (self._folder / "edge.toml").write_text(f'gateway = "{gateway}"\nstate_dir = "state"\n{uplink}[lines]\nfile = "lines.json"\n')

    def start(self) -> None:
        """Start, on what is there."""
        command = [sys.executable, "-m", "edge_agent", "--config", str(self._folder / "edge.toml"), "run"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=_ROOT, env=dict(os.environ), stdin=subprocess.DEVNULL, stderr=log)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()


@contextmanager
def _desk(bed: Chain, site: Site) -> Iterator[_Desk]:
    """The agent connected, central's rounds running."""
    gateway = "gw-1"
    with connect(bed.dsn, autocommit=True) as conn:
        for device in site.line.devices:
            conn.execute(
                "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position) "
                "values (%s, %s, 'relay', %s, 'campus', %s, 'l1', 'r', 'r', 0)",
                [device.id, _RELAY, device.address, gateway],
            )
    settings = BrokerSettings(
        host=bed.broker.host, port=bed.broker.port, username=CENTRAL_USER, password_file=_secret(bed, bed.broker.passwords[CENTRAL_USER])
    )
    session, stop = Session(settings, f"central-control-{uuid.uuid4().hex[:6]}", (), 10), threading.Event()
    agent = _Agent(bed, site, gateway)
    desk = _Desk(bed, site, agent, session)
    session.start()
    agent.start()
    with open_pool(bed.dsn, max_size=2) as pool:
        rounds = ControlRounds(desk, time.time)
        thread = threading.Thread(target=work_commands, args=(rounds, pool, stop, lambda: None), daemon=True)
        thread.start()
        try:
            desk.fence(0)
            yield desk
        finally:
            stop.set()
            thread.join(20)
            session.stop()
            agent.kill()


def _secret(bed: Chain, password: str) -> Path:
    path = bed.folder / "control-password"
    path.write_text(password)
    return path


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
