"""The uplink's thread: keeps one session to the broker and moves batches through the window.

It only carries out: `window` says what goes next, `outbox` holds it, `session` moves bytes. Central's messages are acknowledged to the broker after
they have been dealt with. Nothing leaves the outbox but by central's receipt.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.buffer.batches import Receipt, Stored
from edge_agent.buffer.outbox import Outbox
from edge_agent.uplink.session import TAKEN_OVER, Closed, Connected, Incident, Message, Published, Session
from edge_agent.uplink.window import Lane, Want, Window
from protocol import topics
from protocol.errors import CampusError, MessageError, StorageError
from protocol.messages import (
    CONTENT_TYPE,
    CRC_PROPERTY,
    Ack,
    Birth,
    Event,
    Health,
    Reported,
    Resend,
    State,
    decode_record,
    encode_record,
)

_LOG = logging.getLogger(__name__)
_HEALTH_EVERY_S = 60.0
_HEALTH_EXPIRY_S = 120
_IDLE_S = 1.0  # longest wait in one go, so that progress shows
_STORAGE_PAUSE_S = 1.0
_STABLE_S = 30.0  # a session that lasted this long resets the back-off; a broker that accepts and kicks does not
_TAKEN_OVER_TIMES = 8  # two boxes with one identity must not duel: they wait so much longer
_EVENT_EVERY_S = 600.0  # per code; the log has every single one
_CHANNELS = {"events": topics.Up.EVENT, "results": topics.Up.RESULT}


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the sender needs it: `now_s` monotonic, `now_ms` Unix milliseconds, `chance(a, b)` a random number between."""

    now_s: Callable[[], float]
    now_ms: Callable[[], int]
    chance: Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Full jitter between 0 and a ceiling that doubles from `min_s` to `max_s`.

    The ceiling is how late a gateway may be back after a long outage: a thousand of them make 500 attempts a second at 4 s, which a broker bears.
    """

    min_s: float = 1.0
    max_s: float = 4.0


@dataclass(frozen=True, slots=True)
class Announcer:
    """What the agent tells about itself, asked for when it is about to be published."""

    birth: Callable[[], Birth]
    health: Callable[[], Health]


class Sender:
    """The uplink: `start`, `stop`; `wake` after an append; `report` when documents have been dealt with.

    `on_document(name, payload)` gets each desired document, `on_command(payload, expiry_s)` each command with the seconds it was still valid when the
    broker sent it (None: it does not say), in the uplink's thread: they hand over, not work.
    """

    def __init__(
        self,
        outbox: Outbox,
        connect: Callable[[str, bytes], Session],
        window: Window,
        announcer: Announcer,
        clock: Clock,
        *,
        on_document: Callable[[str, bytes], None],
        on_command: Callable[[bytes, int | None], None],
        reconnect: Reconnect,
    ) -> None:
        self._outbox = outbox
        self._connect = connect
        self._window = window
        self._announcer = announcer
        self._clock = clock
        self._on_document = on_document
        self._on_command = on_command
        self._reconnect = reconnect
        self._session: Session | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._reported: Reported | None = None
        self._reported_due = False
        self._positions: dict[int, int] = {}
        self._told_s: dict[str, float] = {}
        self._health_due_s = 0.0
        self._incarnation = outbox.incarnation
        self._renumbered = False
        self.connected = False
        self.last_progress = clock.now_s()

    def start(self) -> None:
        """Begin connecting in the background."""
        self._outbox.listen(self.wake)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the session; return whether the thread ended in time."""
        self._stopping.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def wake(self) -> None:
        """Look at the outbox now. Any thread."""
        session = self._session
        if session is not None:
            session.wake()

    def report(self, reported: Reported) -> None:
        """Publish what became of the desired documents, now and at each later connect. Any thread."""
        self._reported = reported
        self._reported_due = True
        self.wake()

    # --- sessions ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began_s = self._clock.now_s()
            try:
                reason = self._one_session()
            except (OSError, CampusError) as error:
                reason = Closed(0, str(error))
            except Exception:  # noqa: BLE001  # the top of this thread: whatever failed, the next session may work
                _LOG.exception("the uplink failed; it connects again")
                reason = Closed(0, "internal error")
            failures = 1 if self._clock.now_s() - began_s >= _STABLE_S else failures + 1
            if reason.code == TAKEN_OVER:
                self._tell("uplink.taken_over", "another client connected with this gateway's identity; look for a second box or a stolen key")
            if not self._stopping.is_set():
                delay_s = self._delay_s(failures, reason.code == TAKEN_OVER)
                (_LOG.warning if failures == 1 else _LOG.info)("no uplink: %s; attempt %d in %.1f s", reason.reason, failures, delay_s)
                self._rest(delay_s)

    def _one_session(self) -> Closed:
        """Open a session and serve it to its end."""
        session = self._connect(topics.up(self._outbox.gateway, topics.Up.STATE), self._state("offline"))
        try:
            session.open()
            self._session = session
            while not self._stopping.is_set():
                self.last_progress = self._clock.now_s()
                for incident in self._settle(session.step(self._patience_s())):
                    if isinstance(incident, Closed):
                        return incident
                if self.connected:
                    self._work(session)
            return Closed(0, "stopping")
        finally:
            self.connected = False
            self._session = None
            self._window.closed()
            session.close()

    def _work(self, session: Session) -> None:
        """What a connected uplink does each round. Storage that fails holds it up, not the session."""
        try:
            self._pump(session)
            self._speak(session)
        except StorageError as error:
            _LOG.warning("the outbox cannot be read: %s", error)
            self._rest(_STORAGE_PAUSE_S)

    def _patience_s(self) -> float:
        now_s = self._clock.now_s()
        return max(0.0, min(_IDLE_S, self._window.due_in_s(now_s)))

    def _delay_s(self, failures: int, taken_over: bool) -> float:
        most_s = self._reconnect.max_s
        return self._clock.chance(0, most_s * _TAKEN_OVER_TIMES if taken_over else min(most_s, self._reconnect.min_s * float(1 << min(failures, 16))))

    def _rest(self, seconds: float) -> None:
        until_s = self._clock.now_s() + seconds
        while not self._stopping.is_set() and (left_s := until_s - self._clock.now_s()) > 0:
            self.last_progress = self._clock.now_s()
            self._stopping.wait(min(left_s, _IDLE_S))

    # --- outbox to broker ----------------------------------------------------------------------------------------------

    def _pump(self, session: Session) -> None:
        """Send everything the window allows now."""
        head = self._outbox.last_position
        if self._outbox.incarnation != self._incarnation:
            self._incarnation = self._outbox.incarnation
            self._window.renumbered(head, self._clock.now_s())
        self._window.grown(head)
        while (want := self._window.next(self._clock.now_s())) is not None:
            batch = self._fetch(want)
            if batch is None:
                self._window.nothing(want)
                continue
            topic = topics.up(self._outbox.gateway, _channel(batch, want.lane))
            mid = session.publish(topic, batch.payload, content_type=CONTENT_TYPE, user=_identity(batch))
            self._positions[mid] = batch.position
            self._window.sent(want, batch.position, self._clock.now_s())

    def _fetch(self, want: Want) -> Stored | None:
        outbox = self._outbox
        found = outbox.range(want.upto, want.upto) if want.lane is Lane.RESEND else outbox.pending(want.after, 1, want.upto)
        return found[0] if found else None

    def _speak(self, session: Session) -> None:
        """Publish what is not in the outbox: the answer to documents, and health once a minute."""
        gateway = self._outbox.gateway
        if self._reported_due and self._reported is not None:
            self._reported_due = False
            session.publish(topics.up(gateway, topics.Up.REPORTED), encode_record(self._reported), retain=True)
        if self._clock.now_s() >= self._health_due_s:
            self._health_due_s = self._clock.now_s() + _HEALTH_EVERY_S
            session.publish(topics.up(gateway, topics.Up.HEALTH), encode_record(self._announcer.health()), qos=0, expiry_s=_HEALTH_EXPIRY_S)

    # --- broker to agent -----------------------------------------------------------------------------------------------

    def _settle(self, incidents: list[Incident]) -> list[Incident]:
        """Deal with what happened; receipts of one round are taken together. Returns the incidents."""
        acks: dict[tuple[int, int], Ack] = {}
        for incident in incidents:
            if isinstance(incident, Connected):
                self._greet(incident)
            elif isinstance(incident, Published):
                self._answered(incident)
            elif isinstance(incident, Message):
                self._hear(incident, acks)
        for ack in acks.values():
            self._acked(ack)
        return incidents

    def _greet(self, connected: Connected) -> None:
        """Say who we are and ask for what is ours."""
        session, gateway = self._session, self._outbox.gateway
        if session is None:
            return
        _LOG.info("connected to the broker%s", ", session resumed" if connected.resumed else "")
        self._positions = {}
        self._window.opened(self._outbox.last_position, self._clock.now_s())
        self._incarnation = self._outbox.incarnation
        session.subscribe([topics.down_filter(gateway), topics.TIME])
        session.publish(topics.up(gateway, topics.Up.BIRTH), encode_record(self._announcer.birth()), retain=True)
        session.publish(topics.up(gateway, topics.Up.STATE), self._state("online"), retain=True)
        self._reported_due = self._reported is not None
        self._health_due_s = 0.0
        self.connected = True

    def _answered(self, published: Published) -> None:
        position = self._positions.pop(published.mid, None)
        if position is None:
            if published.code >= 0x80:
                _LOG.error("the broker refused a message about ourselves: %s; check its access rules", published.name)
            return
        if published.passed_on:
            self._window.delivered(position)
            return
        if not self._window.paused:
            _LOG.warning("the broker does not pass batches on: %s; waiting", published.name)
        self._window.refused(position, self._clock.now_s())

    def _hear(self, message: Message, acks: dict[tuple[int, int], Ack]) -> None:
        try:
            if message.topic != topics.TIME:
                self._obey(message, acks)
        except MessageError as error:
            _LOG.error("unusable message on %s: %s", message.topic, error)
            self._tell("uplink.bad_message", f"{message.topic}: {error}")
        if self._session is not None:
            self._session.acknowledge(message)

    def _obey(self, message: Message, acks: dict[tuple[int, int], Ack]) -> None:
        channel, document = topics.parse_down(message.topic, self._outbox.gateway)
        if channel is topics.Down.ACK:
            ack = decode_record(Ack, message.payload)
            known = acks.get((ack.generation, ack.epoch))
            if known is None or ack.seq >= known.seq:
                acks[ack.generation, ack.epoch] = ack
        elif channel is topics.Down.RESEND:
            self._resend(decode_record(Resend, message.payload))
        elif channel is topics.Down.DESIRED and document is not None:
            self._on_document(document, message.payload)
        elif channel is topics.Down.CMD:
            self._on_command(message.payload, message.expiry_s)

    def _acked(self, ack: Ack) -> None:
        receipt = self._outbox.acknowledge(ack.generation, ack.epoch, ack.seq, ack.also)
        if receipt is Receipt.BEYOND:
            self._set_back(ack)
        elif receipt is Receipt.FOREIGN:
            _LOG.info("receipt for epoch %d, which this outbox does not hold, is ignored", ack.epoch)
        else:
            first = self._outbox.position(ack.epoch, 0)
            if first is not None:
                self._window.acked(first, first + ack.seq, [(first + low, first + high) for low, high in ack.also])

    def _set_back(self, ack: Ack) -> None:
        """Central has more of this epoch than we ever stored: this outbox is an old copy. New numbers, once; nothing is deleted."""
        self._tell(
            "outbox.set_back",
            f"central acked batch {ack.seq} of epoch {ack.epoch}, which this outbox has not reached; the receipt is ignored and a new epoch begun",
            acked=ack.seq,
            epoch=ack.epoch,
        )
        if not self._renumbered:
            self._renumbered = True
            carried = self._outbox.renumber()
            _LOG.error("the outbox was set back; %d batches carried over to epoch %d", carried, self._outbox.epoch)

    def _resend(self, asked: Resend) -> None:
        first, last = self._outbox.position(asked.epoch, asked.first), self._outbox.position(asked.epoch, asked.last)
        if first is None or last is None:
            self._tell("uplink.resend_unknown", f"central asks for epoch {asked.epoch}, which this outbox does not hold", epoch=asked.epoch)
        elif not self._window.resend(first, last):
            _LOG.warning("too many ranges are asked for again; %d..%d is left to central's next request", asked.first, asked.last)

    def _state(self, state: str) -> bytes:
        return encode_record(State.model_validate({"state": state, "at_ms": self._clock.now_ms(), "epoch": self._outbox.epoch}))

    def _tell(self, code: str, message: str, **data: int) -> None:
        """Store an event, each code at most every ten minutes: a repeating fault must not fill the outbox."""
        now_s = self._clock.now_s()
        if now_s - self._told_s.get(code, -_EVENT_EVERY_S) < _EVENT_EVERY_S:
            return
        self._told_s[code] = now_s
        try:
            self._outbox.append_events([Event(code=code, at_ms=self._clock.now_ms(), severity="warning", message=message[:2000], data=dict(data))])
        except StorageError as error:
            _LOG.warning("event %s not stored: %s", code, error)


def _channel(batch: Stored, lane: Lane) -> topics.Up:
    """Readings go live or as history; events and results have channels of their own."""
    return _CHANNELS.get(batch.kind) or (topics.Up.DATA if lane is Lane.LIVE else topics.Up.BACKFILL)


def _identity(batch: Stored) -> list[tuple[str, str]]:
    """User properties: what a receiver must know before it unpacks."""
    return [
        ("generation", str(batch.generation)),
        ("epoch", str(batch.epoch)),
        ("seq", str(batch.seq)),
        (CRC_PROPERTY, f"{batch.crc32c:08x}"),
    ]
