"""`provision sniff` as an engineer uses it."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from protocol.wire.wirelog import Received, Sent, parse
from provisioning.__main__ import main

WIRE = Path(__file__).parents[3] / "golden" / "wire"


def test_capture_is_told_in_words_with_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sniff", str(WIRE / "dlt645_06_voltage.log")]) == 0

    said = capsys.readouterr().out
    assert "voltage_a = 229.700 V" in said
    assert "asked 1, answered 1" in said


def test_json_has_a_line_for_each_frame_and_the_summary_last(capsys: pytest.CaptureFixture[str]) -> None:
    main(["sniff", str(WIRE / "dlt645_06_voltage.log"), "--json"])

    *frames, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert [frame["values"] for frame in frames] == [{}, {"voltage_a": 229_700}]
    assert last["summary"]["frames"] == 2


def test_a_live_line_is_heard_and_never_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    written: list[bytes] = []

    def line() -> None:
        connected, _ = server.accept()
        for entry in parse((WIRE / "dlt645_02_energy.log").read_text(encoding="utf-8")):
            if isinstance(entry, Sent | Received):
                connected.sendall(entry.data)
        connected.settimeout(5)
        written.append(connected.recv(1))
        connected.close()

    thread = threading.Thread(target=line)
    thread.start()
    log = tmp_path / "heard.log"
    assert main(["sniff", f"127.0.0.1:{server.getsockname()[1]}", "--seconds", "1", "--log", str(log)]) == 0
    thread.join()
    server.close()

    assert written == [b""]
    assert "a master polls this line" in capsys.readouterr().out
    assert any(isinstance(entry, Received) for entry in parse(log.read_text(encoding="utf-8")))


def test_nothing_usable_is_exit_status_one_with_advice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = tmp_path / "noise.txt"
    capture.write_text("12 34 56 78 9A\n", encoding="ascii")

    assert main(["sniff", str(capture)]) == 1
    assert "try another speed or parity" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["/no/such/port"], [str(WIRE / "dlt645_06_voltage.log"), "--device", "3=generic/none"]])
def test_wrong_arguments_are_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sniff", *arguments]) == 1
    assert "expected" in capsys.readouterr().err
