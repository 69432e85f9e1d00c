"""Settings: defaults, file, environment, and mistakes with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.settings import load_settings, parse_settings
from protocol.errors import ConfigError

_BASE = Path("/srv/campus")


def test_defaults_run_the_embedded_database_beside_the_file():
    settings = parse_settings("", "central.toml", _BASE, {})

    assert settings.database.dsn == ""
    assert settings.data_dir == _BASE / "data"


def test_relative_files_are_relative_to_the_settings_file():
    settings = parse_settings(
        '[broker]\npassword_file = "secret/mqtt"\nca_file = "/etc/ca.pem"\n[iot]\nsecrets_dir = "keys"', "central.toml", _BASE, {}
    )

    assert settings.broker.password_file == _BASE / "secret/mqtt"
    assert settings.iot.secrets_dir == _BASE / "keys"
    assert settings.broker.ca_file == Path("/etc/ca.pem")


def test_environment_wins_over_the_file():
    environment = {"CE_CENTRAL_WEB_PORT": "9000", "CE_CENTRAL_DATA_DIR": "/var/lib/campus", "HOME": "/root"}

    settings = parse_settings("[web]\nport = 8000", "central.toml", _BASE, environment)

    assert settings.web.port == 9000
    assert settings.data_dir == Path("/var/lib/campus")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[web]\nprot = 1", r"central.toml:2: web.prot: unknown key"),
        ("[web]\n\nport = 70000", r"central.toml:3: web.port: .*65535.*70000"),
        ("[ingest]\nworkers = 0", r"central.toml:2: ingest.workers"),
        ("[web\n", r"central.toml: not valid TOML"),
    ],
)
def test_mistakes_stop_with_file_and_line(text: str, told: str):
    with pytest.raises(ConfigError, match=told):
        parse_settings(text, "central.toml", _BASE, {})


def test_unknown_environment_variable_is_refused():
    with pytest.raises(ConfigError, match="CE_CENTRAL_WEB_PROT is no setting"):
        parse_settings("", "central.toml", _BASE, {"CE_CENTRAL_WEB_PROT": "1"})


def test_wrong_value_in_the_environment_names_the_variable():
    with pytest.raises(ConfigError, match=r"CE_CENTRAL_WEB_PORT: .*got 'http'"):
        parse_settings("", "central.toml", _BASE, {"CE_CENTRAL_WEB_PORT": "http"})


def test_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nothing\.toml: the settings file cannot be read"):
        load_settings(tmp_path / "nothing.toml", {})
