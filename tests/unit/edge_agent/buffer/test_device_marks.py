"""What was seen last in each device's memory, kept over restarts and damage."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from edge_agent.buffer.marks import FILE_NAME, Marks
from protocol.errors import StorageError


def test_marks_outlive_the_program(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    assert marks.get("m1 1", "event.x") is None
    marks.put("m1 1", "event.x", 3)
    marks.put("m1 1", "event.x", 4)
    marks.put("m2 2", "event.x", 9)
    marks.close()

    assert [Marks(tmp_path).get(device, "event.x") for device in ("m1 1", "m2 2", "m1 9")] == [4, 9, None]


def test_damaged_file_is_set_aside_and_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    marks = Marks(tmp_path)
    with pytest.raises(StorageError):
        marks.get("m1", "x")
    marks.put("m1", "x", 1)

    assert marks.get("m1", "x") == 1
    assert path.with_suffix(".damaged").exists()


def test_missing_disk_does_not_keep_the_program_from_starting(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "not_there_yet")
    with pytest.raises(StorageError):
        marks.put("m1", "x", 1)
    (tmp_path / "not_there_yet").mkdir()
    marks.put("m1", "x", 1)

    assert marks.get("m1", "x") == 1


def test_what_is_put_is_committed_with_a_sync(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.put("m1", "x", 1)

    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        assert other.execute("select value from mark").fetchone() == (1,)
    with marks._file.using() as db:
        assert db.execute("pragma synchronous").fetchone() == (2,)
    other.close()


def test_lines_put_marks_side_by_side(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    threads = [threading.Thread(target=lambda n=n: [marks.put(f"m{n}", "x", value) for value in range(20)]) for n in range(4)]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [marks.get(f"m{n}", "x") for n in range(4)] == [19] * 4


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = Marks(tmp_path)
    for n in range(10):
        marks.put(f"m{n}", "x", n)
    with marks._file.using() as db:
        db.execute("update mark set changed_at = value")
    marks.close()
    monkeypatch.setattr("edge_agent.buffer.marks.MAX_MARKS", 3)

    assert [Marks(tmp_path).get(f"m{n}", "x") for n in range(10)] == [None] * 7 + [7, 8, 9]


def test_closed_marks_say_so(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.close()
    with pytest.raises(StorageError, match="closed"):
        marks.get("m1", "x")
