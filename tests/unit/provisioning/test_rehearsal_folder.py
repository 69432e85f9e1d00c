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
from provisioning.rehearse.folder import owned
from provisioning.rehearse.settings_files import BrokerAccess, agent_settings, central_settings

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
