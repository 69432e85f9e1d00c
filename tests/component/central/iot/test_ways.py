"""Real sockets and a real broker, with virtual meters whose frames and MQTT are not ours."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from central.db.pool import Connection, Pool
from central.iot.broker import WINDOW, work_reports
from central.iot.commands import CommandRequest, create_command, get_command
from central.iot.listen import listen_tcp, listen_udp
from central.mqtt.session import Session
from central.settings import BrokerSettings, IotSettings
from protocol.topics import iot_report_filter
from provisioning.virtual.iot import IotMeter
from provisioning.virtual.iot_ways import report_over_mqtt, report_over_tcp, report_over_udp

NOW_MS = 1_800_000_000_000
NOW_S = NOW_MS / 1000
HOUR_S = 3600
_DEADLINE_S = 20.0
Address = tuple[str, int]


class Clock:
    """A clock the test sets."""

    now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def listening(iot_site: Connection, pool: Pool, clock: Clock) -> Iterator[Callable[..., Address]]:
    """`listening(listen_tcp, max_connections=..., idle_s=...)` -> the address of a port that is open."""
    stop = threading.Event()
    threads = []

    def start(serve: Callable[..., None], **settings: float) -> Address:
        kind = socket.SOCK_STREAM if serve is listen_tcp else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        thread = threading.Thread(target=partial(serve, IotSettings(**settings), port, pool, clock, stop), daemon=True)
        thread.start()
        threads.append(thread)
        if serve is listen_tcp:
            _until(lambda: _connects(port))
        return "127.0.0.1", port

    yield start
    stop.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def meter() -> IotMeter:
    return IotMeter("868000000000033", "00000000001003", seed=1)


def test_a_frame_over_tcp_is_stored_and_then_acknowledged(listening, meter, sql):
    address = listening(listen_tcp)

    assert report_over_tcp(address, meter, meter.push(NOW_S), NOW_S)

    assert sql("select via, (extract(epoch from measured_at) * 1000)::bigint, report -> 'values' ->> 'water_volume' from iot_report") == [
        ("tcp", NOW_MS, str(meter.volume_l(NOW_S) // 10 * 10))
    ]


def test_a_frame_without_a_line_before_it_is_known_by_its_address(listening, meter, sql):
    assert report_over_tcp(listening(listen_tcp), meter, meter.push(NOW_S), NOW_S, register=False)

    assert sql("select device from iot_report") == [("i3",)]


def test_a_valve_command_goes_over_the_connection_and_is_confirmed_by_the_next_push(listening, meter, iot_site, clock):
    address = listening(listen_tcp)
    command = _order(iot_site, "i3", "valve_close")
    report_over_tcp(address, meter, meter.push(NOW_S), NOW_S)
    _until(lambda: (get_command(iot_site, command).answer or "").startswith("the meter took"))
    between = get_command(iot_site, command)

    clock.now_s += HOUR_S
    report_over_tcp(address, meter, meter.push(clock.now_s), clock.now_s)

    assert (meter.valve, between.state, get_command(iot_site, command).state) == ("closed", "sent", "confirmed")


def test_bytes_that_are_no_report_are_kept_and_not_acknowledged(listening, meter, sql):
    address = listening(listen_tcp, idle_s=1)
    broken = bytearray(meter.push(NOW_S))
    broken[11:13] = b"\x90\x20"
    broken[-2] = sum(broken[:-2]) % 256

    assert not report_over_tcp(address, meter, bytes(broken), NOW_S)

    _until(lambda: sql("select reason from quarantine") == [("iot.bad_report",)])


def test_noise_and_broken_pieces_around_a_frame_cost_nothing(listening, meter, sql):
    frame = meter.push(NOW_S)
    with socket.create_connection(listening(listen_tcp), timeout=10) as link:
        for piece in (b"IMEI:8680000", b"00000033\r", b"\n\x00\x68\x11", frame[:9], frame[9:20], frame[20:]):
            link.sendall(piece)
            time.sleep(0.01)
        assert meter.obey_frames(link.recv(200), NOW_S)[0]

    assert sql("select device from iot_report") == [("i3",)]


def test_connections_are_bounded_and_idle_ones_end(listening):
    address = listening(listen_tcp, max_connections=1, idle_s=1)
    with socket.create_connection(address, timeout=15) as first, socket.create_connection(address, timeout=15) as second:
        assert second.recv(1) == b""
        assert first.recv(1) == b""


def test_a_datagram_is_acknowledged_once_it_is_stored(listening, sql):
    meter = IotMeter("868000000000044", "00000000001004", seed=2)
    address = listening(listen_udp)
    frame = meter.push(NOW_S)

    _until(lambda: report_over_udp(address, meter, frame, NOW_S, wait_s=1))
    assert report_over_udp(address, meter, frame, NOW_S, register=False)

    assert sql("select device, via from iot_report") == [("i4", "udp")]
    assert sql("select repeats >= 1 from iot_state") == [(True,)]


def test_a_datagram_is_not_acknowledged_while_the_database_is_away(listening, pool, sql, monkeypatch):
    from central.db.pool import PoolBusy
    from central.iot import conversation

    meter = IotMeter("868000000000044", "00000000001004", seed=2)
    address = listening(listen_udp)
    _until(lambda: report_over_udp(address, meter, meter.push(NOW_S), NOW_S, wait_s=1))

    def away(*_: object) -> None:
        raise PoolBusy("no connection")

    monkeypatch.setattr(conversation, "take", away)
    assert not report_over_udp(address, meter, meter.push(NOW_S + 1), NOW_S, wait_s=2)

    assert sql("select count(*) from iot_report") == [(1,)]


@pytest.mark.needs_mosquitto
def test_a_report_over_mqtt_is_stored_and_its_commands_come_back(mosquitto, iot_site, pool, clock, sql, tmp_path):
    meter = IotMeter("868000000000022", "00000000001002", seed=3, every_h=6)
    broker = mosquitto(users=("central", meter.imei, "868000000000077"))
    (tmp_path / "password").write_text(broker.passwords["central"])
    settings = BrokerSettings(host=broker.host, port=broker.port, username="central", password_file=tmp_path / "password")
    session, stop = Session(settings, "central-iot", [iot_report_filter("iot")], WINDOW), threading.Event()
    worker = threading.Thread(target=work_reports, args=(session, pool, clock, stop), daemon=True)
    session.start()
    _until(lambda: session.connected)
    time.sleep(0.3)  # subscribed
    worker.start()
    address = (broker.host, broker.port)
    command = _order(iot_site, "i2", "valve_close")
    try:
        for _ in range(2):
            report_over_mqtt(address, meter, broker.passwords[meter.imei], meter.report(clock.now_s), clock.now_s)
            _until(lambda: sql("select count(*) from iot_report where measured_at = to_timestamp(%s)", clock.now_s) == [(1,)])
            clock.now_s += 6 * HOUR_S
        stranger = IotMeter("868000000000077", "1", seed=4)
        report_over_mqtt(address, stranger, broker.passwords[stranger.imei], meter.report(clock.now_s), clock.now_s)
        _until(lambda: sql("select reason from quarantine") == [("iot.bad_report",)])  # it may speak for itself only
    finally:
        stop.set()
        worker.join(5)
        session.stop()

    assert (meter.valve, get_command(iot_site, command).state) == ("closed", "confirmed")
    assert {row[0] for row in sql("select device from iot_report")} == {"i2"}


def _order(conn: Connection, device: str, kind: str) -> int:
    created = create_command(conn, device, CommandRequest(key=f"test-{device}-{kind}", kind=kind, reason="a test"), "wang", NOW_MS)
    conn.commit()
    return created.id


def _connects(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
