"""The whole agent as a process: virtual meters on one side, a real broker on the other."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.__main__ import main
from protocol.messages import Ack, Columns, LinesDocument, Reported, ReportedDocument, decode_record, decode_stored, encode_record
from protocol.topics import UP_STORED, Up, parse_up

STOP_S = 5.0


def document(site, version: int, **changes) -> LinesDocument:
    lines = tuple(line.model_copy(update=changes) for line in site.rewritten_plan().gateways[0].lines)
    return LinesDocument(gateway="gw-1", version=version, lines=lines)


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(30)
        yield channel


@pytest.fixture
def start_agent(tmp_path, manager):
    started = []

    def start(text: str = "", **environment: str) -> subprocess.Popen[bytes]:
        config = tmp_path / "edge.toml"
        config.write_text(f'gateway = "gw-1"\nstate_dir = "state"\n{text}')
        command = [sys.executable, "-m", "edge_agent", "--config", str(config), "run"]
        variables = os.environ | {"NOTIFY_SOCKET": manager.getsockname()} | environment
        with (tmp_path / "log").open("ab") as log:
            started.append(subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def stop(process) -> float:
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    return time.monotonic() - began


def told(manager, word: bytes) -> bool:
    """Whether the service manager hears this word before it gives up listening."""
    try:
        while word not in manager.recv(4096):
            pass
    except TimeoutError:
        return False
    return True


def status(tmp_path, capsys) -> dict:
    assert main(["--config", str(tmp_path / "edge.toml"), "status", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


class Ear:
    """A central that hears gw-1 and acks every batch."""

    def __init__(self, broker) -> None:
        self.messages: queue.Queue = queue.Queue()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="central", protocol=mqtt.MQTTv5)
        self.client.username_pw_set("central", broker.passwords["central"])
        self.client.on_connect = lambda client, *_: client.subscribe("ce/v1/+/up/#", qos=1)
        self.client.on_message = lambda _client, _data, message: self._hear(message)
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()

    def next(self, *channels: Up):
        """Payload of the next message in one of the channels; a stored one as (identity, content)."""
        while True:
            channel, payload = self.messages.get(timeout=30)
            if channel in channels:
                return decode_stored(payload) if channel in UP_STORED else payload

    def report(self, wanted: Callable[[ReportedDocument], bool]) -> ReportedDocument:
        """The next answer about the lines that is as wanted."""
        while True:
            answer = decode_record(Reported, self.next(Up.REPORTED)).documents.get("lines")
            if answer is not None and wanted(answer):
                return answer

    def publish(self, topic: str, record) -> None:
        self.client.publish(topic, encode_record(record), qos=1, retain=True).wait_for_publish(10)

    def _hear(self, message) -> None:
        channel = parse_up(message.topic)[1]
        if channel in UP_STORED:
            batch, _ = decode_stored(message.payload)
            ack = Ack(generation=batch.generation, epoch=batch.epoch, seq=0, also=((batch.seq, batch.seq),))
            self.client.publish("ce/v1/gw-1/down/ack", encode_record(ack), qos=1, retain=True)
        self.messages.put((channel, message.payload))


@pytest.fixture
def ear(mosquitto):
    broker = mosquitto()
    one = Ear(broker)
    one.broker = broker
    yield one
    one.client.disconnect()
    one.client.loop_stop()


@pytest.fixture
def uplink(ear, tmp_path):
    (tmp_path / "password").write_text(ear.broker.passwords["gw-1"])
    return f'[uplink]\nhost = "127.0.0.1"\nport = {ear.broker.port}\nusername = "gw-1"\npassword_file = "password"\nreconnect_max_s = 1\n'


@pytest.mark.needs_mosquitto
def test_meters_reach_central_by_a_document_from_central(virtual_site, ear, uplink, start_agent, manager, tmp_path, capsys):
    ear.publish("ce/v1/gw-1/down/desired/lines", document(virtual_site, 3))
    process = start_agent(uplink)
    assert told(manager, b"READY=1")

    devices: set[str] = set()
    while devices != {"m-1", "m-2"}:
        _, content = ear.next(Up.DATA, Up.BACKFILL)
        assert isinstance(content, Columns)
        devices |= {key.device for key in content.series}
    assert stop(process) < STOP_S

    shown = status(tmp_path, capsys)
    assert (shown["running"], shown["lines_version"], shown["lines"]) == (False, 3, [{"id": "l1", "devices": 2}])
    assert {reading["device"] for reading in shown["readings"]} == {"m-1", "m-2"}


@pytest.mark.needs_mosquitto
def test_refused_document_is_reported_and_the_old_one_polls_on(virtual_site, ear, uplink, start_agent):
    ear.publish("ce/v1/gw-1/down/desired/lines", document(virtual_site, 3))
    start_agent(uplink)
    ear.report(lambda answer: answer.version == 3)
    broken = document(virtual_site, 4)
    device = broken.lines[0].devices[0].model_copy(update={"profile": "no/such"})
    line = broken.lines[0].model_copy(update={"devices": (device,)})
    ear.publish("ce/v1/gw-1/down/desired/lines", broken.model_copy(update={"lines": (line,)}))

    answer = ear.report(lambda answer: answer.error is not None)
    assert (answer.version, answer.refused_version) == (3, 4)
    assert "no/such" in answer.error


def test_local_file_polls_without_a_server_and_survives_a_restart(virtual_site, start_agent, manager, tmp_path, capsys, eventually):
    (tmp_path / "lines.json").write_bytes(encode_record(document(virtual_site, 1)))
    process = start_agent('[lines]\nfile = "lines.json"\n')
    assert told(manager, b"READY=1")
    eventually(lambda: status(tmp_path, capsys)["readings"], "readings in the outbox")
    assert status(tmp_path, capsys)["running"]
    assert stop(process) < STOP_S
    before = status(tmp_path, capsys)

    process = start_agent('[lines]\nfile = "lines.json"\n')
    eventually(lambda: status(tmp_path, capsys)["last_seq"] > before["last_seq"], "more readings")

    assert status(tmp_path, capsys)["epoch"] == before["epoch"]
    stop(process)


def test_hangup_reads_the_local_file_again(virtual_site, start_agent, manager, tmp_path, eventually):
    path = tmp_path / "lines.json"
    path.write_bytes(encode_record(document(virtual_site, 1)))
    process = start_agent('[lines]\nfile = "lines.json"\n')
    assert told(manager, b"READY=1")

    path.write_bytes(encode_record(document(virtual_site, 2, devices=())))
    process.send_signal(signal.SIGHUP)

    eventually(lambda: "1 changed" in (tmp_path / "log").read_text(), "the line changes")
    stop(process)


def test_watchdog_is_fed_while_threads_progress(start_agent, manager):
    process = start_agent(WATCHDOG_USEC="300000")

    assert told(manager, b"READY=1")
    assert told(manager, b"WATCHDOG=1")
    stop(process)
    assert told(manager, b"STOPPING=1")


def test_second_agent_on_one_state_folder_is_refused(start_agent, manager):
    start_agent()
    assert told(manager, b"READY=1")

    second = start_agent()

    assert second.wait(30) == 1


@pytest.mark.parametrize(
    ("text", "code", "shown"),
    [
        ('gateway = "gw-1"\nstate_dir = "state"\n', 0, "valid, gateway gw-1, no lines yet"),
        ('gateway = "gw-1"\nwrong = 1\n', 2, "edge.toml:2: wrong: unknown key"),
        ('gateway = "gw-1"\n[lines]\nfile = "none.json"\n', 2, "none.json is missing"),
    ],
)
def test_check_config_says_what_is_wrong(tmp_path, capsys, text, code, shown):
    config = tmp_path / "edge.toml"
    config.write_text(text)

    assert main(["--config", str(config), "check-config"]) == code

    output = capsys.readouterr()
    assert shown in output.out + output.err
