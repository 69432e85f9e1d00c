"""A trial, or a capture somebody else made, as a section of a golden wire log. Pure.

A golden log is replayed by the tests for ever: our driver must make exactly these requests and read exactly these integers out of these replies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from edge_agent.drivers.driver import Driver, driver_for
from edge_agent.drivers.plan import Memory, Request, plan
from edge_agent.lines.exchange import RawFrame
from protocol.errors import CampusError, ConfigError
from protocol.profile import AnyProfile
from protocol.profile_items import AnyItem
from protocol.site_plan import Device
from protocol.wire.wirelog import Comment, Entry, Received, Sent, Value, render
from provisioning.profiles.trial import Trial, Tried


def of_trial(trial: Trial, source: str) -> str:
    """Return a section from what was really said; requests that met silence are left out, refusals stay."""
    entries: list[Entry] = [Comment(source), Value("address", trial.device.address)]
    for one in trial.tried:
        if one.frames_received and (one.error is None or one.refused):
            entries += _of_request(one)
    return render(entries)


def of_capture(profile: AnyProfile, pairs: Iterable[tuple[bytes, bytes]], source: str) -> str:
    """Return a section from requests and replies captured elsewhere; a request our driver does not make for this profile is left out.

    Raises ConfigError if none of them is one.
    """
    driver = driver_for(profile)
    entries: list[Entry] = [Comment(source)]
    address = ""
    for sent, received in pairs:
        found = _recognised(profile, driver, sent, received)
        if found is None:
            continue
        device, request, values = found
        if device.address != address:
            address = device.address
            entries.append(Value("address", address))
        entries += [_due([one.item for one in request.fields]), Sent(sent), Received(received)]
        entries += [Value(quantity, str(value)) for quantity, value in values]
    if len(entries) == 1:
        raise ConfigError(f"nothing in the capture is a read of {profile.profile}; `provision sniff` shows what it holds")
    return render(entries)


def _of_request(one: Tried) -> Iterator[Entry]:
    yield _due([field.item for field in one.request.fields])
    for direction, data in _joined(one.frames):
        yield Sent(data) if direction == ">" else Received(data)
    if one.refused and one.error:
        yield Comment(one.error)
    yield from (Value(quantity, str(value)) for quantity, value in one.values)


def _due(items: Sequence[AnyItem]) -> Value:
    return Value("due", " ".join(dict.fromkeys(item.quantity for item in items)))


def _joined(frames: Sequence[RawFrame]) -> Iterator[tuple[str, bytes]]:
    """One reply may arrive in several reads; silence has no bytes."""
    frames, at = [frame for frame in frames if frame.data], 0
    while at < len(frames):
        direction, data = frames[at].direction, b""
        while at < len(frames) and frames[at].direction == direction:
            data += frames[at].data
            at += 1
        yield direction, data


def _recognised(profile: AnyProfile, driver: Driver, sent: bytes, received: bytes) -> tuple[Device, Request, Sequence[tuple[str, int]]] | None:
    """The device and request of ours that these bytes are, and what the reply says."""
    for address in _addresses(profile, sent):
        device = Device(id="one", profile=profile.profile, address=address, place="room")
        for request in _possible(profile, device):
            transaction = driver.transaction(request, [])
            if transaction is None or transaction.request.lstrip(b"\xfe") != sent.lstrip(b"\xfe"):
                continue
            replies = [frame for frame in transaction.decoder.feed(received) if transaction.accept(frame)]
            try:
                return (device, request, driver.decode(request, replies).values) if replies else None
            except CampusError:
                return None
    return None


def _addresses(profile: AnyProfile, sent: bytes) -> Iterator[str]:
    body = sent.lstrip(b"\xfe")
    if profile.protocol.value == "modbus_rtu":
        yield str(body[0])
    elif profile.protocol.value == "cjt188" and len(body) > 9:
        yield body[2:9][::-1].hex()
    elif len(body) > 7:
        yield body[1:7][::-1].hex()


def _possible(profile: AnyProfile, device: Device) -> Iterator[Request]:
    """Every read our driver may make: the blocks when all is due, then each item alone."""
    yield from plan(profile, device, profile.items, Memory(), 0.0)
    for item in profile.items:
        yield from plan(profile, device, [item], Memory(), 0.0)
