"""A small university to look at: 61 meters in three buildings with 70 days behind them, one gateway down, leaks, alarms, findings.

Consumption rows come from tests/bench/campus_year.py, alarms and leaks from the platform's own rounds over them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import orjson

from central.alarms.collect import WATCHES
from central.alarms.rounds import run_round
from central.analytics.rounds import morning
from central.batches.start import draft_batch, start_batch
from central.consumption.tariffs import put_tariff
from central.db.pool import Connection, Pool, connect
from central.exports.jobs import request_export
from central.exports.model import Format
from central.identity.principal import Principal
from central.web.translations import Language
from protocol.site_plan import SitePlan, parse_site_plan
from tests.bench.campus_year import ZONE, fill

DAYS = 70
BUILDINGS = ("lab", "lib", "dorm-1")
DOWN = "gw-02"  # the dormitory's gateway is offline
SILENT, LEAKING, CURVED = "lab-m105", ("w-dorm-1-2", "w-lab-1"), "lab-main"
_MINUTE_MS = 60_000

_TARIFF = {
    "source": "grid price list",
    "prices": {"peak": 9_000, "valley": 4_000},
    "plans": [
        {
            "months": list(range(1, 13)),
            "kinds": ["workday", "weekend", "holiday"],
            "periods": [
                {"from": "00:00", "to": "08:00", "rate": "valley"},
                {"from": "08:00", "to": "22:00", "rate": "peak"},
                {"from": "22:00", "to": "24:00", "rate": "valley"},
            ],
        }
    ],
}
_ITEMS = ("01A1", "01B2E", "01C2", "01D1")


def seed(dsn: str, pool: Pool) -> None:
    """Fill a migrated, empty database."""
    with connect(dsn, autocommit=True) as conn:
        fill(conn, DAYS, plan=site_plan(), leaking=LEAKING)
        today = datetime.now(ZONE).date()
        _enter_tariffs(conn, today)
        _write_fleet(conn)
        _write_curve(conn)
        _write_reports(conn, today)
        _write_findings(conn)
    for _ in morning(pool, ZONE.key, today):
        pass
    evaluate(dsn)


def begin_work(conn: Connection, chief: Principal, now: float) -> dict[str, object]:
    """A batch and an export of an administrator; numbers of things that pages are about."""
    key = str(_one(conn, "select id from finding where code = 'residual.negative'"))
    batch = draft_batch(conn, chief, "settle-findings", "findings", [key], None, now)
    start_batch(conn, chief, batch.id, {"resolution": "RMA-2211"}, "", now)
    request_export(conn, chief, "devices", Format.XLSX, "node=lib", Language("zh_CN"), now)
    return {
        "batch": batch.id,
        "alarm": _one(conn, "select id from alarm where rule = 'leak' and subject = 'w-lab-1'"),
        "parent": _one(conn, "select parent from alarm where parent is not null limit 1"),
        "finding": _one(conn, "select id from alarm where rule = 'consumption_finding' limit 1"),
        "leak": _one(conn, "select id from leak where point = 'w-lab-1'"),
        "account": _one(conn, "select account_id from account where name <> %s", chief.name),
    }


def _one(conn: Connection, statement: str, *params: object) -> object:
    (value,) = conn.execute(statement.encode(), params).fetchone() or (None,)
    assert value is not None, statement
    return value


def evaluate(dsn: str) -> None:
    """Rounds of the alarm engine over the past two hours, so that what must last for a while has lasted."""
    now_ms = int(datetime.now().timestamp() * 1000)
    for minutes in (120, 90, 60, 30, 15, 5, 0):
        with connect(dsn) as conn:
            run_round(conn, now_ms - minutes * _MINUTE_MS, tuple(WATCHES), lambda: 60)


def site_plan() -> SitePlan:
    """Three buildings of two or three floors; electricity on both gateways, water on one and by IoT cards."""
    places = [{"id": "campus", "kind": "campus", "name": {"zh": "东湖大学", "en": "East Lake University"}, "area_m2": 9600, "people": 480}]
    for code, zh, en, floors, rooms, kind in (
        ("lab", "实验楼", "Laboratory", 3, 5, "D"),
        ("lib", "图书馆", "Library", 2, 5, "C"),
        ("dorm-1", "学生公寓1号楼", "Dormitory 1", 3, 8, "I"),
    ):
        facts = {"area_m2": 1200 * floors, "people": 60 * floors, "building_type": kind}
        places.append({"id": code, "kind": "building", "parent": "campus", "name": {"zh": zh, "en": en}, **facts})
        for floor in range(1, floors + 1):
            places.append({"id": f"{code}-f{floor}", "kind": "floor", "parent": code, "name": {"zh": f"{floor}层", "en": f"Floor {floor}"}})
            places += [
                {"id": f"{code}-{n}", "kind": "room", "parent": f"{code}-f{floor}", "name": {"zh": f"{n}室", "en": f"Room {n}"}}
                for n in range(floor * 100 + 1, floor * 100 + rooms + 1)
            ]
    rooms_of = {code: [place["id"] for place in places if str(place["id"]).startswith(f"{code}-") and place["kind"] == "room"] for code in BUILDINGS}
    document = {
        "schema": 1,
        "site": {"id": "east-lake", "name": {"zh": "东湖大学", "en": "East Lake University"}, "timezone": ZONE.key},
        "places": places,
        "gateways": [
            _gateway("gw-01", "实验楼网关", "Gateway of the laboratory", "lab-f1", [
                (9600, list(_electric("lab", "acrel/adl400", rooms_of["lab"], "lab-main"))),
                (9600, list(_electric("lib", "chint/dtsu666", rooms_of["lib"], "lib-main"))),
            ]),
            _gateway(DOWN, "公寓网关", "Gateway of the dormitory", "dorm-1-f1", [
                (2400, list(_electric("dorm-1", "generic/dlt645_2007_single_phase", rooms_of["dorm-1"], ""))),
                (2400, [_water(n) for n in range(1, 5)]),
            ]),
        ],
        "reporting_devices": [_reporting(n, code) for n, code in enumerate(("lab", "lab", "lib", "lib", "dorm-1", "dorm-1"), 1)],
    }  # fmt: skip
    return parse_site_plan(orjson.dumps(document).decode(), "console.yaml")


def _gateway(code: str, zh: str, en: str, place: str, lines: list[tuple[int, list[dict[str, object]]]]) -> dict[str, object]:
    ports = [
        {"id": f"l{n}", "port": {"kind": "serial", "path": f"/dev/ttyS{n}"}, "baud": baud, "devices": devices}
        for n, (baud, devices) in enumerate(lines, 1)
    ]
    return {"id": code, "name": {"zh": zh, "en": en}, "place": place, "lines": ports}


def _electric(code: str, profile: str, rooms: list[object], main: str) -> Iterator[dict[str, object]]:
    if main:
        name = {"zh": "总表", "en": "Main meter"}
        yield {"id": main, "profile": profile, "address": "200", "place": code, "name": name, "role": "main"}
    for n, room in enumerate(rooms, 1):
        number = str(room).rsplit("-", 1)[1]
        address = f"2021{n:08d}" if "dlt645" in profile else str(n)
        name = {"zh": f"{number}室电表", "en": f"Meter of room {number}"}
        tree = {"upstream": main} if main else {}
        yield {
            "id": f"{code}-m{number}", "profile": profile, "address": address, "place": room, "name": name, "item": _ITEMS[n % len(_ITEMS)], **tree,
        }  # fmt: skip


def _water(n: int) -> dict[str, object]:
    name = {"zh": f"{n}号冷水表", "en": f"Cold water {n}"}
    return {
        "id": f"w-dorm-1-{n}",
        "profile": "generic/cjt188_cold_water_valve",
        "address": f"{78330011223340 + n}",
        "place": "dorm-1-f1",
        "name": name,
    }


def _reporting(n: int, code: str) -> dict[str, object]:
    name = {"zh": f"进水表{n}", "en": f"Water entry {n}"}
    device = {"id": f"w-{code}-{n}", "profile": "maituo/nb_cold_water", "address": str(1000 + n), "place": f"{code}-f1", "name": name}
    return {**device, "imei": f"86800000000001{n}", "via": "mqtt"}


def _enter_tariffs(conn: Connection, today: date) -> None:
    since = today - timedelta(days=DAYS + 10)
    put_tariff(conn, ZONE.key, "electricity", since, _TARIFF, "seed")
    put_tariff(conn, ZONE.key, "water", since, {**_TARIFF, "source": "waterworks", "prices": {"peak": 38_000, "valley": 38_000}}, "seed")
    conn.execute("delete from dirty")  # the day rows are as they shall be; nobody computes them again from readings that never were


def _write_fleet(conn: Connection) -> None:
    """One gateway down since yesterday, a silent meter, a week of line hours."""
    conn.execute(
        "update gateway_status set state = 'offline', last_seen_at = now() - interval '20 hours', health_at = last_seen_at where gateway = %s", [DOWN]
    )
    conn.execute("update gateway_status set health_at = now(), last_seen_at = now() where gateway <> %s", [DOWN])
    conn.execute(
        "update device_status set last_measured_at = now() - interval '20 hours' where device in (select code from device where gateway = %s)", [DOWN]
    )
    conn.execute("update device_status set last_measured_at = now() - interval '6 days' where device = %s", [SILENT])
    conn.execute(
        "update reading set measured_at = t.last_measured_at from series as s join device_status as t on t.device = s.device"
        " where s.id = reading.series_id and t.last_measured_at < now() - interval '1 hour'"
    )
    conn.execute(
        "update gateway_status as s set reported = jsonb_build_object('documents',"
        "   jsonb_build_object('lines', jsonb_build_object('version', d.version)))"
        " from desired_document as d where d.gateway = s.gateway and d.document = 'lines'"
    )
    conn.execute("insert into batch select 'gw-01', 1, 1, n, now() - n * interval '1 minute', 'stored', 120, 0 from generate_series(1, 30) as n")
    conn.execute("insert into ack_cursor (gateway, generation, epoch, received) values ('gw-01', 1, 1, '{[1,31)}')")
    conn.execute(
        "insert into line_hour (gateway, line, hour, exchanges, timeouts, checksum_errors, useful_bytes, busy_ms, seconds)"
        " select l.gateway, l.code, h, 2400, 20 + extract(hour from h)::int, 2, 60000, 900000, 3600"
        " from line as l, generate_series(date_trunc('hour', now()) - interval '7 days', date_trunc('hour', now()), interval '1 hour') as h"
    )
    conn.execute(
        "insert into gateway_hour (gateway, hour, reports) select code, h, 60 from gateway,"
        " generate_series(date_trunc('hour', now()) - interval '7 days', date_trunc('hour', now()), interval '1 hour') as h"
    )


def _write_curve(conn: Connection) -> None:
    """Quarter-hour readings of one meter over two days as its day rows say, and what else such a meter tells."""
    for quantity, value in _TOLD.items():
        conn.execute("insert into series (device, quantity) values (%s, %s) on conflict do nothing", [CURVED, quantity])
        conn.execute(
            f"insert into reading select s.id, q.at, ({value})::bigint, 0 from ({_QUARTERS}) as q, series as s".encode()
            + b" where s.device = %(device)s and s.quantity = %(quantity)s and q.at < now() on conflict do nothing",
            {"zone": ZONE.key, "device": CURVED, "quantity": quantity},
        )


_QUARTERS = """
select (c.day + n * interval '15 minutes') at time zone %(zone)s as at, c.slots[n] as used,
    c.first_value + (select sum(v) from unnest(c.slots[1 : n]) as v) as register
from consumption_day as c join metering_point as m on m.id = c.point_id join installation as i on i.point = m.code
    cross join generate_series(1, 96) as n
where i.device = %(device)s and c.day > (select max(day) - 2 from consumption_day) and c.first_value is not null"""
_TOLD = {
    "energy_active_forward": "q.register",
    "power_active": "q.used * 4000",
    "voltage_a": "231400 - q.used / 8",
    "current_a": "q.used * 6",
    "power_factor": "960 + mod(q.used, 7)",
}


def _write_reports(conn: Connection, today: date) -> None:
    """What meters with IoT cards said of themselves: one battery that ends soon, one fault."""
    for n, (device,) in enumerate(conn.execute("select device from iot_meter order by device").fetchall()):
        state = {
            "battery_voltage": 3600 - (4 * (DAYS - 1) if n == 0 else 0),
            "signal_rsrp": -85_000 - 4_000 * n,
            "valve_state": 1,
            "leak": int(n == 2),
        }
        conn.execute(
            "insert into iot_state (device, last_report_at, measured_at, state, firmware, reports) values"
            " (%s, now() - %s * interval '1 hour', now() - %s * interval '1 hour', %s, '1.2', 70)",
            [device, 3 + n, 3 + n, orjson.dumps(state).decode()],
        )
        conn.execute("insert into series (device, quantity) values (%s, 'battery_voltage') on conflict do nothing", [device])
        conn.execute(
            "insert into reading select id, %s::date - n + interval '4 hours', 3600 - (%s - n) * %s, 0"
            " from series, generate_series(0, %s) as n where device = %s and quantity = 'battery_voltage'",
            [today, DAYS, 4 if n == 0 else 0, DAYS - 1, device],
        )


def _write_findings(conn: Connection) -> None:
    """What nobody has settled yet."""
    fell, jumped, filled, negative = "register.fall", "register.jump", "consumption.filled", "residual.negative"
    found = ((fell, "lab-m101"), (jumped, "lab-m102"), (fell, "lib-m103"), (filled, "lib-m101"), (negative, "lab-m102"))
    for n, (code, device) in enumerate(found):
        data = orjson.dumps({"before": 120_000 + n, "after": 4_000}).decode()
        conn.execute(
            "insert into finding (code, point, device, place, at, until, data) select %s, d.code, d.code, d.place, now() - %s * interval '1 day',"
            " now() - %s * interval '1 day' + interval '15 minutes', %s from device as d where d.code = %s",
            [code, n + 1, n + 1, data, device],
        )
