"""What pages show besides consumption: curves of some meters, lines by the hour, a year of alarms, and what the platform's own rounds make of it all.

.venv/bin/python -m tests.bench.campus_life DSN     after tests.bench.campus_year; every statement is safe to repeat
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from central.alarms.rounds import AlarmRounds
from central.analytics.rounds import due_day, morning
from central.consumption.load import site_zone
from central.db.pool import Connection, connect, open_pool

_CURVE_DAYS, _LINE_DAYS = 8, 30
_SPREAD = 40  # every fortieth point has readings
_ALARMS = 12_000  # of the year, all over
_HOLD_S = (7200, 3600, 0)  # conditions of a rule have to hold for a while before it speaks


def live(conn: Connection, dsn: str, now_s: float | None = None) -> None:
    """Write all of it and run the morning's analytics and the alarms. `conn`: autocommit, to the filled database. About a minute."""
    for statement in (_READINGS, _POWER):
        conn.execute(statement.encode(), {"days": _CURVE_DAYS, "spread": _SPREAD})
    for statement in (_LINE_HOURS, _GATEWAY_HOURS):
        conn.execute(statement.encode(), {"days": _LINE_DAYS})
    for statement in (_PAST_ALARMS, _PAST_CHANGES):
        conn.execute(statement.encode(), {"number": _ALARMS})
    run_rounds(dsn, time.time() if now_s is None else now_s)
    conn.execute("vacuum analyze")


def run_rounds(dsn: str, now_s: float) -> None:
    """The leader's morning round and three evaluations of the alarms."""
    with open_pool(dsn, max_size=2, statement_timeout_s=600) as pool:
        with pool.connection() as conn:
            zone = site_zone(conn)
        for _ in morning(pool, zone, due_day(now_s, zone)):
            pass
        times = iter([now_s - before_s for before_s in _HOLD_S])
        at = [next(times)]
        rounds = AlarmRounds(lambda: at[0], lambda: 50)
        rounds.turn(pool)
        for at[0] in times:
            rounds.turn(pool)


_OF_SOME = """
    select m.medium, i.device, i.register, c.day, c.first_value, slot.number, slot.value,
        sum(slot.value) over (partition by m.id, c.day order by slot.number) as so_far
    from metering_point as m join installation as i on i.point = m.code join consumption_day as c on c.point_id = m.id
    cross join unnest(c.slots) with ordinality as slot (value, number)
    where m.id %% %(spread)s = 0 and i.register is not null and c.day > (select max(day) from consumption_day) - %(days)s
        and slot.number <= c.known_s / 900"""
_AT = "(of_some.day::timestamp at time zone 'Asia/Shanghai') + of_some.number * interval '15 minutes'"
_READINGS = f"""
with of_some as materialized ({_OF_SOME})
insert into reading select s.id, {_AT}, of_some.first_value + of_some.so_far, 0
from of_some join series as s on s.device = of_some.device and s.quantity = of_some.register on conflict do nothing"""
_POWER = f"""
with of_some as materialized ({_OF_SOME}),
    new as (insert into series (device, quantity) select distinct device, 'power_active' from of_some where medium = 'electricity'
        on conflict do nothing returning id, device)
insert into reading select new.id, {_AT}, of_some.value * 4000, 0 from of_some join new on new.device = of_some.device on conflict do nothing"""
_HOURS = "generate_series(date_trunc('hour', now()) - %(days)s * interval '1 day', date_trunc('hour', now()), interval '1 hour') as hour"
_LINE_HOURS = f"""
insert into line_hour select l.gateway, l.code, hour, 1700, case when l.position %% 9 = 0 then 90 else 3 end, 1, 0, 38000, 1100000, 3600
from line as l cross join {_HOURS} on conflict do nothing"""
_GATEWAY_HOURS = f"insert into gateway_hour select g.code, hour, 60, 0, 2, 1 << 20 from gateway as g cross join {_HOURS} on conflict do nothing"
_PAST_ALARMS = """
insert into alarm (rule, severity, kind, subject, place, gateway, name_zh, name_en, value, over_since, raised_at, cleared_at, clear_value,
    closed_at, closed_by, close_cause)
select 'device.silent', 'general', 'device', d.code, d.place, d.gateway, d.name_zh, d.name_en, 7200, at - interval '2 hours', at,
    at + interval '5 hours', 0, at + interval '1 day', 'wang', 'repaired'
from (select *, row_number() over (order by md5(code)) as number from device) as d
cross join lateral (select now() - d.number * interval '40 minutes' as at) as times
where d.number <= %(number)s and not exists (select from alarm)"""
_PAST_CHANGES = """
insert into alarm_change (alarm, at, kind, actor)
select a.id, step.at, step.kind, step.actor from alarm as a cross join lateral (values (a.raised_at, 'raised', null),
    (a.raised_at + interval '1 hour', 'acknowledged', 'wang'), (a.cleared_at, 'cleared', null), (a.closed_at, 'closed', 'wang')
) as step (at, kind, actor)
where a.closed_at is not null and a.id <= %(number)s and not exists (select from alarm_change)"""


def main(arguments: Sequence[str]) -> None:
    """Give life to the database a DSN names."""
    with connect(arguments[0], autocommit=True) as conn:
        live(conn, arguments[0])


if __name__ == "__main__":
    main(sys.argv[1:])
