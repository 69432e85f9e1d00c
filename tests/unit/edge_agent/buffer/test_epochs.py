"""Numbers of epochs, and what is known of each when the file is opened again."""

from __future__ import annotations

import pytest

from edge_agent.buffer import epochs

NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize("now_ms", [0, NOW_MS, ((1 << 33) - 1) * 1000, (1 << 33) * 1000])
def test_epoch_is_a_positive_number_every_json_reader_keeps_exact(now_ms):
    assert 1 <= epochs.new_epoch(now_ms) < 1 << 53


def test_epoch_of_a_box_whose_clock_and_chance_give_nothing_is_still_one(monkeypatch):
    monkeypatch.setattr(epochs.secrets, "randbits", lambda bits: 0)

    assert epochs.new_epoch(0) == 1


def test_later_epoch_is_greater_from_one_second_to_the_next():
    assert epochs.new_epoch(NOW_MS) >> 20 == NOW_MS // 1000
    assert epochs.new_epoch(NOW_MS + 1000) > epochs.new_epoch(NOW_MS)


def test_epochs_begun_in_the_same_moment_differ():
    assert len({epochs.new_epoch(NOW_MS) for _ in range(10)}) > 1


def test_reopened_outbox_keeps_the_ends_of_its_epochs_apart(open_outbox, readings):
    old = open_outbox(generation=1)
    old.append_readings(readings(1))
    old_epoch = old.epoch
    old.close()
    new = open_outbox(generation=2)
    for _ in range(3):
        new.append_readings(readings(1))
    new.close()

    outbox = open_outbox(generation=2)

    assert outbox.position(old_epoch, 99) == outbox.position(old_epoch, 1)
    assert outbox.position(outbox.epoch, 99) == outbox.position(outbox.epoch, 3)
