"""Damaged bytes: found, told, and never in the way of sound batches."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing, suppress

import pytest

from edge_agent.buffer.settings_store import Document, SettingsStore
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
