"""Desired documents: accepted ones run and are kept, refused ones leave everything as it was."""

from __future__ import annotations

import json

import pytest

from edge_agent.buffer.settings_store import SettingsStore
from edge_agent.desired import changes
from edge_agent.documents import Documents
from firmware_profiles.loader import load_profiles
from protocol.errors import ConfigError
from protocol.site_plan import Line

PROFILES = load_profiles()


def line(line_id: str, port: int = 4001, **more) -> dict:
    return {"id": line_id, "port": {"kind": "tcp_client", "host": "127.0.0.1", "port": port}, "baud": 2400, **more}


def body(version: int, *lines: dict, gateway: str = "gw-1", **more) -> bytes:
    return json.dumps({"schema": 1, "gateway": gateway, "version": version, "lines": lines, **more}).encode()


@pytest.fixture
def build(tmp_path):
    def start(local_file=None):
        applied = []
        documents = Documents(SettingsStore(tmp_path / "desired"), "gw-1", PROFILES, applied.append, local_file, lambda: None)
        return documents, applied

    return start


def take(documents, payload: bytes, name: str = "lines"):
    documents.receive(name, payload)
    assert documents.process()
    return documents.reported().documents[name]


def test_new_document_is_run_kept_and_reported(build):
    documents, applied = build()

    answer = take(documents, body(1, line("l1")))

    assert (answer.version, answer.error) == (1, None)
    assert [document.version for document in applied] == [1]
    again, applied_again = build()
    again.start()
    assert [document.version for document in applied_again] == [1]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (body(3, line("l1"), gateway="gw-2"), "gateway"),
        (body(3, line("l1", devices=[{"id": "m", "profile": "no/such", "address": "1", "place": "p"}])), "no/such"),
        (body(3, line("l1"), line("l1", 4002)), "stands twice"),
        (body(3, line("l1"), timezone="Asia/Nowhere"), "no time zone"),
        (body(3, line("l1"), line("l2")), "a port has one owner"),
        (body(1, line("l1")), "older"),
        (b"{", "JSON"),
        (b'{"schema": 99}', "schema"),
    ],
)
def test_refused_document_leaves_the_old_in_force_and_says_why(build, payload, reason):
    documents, applied = build()
    take(documents, body(2, line("l1")))

    answer = take(documents, payload)

    assert (answer.version, answer.refused_version) in {(2, 3), (2, 1), (2, None)}
    assert reason in answer.error
    assert [document.version for document in applied] == [2]


def test_good_document_clears_the_refusal(build):
    documents, _ = build()
    take(documents, b"{")

    assert take(documents, body(5)).error is None


def test_unknown_document_is_answered(build):
    documents, _ = build()

    assert "not one this version knows" in take(documents, b"{}", "vision").error


def test_only_the_newest_of_a_name_waits(build):
    documents, applied = build()
    for version in range(1, 10):
        documents.receive("lines", body(version))

    documents.process()

    assert [document.version for document in applied] == [9]


def test_local_file_goes_before_the_server_and_is_read_again(build, tmp_path):
    path = tmp_path / "lines.json"
    path.write_bytes(body(1, line("l1")))
    documents, applied = build(path)
    documents.start()
    assert "lines.json" in take(documents, body(7)).error

    path.write_bytes(body(2, line("l1"), line("l2", 4002)))
    documents.reload()

    assert [document.version for document in applied] == [1, 2]
    assert documents.reported().documents["lines"].error is None


def test_bad_local_file_stops_the_start_with_its_line_and_a_bad_reload_does_not(build, tmp_path):
    path = tmp_path / "lines.json"
    path.write_text('{"schema": 1,\n "gateway": "gw-1",\n "version": 0,\n "lines": []}')
    documents, applied = build(path)
    with pytest.raises(ConfigError, match=r"lines\.json:3"):
        documents.start()

    documents.reload()

    assert applied == []
    assert "version" in documents.reported().documents["lines"].error


def test_changes_touch_only_what_changed():
    old = [Line.model_validate(line(line_id, port)) for line_id, port in (("same", 1), ("new-port", 2), ("gone", 3))]
    new = [Line.model_validate(line(line_id, port)) for line_id, port in (("same", 1), ("new-port", 22), ("fresh", 4))]

    change = changes(old, new)

    assert (change.stop, [one.id for one in change.reload], [one.id for one in change.start]) == (("gone",), ["new-port"], ["fresh"])
