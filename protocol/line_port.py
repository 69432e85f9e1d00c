"""What a line of the site plan hangs on: a serial device, a serial server, a DTU or a concentrator that dials in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from protocol.record import Record

Port = Annotated[int, Field(ge=1, le=65535)]
HEX = "hex:"


def _check_spoken(text: str) -> str:
    spoken_bytes(text)
    return text


Spoken = Annotated[str, Field(max_length=256), AfterValidator(_check_spoken)]


class SerialPort(Record):
    """A local serial device file."""

    kind: Literal["serial"]
    path: str = Field(min_length=1)


class TcpClientPort(Record):
    """A serial server we dial: raw line bytes over TCP."""

    kind: Literal["tcp_client"]
    host: str = Field(min_length=1)
    port: Port


class TcpServerPort(Record):
    """A DTU that dials in to us; what it says first begins with `registration`, `heartbeat` bytes are dropped and answered by `heartbeat_reply`.

    All three are text, or bytes as `hex:01 02 0A`. Lines with the same host and port share it. `delay_ms`: what network and DTU may add to a
    reply (default 100; a cellular link needs 500..1500).
    """

    kind: Literal["tcp_server"]
    host: str = Field(min_length=1)
    port: Port
    registration: Spoken = ""
    heartbeat: Spoken = ""
    heartbeat_reply: Spoken | None = None  # None and not "", as below, so that documents for older gateways do not carry it
    delay_ms: int | None = Field(default=None, ge=1, le=10_000)


class ConcentratorPort(Record):
    """A port of a Q/GDW 376.1 concentrator that dials in to us; the line's bytes travel in its transparent forwarding (AFN 10 F1).

    `region`, `terminal`: its address (行政区划码, 终端地址); `channel`: number of the port behind it, 31 for most meter buses; the line's serial
    settings are sent with every request. `delay_ms`: what network and concentrator may add to a reply (default 1500).
    """

    kind: Literal["concentrator"]
    host: str = Field(min_length=1)
    port: Port
    region: str = Field(pattern=r"^\d{4}$")
    terminal: int = Field(ge=0, le=65_535)
    channel: int = Field(default=31, ge=0, le=255)
    delay_ms: int | None = Field(default=None, ge=1, le=10_000)


DialledPort = TcpServerPort | ConcentratorPort
LinePort = Annotated[SerialPort | TcpClientPort | TcpServerPort | ConcentratorPort, Field(discriminator="kind")]
CONCENTRATOR_BAUDS = (300, 600, 1200, 2400, 4800, 9600, 19_200)


def spoken_bytes(text: str) -> bytes:
    """The bytes behind a registration or heartbeat: text as UTF-8, `hex:01 02` as it says. Raises ValueError on other digits or none."""
    if not text.startswith(HEX):
        return text.encode()
    said = bytes.fromhex(text.removeprefix(HEX))
    if not said:
        raise ValueError(f"expected bytes behind {HEX!r}")
    return said
