"""What gateways say about themselves, and the documents they are handed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from central.db.pool import Connection
from central.fleet.desired import publish_documents
from central.fleet.gateways import get_gateway, observe
from central.metering.model import PlanDiff
from central.mqtt.session import Message
from protocol.errors import MessageError, NotFound
from protocol.messages import Birth, Health, LineStatus, Reported, ReportedDocument, State, encode_record
from protocol.record import Record
from protocol.topics import Up, up


def say(conn: Connection, channel: Up, record: Record, gateway: str = "gw-1", retained: bool = False) -> None:
    observe(conn, Message(up(gateway, channel), encode_record(record), {}, retained=retained))


def birth(generation: int = 1, gateway: str = "gw-1") -> Birth:
    return Birth(gateway=gateway, generation=generation, epoch=5, agent_version="1.2", started_at_ms=1000, lines=(LineStatus(id="l1", devices=2),))


def test_birth_state_report_and_health_make_the_picture(site: Connection):
    say(site, Up.BIRTH, birth())
    say(site, Up.STATE, State(state="online", at_ms=1, epoch=5))
    say(site, Up.REPORTED, Reported(documents={"lines": ReportedDocument(version=1, refused_version=2, error="no such profile")}))
    say(site, Up.HEALTH, Health(at_ms=1, uptime_s=60, backlog_batches=3, backlog_bytes=4, outbox_bytes=5))

    seen = get_gateway(site, "gw-1")

    assert (seen.state, seen.agent_version, seen.generation, seen.reported_version, seen.reported_error) == ("online", "1.2", 1, 1, "no such profile")
    assert seen.health is not None
    assert seen.health["backlog_batches"] == 3
    assert seen.last_seen_at_ms is not None


def test_will_makes_a_gateway_offline_and_keeps_when_it_was_seen(site: Connection):
    say(site, Up.STATE, State(state="online", at_ms=1, epoch=5))
    seen_at = get_gateway(site, "gw-1").last_seen_at_ms

    say(site, Up.STATE, State(state="offline", at_ms=1, epoch=5))

    assert (get_gateway(site, "gw-1").state, get_gateway(site, "gw-1").last_seen_at_ms) == ("offline", seen_at)


def test_retained_message_is_no_proof_of_life(site: Connection):
    say(site, Up.BIRTH, birth(), retained=True)
    say(site, Up.STATE, State(state="online", at_ms=1, epoch=5), retained=True)

    assert get_gateway(site, "gw-1").last_seen_at_ms is None


def test_old_box_does_not_take_the_place_of_its_successor(site: Connection):
    say(site, Up.BIRTH, birth(generation=3))
    say(site, Up.BIRTH, birth(generation=2))

    assert site.execute("select generation from gateway where code = 'gw-1'").fetchone() == (3,)
    assert site.execute("select generation from gateway_status where gateway = 'gw-1'").fetchone() == (3,)


def test_box_that_says_hello_before_its_plan_is_known_afterwards(conn: Connection, import_plan: Callable[..., PlanDiff]):
    say(conn, Up.STATE, State(state="online", at_ms=1, epoch=5))
    import_plan(conn)

    assert get_gateway(conn, "gw-1").state == "online"


def test_birth_of_another_gateway_is_refused(site: Connection):
    with pytest.raises(MessageError, match="birth of 'gw-2' on the topic of 'gw-1'"):
        say(site, Up.BIRTH, birth(gateway="gw-2"))


def test_unknown_gateway_is_not_found(site: Connection):
    with pytest.raises(NotFound):
        get_gateway(site, "gw-9")


def test_documents_are_published_once_and_again_when_they_change(site: Connection, import_plan: Callable[..., PlanDiff], plan: str):
    sent: list[str] = []
    published: set[str] = set()

    def publish(topic: str, _body: bytes) -> bool:
        sent.append(topic)
        return True

    assert publish_documents(site, publish, published) == 2
    assert publish_documents(site, publish, published) == 0
    import_plan(site, plan.replace("baud: 9600", "baud: 2400"))
    publish_documents(site, publish, published)

    assert sent == [f"ce/v1/{gateway}/down/desired/lines" for gateway in ("gw-1", "gw-2", "gw-2")]


def test_document_that_could_not_be_handed_over_is_tried_again(site: Connection):
    published: set[str] = set()

    assert publish_documents(site, lambda _topic, _body: False, published) == 0
    assert publish_documents(site, lambda _topic, _body: True, published) == 2
