"""Reports that come over MQTT: taken, committed, then acknowledged to the broker; commands go back while the meter is awake."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import orjson
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential
from tenacity.nap import sleep_using_event

from central.consumption.load import site_zone
from central.db.pool import CONTENT_ERRORS, DatabaseError, Pool, PoolBusy
from central.ingest.worker import Stream
from central.iot.model import Taken
from central.iot.take import refuse, take
from central.iot.webhook import Arrival, answer, parse_arrival
from central.mqtt.session import Message
from protocol.errors import MessageError, StorageError
from protocol.topics import iot_command, parse_iot_report

log = logging.getLogger(__name__)

VIA = "mqtt"
SHARE = "iot"
WINDOW = 50
MAX_PAYLOAD_BYTES = 64 << 10
_IDLE_S = 0.5
_GATHER_S = 0.0
_BACKOFF_MAX_S = 3.0


def work_reports(stream: Stream, pool: Pool, clock: Callable[[], float], stop: threading.Event) -> None:
    """Run until `stop`. What is not committed by then stays unacknowledged and comes again."""
    while not stop.is_set():
        for message in stream.take(WINDOW, 1 << 20, _IDLE_S, _GATHER_S):
            try:
                _handle(message, stream, pool, clock, stop)
            except RetryError:
                return
            stream.acknowledge([message])


def _handle(message: Message, stream: Stream, pool: Pool, clock: Callable[[], float], stop: threading.Event) -> None:
    """Take one message, trying until the database does; raises RetryError when told to stop before that."""
    retrying = Retrying(
        retry=retry_if_exception_type((DatabaseError, PoolBusy)),
        wait=wait_random_exponential(multiplier=0.2, max=_BACKOFF_MAX_S),
        stop=stop_when_event_set(stop),
        sleep=sleep_using_event(stop),
        before_sleep=lambda state: log.warning("database does not take a report, trying again") if state.attempt_number == 1 else None,
    )
    try:
        taken, arrival = retrying(_take_message, pool, message, int(clock() * 1000))
    except StorageError as error:
        log.error("a report on %s is dropped: %s", message.topic, error)
        return
    if taken.commands:
        _send(stream, message.topic, taken, arrival)


def _take_message(pool: Pool, message: Message, now_ms: int) -> tuple[Taken, Arrival | None]:
    """One message in one transaction; content that upsets the database is set aside like any other that cannot be used."""
    try:
        with pool.connection() as conn:
            arrival = _parse(message, site_zone(conn))
            return take(conn, VIA, arrival.report, message.payload.decode("utf-8", "replace"), now_ms), arrival
    except (MessageError, *CONTENT_ERRORS) as error:
        with pool.connection() as conn:
            return refuse(conn, VIA, message.payload[:MAX_PAYLOAD_BYTES], f"{message.topic}: {error}"), None


def _parse(message: Message, zone: str) -> Arrival:
    """The report of a message. The topic, which the broker lets only its own meter write, says whose it is."""
    imei = parse_iot_report(message.topic)
    if len(message.payload) > MAX_PAYLOAD_BYTES:
        raise MessageError(f"{len(message.payload)} bytes are no report; send at most {MAX_PAYLOAD_BYTES}")
    try:
        document = orjson.loads(message.payload)
    except orjson.JSONDecodeError as error:
        raise MessageError(f"the payload is no JSON: {error}") from error
    if isinstance(document, dict) and document.setdefault("imei", imei) != imei:
        raise MessageError(f"the report says IMEI {document['imei']!r:.40} on the topic of {imei}")
    return parse_arrival(document, zone)


def _send(stream: Stream, topic: str, taken: Taken, arrival: Arrival | None) -> None:
    """The same commands a webhook is answered with. Lost ones are handed over again at the next report."""
    commands: Sequence[object] = answer(taken, arrival)["commands"]
    if not stream.publish(iot_command(parse_iot_report(topic)), orjson.dumps({"commands": commands}), retain=False):
        log.debug("commands for %s not sent; they go with its next report", taken.device)
