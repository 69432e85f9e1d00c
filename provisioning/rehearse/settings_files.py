"""The settings files a rehearsal writes for central and for each agent. Pure text; secrets stand in files of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """How one program reaches the broker."""

    host: str
    port: int
    username: str
    password_file: Path


@dataclass(frozen=True, slots=True)
class IotWays:
    """How meters that report by themselves reach central, besides the broker. `secrets_dir`: the webhook keys."""

    secrets_dir: Path
    tcp_port: int
    udp_port: int


def central_settings(data_dir: Path, broker: BrokerAccess, host: str, port: int, iot: IotWays | None = None) -> str:
    """TOML for `central --config`. `iot`: None where no meter reports by itself."""
    settings = f"""\
data_dir = {_text(data_dir)}

[broker]
{_broker(broker)}
[web]
host = {_text(host)}
port = {port}
public_url = {_text(web_address(host, port))}
"""
    return settings + (_iot(iot) if iot is not None else "")


def agent_settings(gateway: str, state_dir: Path, broker: BrokerAccess) -> str:
    """TOML for `edge-agent --config`. The broker is near and restarts at once, so reconnecting does not wait for minutes."""
    return f"""\
gateway = {_text(gateway)}
generation = 1
state_dir = {_text(state_dir)}

[uplink]
{_broker(broker)}will_delay_s = 5
reconnect_max_s = 5
"""


def web_address(host: str, port: int) -> str:
    """Where a browser on this machine finds a server that listens on `host`."""
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104  compared, not bound


def _broker(broker: BrokerAccess) -> str:
    return f"""\
host = {_text(broker.host)}
port = {broker.port}
username = {_text(broker.username)}
password_file = {_text(broker.password_file)}
"""


def _iot(ways: IotWays) -> str:
    return f"""\

[iot]
secrets_dir = {_text(ways.secrets_dir)}
mqtt = true
tcp_port = {ways.tcp_port}
udp_port = {ways.udp_port}
"""


def _text(value: str | Path) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(str(value), ensure_ascii=False)
