"""Replace a meter in one transaction: the old stay ends, the new one begins, the gateway polls the new one, consumption is computed anew.

What prepaid meters still held (balance_energy, balance_money, purchase_count) is recorded and told as `carried`: to be carried over to the new meter.
No ledger books it yet; a person does.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import TypeAdapter

from central.consumption.days import day_of
from central.consumption.dirty import note_dirty
from central.consumption.load import site_zone
from central.db.pool import Connection
from central.db.statements import load_statements, number, run
from central.fleet.desired import refresh_documents
from central.identity.audit import record
from central.metering.adopt_readings import adopt_readings
from central.metering.drift import note_edit
from central.metering.hours_around import changed_hours, hours_of_days
from central.metering.meters import Model, Models, shipped_models
from central.metering.replacement import CARRIED, Hour, Replaced, Standing, Swap
from central.metering.replacement_checks import Facts, doubts, mistakes
from central.metering.standing import begin_stay, closed_since, end_stay, first_register, last_registers, note_event, standing
from protocol.errors import Conflict, NotFound
from protocol.profile import DeviceKind

_SQL = load_statements("central.metering")
UNDO_MS = 24 * 3_600_000
_ANSWER: TypeAdapter[Replaced] = TypeAdapter(Replaced)


def replace_meter(conn: Connection, swap: Swap, actor: str, now_ms: int, preview: bool = False, models: Models | None = None) -> Replaced:
    """Do what `swap` tells in one transaction, or with `preview` do it and roll it back. The same key with the same request is answered again.

    Raises NotFound for an unknown point or profile, Conflict for what cannot have been so (all of it in one message) or needs a person's word.
    """
    digest = hashlib.sha256(swap.model_dump_json().encode()).digest()
    with conn.transaction(force_rollback=preview):
        run(conn, _SQL["lock_registry"])
        answered = None if preview else _answered(conn, swap.key, digest)
        return answered or _replace(conn, swap, digest, actor, now_ms, preview, shipped_models() if models is None else models)


def _answered(conn: Connection, key: str, digest: bytes) -> Replaced | None:
    row = conn.execute(_SQL["replacement_of_key"], {"key": key}).fetchone()
    if row is None:
        return None
    if bytes(row[1]) != digest:
        raise Conflict(f"key {key!r} was used for another replacement (number {row[0]}); a new replacement needs a new key")
    return _ANSWER.validate_python(row[2])


def _replace(conn: Connection, swap: Swap, digest: bytes, actor: str, now_ms: int, preview: bool, models: Models) -> Replaced:
    old = standing(conn, swap.point, swap.device)
    model = _model(swap, old, models)
    facts = _facts(conn, swap, old, model, now_ms)
    _check(conn, swap, facts)
    zone = site_zone(conn)
    last = facts.last.get(old.register or "")
    since_ms = last.at_ms if last else swap.removed_at_ms
    days = (day_of(since_ms, zone), day_of(facts.after.at_ms if facts.after else swap.installed_at_ms, zone))
    before = hours_of_days(conn, old.point_id, days, zone)

    new = _new_code(conn, swap, old)
    installation, adopted = _apply(conn, swap, old, new, model)
    note_dirty(conn, [old.point], datetime.fromtimestamp(since_ms / 1000, UTC), None, "meter replaced")
    hours = changed_hours(before, hours_of_days(conn, old.point_id, days, zone))
    answer = _answer(swap, facts, new, hours, adopted, now_ms, preview)
    return _remember(conn, swap, digest, actor, old, answer, installation)


def _model(swap: Swap, old: Standing, models: Models) -> Model:
    """What is put in. A meter of the old one's profile counts as the old one did."""
    profile = swap.new.profile or old.profile
    if profile == old.profile and old.register is not None:
        return Model(DeviceKind(old.kind), old.register, old.rollover)
    if profile not in models:
        raise NotFound(f"there is no device profile {profile!r}; list them with: provision profile list")
    model = models[profile]
    if model.kind.value != old.kind:
        raise Conflict(f"profile {profile} is a {model.kind.value}, {old.device} a {old.kind}; another kind of meter is another metering point")
    return model


def _facts(conn: Connection, swap: Swap, old: Standing, model: Model, now_ms: int) -> Facts:
    asked = {*swap.closing, *CARRIED, *([old.register] if old.register else [])}
    since_ms, at_ms = old.installed_at_ms, swap.removed_at_ms
    last = last_registers(conn, old.device, asked, since_ms, at_ms) if at_ms > since_ms else {}
    after = first_register(conn, old.device, old.register, swap.installed_at_ms)
    following = last_registers(conn, old.device, [old.register], at_ms + 1, max(now_ms, at_ms + 1)).get(old.register) if old.register else None
    reach_ms = min([at_ms, *(seen.at_ms for code, seen in last.items() if code == old.register)])
    return Facts(old, now_ms, model.register, model.rollover, last, after, following, closed_since(conn, reach_ms))


def _check(conn: Connection, swap: Swap, facts: Facts) -> None:
    """Raise with everything that is wrong at once."""
    wrong = [*mistakes(swap, facts), *_site_mistakes(conn, swap, facts.standing)]
    if wrong:
        raise Conflict("; ".join(wrong), problems=wrong)
    unsure = list(doubts(swap, facts))
    if unsure and not swap.confirmed:
        raise Conflict(
            f"{'; '.join(unsure)}. Look at the photo and the times again; if it is so, send confirmed: true and say why in reason",
            problems=unsure,
            confirm=True,
        )


def _site_mistakes(conn: Connection, swap: Swap, old: Standing) -> list[str]:
    """Where the new meter cannot be: its line, its address, its name, its photos."""
    gateway, line = swap.new.gateway or old.gateway, swap.new.line or old.line
    found: list[str] = []
    if gateway is None:
        found += _reporter_mistakes(conn, swap, old)
    elif conn.execute(_SQL["line_known"], {"gateway": gateway, "line": line}).fetchone() is None:
        found.append(f"there is no line {gateway}/{line}")
    taken = conn.execute(_SQL["taken_by"], {"gateway": gateway, "line": line, "address": swap.new.address, "but": old.device}).fetchone()
    if taken:
        found.append(f"address {swap.new.address} on line {gateway}/{line} is {taken[0]}'s; both would answer")
    missing = [row[0] for row in conn.execute(_SQL["photos_missing"], {"photos": list(swap.photos)})]
    if missing:
        found.append(f"photo {missing[0]} is not there; send it to POST /api/v1/attachments first")
    if swap.new.code is not None:
        present = conn.execute(_SQL["device_present"], {"code": swap.new.code}).fetchone()
        if present and not present[2]:
            found.append(f"device {swap.new.code!r} stands elsewhere already; a spare must be removed there first")
        elif present and (present[3] or 0) > swap.installed_at_ms:
            found.append(f"device {swap.new.code!r} stood elsewhere until {present[3]}, after installed_at_ms")
    return found


def _reporter_mistakes(conn: Connection, swap: Swap, old: Standing) -> list[str]:
    if swap.new.imei is None:
        return [f"{old.device} reports by itself: give the new meter's imei, or the gateway and line it is read on"]
    known = {"imei": swap.new.imei, "number": str(int(swap.new.address)), "but": old.device}
    taken = conn.execute(_SQL["reporter_taken_by"], known).fetchone()
    return [f"IMEI {swap.new.imei} or meter number {swap.new.address} is {taken[0]}'s"] if taken else []


def _new_code(conn: Connection, swap: Swap, old: Standing) -> str:
    """The code given, or the point's with the first number that is free: p1-2, p1-3, ..."""
    if swap.new.code is not None:
        return swap.new.code
    for place in range(2, 1000):
        code = f"{old.point[: 62 - len(str(place))]}-{place}"
        if conn.execute(_SQL["device_present"], {"code": code}).fetchone() is None:
            return code
    raise Conflict(f"point {old.point!r} has had a thousand meters; give the new one a code")


def _apply(conn: Connection, swap: Swap, old: Standing, new: str, model: Model) -> tuple[int, int]:
    """End the old stay, begin the new one. Returns the new installation and how many readings went over to the new meter's name."""
    end_stay(conn, old.installation, swap.removed_at_ms, swap.closing)
    run(conn, _SQL["remove_device"], keys=[old.device])
    gateway, line = swap.new.gateway or old.gateway, swap.new.line or old.line
    row: dict[str, object] = {"code": new, "profile": swap.new.profile or old.profile, "kind": old.kind, "address": swap.new.address}
    row |= {"place": old.place, "gateway": gateway, "line": line, "name_zh": old.name_zh, "name_en": old.name_en}
    row |= {"position": old.position, "poll_s": _poll_s(swap, old)}
    run(conn, _SQL["write_device"], rows=_json([row]))
    run(conn, _SQL["remove_reporter"], keys=[old.device])
    if gateway is None:
        card = {"number": str(int(swap.new.address)), "imei": swap.new.imei, "iccid": swap.new.iccid}
        run(conn, _SQL["succeed_reporter"], old=old.device, new=new, **card)
    installation = begin_stay(
        conn,
        replace(
            old,
            device=new,
            ct=swap.new.ct or old.ct,
            pt=swap.new.pt or old.pt,
            numerator=1,
            denominator=1,
            register=model.register,
            rollover=model.rollover,
            max_per_hour=swap.new.max_per_hour or old.max_per_hour,
        ),
        swap.installed_at_ms,
        swap.opening,
    )
    adopted = adopt_readings(conn, old.device, new, swap.installed_at_ms) if swap.readings_are_new else 0
    refresh_documents(conn, {old.gateway, gateway})
    run(conn, _SQL["notify_registry"])
    return installation, adopted


def _poll_s(swap: Swap, old: Standing) -> dict[str, int]:
    """Poll periods are the profile's groups: those of another profile do not fit."""
    return dict(old.poll_s) if (swap.new.profile or old.profile) == old.profile else {}


def _answer(swap: Swap, facts: Facts, new: str, hours: tuple[Hour, ...], adopted: int, now_ms: int, preview: bool) -> Replaced:
    old, last = facts.standing, facts.last.get(facts.standing.register or "")
    carried = {code: swap.closing.get(code, facts.last[code].value if code in facts.last else 0) for code in CARRIED}
    known = {code: value for code, value in carried.items() if code in swap.closing or code in facts.last}
    return Replaced(
        id=None,
        point=old.point,
        old_device=old.device,
        new_device=new,
        removed_at_ms=swap.removed_at_ms,
        installed_at_ms=swap.installed_at_ms,
        closing=swap.closing,
        opening=swap.opening,
        last_before=last.value if last else None,
        first_after=facts.after.value if facts.after and swap.readings_are_new else None,
        hours=hours,
        carried=known,
        adopted=adopted,
        closed_months=tuple(facts.closed_months),
        notes=tuple(_notes(swap, facts, known)),
        undo_until_ms=now_ms + UNDO_MS,
        preview=preview,
    )


def _notes(swap: Swap, facts: Facts, carried: dict[str, int]) -> list[str]:
    notes = ["export the site plan (GET /api/v1/site-plan): plans written before this replacement are refused from now on"]
    if swap.unreadable is not None:
        notes.append("without a closing register, what passed between the last reading of the old meter and its removal stays unknown")
    if facts.closed_months:
        notes.append(f"closed months keep their figures ({', '.join(facts.closed_months)}); the difference becomes an adjustment in the open month")
    if carried:
        notes.append("the old meter held credit or a purchase count: carry them over to the new meter; nothing books this yet")
    if facts.after is not None and not swap.readings_are_new:
        notes.append("the old meter's name was read after the new meter was put in; if that was the new one already, send readings_are_new: true")
    return notes


def _remember(conn: Connection, swap: Swap, digest: bytes, actor: str, old: Standing, answer: Replaced, installation: int) -> Replaced:
    """The replacement's own row, the plan's drift, the trail, the event."""
    params: dict[str, Any] = {name: getattr(swap, name) for name in ("key", "removed_at_ms", "installed_at_ms", "unreadable", "person", "reason")}
    params |= {"closing": _json(swap.closing), "opening": _json(swap.opening), "carried": _json(answer.carried), "request": swap.model_dump_json()}
    params |= {"point": old.point, "old_device": old.device, "new_device": answer.new_device, "photos": list(swap.photos), "actor": actor}
    params |= {
        "done_at_ms": answer.undo_until_ms - UNDO_MS,
        "digest": digest,
        "old_installation": old.installation,
        "new_installation": installation,
        "adopted": answer.adopted,
    }
    replacement = number(conn, _SQL["note_replacement"], **params)
    answer = replace(answer, id=None if answer.preview else replacement)
    run(conn, _SQL["note_answer"], id=replacement, answer=_json(answer))
    what = f"{old.device} at point {old.point} was replaced by {answer.new_device}, replacement {replacement}"
    note_edit(conn, old.point, "meter", {"device": old.device}, {"device": answer.new_device}, what, actor)
    facts = {name: value for name, value in asdict(answer).items() if name not in ("hours", "notes", "preview", "id")}
    facts |= {"replacement": replacement, "person": swap.person, "reason": swap.reason, "key": swap.key}
    record(conn, actor, "meter.replaced", old.point, facts)
    note_event(
        conn, "meter.replaced", answer.new_device, what, {"replacement": replacement, "point": old.point, "person": swap.person}, swap.installed_at_ms
    )
    return answer


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
