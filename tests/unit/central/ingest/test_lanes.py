from __future__ import annotations

from central.ingest.worker import HISTORY, LIVE, SHARE, filters
from protocol.topics import Up, up_filter


def test_workers_for_live_and_for_history_together_take_every_stored_channel_once():
    assert sorted(filters(LIVE) + filters(HISTORY)) == sorted(filters())


def test_history_waits_in_no_queue_with_what_is_live():
    assert filters(HISTORY) == [up_filter(Up.BACKFILL, SHARE)]
    assert up_filter(Up.DATA, SHARE) in filters(LIVE)
