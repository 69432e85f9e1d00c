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
    numbers = []
    for generation in (1, 2, 3):
        outbox = open_outbox(generation=generation)
        for _ in range(generation):
            outbox.append_readings(readings(1))
        numbers.append(outbox.epoch)
        outbox.close()

    outbox = open_outbox(generation=3)

    ends = [outbox.position(number, 99) for number in numbers]
    assert [epochs.seq_of(end) for end in ends] == [1, 2, 3]
    assert ends == sorted(set(ends))
