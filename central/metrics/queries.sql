-- name: devices
select coalesce(b.building, '') as building, d.kind, case when s.last_measured_at > now() - heard_within(d.code, d.gateway, %(online_s)s, 1) then 'online'
    when s.last_measured_at > now() - heard_within(d.code, d.gateway, %(stale_s)s, 2) then 'late'
    when s.last_measured_at is not null then 'silent' else 'never' end as state, count(*)
from device as d left join device_status as s on s.device = d.code left join building_of as b on b.place = d.place
where d.removed_at is null group by 1, 2, 3;

-- name: completeness
select coalesce(b.building, '') as building, sum(c.measured)::float8 / nullif(sum(c.due), 0)
from completeness_day as c join device as d on d.code = c.device left join building_of as b on b.place = d.place
where c.day = %(today)s group by 1;

-- name: gateway_up
select g.code, coalesce(b.building, ''), (coalesce(g.state, 'offline') = 'online')::integer from gateway_heard as g left join building_of as b on b.place = g.place;

-- name: gateway_age
select g.code, coalesce(b.building, ''), extract(epoch from now() - g.heard_at)::float8 from gateway_heard as g left join building_of as b on b.place = g.place;

-- name: gateway_backlog
select g.code, coalesce(b.building, ''), (g.health ->> 'backlog_batches')::bigint from gateway_heard as g left join building_of as b on b.place = g.place;

-- name: gateway_clock
select g.code, coalesce(b.building, ''), g.clock_offset_ms / 1000.0::float8 from gateway_heard as g left join building_of as b on b.place = g.place;

-- name: line_exchanges
select g.code, l ->> 'id', (l ->> 'exchanges')::bigint from gateway_heard as g cross join jsonb_array_elements(g.health -> 'lines') as l;

-- name: line_timeouts
select g.code, l ->> 'id', (l ->> 'timeouts')::bigint from gateway_heard as g cross join jsonb_array_elements(g.health -> 'lines') as l;

-- name: line_checksum_errors
select g.code, l ->> 'id', (l ->> 'checksum_errors')::bigint from gateway_heard as g cross join jsonb_array_elements(g.health -> 'lines') as l;

-- name: line_busy
select g.code, l ->> 'id', (l ->> 'busy_ms')::bigint / 1000.0::float8 from gateway_heard as g cross join jsonb_array_elements(g.health -> 'lines') as l;

-- name: line_silent
select g.code, l ->> 'id', jsonb_array_length(l -> 'quarantined') from gateway_heard as g cross join jsonb_array_elements(g.health -> 'lines') as l;

-- name: alarms
select severity, state, count(*) from alarm where cleared_at is null and closed_at is null and parent is null and suppressed_by is null group by 1, 2;

-- name: today
select d.place, d.medium, d.value from place_day as d join place as p on p.code = d.place where p.kind = 'building' and p.removed_at is null and d.day = %(today)s;

-- name: month
select m.place, m.medium, m.value from place_month as m join place as p on p.code = m.place
where p.kind = 'building' and p.removed_at is null and m.month = date_trunc('month', %(today)s::date)::date;

-- name: quarantine
select count(*) from quarantine where replayed_at is null;

-- name: batches
select count(*) from batch where received_at > now() - interval '1 hour';

-- name: readings
select coalesce(sum(readings), 0) from batch where received_at > now() - interval '1 hour';

-- name: pending
select (select count(*) from arrival) + (select count(*) from dirty) + (select count(*) from dirty_place);

-- name: notifications
select state, count(*) from notification where made_at > now() - interval '7 days' group by 1;

-- name: database
select pg_database_size(current_database());

-- name: sessions
select count(*) from web_session where ends_at > now();
