-- name: meters_of
select m.device, m.number, m.imei, m.via from iot_meter as m join device as d on d.code = m.device
where m.removed_at is null and d.removed_at is null and d.gateway is null
    and (m.imei = %(imei)s::text or m.number = %(number)s::text)
order by m.imei = %(imei)s::text desc nulls last, m.device limit 2;

-- name: keep_report
insert into iot_report (device, digest, via, measured_at, reported_at, received_at, report, raw)
values (%(device)s, %(digest)s, %(via)s, to_timestamp(%(measured_ms)s / 1000.0), to_timestamp(%(reported_ms)s / 1000.0),
    to_timestamp(%(received_ms)s / 1000.0), %(report)s::jsonb, %(raw)s)
on conflict (device, digest) do nothing;

-- name: count_repeat
update iot_state set repeats = repeats + 1 where device = %(device)s;

-- name: note_state
insert into iot_state as s (device, last_report_at, measured_at, state, firmware, reports)
values (%(device)s, to_timestamp(%(reported_ms)s / 1000.0), to_timestamp(%(measured_ms)s / 1000.0), %(state)s::jsonb, %(firmware)s, 1)
on conflict (device) do update set reports = s.reports + 1, last_report_at = greatest(s.last_report_at, excluded.last_report_at),
    measured_at = greatest(s.measured_at, excluded.measured_at),
    state = case when excluded.measured_at >= s.measured_at then s.state || excluded.state else s.state end,
    firmware = case when excluded.measured_at >= s.measured_at then coalesce(excluded.firmware, s.firmware) else s.firmware end;

-- name: set_aside_count
select count(*) from (select 1 from quarantine where replayed_at is null and topic like 'iot/%%' limit %(limit)s) as waiting;

-- name: adoptable
select q.id, q.topic, q.payload, q.properties from quarantine as q
where q.replayed_at is null and q.reason = any(%(reasons)s) and q.id > %(after)s and q.payload_bytes = octet_length(q.payload)
    and exists (
        select from iot_meter as m join device as d on d.code = m.device and d.removed_at is null and d.gateway is null
        where m.removed_at is null and q.topic = 'iot/' || m.via
            and (m.imei = nullif(q.properties ->> 'imei', '') or m.number = nullif(q.properties ->> 'number', ''))
            and coalesce(nullif(q.properties ->> 'imei', ''), m.imei) = m.imei and coalesce(nullif(q.properties ->> 'number', ''), m.number) = m.number)
order by q.id limit %(limit)s;

-- name: mark_adopted
update quarantine set replayed_at = now() where id = %(id)s;

-- name: spend_nonce
insert into iot_nonce (source, nonce) values (%(source)s, %(nonce)s) on conflict do nothing;

-- name: forget_nonce
delete from iot_nonce where source = %(source)s and nonce = %(nonce)s;

-- name: purge_nonces
delete from iot_nonce where seen_at < now() - %(older_s)s * interval '1 second';

-- name: nonce_count
select count(*) from (select 1 from iot_nonce where source = %(source)s limit %(limit)s) as seen;

-- name: purge_reports
delete from iot_report where id in (
    select id from iot_report where received_at < to_timestamp(%(before_ms)s / 1000.0) order by id limit %(limit)s);

-- name: meter_for_command
select m.device, m.via from iot_meter as m join device as d on d.code = m.device
where m.device = %(device)s and m.removed_at is null and d.removed_at is null and d.gateway is null for update of m;

-- name: queue_command
insert into iot_command (key, device, kind, arguments, reason, requested_by, requested_at, expires_at)
values (%(key)s, %(device)s, %(kind)s, %(arguments)s::jsonb, %(reason)s, %(actor)s, to_timestamp(%(now_ms)s / 1000.0), to_timestamp(%(expires_ms)s / 1000.0))
returning id;

-- name: commands
select id, key, device, kind, arguments, reason, requested_by, (extract(epoch from requested_at) * 1000)::bigint as requested_at_ms,
    (extract(epoch from expires_at) * 1000)::bigint as expires_at_ms, state, attempts, (extract(epoch from sent_at) * 1000)::bigint as sent_at_ms, answer,
    (extract(epoch from settled_at) * 1000)::bigint as settled_at_ms
from iot_command
where (%(id)s::bigint is null or id = %(id)s) and (%(key)s::text is null or key = %(key)s) and (%(device)s::text is null or device = %(device)s)
    and (%(state)s::text is null or state = %(state)s) and (%(before)s::bigint is null or id < %(before)s)
order by id desc limit %(limit)s;

-- name: open_commands
select id, key, device, kind, arguments, reason, requested_by, (extract(epoch from requested_at) * 1000)::bigint as requested_at_ms,
    (extract(epoch from expires_at) * 1000)::bigint as expires_at_ms, state, attempts, (extract(epoch from sent_at) * 1000)::bigint as sent_at_ms, answer,
    (extract(epoch from settled_at) * 1000)::bigint as settled_at_ms
from iot_command where device = %(device)s and state in ('queued', 'sent') order by id for update;

-- name: given_valve_command
select c.id from iot_command as c join iot_meter as m on m.device = c.device
where m.removed_at is null and (m.imei = %(imei)s::text or m.number = %(number)s::text) and c.state = 'sent' and c.kind in ('valve_open', 'valve_close')
limit 1;

-- name: hand_out
with chosen as (
    select id from iot_command
    where device = %(device)s and state in ('queued', 'sent') and expires_at > to_timestamp(%(now_ms)s / 1000.0) and attempts < %(attempts)s
    order by id limit %(limit)s for update
), given as (
    update iot_command as c set state = 'sent', attempts = c.attempts + 1, sent_at = coalesce(c.sent_at, to_timestamp(%(now_ms)s / 1000.0))
    from chosen where c.id = chosen.id
    returning c.id, c.kind, c.arguments, (extract(epoch from c.expires_at) * 1000)::bigint as expires_at_ms
)
select * from given order by id;

-- name: settle_command
update iot_command set state = %(state)s, answer = %(answer)s, settled_at = to_timestamp(%(now_ms)s / 1000.0) where id = %(id)s;

-- name: note_command_answer
update iot_command set answer = %(answer)s where id = %(id)s;

-- name: cancel_command
update iot_command set state = 'cancelled', settled_at = to_timestamp(%(now_ms)s / 1000.0) where id = %(id)s and state = 'queued';

-- name: expire_commands
update iot_command set state = 'expired', settled_at = to_timestamp(%(now_ms)s / 1000.0)
where state in ('queued', 'sent') and expires_at <= to_timestamp(%(now_ms)s / 1000.0)
returning id, key, device, kind, arguments, reason, requested_by, (extract(epoch from requested_at) * 1000)::bigint as requested_at_ms,
    (extract(epoch from expires_at) * 1000)::bigint as expires_at_ms, state, attempts, (extract(epoch from sent_at) * 1000)::bigint as sent_at_ms, answer,
    (extract(epoch from settled_at) * 1000)::bigint as settled_at_ms;

-- name: meters
with known as (
    select m.*, d.name_zh, d.name_en, d.place, s.last_report_at, s.measured_at, s.state as said, s.firmware, coalesce(s.reports, 0) as reports,
        coalesce(s.repeats, 0) as repeats,
        coalesce(s.last_report_at, m.registered_at) + (m.every_h + m.window_h) * interval '1 hour' as late_at,
        coalesce(s.last_report_at, m.registered_at) + (%(silent_after)s * m.every_h + m.window_h) * interval '1 hour' as silent_at
    from iot_meter as m join device as d on d.code = m.device left join iot_state as s on s.device = m.device
    where m.removed_at is null and d.removed_at is null and d.gateway is null
), judged as (
    select k.*,
        case when last_report_at is null then 'never' when to_timestamp(%(now_ms)s / 1000.0) >= silent_at then 'silent'
             when to_timestamp(%(now_ms)s / 1000.0) >= late_at then 'late' else 'reporting' end as how,
        array(
            select name from (values
                (1, 'low_battery', (said ->> 'battery_low')::bigint = 1 or (said ->> 'battery_voltage')::bigint < %(battery_mv)s),
                (2, 'weak_signal', (said ->> 'signal_rsrp')::bigint < %(rsrp_dbm)s),
                (3, 'valve_fault', (said ->> 'valve_state')::bigint = 3), (4, 'leak', (said ->> 'leak')::bigint = 1),
                (5, 'burst', (said ->> 'burst')::bigint = 1), (6, 'reverse_flow', (said ->> 'reverse_flow')::bigint = 1),
                (7, 'magnetic_tamper', (said ->> 'magnetic_tamper')::bigint = 1), (8, 'cover_open', (said ->> 'cover_open')::bigint = 1)
            ) as a (rank, name, holds) where holds order by rank
        ) as attention
    from known as k
)
select device, name_zh, name_en, place, number, imei, iccid, via, every_h, window_h, how as state,
    (extract(epoch from last_report_at) * 1000)::bigint as last_report_at_ms, (extract(epoch from late_at) * 1000)::bigint as late_at_ms,
    (extract(epoch from measured_at) * 1000)::bigint as measured_at_ms, coalesce(said, '{}') as "values", attention, firmware, reports, repeats,
    (select count(*)::integer from iot_command as c where c.device = j.device and c.state in ('queued', 'sent')) as open_commands,
    count(*) over ()::integer as total
from judged as j
where (%(device)s::text is null or device = %(device)s) and in_scope(place, %(scope)s::text[]) and (%(states)s::text[] is null or how = any(%(states)s))
    and (%(needs)s::text is null or %(needs)s = any(attention))
order by case when %(overdue_first)s then late_at end, position, device offset %(offset)s limit %(limit)s;

-- name: tally
select how as state, count(*)::integer as meters from (
    select case when s.last_report_at is null then 'never'
        when to_timestamp(%(now_ms)s / 1000.0) >= s.last_report_at + (%(silent_after)s * m.every_h + m.window_h) * interval '1 hour' then 'silent'
        when to_timestamp(%(now_ms)s / 1000.0) >= s.last_report_at + (m.every_h + m.window_h) * interval '1 hour' then 'late' else 'reporting' end as how
    from iot_meter as m join device as d on d.code = m.device left join iot_state as s on s.device = m.device
    where m.removed_at is null and d.removed_at is null and d.gateway is null
) as judged group by how;

-- name: counts
select (select count(*)::integer from iot_report where received_at > to_timestamp(%(now_ms)s / 1000.0) - interval '24 hours') as reports_last_day,
    (select count(*)::integer from iot_command where state in ('queued', 'sent')) as open_commands,
    (select count(*)::integer from quarantine where replayed_at is null and topic like 'iot/%%') as set_aside;

-- name: kept_reports
select id, via, (extract(epoch from measured_at) * 1000)::bigint as measured_at_ms, (extract(epoch from reported_at) * 1000)::bigint as reported_at_ms,
    (extract(epoch from received_at) * 1000)::bigint as received_at_ms, report, raw
from iot_report where device = %(device)s order by reported_at desc, id desc limit %(limit)s;

-- name: newly_silent
update iot_meter as m set silent_told_at = to_timestamp(%(now_ms)s / 1000.0)
from (
    select m.device, s.last_report_at from iot_meter as m join device as d on d.code = m.device left join iot_state as s on s.device = m.device
    where m.removed_at is null and d.removed_at is null and d.gateway is null and m.silent_told_at is null
        and to_timestamp(%(now_ms)s / 1000.0) >= coalesce(s.last_report_at, m.registered_at) + (%(silent_after)s * m.every_h + m.window_h) * interval '1 hour'
    order by m.device limit %(limit)s for update of m
) as silent
where m.device = silent.device
returning m.device, (extract(epoch from silent.last_report_at) * 1000)::bigint as last_report_at_ms;

-- name: newly_reporting
update iot_meter as m set silent_told_at = null
from (
    select m.device, s.last_report_at from iot_meter as m join iot_state as s on s.device = m.device
    where m.silent_told_at is not null
        and to_timestamp(%(now_ms)s / 1000.0) < s.last_report_at + (%(silent_after)s * m.every_h + m.window_h) * interval '1 hour'
    order by m.device limit %(limit)s for update of m
) as heard
where m.device = heard.device
returning m.device, (extract(epoch from heard.last_report_at) * 1000)::bigint as last_report_at_ms;

