from __future__ import annotations

import pytest

from protocol import topics
from protocol.errors import TopicError
from protocol.topics import Down, Up

GATEWAY = "gw-01"


@pytest.mark.parametrize("channel", Up)
def test_what_a_gateway_publishes_is_parsed_back(channel: Up):
    assert topics.parse_up(topics.up(GATEWAY, channel)) == (GATEWAY, channel)


@pytest.mark.parametrize(("channel", "document"), [(Down.DESIRED, "lines"), (Down.ACK, None), (Down.CMD, None), (Down.RESEND, None)])
def test_what_central_publishes_is_parsed_back(channel: Down, document: str | None):
    assert topics.parse_down(topics.down(GATEWAY, channel, document), GATEWAY) == (channel, document)


def test_the_contract_of_version_1():
    assert topics.up(GATEWAY, Up.DATA) == "ce/v1/gw-01/up/data"
    assert topics.down(GATEWAY, Down.DESIRED, "lines") == "ce/v1/gw-01/down/desired/lines"
    assert topics.down_filter(GATEWAY) == "ce/v1/gw-01/down/#"
    assert topics.up_filter(Up.DATA) == "ce/v1/+/up/data"
    assert topics.up_filter(Up.DATA, "ingest") == "$share/ingest/ce/v1/+/up/data"
    assert topics.TIME == "ce/v1/all/down/time"


def test_stored_channels_are_never_retained():
    assert topics.UP_STORED.isdisjoint(topics.UP_RETAINED)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "ce/v1/gw-01/up",
        "ce/v1/gw-01/up/data/more",
        "ce/v1/gw-01/up/unknown",
        "ce/v1/gw-01/down/ack",
        "ce/v2/gw-01/up/data",
        "ce/v1/GW/up/data",
        "ce/v1//up/data",
        "ce/v1/-gw/up/data",
        "ce/v1/gw_01/up/data",
        f"ce/v1/{'g' * 64}/up/data",
        "ce/v1/gw-01\n/up/data",
        "xce/v1/gw-01/up/data",
    ],
)
def test_other_topics_are_refused(topic: str):
    with pytest.raises(TopicError):
        topics.parse_up(topic)


@pytest.mark.parametrize(
    "topic",
    [
        "ce/v1/gw-02/down/ack",
        "ce/v1/gw-01/up/data",
        "ce/v1/gw-01/down/unknown",
        "ce/v1/gw-01/down",
        "ce/v1/gw-01/down/desired/lines/more",
        topics.TIME,
    ],
)
def test_topics_of_other_gateways_are_refused(topic: str):
    with pytest.raises(TopicError):
        topics.parse_down(topic, GATEWAY)
