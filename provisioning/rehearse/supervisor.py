"""`provision rehearse`: broker, virtual site, central and agents as child processes, started in order, kept alive, stopped in reverse."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from firmware_profiles.loader import load_profiles
from protocol.errors import ConfigError, ProgramFailed
from protocol.profile import AnyProfile
from protocol.site_plan import SitePlan, parse_site_plan
from provisioning.plan_check import check_plan
from provisioning.rehearse.broker import CENTRAL_USER, BrokerFiles, find_mosquitto, write_broker_files, write_secret
from provisioning.rehearse.central_api import PAST_PERMISSIONS, PERMISSIONS, CentralApi
from provisioning.rehearse.child import Child, Program, adopt_orphans, end_orphans, reap_orphans
from provisioning.rehearse.console import Console
from provisioning.rehearse.door import hand_in
from provisioning.rehearse.folder import Folder, owned, port_is_free
from provisioning.rehearse.history import MAX_METERS, History, Meter, dated, history_of, letters_of, live_through, meters_of, note_stored
from provisioning.rehearse.iot import PAST_DAYS, IotGround, iot_ground, mqtt_users, player
from provisioning.rehearse.prices import TARIFFS, holiday
from provisioning.rehearse.settings_files import BrokerAccess, agent_settings, central_settings, web_address

_LOOPBACK = "127.0.0.1"
_DEFAULT_PORT = 8080
_TICK_S = 0.1
_ASK_TIMEOUT_S = 60
_REAP_EVERY_TICKS = 10
_COMPUTED_WITHIN_S = 20.0
_MAX_DEATHS_AT_START = 3  # a program that dies this often before it is ready will not get ready


@dataclass(frozen=True, slots=True)
class Options:
    """What `provision rehearse` was asked for. `gateways`: how many agents to start at most, None for all of the plan.

    `reports_every_s`: pace of the meters that report by themselves. `history_days`: made-up past of a fresh folder, 0 for none.
    """

    site: Path
    data: Path
    host: str = _LOOPBACK
    port: int | None = None
    gateways: int | None = None
    unattended: bool = False
    reports_every_s: int = 60
    history_days: int = 0


class _Stopped(Exception):  # a request of the user, no error
    """Ctrl-C or SIGTERM came."""


def rehearse(options: Options, stream: TextIO) -> int:
    """Run a rehearsal until SIGINT or SIGTERM; return 0 after a clean stop. Raises CampusError if it cannot start."""
    console = Console(stream, options.unattended)
    stop = _StopRequest()
    with stop.listening(), owned(options.data.resolve(), console.note) as (folder, lock):
        adopt_orphans()
        run = _Rehearsal(options, folder, lock, console, stop)
        try:
            run.start()
            run.keep()
        except _Stopped:
            pass
        finally:
            run.stop()
    return 0


class _StopRequest:
    """Remembers that the user wants to stop."""

    def __init__(self) -> None:
        self.wanted = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT, SIGTERM and SIGHUP as the wish to stop while the block runs."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, lambda _number, _frame: self._want()) for number in numbers]
        yield
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise _Stopped if the user wants to stop."""
        if self.wanted:
            raise _Stopped

    def _want(self) -> None:
        self.wanted = True


class _Rehearsal:
    """The programs of one rehearsal. `start` raises CampusError with the failing program's last words."""

    def __init__(self, options: Options, folder: Folder, lock: int, console: Console, stop: _StopRequest) -> None:
        self._options = options
        self._folder = folder
        self._lock = lock
        self._console = console
        self._stop = stop
        self._stages: list[list[Child]] = []  # started in this order, stopped in reverse
        self._ticks = 0

    def start(self) -> None:
        """Start everything, one line a step, and say where to look."""
        step, profiles = self._console.step, load_profiles().profiles
        plan = self._plan(profiles)
        step("plan", f"{plan.site.name.en}: {len(plan.gateways)} gateways, {sum(1 for _ in plan.placed())} devices")
        chosen = [gateway.id for gateway in plan.gateways][: self._options.gateways]
        iot = iot_ground(plan, self._folder, self._options.reports_every_s)
        history, meters = self._past(plan, profiles, chosen)
        access = self._start_broker([CENTRAL_USER, *chosen, *mqtt_users(plan.reporting_devices)])
        step("broker", f"mosquitto on {_LOOPBACK}:{access[CENTRAL_USER].port}")
        plan_text = self._start_virtual_site(chosen, history)
        step("meters", f"virtual lines of {len(chosen)} gateways are powered")
        config, address = self._start_central(access[CENTRAL_USER], iot)
        step("central", f"serving {address}")
        api = self._authorised(config, address, PERMISSIONS + (PAST_PERMISSIONS if meters else ()))
        counts = api.import_plan(plan_text)
        step("site plan", _told(counts))
        if iot is not None:
            days = PAST_DAYS if history is None else history.days + 2
            self._launch([("iot-meters", player(iot, self._options.site.resolve(), self._folder, address, access[CENTRAL_USER], days))])
            step("iot", iot.told)
        if history is not None and meters:
            step("history", self._store_past(api, history, meters, [access[gateway] for gateway in chosen]))
        started_ms = int(time.time() * 1000)
        self._start_agents([access[gateway] for gateway in chosen])
        step("agents", f"{len(chosen)} started")
        live = self._wait(lambda: api.devices_heard(started_ms) or None, "the first live values", 180)
        step("live", f"{live} devices are online")
        self._invite(config, address, iot, history)

    def keep(self) -> None:
        """Restart what dies until the user wants to stop."""
        while True:
            self._tick()

    def stop(self) -> None:
        """Stop everything in reverse order and leave nothing behind."""
        self._console.note("stopping ...")
        for stage in reversed(self._stages):
            for child in stage:
                child.ask_to_stop()
            for child in stage:
                if not child.finish():
                    self._console.note(f"{child.program.name} did not stop by itself and was killed")
        left = end_orphans()
        if left:
            self._console.note(f"{left} processes left behind by killed programs were ended")
        self._console.event("stopped")
        self._console.note(f"stopped; data stays in {self._folder.root}")

    def _plan(self, profiles: Mapping[str, AnyProfile]) -> SitePlan:
        try:
            text = self._options.site.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self._options.site}: cannot be read: {error}; give the path of a site plan with --site") from error
        report = check_plan(text, str(self._options.site), profiles)
        if report.plan is None:
            raise ConfigError("\n".join(report.mistakes))
        return report.plan

    def _past(self, plan: SitePlan, profiles: Mapping[str, AnyProfile], gateways: list[str]) -> tuple[History | None, list[Meter]]:
        """The folder's made-up past, if it has or gets one, and the meters whose part of it central does not have yet."""
        devices = sum(1 for _ in plan.devices())
        days = self._options.history_days if devices <= MAX_METERS else 0
        if days != self._options.history_days:
            self._console.note(f"no past is made up: the plan has {devices} devices on lines, and more than {MAX_METERS} would take too long")
        history = history_of(self._folder, plan, days, time.time())
        if history is None or history.stored:
            return history, []
        meters = meters_of(history, plan, profiles, gateways)
        live_through(self._folder, history, meters)
        return history, meters

    def _store_past(self, api: CentralApi, history: History, meters: Sequence[Meter], brokers: Sequence[BrokerAccess]) -> str:
        """Hand the past in, wait a little until it is computed, and say what was done."""
        for tariff, body in TARIFFS.items():
            api.put(f"tariffs/{tariff}/{history.first_day}", body)
        if history.holiday is not None:
            api.put("calendar-days", [holiday(history.holiday)])
        stored = 0
        for broker in brokers:
            self._stop.check()
            letters, readings = letters_of(history, broker.username, meters)
            hand_in(broker, history.epoch, letters)
            stored += readings
        note_stored(self._folder, history)
        deadline = time.monotonic() + _COMPUTED_WITHIN_S
        while not (computed := api.is_computed()) and time.monotonic() < deadline:
            self._tick()
        how = "consumption is computed" if computed else "consumption is being computed"
        return f"{history.days} days, made up for this rehearsal: {stored:,} readings stored, {how}"

    def _start_broker(self, users: list[str]) -> dict[str, BrokerAccess]:
        binary = find_mosquitto()
        if binary is None:
            raise ConfigError("mosquitto is not installed; run 'make demo', which fetches it, or install the package 'mosquitto'")
        port = self._folder.port("broker")
        files = BrokerFiles(self._folder.root / "broker", self._folder.root / "broker" / "data")
        write_broker_files(files, port, {user: self._folder.secret(f"broker-{user}") for user in users})
        child = self._launch([("broker", (binary, "-c", str(files.config)))])[0]
        self._wait(lambda: not port_is_free(port) or None, "the broker", 15, child)
        return {user: BrokerAccess(_LOOPBACK, port, user, self._folder.secret_file(f"broker-{user}")) for user in users}

    def _start_virtual_site(self, gateways: list[str], history: History | None) -> str:
        """Start the virtual lines; return the plan with their ports, and since when its meters stand there, as text."""
        control = self._folder.port("virtual-control")
        self._folder.plan.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "provisioning.virtual",
            "--plan",
            str(self._options.site.resolve()),
            "--folder",
            str(self._folder.root / "virtual"),
        ]
        command += ["--control", str(control), "--write-plan", str(self._folder.plan)]
        command += [word for gateway in gateways for word in ("--gateway", gateway)]
        child = self._launch([("virtual-site", tuple(command))])[0]
        self._wait(lambda: (self._folder.plan.exists() and not port_is_free(control)) or None, "the virtual site", 120, child)
        text = self._folder.plan.read_text(encoding="utf-8")
        if history is None:
            return text
        return dated(parse_site_plan(text, self._folder.plan.name), history).model_dump_json(by_alias=True, indent=1)

    def _start_central(self, broker: BrokerAccess, iot: IotGround | None) -> tuple[Path, str]:
        port = self._web_port()
        config = self._folder.root / "central.toml"
        home = self._folder.central()
        if not home.is_relative_to(self._folder.root):
            self._console.note(f"{self._folder.root} is closed to other users, so the database lies in {home}")
        write_secret(config, central_settings(home, broker, self._options.host, port, iot.ways if iot is not None else None))
        child = self._launch([("central", (sys.executable, "-m", "central", "--config", str(config), "run"))], grace_s=30)[0]
        address = web_address(self._options.host, port)
        self._wait(lambda: CentralApi(address).is_up() or None, "central", 180, child)
        return config, address

    def _web_port(self) -> int:
        wanted = self._options.port
        if wanted is None:
            return self._folder.port("web", _DEFAULT_PORT, self._options.host)
        if not port_is_free(wanted, self._options.host):
            raise ConfigError(f"port {wanted} is taken by another program; stop that program or choose another port with --port")
        return wanted

    def _authorised(self, config: Path, address: str, permissions: Sequence[str]) -> CentralApi:
        """The API with a token that works: the stored one, else a new one."""
        if self._folder.token.is_file():
            api = CentralApi(address, self._folder.token.read_text(encoding="utf-8").strip())
            if api.token_works():
                return api
            self._folder.token.unlink()
        self._folder.token.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"rehearse-{int(time.time())}"
        arguments = ("token", "create", "--name", name, "--permissions", ",".join(permissions), "--out", str(self._folder.token))
        self._ask_central(config, *arguments)
        return CentralApi(address, self._folder.token.read_text(encoding="utf-8").strip())

    def _start_agents(self, brokers: list[BrokerAccess]) -> None:
        programs = []
        for broker in brokers:
            home = self._folder.root / "gateways" / broker.username
            home.mkdir(parents=True, exist_ok=True)
            config = home / "agent.toml"
            write_secret(config, agent_settings(broker.username, home / "data", broker))
            programs.append((broker.username, (sys.executable, "-m", "edge_agent", "--config", str(config), "run")))
        self._launch(programs)

    def _invite(self, config: Path, address: str, iot: IotGround | None, history: History | None) -> None:
        try:
            link = self._ask_central(config, "admin-link").strip().splitlines()[-1]
        except ProgramFailed:
            link = ""
        seconds = self._console.seconds
        first = f"first administrator (works once): {link}" if link else "log in with the account you made before"
        reporting = [iot.told] if iot is not None else []
        if history is not None:
            reporting.append(f"figures from {history.first_day} until the first start are made up for this rehearsal; no meter was read")
        self._console.block([f"ready after {seconds:.1f} s: {address}", first, *reporting, f"logs: {self._folder.root / 'logs'}    stop: Ctrl-C"])
        self._console.event("ready", address=address, admin_link=link or None)

    def _launch(self, programs: Sequence[tuple[str, tuple[str, ...]]], grace_s: float = 15) -> list[Child]:
        stage = [
            Child(Program(name, command, self._folder.log(name), grace_s=grace_s, keep_open=(self._lock,)), self._console.note)
            for name, command in programs
        ]
        self._stages.append(stage)
        for child in stage:
            child.start()
        return stage

    def _ask_central(self, config: Path, *arguments: str) -> str:
        """Run a central command beside the running central; return its standard output."""
        command = [sys.executable, "-m", "central", "--config", str(config), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise ProgramFailed(f"'central {' '.join(arguments)}' did not end within {_ASK_TIMEOUT_S} s") from error
        if done.returncode != 0:
            raise ProgramFailed(f"'central {' '.join(arguments)}' ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def _wait(self, ready: Callable[[], int | None], what: str, limit_s: float, child: Child | None = None) -> int:
        """Tick until `ready` returns something; raise ProgramFailed after the limit or when the program keeps dying."""
        deadline = time.monotonic() + limit_s
        while (result := ready()) is None:
            self._tick()
            why = None
            if time.monotonic() > deadline:
                why = f"it took more than {limit_s:.0f} s"
            elif child is not None and child.restarts >= _MAX_DEATHS_AT_START:
                why = f"it keeps ending, with these last words:\n{child.tail()}"
            if why is not None:
                raise ProgramFailed(f"{what} did not get ready: {why}\n  next step: look into {self._folder.root / 'logs'}")
        return result

    def _tick(self) -> None:
        self._stop.check()
        children = [child for stage in self._stages for child in stage]
        for child in children:
            child.tend()
        self._ticks += 1
        if self._ticks % _REAP_EVERY_TICKS == 0:
            reap_orphans({child.pid for child in children if child.pid is not None})
        time.sleep(_TICK_S)


def _told(counts: Mapping[str, Any] | None) -> str:
    if counts is None:
        return "not imported: meters or points were changed at the console since; the site stays so (export it: GET /api/v1/site-plan)"
    return f"imported: {counts['created']} new, {counts['updated']} changed, {counts['unchanged']} as before"
