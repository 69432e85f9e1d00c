"""What the outbox says of how far it is, and how long acked rows can still be asked for."""

from __future__ import annotations

import pytest

from edge_agent.buffer.batches import Limits
from edge_agent.settings import BufferSettings

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


def marks(outbox) -> tuple[int, int, int]:
    told = outbox.backlog()
    return told.last_seq, told.acked_seq, told.first_held_seq


def test_marks_follow_storing_receipts_and_purging(open_outbox, readings, wall):
    outbox = open_outbox()
    assert marks(outbox) == (0, 0, 1)
    for n in range(5):
        outbox.append_readings(readings(1, n))
    assert marks(outbox) == (5, 0, 1)
    outbox.acknowledge(1, outbox.epoch, 3)
    assert marks(outbox) == (5, 3, 1)
    wall.now_ms += 8 * DAY_MS
    outbox.purge()
    assert marks(outbox) == (5, 3, 4)
    outbox.acknowledge(1, outbox.epoch, 5)
    wall.now_ms += 8 * DAY_MS
    outbox.purge()

    assert marks(outbox) == (5, 5, 6)
    assert outbox.backlog().epoch == outbox.epoch


def test_acked_rows_stay_seven_days_so_that_central_can_ask_again(open_outbox, readings, wall):
    outbox = open_outbox()
    outbox.append_readings(readings(1))
    outbox.acknowledge(1, outbox.epoch, 1)

    wall.now_ms += 7 * DAY_MS - 1
    assert outbox.purge() == 0
    assert outbox.range(outbox.last_position, outbox.last_position)[0].kind == "readings"
    wall.now_ms += HOUR_MS + 1
    assert outbox.purge() == 1


def test_nobody_can_set_fewer_than_seven_days():
    assert Limits().keep_acked_ms == 7 * DAY_MS
    with pytest.raises(ValueError, match="greater than or equal to 7"):
        BufferSettings(keep_acked_days=6)
