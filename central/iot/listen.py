"""The open ports for meters that push CJ/T 188 frames: TCP connections, each bounded in number, bytes and time, and UDP datagrams.

Nothing on such a port is signed or secret: it belongs behind the operator's private APN and is off unless the settings name a port.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

from central.db.pool import DatabaseError, Pool, PoolBusy
from central.iot.conversation import Conversation
from central.settings import IotSettings
from protocol.errors import CampusError, StorageError

log = logging.getLogger(__name__)

MAX_CONNECTION_BYTES = 64 << 10
MAX_DATAGRAM_BYTES = 2048
MAX_LIFE_S = 600.0
_WAKE_S = 0.5
_CHUNK = 4096


def listen_tcp(settings: IotSettings, port: int, pool: Pool, clock: Callable[[], float], stop: threading.Event) -> None:
    """Serve until `stop`; a connection beyond `max_connections` is closed at once and counted in the log. Raises OSError where it cannot listen."""
    room = threading.BoundedSemaphore(settings.max_connections)
    turned_away = 0
    with socket.create_server((settings.host, port), backlog=min(settings.max_connections, 128)) as server:
        server.settimeout(_WAKE_S)
        log.info("meters may report to %s:%d (TCP)", settings.host, port)
        while not stop.is_set():
            try:
                connection, peer = server.accept()
            except TimeoutError:
                continue
            if not room.acquire(blocking=False):
                connection.close()
                turned_away += 1
                if turned_away == 1 or turned_away % 1000 == 0:
                    log.warning("%d connections of meters turned away so far: %d are open already", turned_away, settings.max_connections)
                continue
            threading.Thread(
                target=_serve, args=(connection, peer, settings.idle_s, Conversation(pool, "tcp", clock), room, stop), name="iot-tcp", daemon=True
            ).start()


def listen_udp(settings: IotSettings, port: int, pool: Pool, clock: Callable[[], float], stop: threading.Event) -> None:
    """Serve until `stop`: one datagram, one transaction, then the acknowledgement. What cannot be stored is not answered; the meter repeats it."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((settings.host, port))
        server.settimeout(_WAKE_S)
        log.info("meters may report to %s:%d (UDP)", settings.host, port)
        while not stop.is_set():
            try:
                datagram, peer = server.recvfrom(MAX_DATAGRAM_BYTES)
            except TimeoutError:
                continue
            if datagram and (reply := _hear(Conversation(pool, "udp", clock), datagram, whole=True)):
                server.sendto(reply, peer)


def _serve(
    connection: socket.socket, peer: object, idle_s: float, talk: Conversation, room: threading.BoundedSemaphore, stop: threading.Event
) -> None:
    """One connection until its meter goes, is idle, or has said or lasted too much."""
    heard, waited_s, lasted_s = 0, 0.0, 0.0
    try:
        with connection:
            connection.settimeout(_WAKE_S)
            while not stop.is_set() and waited_s < idle_s and lasted_s < MAX_LIFE_S and heard <= MAX_CONNECTION_BYTES:
                try:
                    data = connection.recv(_CHUNK)
                except TimeoutError:
                    waited_s, lasted_s = waited_s + _WAKE_S, lasted_s + _WAKE_S
                    continue
                reply = _hear(talk, data) if data else None
                if reply is None:
                    return
                heard, waited_s = heard + len(data), 0.0
                if reply:
                    connection.sendall(reply)
    except OSError as error:
        log.debug("connection of %s ended: %s", peer, error)
    except Exception:
        log.exception("connection of %s failed", peer)
    finally:
        room.release()


def _hear(talk: Conversation, data: bytes, whole: bool = False) -> bytes | None:
    """What to answer; None when nothing could be stored and the meter must send it again."""
    try:
        return talk.hear(data, whole)
    except (DatabaseError, PoolBusy, StorageError) as error:
        log.warning("a report cannot be stored, the meter will repeat it: %s", error)
    except CampusError as error:
        log.warning("bytes of a meter could not be used: %s", error)
    return None
