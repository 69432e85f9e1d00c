"""The reference university with a year of consumption behind it: what the console is measured on.

The registry comes from the reference plan through the platform's own import. Day rows of every point are drawn (a shape by the hour for each kind of
place, weekends, term and holidays, some points that leak or rise, some days missing) and written in PostgreSQL's binary form, because the platform's
own computation of 5 million point days from readings would take an hour; sums of places are added up here in numpy from the same numbers, months by
SQL from the day rows, so that parts sum to wholes. Newest registers, states and health messages stand beside them. Everything is drawn from one seed.

    .venv/bin/python -m tests.bench.campus_year DSN [DAYS]     fills an empty database (it is migrated first)
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson

from central.db.copy import copy_in
from central.db.migrate import migrate
from central.db.pool import Connection, connect
from central.metering.import_plan import import_site_plan
from central.metering.meters import shipped_models
from firmware_profiles.loader import load_profiles
from protocol.plan_text import plan_text
from protocol.site_plan import SitePlan
from provisioning.reference_site import reference_site

ZONE = ZoneInfo("Asia/Shanghai")
SLOTS = 96
_SEED = 20261122
_MISSING = 0.004  # share of point days of which nothing is known
_HALF = 0.004  # ... of which the afternoon is missing
_LOSS = 40  # a main meter shows a fortieth more than the meters below it
_EPOCH = date(2000, 1, 1)  # PostgreSQL's own
_INT4_OID, _INT8_OID = 23, 20


@dataclass(frozen=True, slots=True)
class Point:
    """One metering point: its number, medium, device, register, where it hangs, the kind of consumer it is, the point above it."""

    id: int
    code: str
    medium: str
    device: str
    register: str
    places: tuple[str, ...]
    kind: str
    upstream: str | None


def fill(conn: Connection, days: int = 366, today: date | None = None, plan: SitePlan | None = None, leaking: Collection[str] = ()) -> list[Point]:
    """Migrate, import, and write `days` local days that end today. `conn`: autocommit. Some minutes for a year.

    `plan`: another site than the reference university. `leaking`: devices that leak for certain, besides those that are drawn.
    """
    migrate(conn)
    conn.execute("set synchronous_commit = off")
    site = plan or reference_site(load_profiles())
    import_site_plan(conn, plan_text(site), f"{site.site.id}.yaml", "bench", preview=False, models=shipped_models())
    points = _points(conn)
    last = today or datetime.now(ZONE).date()
    conn.execute("update installation set installed_at = %s", [datetime.combine(last - timedelta(days=days + 30), datetime.min.time(), ZONE)])
    chance = np.random.default_rng(_SEED)
    registers = _draw_days(conn, points, [last - timedelta(days=days - 1 - n) for n in range(days)], chance, leaking)
    _write_newest(conn, points, registers, chance)
    _write_fleet(conn)
    for statement in (_MONTHS, _PLACE_MONTHS, _COMPLETE):
        conn.execute(statement.encode())
    conn.execute("delete from dirty")
    conn.execute("delete from dirty_place")
    conn.execute("vacuum analyze")
    return points


def _points(conn: Connection) -> list[Point]:
    found = conn.execute(
        "select m.id, m.code, m.medium, i.device, i.register, h.upstream, array_agg(w.above) from metering_point as m "
        "join point_position as h on h.point = m.code join place_within as w on w.place = h.place "
        "join place as p on p.code = w.above and p.kind <> 'room' "
        "join installation as i on i.point = m.code join device as d on d.code = i.device "
        "where i.register is not null and h.role <> 'check' group by 1, 2, 3, 4, 5, 6 order by 1"
    )
    return [
        Point(number, code, medium, device, register, tuple(places), _kind(medium, device), upstream)
        for number, code, medium, device, register, upstream, places in found
    ]


def _kind(medium: str, device: str) -> str:
    if medium == "water":
        return "dorm water" if device.startswith("w-dorm") or "dorm" in device else "water"
    return "dorm" if "dorm" in device else "building"


def _shape(kind: str, weekend: bool, holiday: bool) -> Any:
    """Mean consumption of the 96 quarters, base units (Wh or litres)."""
    hour = np.arange(SLOTS) / 4
    evening, day, morning = (np.exp(-(((hour - at) / width) ** 2)) for at, width in ((21, 2.5), (14, 4.5), (8, 2)))
    if kind == "dorm":
        return (8 + 35 * evening + 12 * morning) * (0.15 if holiday else 1.1 if weekend else 1.0)
    if kind == "building":
        return (350 + 1900 * day + 500 * evening) * (0.3 if holiday else 0.45 if weekend else 1.0)
    if kind == "dorm water":
        return (0.1 + 2.2 * evening + 1.4 * morning) * (0.1 if holiday else 1.0)
    return (0.5 + 12 * day) * (0.2 if holiday else 0.4 if weekend else 1.0)


def _draw_days(conn: Connection, points: Sequence[Point], days: Sequence[date], chance: np.random.Generator, leaking: Collection[str]) -> np.ndarray:
    """Write day rows of points and places; returns each point's register at the end, base units."""
    size = np.exp(chance.normal(0, 0.5, len(points)))
    leaks = (chance.random(len(points)) < 0.01) | np.array([point.device in leaking for point in points])
    registers = chance.integers(100_000, 50_000_000, len(points))
    kinds = sorted({point.kind for point in points})
    kind_of = np.array([kinds.index(point.kind) for point in points])
    places = sorted({(place, point.medium) for point in points for place in point.places})
    number_of = {key: number for number, key in enumerate(places)}
    owner = np.array([(position, number_of[place, points[position].medium]) for position, place in _counted(points)])
    lower, upper = _supply(points)
    ids = np.array([point.id for point in points])
    for number, day in enumerate(days):
        holiday = day.month in (2, 7, 8)
        shapes = np.stack([_shape(kind, day.weekday() >= 5, holiday) for kind in kinds])
        slots = np.rint(shapes[kind_of] * size[:, None] * chance.gamma(4, 0.25, (len(points), SLOTS))).astype(np.int64)
        if number > len(days) - 20:
            slots[leaks] += np.maximum(1, (shapes[kind_of[leaks]].max(axis=1) / 8).astype(np.int64))[:, None]
        slots[np.unique(upper)] = 0
        np.add.at(slots, upper, slots[lower])
        slots[np.unique(upper)] += slots[np.unique(upper)] // _LOSS
        known = np.full((len(points), SLOTS), 900, np.int64)
        fate = chance.random(len(points))
        known[fate < _HALF, SLOTS // 2 :] = 0
        known[fate > 1 - _MISSING] = 0
        if number == len(days) - 1:
            known[:, _slots_so_far(day) :] = 0
        slots[known == 0] = 0
        started = registers
        registers = registers + slots.sum(axis=1)
        copy_in(conn, _COPY_DAYS, _day_rows(ids, day, slots, known, started, registers))
        copy_in(conn, _COPY_PLACES, _place_rows(places, owner, day, slots, known))
    return registers


def _counted(points: Sequence[Point]) -> Iterator[tuple[int, str]]:
    """Which point counts in which place: where no point above it counts too."""
    places_of = {point.code: set(point.places) for point in points}
    for position, point in enumerate(points):
        above = places_of.get(point.upstream or "", set())
        yield from ((position, place) for place in point.places if place not in above)


def _supply(points: Sequence[Point]) -> tuple[np.ndarray, np.ndarray]:
    """Points with the point above each: one level, as the reference plan has it."""
    number_of = {point.code: position for position, point in enumerate(points)}
    pairs = [(position, number_of[point.upstream]) for position, point in enumerate(points) if point.upstream in number_of]
    return tuple(np.array(pairs, np.int64).reshape(-1, 2).T)  # type: ignore[return-value]


def _slots_so_far(day: date) -> int:
    now = datetime.now(ZONE)
    return (now.hour * 4 + now.minute // 15) if now.date() == day else SLOTS


_COPY_DAYS = b"""copy consumption_day (point_id, day, value, known_s, slots, known, pins, seen, rates, first_at, first_value, last_at, last_value)
from stdin (format binary)"""
_COPY_PLACES = b"copy place_day (place, medium, day, value, points, slots, known, rates) from stdin (format text)"
_HEAD, _TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_ARRAY = [("size", ">i4"), ("dims", ">i4"), ("flags", ">i4"), ("oid", ">i4"), ("length", ">i4"), ("lower", ">i4")]


def _array_type(code: str, length: int) -> np.dtype[np.void]:
    return np.dtype([*_ARRAY, ("items", [("n", ">i4"), ("v", code)], (length,))])


def _day_rows(ids: np.ndarray, day: date, slots: np.ndarray, known: np.ndarray, first: np.ndarray, last: np.ndarray) -> bytes:
    """Binary COPY of one day, one fixed-length row a point; the seconds known of a slot are 0 or 900, so column `known` stays null."""
    row = np.dtype(
        [
            ("fields", ">i2"), ("n1", ">i4"), ("id", ">i4"), ("n2", ">i4"), ("day", ">i4"), ("n3", ">i4"), ("value", ">i8"),
            ("n4", ">i4"), ("known_s", ">i4"),
            ("slots", _array_type(">i4", SLOTS)), ("known", ">i4"), ("n6", ">i4"), ("pin_bits", ">i4"), ("pins", "u1", (13,)),
            ("n7", ">i4"), ("seen_bits", ">i4"), ("seen", "u1", (12,)), ("rates", _array_type(">i8", 5)),
            ("n9", ">i4"), ("first_at", ">i8"), ("n10", ">i4"), ("first_value", ">i8"),
            ("n11", ">i4"), ("last_at", ">i8"), ("n12", ">i4"), ("last_value", ">i8"),
        ]
    )  # fmt: skip
    rows = np.zeros(int((known.any(axis=1)).sum()), row)
    held = known.any(axis=1)
    whole = known[held] > 0
    rows["fields"] = 13
    for name, size in (("n1", 4), ("n2", 4), ("n3", 8), ("n4", 4), ("n6", 17), ("n7", 16), ("n9", 8), ("n10", 8), ("n11", 8), ("n12", 8)):
        rows[name] = size
    rows["id"], rows["day"], rows["known"] = ids[held], (day - _EPOCH).days, -1
    rows["value"], rows["known_s"] = slots[held].sum(axis=1), known[held].sum(axis=1)
    _put_array(rows["slots"], slots[held], 4, _INT4_OID)
    rows["pin_bits"], rows["pins"] = SLOTS + 1, np.packbits(np.pad(whole, ((0, 0), (0, 1)), mode="edge"), axis=1)
    rows["seen_bits"], rows["seen"] = SLOTS, np.packbits(whole, axis=1)
    _put_array(rows["rates"], _rates(slots[held]), 8, _INT8_OID)
    midnight = int((datetime.combine(day, datetime.min.time(), ZONE) - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
    rows["first_at"], rows["first_value"] = midnight, first[held]
    rows["last_at"], rows["last_value"] = midnight + 900_000_000 * whole.sum(axis=1), last[held]
    return _HEAD + rows.tobytes() + _TAIL


def _put_array(column: np.ndarray, values: np.ndarray, size: int, oid: int) -> None:
    column["size"] = 20 + values.shape[1] * (4 + size)
    column["dims"], column["oid"], column["length"], column["lower"] = 1, oid, values.shape[1], 1
    column["items"]["n"], column["items"]["v"] = size, values


def _rates(slots: np.ndarray) -> np.ndarray:
    """Peak 8 to 22 o'clock, valley the rest: sharp, peak, flat, valley, deep valley."""
    peak = slots[:, 32:88].sum(axis=1)
    none = np.zeros_like(peak)
    return np.stack([none, peak, none, slots.sum(axis=1) - peak, none], axis=1)


def _place_rows(places: Sequence[tuple[str, str]], owner: np.ndarray, day: date, slots: np.ndarray, known: np.ndarray) -> bytes:
    sums, counted = np.zeros((len(places), SLOTS), np.int64), np.zeros((len(places), SLOTS), np.int64)
    np.add.at(sums, owner[:, 1], slots[owner[:, 0]])
    np.add.at(counted, owner[:, 1], (known[owner[:, 0]] > 0).astype(np.int64))
    number = np.bincount(owner[:, 1], minlength=len(places))
    rates = _rates(sums)
    lines = [
        "\t".join((place, medium, str(day), str(sums[n].sum()), str(number[n]), _text(sums[n]), _text(counted[n]), _text(rates[n])))
        for n, (place, medium) in enumerate(places)
    ]
    return ("\n".join(lines) + "\n").encode()


def _text(values: np.ndarray) -> str:
    return "{" + ",".join(map(str, values.tolist())) + "}"


def _write_newest(conn: Connection, points: Sequence[Point], registers: np.ndarray, chance: np.random.Generator) -> None:
    """A newest register of each point's device, up to some minutes old; one in fifty fell silent, one in a hundred never spoke."""
    ages = chance.integers(0, 900, len(points))
    fate = chance.random(len(points))
    ages[fate < 0.02] = chance.integers(2 * 86_400, 40 * 86_400, int((fate < 0.02).sum()))
    spoke = [n for n in range(len(points)) if fate[n] < 0.99]
    columns = [[points[n].device for n in spoke], [points[n].register for n in spoke], ages[spoke].tolist(), registers[spoke].tolist()]
    conn.execute(
        "insert into series (device, quantity) select d, q from unnest(%s::text[], %s::text[]) as r (d, q) on conflict do nothing", columns[:2]
    )
    conn.execute(
        "insert into reading select s.id, now() - a * interval '1 second', v, 0 "
        "from unnest(%s::text[], %s::text[], %s::int[], %s::bigint[]) as r (d, q, a, v) join series as s on s.device = d and s.quantity = q",
        columns,
    )
    conn.execute(
        "insert into device_status (device, last_measured_at) "
        "select d, now() - a * interval '1 second' from unnest(%s::text[], %s::int[]) as r (d, a)",
        [columns[0], columns[2]],
    )


def _write_fleet(conn: Connection) -> None:
    """Gateways with a health message of this minute; every fortieth is offline."""
    codes = [row[0] for row in conn.execute("select code from gateway order by position")]
    for number, code in enumerate(codes):
        lines = [row[0] for row in conn.execute("select code from line where gateway = %s order by position", [code])]
        counters = {
            "exchanges": 40_000,
            "timeouts": 40 + number,
            "checksum_errors": number % 7,
            "noise_bytes": 0,
            "useful_bytes": 900_000,
            "busy_ms": 80_000,
        }
        told = [{"id": line, "state": "open", "utilisation_permille": 300, "quarantined": [], "devices": [], **counters} for line in lines]
        health = {
            "schema": 1,
            "at_ms": 0,
            "uptime_s": 86_400,
            "backlog_batches": number % 5,
            "backlog_bytes": 0,
            "outbox_bytes": 1 << 20,
            "lines": told,
        }
        conn.execute(
            "insert into gateway_status "
            "(gateway, state, state_at, last_seen_at, generation, epoch, agent_version, health, health_at, clock_offset_ms) "
            "values (%s, %s, now() - interval '1 hour', now() - %s * interval '1 second', 1, 1, '0.1.0', %s, now(), %s)",
            [code, "offline" if number % 40 == 39 else "online", 3600 if number % 40 == 39 else 20, orjson.dumps(health).decode(), number],
        )


_MONTHS = """
insert into consumption_month (point_id, month, value, known_s, measured, days, rates)
select point_id, date_trunc('month', day)::date, sum(value), sum(known_s), bool_and(known_s = 86400), count(*),
    array[sum(rates[1]), sum(rates[2]), sum(rates[3]), sum(rates[4]), sum(rates[5])]
from consumption_day group by 1, 2"""
_PLACE_MONTHS = """
insert into place_month (place, medium, month, value, points_s, known_s, rates)
select place, medium, date_trunc('month', day)::date, sum(value), sum(points * 86400::bigint),
    sum(900 * (select sum(k) from unnest(known) as k)), array[sum(rates[1]), sum(rates[2]), sum(rates[3]), sum(rates[4]), sum(rates[5])]
from place_day group by 1, 2, 3"""
_COMPLETE = """
insert into completeness_day (device, day, period_s, quantity, due, measured, made_up, settled, looked_at, look_at)
select i.device, d.day, 900, i.register, 96, (d.known_s / 900), 0, true, now(), now()
from consumption_day as d join metering_point as m on m.id = d.point_id join installation as i on i.point = m.code
where d.day > (select max(day) from consumption_day) - 3"""


def main(arguments: Sequence[str]) -> None:
    """Fill the database a DSN names."""
    with connect(arguments[0], autocommit=True) as conn:
        points = fill(conn, int(arguments[1]) if len(arguments) > 1 else 366)
    sys.stdout.write(f"{len(points)} points\n")


if __name__ == "__main__":
    main(sys.argv[1:])
