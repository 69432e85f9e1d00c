"""Settings: what is accepted, what stops the program, and where the message points."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.settings import environment_names, load_settings, parse_settings
from protocol.errors import ConfigError

FULL = """gateway = "gw-1"
generation = 3
state_dir = "state"

[uplink]
host = "broker.campus"
ca_file = "tls/ca.pem"
cert_file = "tls/gw.pem"
key_file = "tls/gw.key"

[buffer]
quota_mib = 64
"""


def parse(text, **environment):
    return parse_settings(text, "edge.toml", environment, Path("/etc/edge"))


def test_paths_start_at_the_settings_folder():
    settings = parse(FULL)

    assert settings.state_dir == Path("/etc/edge/state")
    assert settings.uplink.ca_file == Path("/etc/edge/tls/ca.pem")
    assert (settings.uplink.port, settings.buffer.quota_mib) == (8883, 64)


def test_environment_wins_over_the_file():
    settings = parse(FULL, CE_EDGE_UPLINK_HOST="other", CE_EDGE_GENERATION="4", CE_EDGE_BUFFER_QUOTA_MIB="32", HOME="/root")

    assert (settings.uplink.host, settings.generation, settings.buffer.quota_mib) == ("other", 4, 32)


def test_environment_can_give_what_the_file_lacks():
    assert parse("", CE_EDGE_GATEWAY="gw-7").gateway == "gw-7"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FULL + "quota_mb = 3\n", "edge.toml:13: buffer.quota_mb: unknown key"),
        (FULL.replace("generation = 3", "generation = 0"), "edge.toml:2: generation"),
        ("", "gateway: this key is required"),
        (FULL.replace('key_file = "tls/gw.key"\n', ""), "edge.toml:5: uplink: cert_file and key_file go together"),
        (FULL.replace('ca_file = "tls/ca.pem"\n', ""), "cert_file needs ca_file"),
        ("gateway = gw\n", "edge.toml"),
    ],
)
def test_mistake_stops_with_its_place(text, message):
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        parse(text)


def test_unknown_variable_of_ours_stops():
    with pytest.raises(ConfigError, match="CE_EDGE_UPLINK_HOTS"):
        parse(FULL, CE_EDGE_UPLINK_HOTS="x")


def test_every_setting_has_a_variable():
    assert {"CE_EDGE_GATEWAY", "CE_EDGE_UPLINK_PASSWORD_FILE", "CE_EDGE_LINES_FILE", "CE_EDGE_LOG_LEVEL"} <= set(environment_names())


def test_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="--config"):
        load_settings(tmp_path / "none.toml", {})
