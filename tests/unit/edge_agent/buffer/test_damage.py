"""Damaged bytes: found, told, and never in the way of sound batches."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing, suppress

import pytest

from edge_agent.buffer.batches import is_intact
from edge_agent.buffer.settings_store import Document, SettingsStore
from protocol.command import CommandResult, Results
from protocol.errors import StorageError
from protocol.messages import Columns, decode_stored


def events(outbox):
    return [event for batch in outbox.pending(limit=1000) if batch.kind == "events" for event in decode_stored(batch.payload, batch.crc32c)[1]]


def sound_values(outbox):
    contents = [decode_stored(batch.payload, batch.crc32c)[1] for batch in outbox.pending(limit=1000)]
    return [value for content in contents if isinstance(content, Columns) for value in content.value]


def meet_the_damage(outbox):
    """Read everything once: damage that the start did not meet is salvaged at the first read, which fails."""
    with suppress(StorageError):
        outbox.pending(limit=1000)


def flip_stored_bit(path, seq):
    with closing(sqlite3.connect(path)) as db:
        position, payload = db.execute("SELECT position, payload FROM batch ORDER BY position LIMIT 1 OFFSET ?", (seq - 1,)).fetchone()
        damaged = bytearray(payload)
        damaged[len(damaged) // 2] ^= 0x10
        db.execute("UPDATE batch SET payload = ? WHERE position = ?", (bytes(damaged), position))
        db.commit()


def damage(path, seed, keep_header):
    """Overwrite a few pages with noise."""
    chance = random.Random(seed)
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in [] if keep_header else [0]:
            file.seek(page)
            file.write(chance.randbytes(100))
        for _ in range(2):
            file.seek(chance.randrange(3, size // 4096) * 4096)
            file.write(chance.randbytes(64))


def test_flipped_bit_goes_to_quarantine_and_an_event_takes_its_number(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    for start in range(3):
        outbox.append_readings(readings(1, start))
    flip_stored_bit(tmp_path / "outbox.db", 2)

    batches = outbox.pending()

    assert [(batch.seq, batch.kind) for batch in batches] == [(1, "readings"), (2, "events"), (3, "readings")]
    assert [(event.code, event.data["first"]) for event in events(outbox)] == [("outbox.batch_lost", 2)]
    assert outbox.pending()[1].payload == batches[1].payload
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        assert db.execute("SELECT count(*) FROM quarantine").fetchone() == (1,)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("keep_header", [True, False])
def test_damaged_file_is_salvaged_at_start_and_told(open_outbox, readings, tmp_path, seed, keep_header):
    outbox = open_outbox()
    for start in range(200):
        outbox.append_readings(readings(40, start * 40))
    old_epoch = outbox.epoch
    outbox.close()
    damage(tmp_path / "outbox.db", seed, keep_header)

    outbox = open_outbox()
    meet_the_damage(outbox)
    found = sound_values(outbox)
    outbox.append_readings(readings(1))

    assert set(found) <= set(range(8000))
    assert len(found) >= 8000 * 0.9
    assert len(found) == len(set(found))
    assert any(batch.epoch == old_epoch for batch in outbox.pending())
    assert outbox.pending(limit=1000)[-1].epoch == outbox.epoch
    seqs = [batch.seq for batch in outbox.pending(limit=1000) if batch.epoch == old_epoch]
    assert seqs == list(range(seqs[0], seqs[-1] + 1))


def test_file_that_is_no_database_starts_a_new_epoch_with_an_event(open_outbox, tmp_path):
    (tmp_path / "outbox.db").write_bytes(os.urandom(20_000))

    outbox = open_outbox()

    assert [event.code for event in events(outbox)] == ["outbox.corrupt"]
    assert len(list(tmp_path.glob("outbox.aside-*.db"))) == 1


def test_damage_met_while_running_is_salvaged_without_a_restart(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    for start in range(300):
        outbox.append_readings(readings(40, start * 40))
    outbox.close()
    outbox = open_outbox()
    incarnation = outbox.incarnation
    with (tmp_path / "outbox.db").open("r+b") as file:
        file.seek(8 * 4096)
        file.write(bytes(200 * 4096))

    meet_the_damage(outbox)
    outbox.append_readings(readings(1, 99_999))

    assert outbox.incarnation > incarnation
    assert 99_999 in sound_values(outbox)


def as_killed(outbox, tmp_path):
    """The outbox's folder as kill -9 leaves it: everything still in the write-ahead log."""
    left = tmp_path / "left"
    left.mkdir()
    for name in ("outbox.db", "outbox.db-wal"):
        (left / name).write_bytes((tmp_path / name).read_bytes())
    outbox.close()
    return left


def flip_byte(path, at):
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("at", [20, 40, 20_000])  # the log's header, a frame's header, a page in its middle
def test_flipped_bit_in_the_log_does_not_take_the_commits_behind_it(open_outbox, readings, tmp_path, at):
    outbox = open_outbox()
    for start in range(20):
        outbox.append_readings(readings(1, start))
    old_epoch, left = outbox.epoch, as_killed(outbox, tmp_path)
    flip_byte(left / "outbox.db-wal", at)

    outbox = open_outbox(left)

    assert len(sound_values(outbox)) >= 19
    assert outbox.epoch != old_epoch  # no number of the old one is given out again


def test_unfinished_commit_at_the_end_of_the_log_is_no_damage(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    for start in range(5):
        outbox.append_readings(readings(1, start))
    epoch, left = outbox.epoch, as_killed(outbox, tmp_path)
    with (left / "outbox.db-wal").open("ab") as log:
        log.write(bytes(24 + 4096) + b"half a frame")

    outbox = open_outbox(left)

    assert sound_values(outbox) == [0, 1, 2, 3, 4]
    assert outbox.epoch == epoch


def test_batch_under_a_number_that_is_not_its_own_goes_back_to_its_place(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    for start in range(3):
        outbox.append_readings(readings(1, start))
    outbox.close()
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        db.execute("UPDATE batch SET position = position + 64 WHERE position & 255 = 2")
        db.commit()

    outbox = open_outbox()
    meet_the_damage(outbox)

    assert [(batch.seq, batch.kind) for batch in outbox.pending()][:3] == [(1, "readings"), (2, "readings"), (3, "readings")]


def test_last_batch_broken_beyond_repair_is_told_under_its_number(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    for start in range(3):
        outbox.append_readings(readings(50, start * 50))
    old_epoch, last = outbox.epoch, outbox.newest(1)[0].payload
    outbox.close()
    file = tmp_path / "outbox.db"
    raw = bytearray(file.read_bytes())
    raw[raw.find(last) + len(last) - 2] ^= 1
    raw[:16] = bytes(16)
    file.write_bytes(raw)

    outbox = open_outbox()

    assert [(batch.seq, batch.kind) for batch in outbox.pending() if batch.epoch == old_epoch] == [(1, "readings"), (2, "readings"), (3, "events")]


def test_file_whose_head_forbids_writing_is_salvaged(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    outbox.append_readings(readings(3))
    outbox.close()
    with (tmp_path / "outbox.db").open("r+b") as file:
        file.seek(18)
        file.write(b"\x0a")

    outbox = open_outbox()
    outbox.append_readings(readings(1, 3))

    assert sorted(sound_values(outbox)) == [0, 1, 2, 3]


def test_key_that_is_taken_already_is_damage_not_a_standstill(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    outbox.append_readings(readings(1))
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        db.execute("INSERT INTO batch SELECT position + 1, kind, created_ms, count, crc32c, payload FROM batch")
        db.commit()

    with pytest.raises(StorageError):
        outbox.append_readings(readings(1, 1))
    outbox.append_readings(readings(1, 1))

    assert sorted(sound_values(outbox)) == [0, 1]


def test_log_of_the_damaged_file_does_not_stay_beside_the_salvaged_one(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    outbox.append_readings(readings(1))
    left = as_killed(outbox, tmp_path)
    (left / "outbox.db").unlink()
    (left / "outbox.rebuild.db").write_bytes((tmp_path / "outbox.db").read_bytes())

    outbox = open_outbox(left)
    outbox.append_readings(readings(1, 1))

    assert sound_values(outbox) == [0, 1]


def test_row_without_payload_is_not_intact():
    assert not is_intact(None, 0)
    assert not is_intact("text", 0)
    assert is_intact(b"", 0)


def test_receipts_survive_a_salvage(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    for start in range(100):
        outbox.append_readings(readings(40, start * 40))
    outbox.acknowledge(1, outbox.epoch, 90)
    outbox.close()
    with (tmp_path / "outbox.db").open("r+b") as file:
        file.seek((tmp_path / "outbox.db").stat().st_size - 3 * 4096)
        file.write(b"\xff" * 50)

    outbox = open_outbox()
    meet_the_damage(outbox)

    assert min(batch.seq for batch in outbox.pending(limit=1000) if batch.kind == "readings") >= 91


def test_interrupted_salvage_is_completed(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    outbox.append_readings(readings(1))
    outbox.close()
    (tmp_path / "outbox.db").rename(tmp_path / "outbox.rebuild.db")

    outbox = open_outbox()

    assert sound_values(outbox) == [0]


def test_document_with_damaged_bytes_falls_back_to_the_version_before(tmp_path):
    store = SettingsStore(tmp_path)
    store.keep(Document("lines", 1, b"one"))
    store.keep(Document("lines", 2, b"two"))
    next(tmp_path.glob("lines.v2.*")).write_bytes(b"tw0")

    assert store.newest("lines") == Document("lines", 1, b"one")


def test_only_two_versions_of_a_document_are_kept(tmp_path):
    store = SettingsStore(tmp_path)
    for version in range(1, 12):
        store.keep(Document("lines", version, b"x"))

    assert sorted(path.name.split(".")[1] for path in tmp_path.iterdir()) == ["v10", "v11"]
    assert store.newest("lines").version == 11
    assert store.newest("control") is None


@pytest.mark.parametrize("number", [-2147483647, 0, 3, 1025])
def test_damaged_layout_number_over_whole_tables_is_put_right(open_outbox, readings, tmp_path, number):
    outbox = open_outbox()
    outbox.append_readings(readings(3))
    outbox.close()
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        db.execute(f"PRAGMA user_version={number}")

    again = open_outbox()

    assert len(sound_values(again)) == 3
    again.append_readings(readings(1, start=3))


def test_newer_layout_is_refused_and_left_alone(open_outbox, tmp_path):
    open_outbox().close()
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        db.execute("ALTER TABLE batch ADD COLUMN lane TEXT")
        db.execute("PRAGMA user_version=2")

    with pytest.raises(StorageError, match="layout 2"):
        open_outbox()


def test_results_of_commands_are_salvaged_like_events(open_outbox, readings, tmp_path):
    outbox = open_outbox()
    result = CommandResult(id="00000000-0000-4000-8000-000000000001", state="done", at_ms=7)
    outbox.append_results([result])
    outbox.append_readings(readings(1))
    outbox.close()
    with (tmp_path / "outbox.db").open("r+b") as file:
        file.write(b"\0" * 100)

    outbox = open_outbox()

    assert [decode_stored(batch.payload)[1] for batch in outbox.pending() if batch.kind == "results"] == [Results((result,))]
