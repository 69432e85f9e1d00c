"""The inbox: an id is taken once, what was begun is known after a crash, a result stays."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from edge_agent.buffer import inbox as module
from edge_agent.buffer.inbox import FILE_NAME, Inbox
from protocol.command import MAX_LIFE_S, Command, CommandResult
from protocol.errors import StorageError

NOW_MS = 1_800_000_000_000


def command(number: int) -> Command:
    facts = {"id": f"00000000-0000-4000-8000-{number:012}", "kind": "read", "key": "k", "device": "m1", "requested_by": "anna"}
    return Command.model_validate({**facts, "issued_at_ms": NOW_MS, "expires_at_ms": NOW_MS + 30_000})


def result(of: Command, **more: object) -> CommandResult:
    return CommandResult.model_validate({"id": of.id, "state": "done", "at_ms": NOW_MS, **more})


@pytest.fixture
def now_s() -> list[float]:
    return [1000.0]


@pytest.fixture
def inbox(tmp_path: Path, now_s: list[float]):
    one = Inbox(tmp_path, lambda: now_s[0])
    yield one
    one.close()


def test_known_id_is_not_taken_again(inbox):
    assert inbox.add(command(1))
    assert not inbox.add(command(1))
    assert inbox.add(command(2))


def test_next_run_sees_what_waited_what_was_begun_and_what_was_not_told(inbox, tmp_path):
    for number in (1, 2, 3, 4):
        inbox.add(command(number))
    inbox.begin(command(2).id)
    inbox.settle(result(command(3)))
    inbox.settle(result(command(4)))
    inbox.told(command(4).id)
    inbox.close()

    left = Inbox(tmp_path, lambda: 0.0).left()

    assert [(one.command, one.begun, one.result) for one in left] == [
        (command(1), False, None),
        (command(2), True, None),
        (command(3), False, result(command(3))),
    ]


def test_result_of_a_settled_command_is_kept(inbox):
    inbox.add(command(1))
    assert inbox.result(command(1).id) is None

    inbox.settle(result(command(1), seen=1, quantity="relay_1"))

    assert inbox.result(command(1).id) == result(command(1), seen=1, quantity="relay_1")


def test_what_is_added_is_committed_with_a_sync(inbox, tmp_path):
    inbox.add(command(1))

    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        assert other.execute("select state from command").fetchone() == ("waiting",)
    with inbox._file.using() as db:
        assert db.execute("pragma synchronous").fetchone()[0] == 2
        assert db.execute("pragma journal_mode").fetchone()[0] == "wal"


def test_oldest_settled_commands_go(inbox, monkeypatch):
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    for number in range(1, 5):
        inbox.add(command(number))
        inbox.settle(result(command(number)))
        inbox.told(command(number).id)

    assert [inbox.result(command(number).id) is not None for number in range(1, 5)] == [False, False, True, True]


def test_open_commands_stay_however_many_follow(inbox, monkeypatch):
    monkeypatch.setattr(module, "MAX_KEPT", 0)
    inbox.add(command(1))
    inbox.add(command(2))
    inbox.settle(result(command(2)))
    inbox.told(command(2).id)

    assert [one.command for one in inbox.left()] == [command(1)]


def test_damaged_file_is_set_aside_and_the_loss_remembered_as_long_as_it_matters(inbox, tmp_path, now_s):
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)

    with pytest.raises(StorageError):
        inbox.add(command(1))

    assert inbox.forgetful
    assert inbox.add(command(1))
    assert (tmp_path / "inbox.damaged").exists()
    now_s[0] += MAX_LIFE_S
    assert not inbox.forgetful


def test_closed_inbox_takes_nothing(inbox):
    inbox.close()

    with pytest.raises(StorageError, match="closed"):
        inbox.add(command(1))
