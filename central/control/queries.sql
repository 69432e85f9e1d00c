-- name: target
select d.code as device, d.profile, d.gateway, d.line, d.removed_at is not null as removed from device as d where d.code = %(device)s;

-- name: line_exists
select 1 from line where gateway = %(gateway)s and code = %(line)s and removed_at is null;

-- name: hold_gateway
select pg_advisory_xact_lock(hashtextextended('command/' || %(gateway)s::text, 0));

-- name: open_of_gateway
select count(*) from command where gateway = %(gateway)s and state in ('queued', 'sent', 'running');

-- name: open_like
select id from command
where device = %(device)s and kind = 'read' and state in ('queued', 'sent') and arguments = %(arguments)s::jsonb
    and expires_at > to_timestamp(%(now_ms)s / 1000.0) + interval '5 seconds'
order by requested_at desc limit 1;

-- name: open_switch
select id from command
where device = %(device)s and kind = 'switch' and state in ('queued', 'sent', 'running') and arguments ->> 'quantity' = %(quantity)s;

-- name: add_command
insert into command (id, key, kind, gateway, device, line, arguments, reason, requested_by, requested_at, expires_at)
values (%(id)s, %(key)s, %(kind)s, %(gateway)s, %(device)s, %(line)s, %(arguments)s::jsonb, %(reason)s, %(requested_by)s,
    to_timestamp(%(now_ms)s / 1000.0), to_timestamp(%(expires_ms)s / 1000.0))
on conflict (requested_by, key) do nothing;

-- name: add_event
insert into command_event (command, at, what, details) values (%(command)s, to_timestamp(%(now_ms)s / 1000.0), %(what)s, %(details)s::jsonb);

-- name: commands
select id, key, kind, gateway, device, line, arguments, reason, requested_by, (extract(epoch from requested_at) * 1000)::bigint as requested_at_ms,
    (extract(epoch from expires_at) * 1000)::bigint as expires_at_ms, state, attempts, (extract(epoch from sent_at) * 1000)::bigint as sent_at_ms,
    (extract(epoch from settled_at) * 1000)::bigint as settled_at_ms, code, message, late, evidence
from command
where (%(id)s::text is null or id = %(id)s) and (%(device)s::text is null or device = %(device)s) and (%(of_kind)s::text is null or kind = %(of_kind)s)
    and (%(key)s::text is null or (key = %(key)s and requested_by = %(requested_by)s))
    and (%(gateway)s::text is null or (gateway = %(gateway)s and line = %(line)s and device is null))
    and (%(before_ms)s::bigint is null or requested_at < to_timestamp(%(before_ms)s / 1000.0))
order by requested_at desc, id limit %(limit)s;

-- name: events
select (extract(epoch from at) * 1000)::bigint as at_ms, what, details from command_event where command = %(command)s order by id limit %(limit)s;

-- name: due
select id, key, kind, gateway, device, line, arguments, reason, requested_by, (extract(epoch from requested_at) * 1000)::bigint as requested_at_ms,
    (extract(epoch from expires_at) * 1000)::bigint as expires_at_ms
from command
where state in ('queued', 'sent') and expires_at > to_timestamp(%(now_ms)s / 1000.0)
    and (last_sent_at is null or last_sent_at <= to_timestamp((%(now_ms)s - %(again_ms)s) / 1000.0))
order by requested_at limit %(limit)s;

-- name: mark_sent
update command set state = case when state = 'queued' then 'sent' else state end, attempts = attempts + 1,
    sent_at = coalesce(sent_at, to_timestamp(%(now_ms)s / 1000.0)), last_sent_at = to_timestamp(%(now_ms)s / 1000.0)
where id = any(%(ids)s) and state in ('queued', 'sent');

-- name: note_sent
insert into command_event (command, at, what)
select id, to_timestamp(%(now_ms)s / 1000.0), 'sent' from command where id = any(%(ids)s) and attempts = 1 and last_sent_at = to_timestamp(%(now_ms)s / 1000.0);

-- name: now_ms
select (extract(epoch from now()) * 1000)::bigint;

-- name: for_result
select id, gateway, device, kind, state, code, requested_by from command where id = %(id)s for update;

-- name: begin_running
update command set state = 'running' where id = %(id)s;

-- name: settle
update command set state = %(state)s, code = %(code)s, message = %(message)s, late = %(late)s, evidence = %(evidence)s::jsonb,
    settled_at = to_timestamp(%(now_ms)s / 1000.0)
where id = %(id)s;

-- name: count_repeat
update command set repeats = repeats + 1 where id = %(id)s;

-- name: give_up
update command set state = case when state = 'running' then 'unknown' else 'expired' end,
    code = case when state = 'running' then 'no_result' when state = 'sent' then 'no_answer' else 'not_sent' end,
    settled_at = to_timestamp(%(now_ms)s / 1000.0)
where id in (
    select id from command
    where (state in ('queued', 'sent') and expires_at <= to_timestamp((%(now_ms)s - %(grace_ms)s) / 1000.0))
        or (state = 'running' and expires_at <= to_timestamp((%(now_ms)s - %(running_ms)s) / 1000.0))
    order by id limit %(limit)s for update skip locked)
returning id, gateway, device, kind, state, code, requested_by;

-- name: purge
delete from command where id in (
    select id from command where kind <> 'switch' and settled_at < to_timestamp(%(before_ms)s / 1000.0) order by settled_at limit %(limit)s);

-- name: shown_now
select n.value, (extract(epoch from n.measured_at) * 1000)::bigint as measured_at_ms, n.quality
from series as s cross join lateral newest_reading(s.id) as n
where s.device = %(device)s and s.quantity = %(quantity)s;

-- name: gateway_state
select coalesce(s.state, 'offline') as state, (extract(epoch from s.last_seen_at) * 1000)::bigint as last_seen_at_ms
from gateway as g left join gateway_status as s on s.gateway = g.code where g.code = %(gateway)s;

-- name: devices_asked
select d.code as key, d.name_zh, d.name_en, coalesce(b.name_zh, p.name_zh) as place_zh, coalesce(b.name_en, p.name_en) as place_en, d.profile,
    d.gateway is not null as on_gateway, d.removed_at is not null as removed, coalesce(s.state, 'offline') as gateway_state
from device as d
join place as p on p.code = d.place
left join lateral (
    select u.name_zh, u.name_en from place_within as w join place as u on u.code = w.above where w.place = d.place and u.kind = 'building' limit 1
) as b on true
left join gateway_status as s on s.gateway = d.gateway
where d.code = any(%(keys)s) and in_scope(d.place, %(scope)s::text[])
order by d.position, d.code;

-- name: state_of
select state, code, message from command where id = %(id)s;
