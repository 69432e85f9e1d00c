"""Requests to the whole application, each by a token with just the permissions it is told; and a site of twin buildings for tests of scopes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from central.consumption.dirty import note_dirty
from central.consumption.work import work_off
from central.db.pool import Connection, connect
from central.identity.tokens import create_token
from central.metering.import_plan import import_site_plan

Ask = Callable[..., httpx.Response]


@pytest.fixture
def asking(site: Connection) -> Callable[[FastAPI, list[str]], Ask]:
    """`asking(app, permissions)` -> `ask(method, path, permissions=those)` below /api/v1."""

    def make(app: FastAPI, usual: list[str]) -> Ask:
        names = iter(range(100))

        def request(method: str, path: str, permissions: list[str] = usual, **more: Any) -> httpx.Response:
            token = create_token(site, f"t{next(names)}", permissions, time.time())
            site.commit()

            async def send() -> httpx.Response:
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as client:
                    return await client.request(method, path, headers={"authorization": f"Bearer {token}"}, **more)

            return asyncio.run(send())

        return request

    return make


SIDES = ("north", "southern")  # what a scoped asker may see, and what must not show through anywhere
FIRST_NUMBER = {"north": 111_222_300, "southern": 987_654_300}  # of everything that has a number: found again in any answer
WORDS = {"north": ("北苑", "Northern hall", "6600000000"), "southern": ("南苑", "Southern hall", "7700000000")}
TWIN = """
  - id: gw-{side}
    name: {{zh: {zh}网关, en: {en} gateway}}
    place: {side}
    lines:
      - id: l-{side}
        port: {{kind: serial, path: /dev/ttyS1}}
        baud: 9600
        devices:
          - {{id: {side}-e1, profile: generic/dlt645_2007_single_phase_prepaid, address: "{number}01", place: {side}-101, point: {side}-p1,
             name: {{zh: {zh}电表, en: {en} meter}}, item: 01A1}}
          - {{id: {side}-w1, profile: generic/cjt188_cold_water_valve, address: "{number}0002", place: {side}, point: {side}-pw,
             name: {{zh: {zh}水表, en: {en} water}}}}
"""
PLACES = """
  - {{id: {side}, kind: building, parent: campus, name: {{zh: {zh}, en: {en}}}, area_m2: 4000, people: 90}}
  - {{id: {side}-101, kind: room, parent: {side}, name: {{zh: {zh}101室, en: {en} 101}}}}
"""
REPORTING = """
  - {{id: {side}-i1, profile: maituo/nb_cold_water, address: "{number}0003", place: {side}, point: {side}-pi,
     name: {{zh: {zh}物联表, en: {en} IoT}}, imei: "{number}00007", via: mqtt}}
"""
FACTS = """
insert into gateway_status (gateway, state, last_seen_at, health_at, health) values (%(gw)s, 'online', now(), now(), %(health)s);
insert into device_status select code, now() - interval '3 hours' from device where code like %(like)s and gateway is not null;
insert into line_hour (gateway, line, hour, exchanges, timeouts, seconds)
    values (%(gw)s, %(line)s, date_trunc('hour', now()) - interval '2 hours', 900, 90, 3600);
insert into gateway_hour (gateway, hour, reports) values (%(gw)s, date_trunc('hour', now()) - interval '2 hours', 60);
insert into gateway_gap (id, gateway, generation, epoch, first, last, missing, found_at, moved_at) overriding system value
    values (%(n)s, %(gw)s, 1, 1, 5, 6, '{[5,7)}', now(), now());
insert into event (code, at, severity, gateway, device, message)
    values ('line.timeout', now(), 'warning', %(gw)s, %(e1)s, 'no reply from ' || %(e1)s);
insert into finding (id, code, point, device, at, data) overriding system value
    values (%(n)s, 'fall', %(p1)s, %(e1)s, now() - interval '1 day', '{}');
insert into consumption_mark (id, point, from_at, to_at, reason, actor) overriding system value
    values (%(n)s, %(p1)s, now() - interval '2 days', now() - interval '1 day', 'was off', 'tester');
insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position, removed_at)
    select %(side)s || '-old', profile, kind, address, place, gateway, line, name_zh, name_en, 99,
    now() - interval '9 days' from device where code = %(e1)s;
insert into replacement (id, key, digest, point, old_device, new_device, old_installation, new_installation, removed_at, installed_at, closing,
    opening,
    person, reason, actor, request, answer) overriding system value
    select %(n)s, 'swap-' || %(side)s, '', %(p1)s, %(side)s || '-old', %(e1)s, id, id, now() - interval '9 days', now() - interval '9 days', '{}',
    '{}',
    'Zhang', 'broken', 'tester', '{}', '{}' from installation where device = %(e1)s;
insert into iot_state (device, last_report_at, measured_at, state) values (%(i1)s, now(), now(), '{"battery_voltage": 3400, "valve_state": 1}');
insert into iot_report (id, device, digest, via, measured_at, reported_at, received_at, report, raw) overriding system value
    values (%(n)s, %(i1)s, 'x', 'mqtt', now(), now(), now(), '{}', 'raw of ' || %(i1)s);
insert into iot_command (id, key, device, kind, arguments, reason, requested_by, requested_at, expires_at) overriding system value
    values (%(n)s, 'iot-' || %(side)s, %(i1)s, 'valve_close', '{}', 'leak', 'tester', now(), now() + interval '1 day');
insert into command (id, key, kind, gateway, device, arguments, reason, requested_by, requested_at, expires_at, state, sent_at, settled_at)
    values (%(command)s, 'k-' || %(side)s, 'read', %(gw)s, %(e1)s, '{"quantities": ["voltage_a"]}', 'look', 'tester', now(),
    now() + interval '1 minute', 'done', now(), now());
insert into alarm_window (id, place, from_at, until_at, reason, actor, created_at) overriding system value
    values (%(n)s, %(side)s, now() - interval '1 hour', now() + interval '1 hour', 'works', 'tester', now());
insert into alarm (id, rule, severity, kind, subject, place, gateway, name_zh, name_en, value, over_since, raised_at) overriding system value
    values (%(n)s, 'device_silent', 'important', 'device', %(e1)s, %(room)s, %(gw)s, %(zh)s, %(en)s, 3600, now(), now()),
    (%(n)s + 1, 'gateway_offline', 'urgent', 'gateway', %(gw)s, %(side)s, %(gw)s, %(zh)s, %(en)s, 3600, now(), now());
insert into alarm_change (id, alarm, at, kind, note) overriding system value
    values (%(n)s, %(n)s, now(), 'raised', 'silent'), (%(n)s + 1, %(n)s + 1, now(), 'raised', '');
insert into leak (id, point, began_on, opened_on, opened_at, basis, reason, usual_l_day, limit_l_day, floor_l_day, nights,
    last_on) overriding system value
    values (%(n)s, %(pw)s, current_date - 4, current_date - 1, now(), 'quarter', 'above_zero', 0, 100, 2400, 3, current_date);
insert into night_flow (about, code, night, basis, floor_l_day, whole, version) values ('point', %(pw)s, current_date, 'quarter', 2400, true, 1);
insert into battery_day (device, day, least_mv) values (%(i1)s, current_date, 3400);
insert into battery_forecast (device, state, voltage_mv, limit_mv, since, days, knee)
    values (%(i1)s, 'steady', 3400, 3000, current_date - 30, 30, false);
insert into rise_figure (point_id, until, recent, recent_s, before, before_s)
    select id, current_date, 9000000, 604800, 3000000, 604800 from metering_point where code = %(p1)s;
insert into load_shape (place, medium, week, night_permille, weekend_permille, night)
    select %(side)s, 'electricity', date_trunc('week', current_date - 7 * n)::date, 900, 950, 5000 from generate_series(1, 8) as n;
insert into completeness_day (device, day, period_s, due, measured, look_at) values (%(e1)s, current_date - 1, 900, 96, 40, now());
insert into reading (series_id, measured_at, value, quality)
    select s.id, at, (extract(epoch from at - now()) / 3600 * 1000)::bigint + 1000000, 0
    from series as s, generate_series(now() - interval '3 days', now() - interval '3 hours',
    interval '30 minutes') as at where s.device in (%(e1)s, %(w1)s);
"""
_LINE = (
    '{{"id": "l-{side}", "state": "open", "exchanges": 900, "timeouts": 90, "checksum_errors": 0, "noise_bytes": 0, "useful_bytes": 9000, '
    '"busy_ms": 60000, "utilisation_permille": 20, "quarantined": ["{side}-e1"]}}'
)
SERIES = "insert into series (device, quantity) values (%(e1)s, 'energy_active_forward'), (%(w1)s, 'water_volume')"


def _facts(side: str) -> dict[str, Any]:
    zh, en, number = WORDS[side]
    codes = {name: f"{side}-{name}" for name in ("e1", "w1", "i1", "p1", "pw", "pi")}
    hexes = f"{FIRST_NUMBER[side]:012d}"
    line = _LINE.format(side=side)
    health = f'{{"at_ms": 1790000000000, "uptime_s": 9000, "backlog_batches": 0, "backlog_bytes": 0, "outbox_bytes": 4096, "lines": [{line}]}}'
    more = {
        "health": health,
        "gw": f"gw-{side}",
        "line": f"l-{side}",
        "room": f"{side}-101",
        "like": f"{side}-%",
        "command": f"00000000-0000-7000-8000-{hexes}",
    }
    return {"side": side, "zh": zh, "en": en, "number": number, "n": FIRST_NUMBER[side], **codes, **more}


def fill_twins(conn: Connection) -> None:
    """Two buildings with the same of everything the platform keeps: north, and southern with numbers and names that occur nowhere else."""
    facts = [_facts(side) for side in SIDES]
    parts = ["".join(text.format(**one) for one in facts) for text in (PLACES, TWIN, REPORTING)]
    head = "schema: 1\nsite: {id: campus, name: {zh: 大学, en: University}, timezone: Asia/Shanghai}\nplaces:\n"
    plan = (
        head
        + "  - {id: campus, kind: campus, name: {zh: 大学, en: University}}"
        + parts[0]
        + "gateways:"
        + parts[1]
        + "reporting_devices:"
        + parts[2]
    )
    import_site_plan(conn, plan, "plan.yaml", "tester", preview=False)
    conn.execute("update installation set installed_at = now() - interval '20 days'")
    for one in facts:
        conn.execute(SERIES, one)
        for statement in FACTS.split(";\n"):
            if statement.strip():
                conn.execute(statement, one)
    note_dirty(conn, [one[name] for one in facts for name in ("p1", "pw")], None, None, "test")
    conn.commit()
    work_off(conn)
    conn.commit()


@pytest.fixture(scope="module")
def twins(database: str) -> str:
    """DSN of a database with the twin buildings."""
    with connect(database) as conn:
        fill_twins(conn)
    return database
