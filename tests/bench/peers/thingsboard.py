"""ThingsBoard IoT Gateway's Modbus connector on our virtual line: the whole gateway as its own process, from its own environment.

Exactly how it is configured (thingsboard-gateway 3.8.5 with the pymodbus 3.9.2 it asks for):
  Modbus connector, one slave per meter: type serial, method rtu, 8N1, byteOrder and wordOrder BIG, one `timeseries` tag of type bytes per read,
  which is as few exchanges as a user can get out of it. pollPeriod 1000 ms, far below what the line can do: each slave's timer puts it in
  the connector's queue, the connector works one serial slave after the other without pause, so the line always has work queued.
    defaults         timeout 35 s and retries true (= 3) as in the shipped modbus_serial.json, no delayBetweenRequestsMs
    defaults + gap   the same with delayBetweenRequestsMs = gap + 1 ms (the connector counts in whole milliseconds and would fall short by up to one)
    tuned            timeout = longest exchange on the wire + 200 ms, retries 0, delayBetweenRequestsMs = gap + 1 ms
  Gateway: as shipped (memory storage, QoS 1, reportStrategy ON_RECEIVED) but for remoteConfiguration, remoteShell and statistics, which are off
  and save it work. Its platform is a mosquitto on loopback and `_Platform` here, which answers the question for session limits (without
  an answer the gateway keeps its data to itself) so that the gateway's defaults hold: no limit for a platform that is not the maker's.
Over TCP (method rtu) the connector polls its slaves at the same time and keeps no gap between them, so only the serial figures are comparable.
The gateway asks its maker for updates at start; a dead proxy in its environment keeps that inside this machine.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from protocol.errors import PortUnavailable
from protocol.site_plan import SerialPort, TcpClientPort
from provisioning.rehearse.broker import find_mosquitto
from tests.bench.peers.poll import Manners, Read

STOCK = Manners("defaults", timeout_s=35.0, retries=3, pause_s=0.0)
PACKAGES = ("thingsboard-gateway==3.8.5", "pymodbus==3.9.2", "pyserial", "pyserial-asyncio")  # the last three it would fetch at its first start
_VENV = Path(__file__).resolve().parents[3] / ".cache" / "peers" / "thingsboard"
_DONE = "peer-installed"  # written last, so that half an installation does not count
_INSTALL_S = 600
_START_S = 60.0
_SETTLE_S = 3.0  # start-up work beside the first polls is no part of the measurement
_ROUND_S = 20.0  # nor is the first round, in which it introduces each meter to its platform; a round stuck on dead meters is not waited for
_LOG = logging.getLogger(__name__)
_ASKED, _ANSWER, _CONNECT, _TELEMETRY = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/", "v1/gateway/connect", "v1/gateway/telemetry"
_POLL_PERIOD_MS = 1000
_NOWHERE = "http://127.0.0.1:9"


def installed() -> Path | None:
    """The Python of the peer's own environment, or None when it is not installed in these versions."""
    python, done = _VENV / "bin" / "python", _VENV / _DONE
    return python if python.exists() and done.exists() and done.read_text(encoding="utf-8").split() == list(PACKAGES) else None


def install() -> Path | None:
    """Make the peer's environment under .cache with pip; print the reason and return None if that does not work."""
    if (python := installed()) is not None:
        return python
    pip = [str(_VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
    try:
        _VENV.parent.mkdir(parents=True, exist_ok=True)
        for command in ([sys.executable, "-m", "venv", "--clear", str(_VENV)], pip):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_S)
    except subprocess.CalledProcessError as error:
        print(f"thingsboard-gateway left out: {' '.join(error.cmd[1:4])} failed: {error.stderr.strip().splitlines()[-1:]}")
        return None
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"thingsboard-gateway left out: {error}")
        return None
    (_VENV / _DONE).write_text("\n".join(PACKAGES) + "\n", encoding="utf-8")
    return installed()


def missing() -> str | None:
    """Why this peer cannot run here, or None. Does not install anything."""
    if installed() is None:
        return "thingsboard-gateway is not installed; call install() first"
    return None if find_mosquitto() else "no mosquitto found; the gateway needs a broker"


def measure(
    port: SerialPort | TcpClientPort,
    meters: int,
    seconds: float,
    *,
    reads: Sequence[Read],
    baud: int = 9600,
    manners: Manners = STOCK,
    on_polling: Callable[[], None] = lambda: None,
) -> None:
    """Let the gateway poll units 1..`meters`; `on_polling` is called once it polls steadily, `seconds` count from then, then it is ended.

    Raises PortUnavailable with the gateway's last words if it does not begin to poll within 60 s. A run in which no reading reached
    its platform is logged as a warning: the line's figures stand, but they are not those of a gateway that works.
    """
    python, mosquitto = installed(), find_mosquitto()
    if python is None or mosquitto is None:
        raise PortUnavailable(f"ThingsBoard gateway cannot run: {missing()}")
    with tempfile.TemporaryDirectory(prefix="thingsboard-") as name, _broker(mosquitto, Path(name)) as broker_port:
        folder, platform = Path(name), _Platform(broker_port, meters)
        _write_settings(folder / "config", broker_port, _connector(port, meters, reads, baud, manners))
        with platform, _gateway(python, folder) as process:
            _await_polling(process, folder / "output.log")
            time.sleep(_SETTLE_S)
            platform.all_known.wait(_ROUND_S)
            on_polling()
            time.sleep(seconds)
        if not platform.published:
            _LOG.warning(
                "ThingsBoard gateway (%s) published no reading in this run; %d of %d meters introduced", manners.name, len(platform.known), meters
            )


class _Platform:
    """The little of a platform that the gateway needs. `known`: meters introduced so far; `published`: telemetry messages received."""

    def __init__(self, port: int, meters: int) -> None:
        self.known: set[str] = set()
        self.published = 0
        self.all_known = threading.Event()
        self._port, self._meters = port, meters
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.on_connect = self._on_connect

    def __enter__(self) -> None:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe([(topic, 0) for topic in (f"{_ASKED}+", _CONNECT, _TELEMETRY)])

    def _on_message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.topic.startswith(_ASKED):
            client.publish(_ANSWER + message.topic.removeprefix(_ASKED), '{"error": "no limits here"}', qos=1)
        elif message.topic == _TELEMETRY:
            self.published += 1
        else:
            self.known.add(json.loads(message.payload)["device"])
            if len(self.known) >= self._meters:
                self.all_known.set()


def _connector(port: SerialPort | TcpClientPort, meters: int, reads: Sequence[Read], baud: int, manners: Manners) -> dict[str, Any]:
    """The connector's configuration file."""
    if isinstance(port, SerialPort):
        way: dict[str, Any] = {"type": "serial", "port": port.path, "baudrate": baud, "stopbits": 1, "bytesize": 8, "parity": "N"}
    else:
        way = {"type": "tcp", "host": port.host, "port": port.port}
    common = way | {
        "method": "rtu",
        "byteOrder": "BIG",
        "wordOrder": "BIG",
        "timeout": manners.timeout_s,
        "retries": manners.retries,
        "pollPeriod": _POLL_PERIOD_MS,
        "delayBetweenRequestsMs": round(manners.pause_s * 1000) + 1 if manners.pause_s else 0,
        "timeseries": [
            {"tag": f"registers_{read.first:04x}", "type": "bytes", "functionCode": read.function, "objectsCount": read.count, "address": read.first}
            for read in reads
        ],
    }
    slaves = [common | {"unitId": unit, "deviceName": f"meter-{unit}"} for unit in range(1, meters + 1)]
    return {"name": "line", "logLevel": "INFO", "master": {"slaves": slaves}}


def _write_settings(folder: Path, broker_port: int, connector: dict[str, Any]) -> None:
    """The gateway's configuration folder: main settings from the shipped file, the connector, the shipped log settings."""
    shipped = _shipped()
    main = json.loads((shipped / "tb_gateway.json").read_text(encoding="utf-8"))
    main["thingsboard"] |= {"host": "127.0.0.1", "port": broker_port, "remoteConfiguration": False, "remoteShell": False}
    main["thingsboard"] |= {"security": {"type": "accessToken", "accessToken": "bench"}, "statistics": {"enable": False}}
    main["connectors"] = [{"type": "modbus", "name": "line", "configuration": "modbus.json"}]
    folder.mkdir()
    (folder / "tb_gateway.json").write_text(json.dumps(main), encoding="utf-8")
    (folder / "modbus.json").write_text(json.dumps(connector), encoding="utf-8")
    (folder / "logs.json").write_text((shipped / "logs.json").read_text(encoding="utf-8"), encoding="utf-8")


def _shipped() -> Path:
    return next((_VENV / "lib").glob("python3.*/site-packages/thingsboard_gateway/config"))


@contextmanager
def _gateway(python: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the gateway; it is ended by SIGTERM, which it does not catch: its own clean-up touches fixed names under /tmp."""
    env = os.environ | dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE)
    env |= {"TB_GW_CONFIG_DIR": str(folder / "config"), "NO_PROXY": "", "no_proxy": "", "PYTHONUNBUFFERED": "1"}
    start = "from thingsboard_gateway.tb_gateway import main; main()"
    with (folder / "output.log").open("wb") as log:
        process = subprocess.Popen([str(python), "-c", start], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    finally:
        _end(process)


def _await_polling(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the connector's line about its first slave."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        if "Connected to meter-" in log.read_text(encoding="utf-8", errors="replace"):
            return
        time.sleep(0.1)
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
    raise PortUnavailable(f"ThingsBoard gateway did not begin to poll within {_START_S:g} s; its last lines:\n{tail}")


@contextmanager
def _broker(mosquitto: str, folder: Path) -> Iterator[int]:
    """A broker on loopback that lets everybody in."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    config = folder / "mosquitto.conf"
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "persistence false",
        "log_type none",
        *(["user root"] if os.geteuid() == 0 else []),
    ]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    process = subprocess.Popen([mosquitto, "-c", str(config)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_listener(port)
        yield port
    finally:
        _end(process)


def _await_listener(port: int) -> None:
    until = time.monotonic() + 5
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
