"""The whole process against a real broker and its embedded database: killed in the middle of work, stopped on request."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from central.db.embedded import embedded
from central.db.migrate import migrate
from central.db.pool import Connection, connect
from central.settings import load_settings
from central.status import status
from protocol.messages import Ack, BatchId, LinesDocument, State, checksum, columns, decode_record, encode_readings, encode_record
from protocol.reading import Reading, SeriesKey
from protocol.topics import Down, Up, down, down_filter, up

pytestmark = [pytest.mark.needs_mosquitto]
_WAIT_S = 30.0


@dataclass
class Box:
    """A gateway that keeps every batch until it is acknowledged and sends what is missing again."""

    name: str
    port: int
    password: str
    acked: int = 0
    documents: list[LinesDocument] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=self.name, protocol=paho.MQTTv5)
        self.client.username_pw_set(self.name, self.password)
        self.client.on_connect = lambda *_: self.client.subscribe(down_filter(self.name), qos=1)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def send(self, seq: int) -> None:
        """Batch `seq`: ten readings of its own minute."""
        rows = [Reading(SeriesKey("m1", "energy_active_forward"), seq * 60_000 + n, seq) for n in range(10)]
        payload = encode_readings(BatchId(self.name, 1, 1, seq), columns(rows))
        properties = Properties(PacketTypes.PUBLISH)
        properties.UserProperty = [("crc32c", f"{checksum(payload):08x}")]
        self.client.publish(up(self.name, Up.DATA), payload, qos=1, properties=properties)

    def has_acked(self, seq: int) -> bool:
        return self.acked >= seq

    def _on_message(self, _client: Any, _userdata: Any, message: Any) -> None:
        if message.topic == down(self.name, Down.ACK):
            self.acked = max(self.acked, decode_record(Ack, message.payload).seq)
        elif message.topic == down(self.name, Down.DESIRED, "lines"):
            self.documents.append(decode_record(LinesDocument, message.payload))


@dataclass
class Place:
    """A data directory with the plan in its database, a broker, and processes started on both."""

    config: Path
    data: Path
    dsn: str
    port: int
    password: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, roles: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "central", "--config", str(self.config), "run", "--roles", roles]
        with (self.config.parent / "log").open("ab") as log:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        self.processes.append(process)
        return process


@pytest.fixture
def place(server_folder: Path, tmp_path: Path, mosquitto: Callable[..., Any], import_plan: Callable[..., Any]) -> Iterator[Place]:
    data = server_folder / tmp_path.name
    broker = mosquitto()
    (tmp_path / "password").write_text(broker.passwords["central"])
    config = tmp_path / "central.toml"
    config.write_text(f'data_dir = "{data}"\n[broker]\nport = {broker.port}\nusername = "central"\npassword_file = "password"\n')
    with embedded(data) as dsn:
        with connect(dsn, autocommit=True) as conn:
            migrate(conn)
            import_plan(conn)
        found = Place(config, data, dsn, broker.port, broker.passwords["gw-1"])
        yield found
        for process in found.processes:
            process.kill()
            process.wait(timeout=10)


@pytest.fixture
def box(place: Place) -> Iterator[Box]:
    opened = Box("gw-1", place.port, place.password)
    yield opened
    opened.close()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def stored(conn: Connection) -> int:
    row = conn.execute("select count(*) from reading").fetchone()
    return int(row[0])


def test_killed_central_loses_nothing_that_was_acknowledged(place: Place, box: Box):
    total, done = 400, threading.Event()

    def keep_sending() -> None:
        while not done.is_set():
            for seq in range(box.acked + 1, min(box.acked + 40, total) + 1):
                box.send(seq)
            done.wait(0.1)

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        for target in (60, 160, 260, total):
            process = place.start("ingest")
            until(partial(box.has_acked, target))
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=10)
            with connect(place.dsn) as conn:
                assert conn.execute("select count(*) from batch where seq <= %s", [box.acked]).fetchone() == (box.acked,)
    finally:
        done.set()
        sender.join()

    with connect(place.dsn) as conn:
        assert stored(conn) == total * 10
        assert conn.execute("select count(distinct value), sum(value) from reading").fetchone() == (total, 10 * total * (total + 1) // 2)
        assert conn.execute("select count(*) from quarantine").fetchone() == (0,)


def test_stop_request_is_obeyed_and_leaves_a_clean_exit(place: Place, box: Box):
    process = place.start("ingest,jobs")
    until(lambda: box.send(1) or box.has_acked(1))  # what is sent before ingest listens is dropped by the broker

    started = time.monotonic()
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=20) == 0
    assert time.monotonic() - started < 15


def test_gateway_gets_its_lines_and_its_state_is_known(place: Place, box: Box):
    place.start("jobs")
    box.client.publish(up("gw-1", Up.STATE), encode_record(State(state="online", at_ms=1, epoch=1)), qos=1, retain=True)
    until(lambda: box.documents)

    assert [device.id for device in box.documents[0].lines[0].devices] == ["m1", "m2"]
    with connect(place.dsn, autocommit=True) as conn:
        until(lambda: conn.execute("select state from gateway_status where gateway = 'gw-1'").fetchone() == ("online",))


def test_status_tells_the_site_as_json(place: Place):
    command = [sys.executable, "-m", "central", "--config", str(place.config), "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "CE_CENTRAL_WEB_PORT": "8081"})

    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["database"], facts["edition"], facts["devices"], facts["gateways"]) == ("ok", "plain", 3, 2)


def test_each_part_works_as_its_database_role(place: Place, box: Box):
    with connect(place.dsn, autocommit=True) as conn:
        conn.execute("create table worker (part text, role text)")
        conn.execute("grant insert on worker to public")
        conn.execute(
            "create function note_worker() returns trigger language plpgsql as "
            "$$ begin insert into worker values (current_setting('application_name'), current_user); return null; end $$"
        )
        for table in ("reading", "gateway_status"):
            conn.execute(f"create trigger note after insert or update on {table} execute function note_worker()".encode())
        place.start("ingest,jobs")
        box.client.publish(up("gw-1", Up.STATE), encode_record(State(state="online", at_ms=1, epoch=1)), qos=1, retain=True)
        until(lambda: box.send(1) or box.has_acked(1))
        until(lambda: conn.execute("select state from gateway_status where gateway = 'gw-1'").fetchone() == ("online",))

        workers = {(part, role) for part, role in conn.execute("select part, role from worker")}
        assert workers == {("central-ingest", "ce_ingest"), ("central-jobs", "ce_jobs")}
        leaders = conn.execute("select application_name from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory'").fetchall()
        assert {name for (name,) in leaders} == {"central-jobs"}
    assert status(load_settings(place.config, {}))["roles"] == "in force"
