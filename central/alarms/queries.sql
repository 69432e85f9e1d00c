-- name: alarm_counts
select count(*)::integer as total, count(*) filter (where a.state = 'open')::integer as unacknowledged,
    count(*) filter (where a.severity = 'urgent')::integer as urgent, count(*) filter (where a.severity = 'important')::integer as important,
    count(*) filter (where a.severity = 'general')::integer as general,
    count(*) filter (where a.severity = 'urgent' and a.state = 'open')::integer as unacknowledged_urgent,
    (extract(epoch from min(a.raised_at)) * 1000)::bigint as oldest_ms
from alarm as a
where a.cleared_at is null and a.closed_at is null and a.parent is null and a.suppressed_by is null and a.snoozed_until is null
    and in_scope(a.place, %(scope)s::text[])
    and (%(node)s::text = '' or exists (select from place_within as w where w.place = a.place and w.above = %(node)s)
        or a.place is null and exists (select from place as t where t.code = %(node)s and t.parent is null));

-- name: alarms
select a.id, a.rule, a.severity, a.kind, a.subject, a.name_zh, a.name_en, a.place, p.name_zh as place_zh, p.name_en as place_en, a.gateway, a.state, a.value,
    (extract(epoch from a.raised_at) * 1000)::bigint as raised_ms, (extract(epoch from a.cleared_at) * 1000)::bigint as cleared_ms,
    (extract(epoch from a.closed_at) * 1000)::bigint as closed_ms, (extract(epoch from a.acknowledged_at) * 1000)::bigint as acknowledged_ms,
    a.acknowledged_by, c.name as assignee, (extract(epoch from a.snoozed_until) * 1000)::bigint as snoozed_until_ms, a.suppressed_by, a.parent, a.flapping,
    (extract(epoch from a.unknown_since) * 1000)::bigint as unknown_since_ms, a.close_cause,
    (select count(*)::integer from alarm as k where k.parent = a.id and (k.cleared_at is null or a.cleared_at is not null)) as children,
    s.alarm is not null as seen, a.total
from (
    select b.*, count(*) over ()::integer as total
    from alarm as b
    where in_scope(b.place, %(scope)s::text[])
        and (%(node)s::text = '' or exists (select from place_within as w where w.place = b.place and w.above = %(node)s)
            or b.place is null and exists (select from place as t where t.code = %(node)s and t.parent is null))
        and (%(id)s::bigint is null or b.id = %(id)s)
        and (%(parent)s::bigint is null or b.parent = %(parent)s)
        and (not %(top)s::boolean or b.parent is null)
        and (%(view)s::text = 'any'
            or %(view)s = 'standing' and b.cleared_at is null and b.closed_at is null and b.suppressed_by is null and b.snoozed_until is null
            or %(view)s = 'snoozed' and b.cleared_at is null and b.closed_at is null and b.snoozed_until is not null
            or %(view)s = 'suppressed' and b.cleared_at is null and b.closed_at is null and b.suppressed_by is not null
            or %(view)s = 'over' and (b.cleared_at is not null or b.closed_at is not null))
        and (%(severity)s::text = '' or b.severity = %(severity)s) and (%(rule)s::text = '' or b.rule = %(rule)s)
        and (%(state)s::text = '' or b.state = %(state)s)
        and (%(subject)s::text = '' or b.subject = %(subject)s)
        and (%(kind)s::text = '' or b.kind = %(kind)s)
        and (%(assignee)s::text = '' or b.assignee = (select account_id from account where name = %(assignee)s) or %(assignee)s = '-' and b.assignee is null)
        and (%(from_ms)s::bigint is null or b.raised_at >= to_timestamp(%(from_ms)s / 1000.0))
        and (%(until_ms)s::bigint is null or b.raised_at < to_timestamp(%(until_ms)s / 1000.0))
    order by case when %(newest)s::boolean then null else array_position(array['urgent', 'important', 'general'], b.severity) end,
        case when %(newest)s::boolean then null else b.state <> 'open' end, b.raised_at desc, b.id desc
    offset %(offset)s limit %(limit)s
) as a
left join place as p on p.code = a.place
left join account as c on c.account_id = a.assignee
left join alarm_seen as s on s.alarm = a.id and s.account = %(account)s::bigint
order by case when %(newest)s::boolean then null else array_position(array['urgent', 'important', 'general'], a.severity) end,
    case when %(newest)s::boolean then null else a.state <> 'open' end, a.raised_at desc, a.id desc;

-- name: watch_platform_deaf
select 'site' as subject, null as place, case when count(heard_at) >= 3 then extract(epoch from min(to_timestamp(%(now_ms)s / 1000.0) - heard_at))::bigint end as value,
    jsonb_build_object('gateways', count(heard_at), 'heard_ms', (extract(epoch from max(heard_at)) * 1000)::bigint) as data
from gateway_heard;

-- name: watch_building_gateways
select b.building as subject, b.building as place,
    (100 * count(*) filter (where h.heard_at <= to_timestamp(%(now_ms)s / 1000.0) - interval '120 seconds') / count(*))::bigint as value,
    jsonb_build_object('gateways', count(*), 'silent',
        count(*) filter (where h.heard_at <= to_timestamp(%(now_ms)s / 1000.0) - interval '120 seconds')) as data
from gateway_heard as h join building_of as b on b.place = h.place
where h.heard_at is not null and coalesce(h.state, '') <> 'maintenance'
group by b.building having count(*) >= 2;

-- name: watch_gateway_offline
select code as subject, place, case when state is distinct from 'maintenance' then
        greatest(0, extract(epoch from to_timestamp(%(now_ms)s / 1000.0) - heard_at))::bigint end as value,
    jsonb_build_object('heard_ms', (extract(epoch from heard_at) * 1000)::bigint, 'state', state) as data
from gateway_heard where heard_at is not null;

-- name: watch_gateway_never_seen
select code as subject, place, 1::bigint as value, null::jsonb as data from gateway_heard where heard_at is null;

-- name: watch_gateway_clock
select code as subject, place, case when health_at > to_timestamp(%(now_ms)s / 1000.0) - interval '5 minutes' then abs(clock_offset_ms) / 1000 end as value,
    jsonb_build_object('offset_ms', clock_offset_ms) as data
from gateway_heard where clock_offset_ms is not null;

-- name: watch_gateway_document_refused
select code as subject, place, (reported #>> '{documents,lines,error}' is not null)::integer::bigint as value,
    jsonb_build_object('error', left(reported #>> '{documents,lines,error}', 400), 'refused', reported #>> '{documents,lines,refused_version}') as data
from gateway_heard where reported is not null;

-- name: watch_gateway_document_drift
select h.code as subject, h.place, case when h.heard_at > to_timestamp(%(now_ms)s / 1000.0) - interval '120 seconds' then
        (coalesce((h.reported #>> '{documents,lines,version}')::integer, 0) <> d.version and h.reported #>> '{documents,lines,error}' is null)::integer::bigint end as value,
    jsonb_build_object('wanted', d.version, 'reported', h.reported #>> '{documents,lines,version}') as data
from gateway_heard as h join desired_document as d on d.gateway = h.code and d.document = 'lines'
where h.heard_at is not null;

-- name: watch_gateway_backlog
select h.code as subject, h.place, case when h.health_at > to_timestamp(%(now_ms)s / 1000.0) - interval '5 minutes' then
        greatest(0, (h.health ->> 'backlog_batches')::bigint - g.backlog_max) end as value,
    jsonb_build_object('backlog', (h.health ->> 'backlog_batches')::bigint, 'hour_before', g.backlog_max) as data
from gateway_heard as h join gateway_hour as g
    on g.gateway = h.code and g.hour = date_trunc('hour', to_timestamp(%(now_ms)s / 1000.0)) - interval '1 hour'
where h.health ? 'backlog_batches';

-- name: watch_gateway_outbox_days
select f.code as subject, f.place, case when f.health_at <= to_timestamp(%(now_ms)s / 1000.0) - interval '5 minutes' then null
        when f.bytes < 8388608 or f.batches <= f.before then 31536000
        else greatest(0, (268435456 - f.bytes) / (f.bytes / f.batches) * f.passed_s / (f.batches - f.before)) end::bigint as value,
    jsonb_build_object('backlog_bytes', f.bytes, 'backlog', f.batches, 'hour_before', f.before) as data
from (
    select h.code, h.place, h.health_at, (h.health ->> 'backlog_bytes')::numeric as bytes, (h.health ->> 'backlog_batches')::numeric as batches,
        g.backlog_max as before, extract(epoch from to_timestamp(%(now_ms)s / 1000.0) - g.hour) - 3600 + 1 as passed_s
    from gateway_heard as h join gateway_hour as g
        on g.gateway = h.code and g.hour = date_trunc('hour', to_timestamp(%(now_ms)s / 1000.0)) - interval '1 hour'
    where h.health ? 'backlog_bytes' and h.health ? 'backlog_batches'
) as f;

-- name: watch_gateway_outbox_full
select h.code as subject, h.place, count(*) as value, jsonb_build_object('last_ms', (extract(epoch from max(e.at)) * 1000)::bigint) as data
from event as e join gateway_heard as h on h.code = e.gateway
where e.code = 'outbox.full' and e.at > to_timestamp(%(now_ms)s / 1000.0) - interval '6 hours'
group by h.code, h.place;

-- name: watch_sequence_gap
select h.code as subject, h.place, sum((select sum(upper(r) - lower(r)) from unnest(n.missing) as r))::bigint as value,
    jsonb_build_object('gaps', count(*), 'found_ms', (extract(epoch from min(n.found_at)) * 1000)::bigint) as data
from gateway_gap as n join gateway_heard as h on h.code = n.gateway
where n.filled_at is null and n.lost_at is null and n.missing <> '{}'
group by h.code, h.place;

-- name: watch_messages_lost
select h.code as subject, h.place, sum(n.lost)::bigint as value, jsonb_build_object('lost_ms', (extract(epoch from max(n.lost_at)) * 1000)::bigint) as data
from gateway_gap as n join gateway_heard as h on h.code = n.gateway
where n.lost_at > to_timestamp(%(now_ms)s / 1000.0) - interval '24 hours' and n.lost > 0
group by h.code, h.place;

-- name: watch_line_port
select h.code || '/' || l.code as subject, h.place, case when h.health_at > to_timestamp(%(now_ms)s / 1000.0) - interval '5 minutes' then
        (j.line ->> 'state' = 'unavailable')::integer::bigint end as value, jsonb_build_object('port', l.settings -> 'port') as data
from gateway_heard as h cross join jsonb_array_elements(h.health -> 'lines') as j (line)
join line as l on l.gateway = h.code and l.code = j.line ->> 'id' and l.removed_at is null;

-- name: watch_line_silent
select h.code || '/' || l.code as subject, h.place, case when h.health_at > to_timestamp(%(now_ms)s / 1000.0) - interval '5 minutes' and n.devices >= 3 then
        100 * jsonb_array_length(coalesce(j.line -> 'quarantined', '[]')) / n.devices end as value,
    jsonb_build_object('devices', n.devices, 'silent', jsonb_array_length(coalesce(j.line -> 'quarantined', '[]'))) as data
from gateway_heard as h cross join jsonb_array_elements(h.health -> 'lines') as j (line)
join line as l on l.gateway = h.code and l.code = j.line ->> 'id' and l.removed_at is null
join (select gateway, line, count(*) as devices from device where removed_at is null and line is not null group by gateway, line) as n
    on n.gateway = l.gateway and n.line = l.code;

-- name: watch_line_timeouts
select r.gateway || '/' || r.line as subject, h.place, case when r.exchanges >= 100 and b.exchanges >= 1000 then
        1000 * r.timeouts / r.exchanges - 1000 * b.timeouts / b.exchanges end as value,
    jsonb_build_object('exchanges', r.exchanges, 'permille', 1000 * r.timeouts / nullif(r.exchanges, 0),
        'usual_permille', 1000 * b.timeouts / nullif(b.exchanges, 0)) as data
from (
    select gateway, line, sum(exchanges)::bigint as exchanges, sum(timeouts)::bigint as timeouts from line_hour
    where hour >= date_trunc('hour', to_timestamp(%(now_ms)s / 1000.0) - interval '1 hour') group by gateway, line
) as r join (
    select gateway, line, sum(exchanges)::bigint as exchanges, sum(timeouts)::bigint as timeouts from line_hour
    where hour < date_trunc('hour', to_timestamp(%(now_ms)s / 1000.0) - interval '1 hour')
        and hour >= to_timestamp(%(now_ms)s / 1000.0) - interval '7 days' group by gateway, line
) as b on b.gateway = r.gateway and b.line = r.line
join gateway_heard as h on h.code = r.gateway;

-- name: watch_line_checksum
select r.gateway || '/' || r.line as subject, h.place, case when r.exchanges >= 100 and b.exchanges >= 1000 then
        1000 * r.wrong / r.exchanges - 1000 * b.wrong / b.exchanges end as value,
    jsonb_build_object('exchanges', r.exchanges, 'permille', 1000 * r.wrong / nullif(r.exchanges, 0),
        'usual_permille', 1000 * b.wrong / nullif(b.exchanges, 0)) as data
from (
    select gateway, line, sum(exchanges)::bigint as exchanges, sum(checksum_errors)::bigint as wrong from line_hour
    where hour >= date_trunc('hour', to_timestamp(%(now_ms)s / 1000.0) - interval '1 hour') group by gateway, line
) as r join (
    select gateway, line, sum(exchanges)::bigint as exchanges, sum(checksum_errors)::bigint as wrong from line_hour
    where hour < date_trunc('hour', to_timestamp(%(now_ms)s / 1000.0) - interval '1 hour')
        and hour >= to_timestamp(%(now_ms)s / 1000.0) - interval '7 days' group by gateway, line
) as b on b.gateway = r.gateway and b.line = r.line
join gateway_heard as h on h.code = r.gateway;

-- name: watch_building_devices
select b.building as subject, b.building as place, case when count(*) filter (where f.live) >= 5 then
        (100 * count(*) filter (where f.live and f.missed >= 3) / count(*) filter (where f.live))::bigint end as value,
    jsonb_build_object('devices', count(*) filter (where f.live), 'silent', count(*) filter (where f.live and f.missed >= 3)) as data
from (
    select d.place, coalesce(h.heard_at > to_timestamp(%(now_ms)s / 1000.0) - interval '120 seconds', false) as live,
        floor(extract(epoch from to_timestamp(%(now_ms)s / 1000.0) - s.last_measured_at) / greatest(coalesce(k.period_s, 900), 900)) as missed
    from device as d join device_status as s on s.device = d.code join gateway_heard as h on h.code = d.gateway
    left join completeness_day as k on k.day = %(today)s and k.device = d.code
    where d.removed_at is null
) as f join building_of as b on b.place = f.place
group by b.building having count(*) >= 5;

-- name: watch_device_silent
select f.code as subject, f.place, f.missed as value, case when f.missed >= 2 then
        jsonb_build_object('last_measured_ms', (extract(epoch from f.last_measured_at) * 1000)::bigint, 'period_s', f.period_s) end as data
from (
    select d.code, d.place, s.last_measured_at, greatest(coalesce(k.period_s, 900), 900) as period_s,
        greatest(0, floor(extract(epoch from to_timestamp(%(now_ms)s / 1000.0) - s.last_measured_at) / greatest(coalesce(k.period_s, 900), 900)))::bigint as missed
    from device as d join device_status as s on s.device = d.code
    left join completeness_day as k on k.day = %(today)s and k.device = d.code
    where d.removed_at is null and d.gateway is not null
) as f;

-- name: watch_device_never_heard
select d.code as subject, d.place, 1::bigint as value, null::jsonb as data
from device as d where d.removed_at is null and d.gateway is not null and not exists (select from device_status as s where s.device = d.code);

-- name: watch_device_clock
select d.code as subject, d.place, 1::bigint as value, jsonb_build_object('told_ms', (extract(epoch from e.at) * 1000)::bigint, 'offset_s', e.data -> 'offset_s') as data
from (
    select distinct on (device) device, code, at, data from event
    where code in ('meter.clock_off', 'meter.clock_right', 'iot.clock_wrong') and device is not null order by device, at desc
) as e join device as d on d.code = e.device and d.removed_at is null
left join iot_state as i on i.device = e.device
where e.code = 'meter.clock_off' or e.code = 'iot.clock_wrong' and e.at >= i.last_report_at;

-- name: lines_with_trouble
select j.line as health from gateway_heard as h cross join jsonb_array_elements(h.health -> 'lines') as j (line)
where h.health_at > to_timestamp(%(now_ms)s / 1000.0) - interval '5 minutes' and jsonb_array_length(coalesce(j.line -> 'devices', '[]')) > 0;

-- name: places_of_devices
select code, place from device where code = any(%(codes)s) and removed_at is null;

-- name: watch_leak
select l.point as subject, h.place, l.lost_l_day as value, jsonb_build_object('reason', l.reason, 'nights', l.nights, 'began_on', l.began_on,
    'usual_l_day', l.usual_l_day, 'floor_l_day', l.floor_l_day) as data
from leak as l left join point_position as h on h.point = l.point and h.valid_from <= %(today)s and h.valid_to > %(today)s
where l.cleared_at is null and l.point is not null;

-- name: watch_leak_place
select l.place as subject, l.place, l.lost_l_day as value, jsonb_build_object('reason', l.reason, 'nights', l.nights, 'began_on', l.began_on,
    'usual_l_day', l.usual_l_day, 'floor_l_day', l.floor_l_day) as data
from leak as l where l.cleared_at is null and l.place is not null;

-- name: watch_iot_silent
select m.device as subject, d.place,
    greatest(0, floor((extract(epoch from to_timestamp(%(now_ms)s / 1000.0) - coalesce(s.last_report_at, m.registered_at)) / 3600 - m.window_h) / m.every_h))::bigint as value,
    jsonb_build_object('last_report_ms', (extract(epoch from s.last_report_at) * 1000)::bigint, 'every_h', m.every_h) as data
from iot_meter as m join device as d on d.code = m.device left join iot_state as s on s.device = m.device
where m.removed_at is null and d.removed_at is null and d.gateway is null;

-- name: watch_iot_battery
select m.device as subject, d.place, (s.state ->> 'battery_voltage')::bigint as value,
    jsonb_build_object('measured_ms', (extract(epoch from s.measured_at) * 1000)::bigint) as data
from iot_meter as m join device as d on d.code = m.device join iot_state as s on s.device = m.device
where m.removed_at is null and d.removed_at is null and s.state ? 'battery_voltage';

-- name: watch_iot_battery_flag
select m.device as subject, d.place, ((s.state ->> 'battery_low')::bigint = 1)::integer::bigint as value,
    jsonb_build_object('measured_ms', (extract(epoch from s.measured_at) * 1000)::bigint) as data
from iot_meter as m join device as d on d.code = m.device join iot_state as s on s.device = m.device
where m.removed_at is null and d.removed_at is null and s.state ? 'battery_low' and not s.state ? 'battery_voltage';

-- name: watch_valve_fault
select m.device as subject, d.place, ((s.state ->> 'valve_state')::bigint = 3)::integer::bigint as value,
    jsonb_build_object('measured_ms', (extract(epoch from s.measured_at) * 1000)::bigint) as data
from iot_meter as m join device as d on d.code = m.device join iot_state as s on s.device = m.device
where m.removed_at is null and d.removed_at is null and s.state ? 'valve_state';

-- name: watch_meter_burst
select m.device as subject, d.place, ((s.state ->> 'burst')::bigint = 1)::integer::bigint as value,
    jsonb_build_object('measured_ms', (extract(epoch from s.measured_at) * 1000)::bigint) as data
from iot_meter as m join device as d on d.code = m.device join iot_state as s on s.device = m.device
where m.removed_at is null and d.removed_at is null and s.state ? 'burst';

-- name: watch_meter_tamper
select m.device as subject, d.place, greatest((s.state ->> 'magnetic_tamper')::bigint, (s.state ->> 'cover_open')::bigint, (s.state ->> 'reverse_flow')::bigint) as value,
    jsonb_build_object('measured_ms', (extract(epoch from s.measured_at) * 1000)::bigint, 'magnetic_tamper', s.state -> 'magnetic_tamper',
        'cover_open', s.state -> 'cover_open', 'reverse_flow', s.state -> 'reverse_flow') as data
from iot_meter as m join device as d on d.code = m.device join iot_state as s on s.device = m.device
where m.removed_at is null and d.removed_at is null and s.state ?| array['magnetic_tamper', 'cover_open', 'reverse_flow'];

-- name: watch_completeness
select b.building as subject, b.building as place, (10000 * sum(k.measured) / nullif(sum(k.due), 0))::bigint as value,
    jsonb_build_object('day', %(judged_day)s::date, 'due', sum(k.due), 'measured', sum(k.measured), 'devices', count(*)) as data
from completeness_day as k join device as d on d.code = k.device join building_of as b on b.place = d.place
where k.day = %(judged_day)s
group by b.building;

-- name: watch_consumption_finding
select f.point as subject, h.place, count(*) as value, jsonb_build_object('codes', array_agg(distinct f.code), 'at_ms', (extract(epoch from min(f.at)) * 1000)::bigint) as data
from finding as f join metering_point as m on m.code = f.point and m.removed_at is null
left join point_position as h on h.point = f.point and h.valid_from <= %(today)s and h.valid_to > %(today)s
where f.resolved_at is null
group by f.point, h.place;

-- name: watch_quarantine
select 'site' as subject, null as place, count(*) as value, jsonb_build_object('oldest_ms', (extract(epoch from min(received_at)) * 1000)::bigint) as data
from (select received_at from quarantine where replayed_at is null order by received_at limit 10000) as q;

-- name: watch_ingest_stalled
select 'site' as subject, null as place, case when h.live > 0 then extract(epoch from to_timestamp(%(now_ms)s / 1000.0) - c.updated_at)::bigint end as value,
    jsonb_build_object('stored_ms', (extract(epoch from c.updated_at) * 1000)::bigint, 'gateways', h.live) as data
from (select max(updated_at) as updated_at from ack_cursor) as c
cross join (select count(*) as live from gateway_status where health_at > to_timestamp(%(now_ms)s / 1000.0) - interval '120 seconds') as h;

-- name: watch_consumption_stalled
select 'site' as subject, null as place, coalesce(extract(epoch from to_timestamp(%(now_ms)s / 1000.0) - least(
        (select arrived_at from arrival order by id limit 1), (select noted_at from dirty order by id limit 1)))::bigint, 0) as value, null::jsonb as data;

-- name: watch_export_stalled
select 'site' as subject, null as place, coalesce(extract(epoch from to_timestamp(%(now_ms)s / 1000.0) - min(created_at))::bigint, 0) as value,
    jsonb_build_object('waiting', count(*)) as data
from export_job where state = 'queued';

-- name: windows
select id, place, gateway, device, rule, (extract(epoch from from_at) * 1000)::bigint as from_ms, (extract(epoch from until_at) * 1000)::bigint as until_ms,
    weekdays, start_minute, minutes, reason, actor, (extract(epoch from created_at) * 1000)::bigint as created_ms,
    (extract(epoch from ended_at) * 1000)::bigint as ended_ms, ended_by
from alarm_window as w
where (ended_at is not null or until_at <= to_timestamp(%(now_ms)s / 1000.0)) = %(over)s::boolean
    and in_scope(coalesce((select d.place from device as d where d.code = w.device), (select g.place from gateway as g where g.code = w.gateway), w.place),
        %(scope)s::text[])
order by case when %(over)s::boolean then null else from_at end, id desc limit %(limit)s;

-- name: window
select id, place, gateway, device, rule, (extract(epoch from from_at) * 1000)::bigint as from_ms, (extract(epoch from until_at) * 1000)::bigint as until_ms,
    weekdays, start_minute, minutes, reason, actor, (extract(epoch from created_at) * 1000)::bigint as created_ms,
    (extract(epoch from ended_at) * 1000)::bigint as ended_ms, ended_by
from alarm_window as w
where id = %(id)s
    and in_scope(coalesce((select d.place from device as d where d.code = w.device), (select g.place from gateway as g where g.code = w.gateway), w.place),
        %(scope)s::text[]);

-- name: coming_windows
select count(*) from alarm_window where ended_at is null and until_at > to_timestamp(%(now_ms)s / 1000.0);

-- name: add_window
insert into alarm_window (place, gateway, device, rule, from_at, until_at, weekdays, start_minute, minutes, reason, actor, created_at)
values (%(place)s, %(gateway)s, %(device)s, %(rule)s, to_timestamp(%(from_ms)s / 1000.0), to_timestamp(%(until_ms)s / 1000.0), %(weekdays)s,
    %(start_minute)s, %(minutes)s, %(reason)s, %(actor)s, to_timestamp(%(now_ms)s / 1000.0))
returning id, place, gateway, device, rule, (extract(epoch from from_at) * 1000)::bigint as from_ms, (extract(epoch from until_at) * 1000)::bigint as until_ms,
    weekdays, start_minute, minutes, reason, actor, (extract(epoch from created_at) * 1000)::bigint as created_ms, null::bigint as ended_ms,
    null::text as ended_by;

-- name: end_window
update alarm_window set ended_at = to_timestamp(%(now_ms)s / 1000.0), ended_by = %(actor)s where id = %(id)s and ended_at is null;

-- name: known_place
select code from place where code = %(code)s and removed_at is null;

-- name: known_gateway
select code from gateway where code = %(code)s and removed_at is null;

-- name: known_device
select code from device where code = %(code)s and removed_at is null;

-- name: overrides
select distinct on (rule) rule, version, changes from alarm_rule_override order by rule, version desc;

-- name: override_history
select rule, version, changes, reason, actor, (extract(epoch from at) * 1000)::bigint as at_ms from alarm_rule_override
where rule = %(rule)s order by version desc limit 50;

-- name: add_override
insert into alarm_rule_override (rule, version, changes, reason, actor, at)
select %(rule)s, coalesce(max(version), 0) + 1, %(changes)s::jsonb, %(reason)s, %(actor)s, to_timestamp(%(now_ms)s / 1000.0)
from alarm_rule_override where rule = %(rule)s
returning version;

-- name: hold_rounds
select pg_advisory_xact_lock(1667563541);

-- name: tracks
select rule, kind, subject, over_ms, under_ms, unknown_ms, raised, flapping, raises from alarm_track;

-- name: write_tracks
insert into alarm_track as t (rule, kind, subject, over_ms, under_ms, unknown_ms, raised, flapping, raises)
select rule, kind, subject, over_ms, under_ms, unknown_ms, raised, flapping, array(select jsonb_array_elements_text(raises::jsonb)::bigint)
from unnest(%(rule)s::text[], %(kind)s::text[], %(subject)s::text[], %(over_ms)s::bigint[], %(under_ms)s::bigint[], %(unknown_ms)s::bigint[],
    %(raised)s::boolean[], %(flapping)s::boolean[], %(raises)s::text[]) as c (rule, kind, subject, over_ms, under_ms, unknown_ms, raised, flapping, raises)
on conflict (rule, kind, subject) do update set over_ms = excluded.over_ms, under_ms = excluded.under_ms, unknown_ms = excluded.unknown_ms,
    raised = excluded.raised, flapping = excluded.flapping, raises = excluded.raises;

-- name: drop_tracks
delete from alarm_track as t using unnest(%(rule)s::text[], %(kind)s::text[], %(subject)s::text[]) as c (rule, kind, subject)
where t.rule = c.rule and t.kind = c.kind and t.subject = c.subject;

-- name: raise_alarms
with asked as (
    select * from unnest(%(rule)s::text[], %(severity)s::text[], %(kind)s::text[], %(subject)s::text[], %(place)s::text[], %(value)s::bigint[],
        %(data)s::text[], %(over_ms)s::bigint[], %(flapping)s::boolean[], %(window)s::bigint[])
        as c (rule, severity, kind, subject, place, value, data, over_ms, flapping, suppressed_by)
), raised as (
    insert into alarm (rule, severity, kind, subject, place, gateway, name_zh, name_en, value, data, over_since, raised_at, flapping, suppressed_by)
    select c.rule, c.severity, c.kind, c.subject, c.place,
        case c.kind when 'gateway' then c.subject when 'line' then split_part(c.subject, '/', 1) when 'device' then d.gateway end,
        coalesce(d.name_zh, g.name_zh, p.name_zh, m.name_zh, l.name_zh || ' / ' || split_part(c.subject, '/', 2), ''),
        coalesce(d.name_en, g.name_en, p.name_en, m.name_en, l.name_en || ' / ' || split_part(c.subject, '/', 2), ''),
        c.value, c.data::jsonb, to_timestamp(c.over_ms / 1000.0), to_timestamp(%(now_ms)s / 1000.0), c.flapping, c.suppressed_by
    from asked as c
    left join device as d on c.kind = 'device' and d.code = c.subject
    left join gateway as g on c.kind = 'gateway' and g.code = c.subject
    left join gateway as l on c.kind = 'line' and l.code = split_part(c.subject, '/', 1)
    left join place as p on c.kind = 'place' and p.code = c.subject
    left join metering_point as m on c.kind = 'point' and m.code = c.subject
    returning id, rule, kind, subject, flapping, suppressed_by, value
), told as (
    insert into alarm_change (alarm, at, kind, data)
    select r.id, to_timestamp(%(now_ms)s / 1000.0), k.kind, jsonb_build_object('value', r.value) || k.data
    from raised as r cross join lateral (values (1, 'raised', '{}'::jsonb), (2, 'flapping', '{}'),
        (3, 'suppressed', jsonb_build_object('window', r.suppressed_by))) as k (rank, kind, data)
    where k.kind = 'raised' or k.kind = 'flapping' and r.flapping or k.kind = 'suppressed' and r.suppressed_by is not null
    order by r.id, k.rank
)
select id, rule, kind, subject from raised;

-- name: clear_alarms
with asked as (
    select * from unnest(%(rule)s::text[], %(kind)s::text[], %(subject)s::text[], %(value)s::bigint[]) as c (rule, kind, subject, value)
), cleared as (
    update alarm as a set cleared_at = to_timestamp(%(now_ms)s / 1000.0), clear_value = c.value, unknown_since = null, snoozed_until = null
    from asked as c where a.rule = c.rule and a.kind = c.kind and a.subject = c.subject and a.cleared_at is null
    returning a.id, c.value
)
insert into alarm_change (alarm, at, kind, data)
select id, to_timestamp(%(now_ms)s / 1000.0), 'cleared', jsonb_build_object('value', value, 'gone', value is null) from cleared;

-- name: mark_known
with asked as (
    select * from unnest(%(rule)s::text[], %(kind)s::text[], %(subject)s::text[], %(change)s::text[]) as c (rule, kind, subject, change)
), marked as (
    update alarm as a set unknown_since = case when c.change = 'unknown' then to_timestamp(%(now_ms)s / 1000.0) end
    from asked as c where a.rule = c.rule and a.kind = c.kind and a.subject = c.subject and a.cleared_at is null
    returning a.id, c.change
)
insert into alarm_change (alarm, at, kind) select id, to_timestamp(%(now_ms)s / 1000.0), change from marked;

-- name: standing
select id, rule, kind, subject, parent, (extract(epoch from orphaned_at) * 1000)::bigint as orphaned_ms, suppressed_by from alarm where cleared_at is null;

-- name: whereabouts
with asked as (
    select * from unnest(%(kinds)s::text[], %(subjects)s::text[]) as c (kind, subject)
), found as (
    select c.kind, c.subject, coalesce(d.place, g.place, l.place, p.code, h.place) as place,
        case c.kind when 'device' then d.gateway when 'gateway' then c.subject when 'line' then split_part(c.subject, '/', 1) end as gateway,
        case c.kind when 'device' then d.gateway || '/' || d.line when 'line' then c.subject end as line,
        case c.kind when 'device' then c.subject end as device
    from asked as c
    left join device as d on c.kind = 'device' and d.code = c.subject
    left join gateway as g on c.kind = 'gateway' and g.code = c.subject
    left join gateway as l on c.kind = 'line' and l.code = split_part(c.subject, '/', 1)
    left join place as p on c.kind = 'place' and p.code = c.subject
    left join point_position as h on c.kind = 'point' and h.point = c.subject and h.valid_from <= %(today)s and h.valid_to > %(today)s
)
select f.*, (select b.building from building_of as b where b.place = f.place limit 1) as building,
    array(select w.above from place_within as w where w.place = f.place) as above
from found as f;

-- name: link_alarms
with asked as (
    select * from unnest(%(id)s::bigint[], %(change)s::text[], %(parent)s::bigint[]) as c (id, change, parent)
), linked as (
    update alarm as a set parent = c.parent, orphaned_at = case when c.change = 'orphaned' then to_timestamp(%(now_ms)s / 1000.0) end
    from asked as c where a.id = c.id
    returning a.id, c.change, c.parent
)
insert into alarm_change (alarm, at, kind, data)
select id, to_timestamp(%(now_ms)s / 1000.0), change, jsonb_build_object('parent', parent) from linked where change <> 'orphaned';

-- name: unsuppress
with freed as (
    update alarm set suppressed_by = null where id = any(%(ids)s::bigint[]) and suppressed_by is not null returning id
)
insert into alarm_change (alarm, at, kind) select id, to_timestamp(%(now_ms)s / 1000.0), 'unsuppressed' from freed;

-- name: wake_snoozed
with woken as (
    update alarm set snoozed_until = null where snoozed_until <= to_timestamp(%(now_ms)s / 1000.0) and cleared_at is null returning id
)
insert into alarm_change (alarm, at, kind) select id, to_timestamp(%(now_ms)s / 1000.0), 'unsnoozed' from woken;

-- name: forget_seen
delete from alarm_seen as s using alarm as a where a.id = s.alarm and s.alarm = any(%(ids)s::bigint[]);

-- name: note_round
insert into alarm_round as r (one, at, took_ms, facts, failed) values (true, to_timestamp(%(now_ms)s / 1000.0), %(took_ms)s, %(facts)s, %(failed)s::jsonb)
on conflict (one) do update set at = excluded.at, took_ms = excluded.took_ms, facts = excluded.facts, failed = excluded.failed;

-- name: round
select (extract(epoch from at) * 1000)::bigint as at_ms, took_ms, facts, failed from alarm_round;

-- name: purge_alarms
delete from alarm where id in (
    select id from alarm where cleared_at < to_timestamp(%(before_ms)s / 1000.0)
        and not exists (select from alarm as k where k.parent = alarm.id) order by id limit 5000);

-- name: hold_alarm
select id, rule, kind, subject, state, cleared_at is not null as cleared, snoozed_until is not null as snoozed from alarm
where id = %(id)s and in_scope(place, %(scope)s::text[]) for update;

-- name: change_of_key
select kind from alarm_change where alarm = %(alarm)s and key = %(key)s;

-- name: account_of_name
select account_id from account where name = lower(%(name)s) and disabled_at is null;

-- name: assign
update alarm set assignee = %(assignee)s where id = %(id)s;

-- name: snooze
update alarm set snoozed_until = to_timestamp(%(until_ms)s::bigint / 1000.0) where id = %(id)s;

-- name: note_acknowledged
update alarm set acknowledged_at = to_timestamp(%(now_ms)s / 1000.0), acknowledged_by = %(actor)s where id = %(id)s;

-- name: note_closed
update alarm set closed_at = to_timestamp(%(now_ms)s / 1000.0), closed_by = %(actor)s, close_cause = %(cause)s, snoozed_until = null where id = %(id)s;

-- name: reopen
update alarm set closed_at = null, closed_by = null, close_cause = null where id = %(id)s;

-- name: add_change
insert into alarm_change (alarm, at, kind, actor, note, data, key)
values (%(alarm)s, to_timestamp(%(now_ms)s / 1000.0), %(kind)s, %(actor)s, %(note)s, %(data)s::jsonb, %(key)s);

-- name: mark_seen
insert into alarm_seen (account, alarm, at)
select %(account)s, a.id, to_timestamp(%(now_ms)s / 1000.0) from alarm as a where a.id = any(%(ids)s::bigint[]) and in_scope(a.place, %(scope)s::text[])
on conflict (account, alarm) do nothing;

-- name: alarm_details
select a.data, (extract(epoch from a.over_since) * 1000)::bigint as over_since_ms, a.clear_value, a.closed_by,
    (select (extract(epoch from max(b.cleared_at)) * 1000)::bigint from alarm as b
     where b.rule = a.rule and b.kind = a.kind and b.subject = a.subject and b.id < a.id) as last_good_ms
from alarm as a where a.id = %(id)s;

-- name: changes
select id, (extract(epoch from at) * 1000)::bigint as at_ms, kind, actor, note, data from alarm_change where alarm = %(alarm)s order by id desc limit 200;

-- name: assignable
select name from account where disabled_at is null and role in ('admin', 'operator') order by name limit 500;

-- name: standing_of_rule
select count(*) from alarm where rule = %(rule)s and cleared_at is null;

-- name: alarm_table
with chosen as (
    select a.*, p.name_zh as place_zh, p.name_en as place_en, c.name as assignee_name
    from alarm as a left join place as p on p.code = a.place left join account as c on c.account_id = a.assignee
    where in_scope(a.place, %(scope)s::text[])
        and (%(node)s::text = '' or exists (select from place_within as w where w.place = a.place and w.above = %(node)s)
            or a.place is null and exists (select from place as t where t.code = %(node)s and t.parent is null))
        and (case when %(over)s::boolean then a.cleared_at is not null or a.closed_at is not null else a.cleared_at is null and a.closed_at is null end)
        and (%(severity)s::text = '' or a.severity = %(severity)s) and (%(rule)s::text = '' or a.rule = %(rule)s)
        and (%(state)s::text = '' or a.state = %(state)s) and (%(cause)s::text = '' or a.close_cause = %(cause)s)
        and (%(pattern)s::text is null or a.subject || ' ' || a.name_zh || ' ' || lower(a.name_en) like %(pattern)s)
), sorted as (
    select *, count(*) over ()::integer as total,
        case %(sort)s when 'severity' then array_position(array['urgent', 'important', 'general'], severity)::text when 'rule' then rule
            when 'subject_name' then case when %(chinese)s::boolean then name_zh else name_en end when 'place' then place when 'state' then state
            when 'assignee' then assignee_name when 'cleared' then to_char(cleared_at, 'YYYYMMDDHH24MISSMS') else to_char(raised_at, 'YYYYMMDDHH24MISSMS')
            end as sort_key
    from chosen
)
select id::text as id, severity, rule, kind, subject, name_zh as subject_name_zh, name_en as subject_name_en, coalesce(name_zh, subject) as subject_name,
    place, place_zh, place_en, gateway, state, value, (extract(epoch from raised_at) * 1000)::bigint as raised,
    (extract(epoch from cleared_at) * 1000)::bigint as cleared, (extract(epoch from closed_at) * 1000)::bigint as closed,
    (extract(epoch from coalesce(cleared_at, closed_at) - raised_at) / 60)::bigint as minutes, acknowledged_by, assignee_name as assignee, close_cause,
    (select x.note from alarm_change as x where x.alarm = sorted.id and x.kind = 'closed' order by x.id desc limit 1) as note, flapping,
    parent is not null as explained, total
from sorted
order by case when not %(descending)s::boolean then sort_key end, case when %(descending)s::boolean then sort_key end desc nulls last, id desc
offset %(offset)s limit %(limit)s;

-- name: alarm_items
select a.id::text as id, a.rule, a.subject, a.name_zh, a.name_en, coalesce(b.name_zh, '') as place_zh, coalesce(b.name_en, '') as place_en
from alarm as a left join building_of as o on o.place = a.place left join place as b on b.code = coalesce(o.building, a.place)
where a.id = any(%(ids)s::bigint[]) and in_scope(a.place, %(scope)s::text[]) order by a.id;
