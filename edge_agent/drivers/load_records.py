"""Load records: what a DL/T 645-2007 meter measured every few minutes and kept, from an instant on."""

from __future__ import annotations

from datetime import datetime, timedelta

from edge_agent.drivers.asking import UNHEARD
from edge_agent.drivers.dlt645 import MAX_FOLLOW_UPS, version_of
from edge_agent.drivers.procedure import Ask, Procedure
from edge_agent.lines.exchange import Transaction
from protocol.errors import Refused
from protocol.profile import Profile2007
from protocol.site_plan import Device
from protocol.wire import dlt645, load_record
from protocol.wire.load_record import LoadRecord

MOST_AT_ONCE = 24  # a full record takes about 110 bytes, and an answer at most 16 frames of 200


def read_load_records(profile: Profile2007, device: Device, since: datetime, count: int) -> Procedure[list[LoadRecord]]:
    """At most `count` records from `since` (meter-local) on, oldest first. Raises Refused if the profile keeps none."""
    kept = profile.load_records
    if kept is None:
        raise Refused(f"profile {profile.profile} keeps no load records", device=device.id)
    found: list[LoadRecord] = []
    while len(found) < count:
        asked = dlt645.load_record_request(device.address, kept.di, min(count - len(found), MOST_AT_ONCE), since)
        records = [one for one in load_record.decode((yield from _data(profile, asked)), kept.classes) if one.at >= since]
        if not records:
            break
        found += records
        since = records[-1].at + timedelta(seconds=kept.interval_s)
    return found[:count]


def _data(profile: Profile2007, asked: dlt645.Frame) -> Procedure[bytes]:
    """The data of a reply and of the frames that follow it; each exchange is tried twice."""
    version, di, data = version_of(profile), asked.data[3::-1].hex(), b""
    for seq in range(MAX_FOLLOW_UPS + 1):
        frame = dlt645.followup_request(version, asked.address, di, seq) if seq else asked
        try:
            reply = yield Ask(_transaction(profile, frame))
        except UNHEARD:
            reply = yield Ask(_transaction(profile, frame))
        part = dlt645.reply_data(version, frame, reply)
        data += part.data
        if not part.more:
            break
    return data


def _transaction(profile: Profile2007, asked: dlt645.Frame) -> Transaction[dlt645.Frame]:
    return Transaction(asked.to_bytes(profile.preamble), dlt645.Decoder(), lambda reply: dlt645.matches(version_of(profile), asked, reply))
