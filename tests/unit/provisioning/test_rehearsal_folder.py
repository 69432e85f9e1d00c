from __future__ import annotations

import os
import socket
import stat
import tomllib
from pathlib import Path

import pytest

from central.settings import parse_settings as central_settings_of
from edge_agent.settings import parse_settings as agent_settings_of
from protocol.errors import StorageBusy
from protocol.site_plan import SitePlan, parse_site_plan
from provisioning.rehearse.folder import owned
from provisioning.rehearse.iot import iot_ground, mqtt_users, player
from provisioning.rehearse.settings_files import BrokerAccess, agent_settings, central_settings

DEMO = Path(__file__).resolve().parents[3] / "provisioning" / "sites" / "demo.yaml"
BROKER = BrokerAccess("127.0.0.1", 18830, "gw-1", Path('/data/with "quotes"/password'))


def test_a_second_rehearsal_in_the_same_folder_is_refused(tmp_path):
    with (
        owned(tmp_path, lambda text: None),
        pytest.raises(StorageBusy, match=r"in use by process \d+; stop that rehearsal first"),
        owned(tmp_path, print),
    ):
        pass


def test_secrets_are_made_once_and_are_private(tmp_path):
    with owned(tmp_path, print) as (folder, _):
        first = folder.secret("broker-gw-1")
        file = folder.secret_file("broker-gw-1")

        assert folder.secret("broker-gw-1") == first
        assert len(first) >= 32
        assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)


def test_a_port_is_kept_for_the_next_start_and_replaced_when_taken(tmp_path):
    with owned(tmp_path, print) as (folder, _):
        port = folder.port("broker")
        assert folder.port("broker") == port

        with socket.create_server(("127.0.0.1", port)):
            assert folder.port("broker") != port


def test_agent_settings_are_what_the_agent_reads():
    settings = agent_settings_of(agent_settings("gw-1", Path("/data/gw-1"), BROKER), "agent.toml", {}, Path("/"))

    assert (settings.gateway, settings.generation, settings.state_dir) == ("gw-1", 1, Path("/data/gw-1"))
    assert settings.uplink is not None
    assert (settings.uplink.port, settings.uplink.username, settings.uplink.password_file) == (18830, "gw-1", BROKER.password_file)


def test_central_settings_are_what_central_reads():
    text = central_settings(Path("/data/central"), BROKER, "0.0.0.0", 8080)  # noqa: S104  text only

    settings = central_settings_of(text, "central.toml", Path("/"), {})

    assert (settings.data_dir, settings.web.port, settings.web.public_url) == (Path("/data/central"), 8080, "http://127.0.0.1:8080")
    assert settings.broker.password_file == BROKER.password_file
    assert tomllib.loads(text)["web"]["host"] == "0.0.0.0"  # noqa: S104  text only


def test_meters_that_report_by_themselves_get_keys_ports_and_accounts_once(tmp_path):
    plan = parse_site_plan(DEMO.read_text(encoding="utf-8"), "demo.yaml")
    with owned(tmp_path, print) as (folder, _):
        ground = iot_ground(plan, folder, 60)
        key = ground.ways.secrets_dir / "demo.key"
        secret = key.read_text(encoding="utf-8")
        settings = central_settings_of(central_settings(tmp_path, BROKER, "127.0.0.1", 8080, ground.ways), "central.toml", Path("/"), {})

        assert [stat.S_IMODE(path.stat().st_mode) for path in (key, ground.passwords, key.parent, key.parent.parent)] == [0o600, 0o600, 0o700, 0o700]
        (imei,) = mqtt_users(ground.devices)
        assert ground.passwords.read_text(encoding="utf-8") == f"{imei}:{folder.secret(f'broker-{imei}')}\n"
        assert (settings.iot.mqtt, settings.iot.secrets_dir) == (True, ground.ways.secrets_dir)
        assert (settings.iot.tcp_port, settings.iot.udp_port) == (ground.ways.tcp_port, ground.ways.udp_port)
        assert secret.strip() not in " ".join(player(ground, DEMO, folder, "http://127.0.0.1:8080", BROKER, 2))
        assert iot_ground(plan, folder, 60) == ground
        assert key.read_text(encoding="utf-8") == secret


def test_a_plan_without_such_meters_opens_no_way_in(tmp_path):
    plan = parse_site_plan(DEMO.read_text(encoding="utf-8"), "demo.yaml")
    without: SitePlan = plan.model_copy(update={"reporting_devices": ()})
    with owned(tmp_path, print) as (folder, _):
        assert iot_ground(without, folder, 60) is None

    assert "[iot]" not in central_settings(tmp_path, BROKER, "127.0.0.1", 8080)


def test_a_datagram_port_that_is_taken_is_replaced(tmp_path):
    with owned(tmp_path, print) as (folder, _), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        port = folder.port("iot-udp", kind=socket.SOCK_DGRAM)
        other.bind(("127.0.0.1", port))

        assert folder.port("iot-udp", kind=socket.SOCK_DGRAM) != port


def test_a_database_lies_where_its_account_can_go_and_stays_there(tmp_path):
    tmp_path.chmod(0o700)
    with owned(tmp_path / "closed", print) as (folder, _):
        first = folder.central()

        assert folder.central() == first
        assert first.is_relative_to("/var/lib/campus-energy" if os.geteuid() == 0 else folder.root)


def test_a_database_that_is_there_already_is_not_moved(tmp_path):
    with owned(tmp_path, print) as (folder, _):
        (folder.root / "central").mkdir()

        assert folder.central() == folder.root / "central"
