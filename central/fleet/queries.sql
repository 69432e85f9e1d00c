-- name: registered_lines
select g.code as gateway, coalesce(jsonb_agg(jsonb_set(l.settings, '{devices}', coalesce(d.devices, '[]'::jsonb)) order by l.position)
    filter (where l.code is not null), '[]'::jsonb) as lines
from gateway as g
left join line as l on l.gateway = g.code and l.removed_at is null and g.removed_at is null
left join lateral (
    select jsonb_agg(jsonb_build_object('id', d.code, 'profile', d.profile, 'address', d.address, 'place', d.place,
        'name', jsonb_build_object('zh', d.name_zh, 'en', d.name_en), 'point', i.point, 'ct', coalesce(i.ct, 1), 'pt', coalesce(i.pt, 1),
        'poll_s', d.poll_s) order by d.position) as devices
    from device as d left join installation as i on i.device = d.code and i.removed_at is null
    where d.gateway = l.gateway and d.line = l.code and d.removed_at is null
) as d on true
where %(gateways)s::text[] is null or g.code = any(%(gateways)s)
group by g.code
order by g.code;

-- name: site_timezone
select summary -> 'site' ->> 'timezone' as timezone from site_plan order by version desc limit 1;

-- name: document_versions
select gateway, version, sha256 from desired_document where document = %(document)s;

-- name: write_document
insert into desired_document (gateway, document, version, sha256, body)
values (%(gateway)s, %(document)s, %(version)s, %(sha256)s, %(body)s::jsonb)
on conflict (gateway, document) do update set version = excluded.version, sha256 = excluded.sha256, body = excluded.body, changed_at = now();

-- name: documents
select gateway, document, version, body::text as body from desired_document
where gateway > %(after)s and not (gateway || '/' || document || '/' || version) = any(%(published)s) order by gateway limit 200;

-- name: note_birth
insert into gateway_status as s (gateway, generation, epoch, agent_version, started_at, birth, last_seen_at)
values (%(gateway)s, %(generation)s, %(epoch)s, %(agent_version)s, timestamptz 'epoch' + %(started_at_ms)s * interval '1 millisecond', %(body)s::jsonb,
    case when %(retained)s then null else now() end)
on conflict (gateway) do update set generation = excluded.generation, epoch = excluded.epoch, agent_version = excluded.agent_version,
    started_at = excluded.started_at, birth = excluded.birth, last_seen_at = coalesce(excluded.last_seen_at, s.last_seen_at)
where s.generation is null or s.generation <= excluded.generation or excluded.generation = %(registered)s;

-- name: generation_of
select generation from gateway where code = %(gateway)s;

-- name: adopt_generation
update gateway set generation = %(generation)s where code = %(gateway)s and generation = 0;

-- name: note_state
insert into gateway_status as s (gateway, state, state_at, last_seen_at)
values (%(gateway)s, %(state)s, now(), case when %(retained)s or %(state)s = 'offline' then null else now() end)
on conflict (gateway) do update set state = excluded.state, last_seen_at = coalesce(excluded.last_seen_at, s.last_seen_at),
    state_at = case when s.state = excluded.state then s.state_at else excluded.state_at end;

-- name: note_reported
insert into gateway_status as s (gateway, reported, last_seen_at)
values (%(gateway)s, %(body)s::jsonb, case when %(retained)s then null else now() end)
on conflict (gateway) do update set reported = excluded.reported, last_seen_at = coalesce(excluded.last_seen_at, s.last_seen_at);

-- name: note_health
insert into gateway_status as s (gateway, health, health_at, last_seen_at) values (%(gateway)s, %(body)s::jsonb, now(), now())
on conflict (gateway) do update set health = excluded.health, health_at = excluded.health_at, last_seen_at = excluded.last_seen_at;

-- name: gateways
select g.code, g.place, g.name_zh, g.name_en, coalesce(s.state, 'offline') as state, g.generation,
    (extract(epoch from greatest(s.last_seen_at, c.updated_at)) * 1000)::bigint as last_seen_at_ms,
    (extract(epoch from s.state_at) * 1000)::bigint as state_at_ms, s.agent_version,
    (select count(*)::integer from line as l where l.gateway = g.code and l.removed_at is null) as lines,
    (select count(*)::integer from device as d where d.gateway = g.code and d.removed_at is null) as devices,
    doc.version as wanted_version, (s.reported #>> '{documents,lines,version}')::integer as reported_version,
    s.reported #>> '{documents,lines,error}' as reported_error, s.health, s.clock_offset_ms,
    (extract(epoch from s.clock_alarm_at) * 1000)::bigint as clock_alarm_ms
from gateway as g
left join gateway_status as s on s.gateway = g.code
left join desired_document as doc on doc.gateway = g.code and doc.document = 'lines'
left join lateral (select max(updated_at) as updated_at from ack_cursor where gateway = g.code) as c on true
where g.removed_at is null and (%(code)s::text is null or g.code = %(code)s) and in_scope(g.place, %(scope)s::text[])
order by g.position;

-- name: sequences
with told as (
    select gateway, generation, (health ->> 'epoch')::bigint as epoch, (health ->> 'acked_seq')::bigint as acked_seq,
        (health ->> 'last_seq')::bigint as last_seq, (health ->> 'first_held_seq')::bigint as first_held_seq
    from gateway_status where health ? 'epoch' and generation is not null
), present as (
    select gateway, generation, epoch, received, updated_at from ack_cursor
    union all
    select gateway, generation, epoch, '{}', null from told
    where not exists (select from ack_cursor as c where (c.gateway, c.generation, c.epoch) = (told.gateway, told.generation, told.epoch))
)
select p.gateway, p.generation, p.epoch,
    array(select array[lower(r), upper(r) - 1] from unnest(p.received) as r order by lower(r) limit %(max_ranges)s) as ranges,
    array(select array[lower(r), upper(r) - 1] from gateway_gap as n cross join unnest(n.given_up) as r
          where (n.gateway, n.generation, n.epoch) = (p.gateway, p.generation, p.epoch) and n.given_up <> '{}') as given_up,
    t.acked_seq, t.last_seq, t.first_held_seq, coalesce(s.state = 'online', false) as online, p.generation < g.generation as replaced,
    (extract(epoch from p.updated_at) * 1000)::bigint as received_ms
from present as p
join gateway as g on g.code = p.gateway
left join gateway_status as s on s.gateway = p.gateway
left join told as t on (t.gateway, t.generation, t.epoch) = (p.gateway, p.generation, p.epoch)
where (%(gateway)s::text is null or p.gateway = %(gateway)s)
    and (%(gateway)s::text is not null or p.received is distinct from int8multirange(int8range(1, upper(p.received)))
         or t.acked_seq >= upper(p.received) or exists (
            select from gateway_gap as n
            where (n.gateway, n.generation, n.epoch) = (p.gateway, p.generation, p.epoch) and n.filled_at is null and n.lost_at is null))
order by p.gateway, p.generation desc, p.epoch desc;

-- name: open_gaps
select id, gateway, generation, epoch, first, last, array(select array[lower(r), upper(r) - 1] from unnest(missing) as r order by 1) as missing,
    array(select array[lower(r), upper(r) - 1] from unnest(given_up) as r order by 1) as given_up,
    (extract(epoch from found_at) * 1000)::bigint as found_ms, (extract(epoch from moved_at) * 1000)::bigint as moved_ms,
    (extract(epoch from asked_at) * 1000)::bigint as asked_ms, asked_last, times, fruitless
from gateway_gap where filled_at is null and lost_at is null order by id for update;

-- name: begin_gap
insert into gateway_gap (gateway, generation, epoch, first, last, missing, given_up, found_at, moved_at)
values (%(gateway)s, %(generation)s, %(epoch)s, %(first)s, %(last)s, %(left_over)s::int8multirange, %(given_up)s::int8multirange,
    to_timestamp(%(found_ms)s / 1000.0), to_timestamp(%(moved_ms)s / 1000.0))
returning id as total;

-- name: write_gap
update gateway_gap set missing = %(left_over)s::int8multirange, given_up = %(given_up)s::int8multirange, moved_at = to_timestamp(%(moved_ms)s / 1000.0),
    asked_at = to_timestamp(%(asked_ms)s / 1000.0), asked_last = %(asked_last)s, times = %(times)s, fruitless = %(fruitless)s
where id = %(id)s;

-- name: forget_gap
delete from gateway_gap where id = %(id)s;

-- name: close_gap
update gateway_gap set lost = %(lost)s, filled_at = case when %(lost)s = 0 then to_timestamp(%(now_ms)s / 1000.0) end,
    lost_at = case when %(lost)s > 0 then to_timestamp(%(now_ms)s / 1000.0) end
where id = %(id)s;

-- name: notes_of_loss
select count(distinct seq)::bigint as total from event
where gateway = %(gateway)s and generation = %(generation)s and epoch = %(epoch)s and seq between %(first)s and %(last)s and code = 'outbox.batch_lost'
    and data ->> 'epoch' = %(epoch)s::text and (data ->> 'first')::bigint = seq;

-- name: time_of_numbers
select (extract(epoch from max(received_at) filter (where seq < %(first)s)) * 1000)::bigint as before_ms,
    (extract(epoch from min(received_at) filter (where seq > %(last)s)) * 1000)::bigint as after_ms
from (
    (select seq, received_at from batch where gateway = %(gateway)s and generation = %(generation)s and epoch = %(epoch)s and seq < %(first)s
     order by seq desc limit 1)
    union all
    (select seq, received_at from batch where gateway = %(gateway)s and generation = %(generation)s and epoch = %(epoch)s and seq > %(last)s
     order by seq limit 1)
) as neighbours;

-- name: raise_event
insert into event (gateway, code, at, severity, message, data)
values (%(gateway)s, %(code)s, to_timestamp(%(at_ms)s / 1000.0), %(severity)s, %(message)s, %(data)s::jsonb);

-- name: gaps
select id, gateway, generation, epoch, first, last, (
        select coalesce(sum(upper(r) - lower(r)), 0)::bigint from unnest(missing) as r) as missing, lost,
    case when filled_at is not null then 'filled' when lost_at is not null then 'lost' when times > 0 then 'asked' else 'open' end as state,
    (extract(epoch from found_at) * 1000)::bigint as found_ms, (extract(epoch from asked_at) * 1000)::bigint as asked_ms, times,
    (extract(epoch from coalesce(filled_at, lost_at)) * 1000)::bigint as closed_ms
from gateway_gap
where (%(gateway)s::text is null or gateway = %(gateway)s)
    and (%(state)s::text is null or %(state)s = case when filled_at is not null then 'filled' when lost_at is not null then 'lost' else 'open' end)
order by id desc offset %(offset)s limit %(limit)s;

-- name: count_gaps
select count(*)::integer as total from gateway_gap
where (%(gateway)s::text is null or gateway = %(gateway)s)
    and (%(state)s::text is null or %(state)s = case when filled_at is not null then 'filled' when lost_at is not null then 'lost' else 'open' end);

-- name: purge_gaps
delete from gateway_gap where coalesce(filled_at, lost_at) < to_timestamp(%(before_ms)s / 1000.0) and given_up = '{}';

-- name: clock_state
select clock_reports as reports, clock_alarm_at is not null as alarmed from gateway_status where gateway = %(gateway)s for update;

-- name: note_clock
update gateway_status set clock_offset_ms = %(offset_ms)s, clock_reports = %(reports)s::jsonb where gateway = %(gateway)s;

-- name: open_offset
select from_ms, to_ms as until_ms, offset_ms from clock_offset where gateway = %(gateway)s and to_ms is null;

-- name: close_offset
update clock_offset set to_ms = %(to_ms)s where gateway = %(gateway)s and to_ms is null;

-- name: drop_offset
delete from clock_offset where gateway = %(gateway)s and to_ms is null;

-- name: begin_offset
insert into clock_offset (gateway, from_ms, offset_ms)
select %(gateway)s, greatest(%(from_ms)s, max(to_ms)), %(offset_ms)s from clock_offset where gateway = %(gateway)s;

-- name: offsets
select gateway, from_ms, to_ms as until_ms, offset_ms from clock_offset
where gateway = any(%(gateways)s) and int8range(from_ms, to_ms) && int8range(%(from_ms)s, greatest(%(from_ms)s, %(to_ms)s)) order by gateway, from_ms;

-- name: points_of_gateway
select distinct i.point from installation as i join device as d on d.code = i.device where d.gateway = %(gateway)s order by i.point;

-- name: raise_clock_alarm
update gateway_status set clock_alarm_at = to_timestamp(%(now_ms)s / 1000.0) where gateway = %(gateway)s;

-- name: clear_clock_alarm
update gateway_status set clock_alarm_at = null where gateway = %(gateway)s;

-- name: gateway_for_replacement
select g.code, g.generation, coalesce(s.state, 'offline') as state,
    (select count(*)::integer from quarantine as q where q.gateway = g.code and q.reason = 'batch.unknown_generation' and q.replayed_at is null) as waiting
from gateway as g left join gateway_status as s on s.gateway = g.code
where g.code = %(gateway)s and g.removed_at is null for update of g;

-- name: gateway_replacement_of_key
select digest, answer from gateway_replacement where key = %(key)s;

-- name: set_generation
update gateway set generation = %(generation)s where code = %(gateway)s;

-- name: note_gateway_replacement
insert into gateway_replacement (key, digest, gateway, old_generation, new_generation, person, reason, actor, answer)
values (%(key)s, %(digest)s, %(gateway)s, %(old_generation)s, %(new_generation)s, %(person)s, %(reason)s, %(actor)s, %(answer)s::jsonb);

-- name: box_was_replaced
select 1 from gateway where code = %(gateway)s and generation > %(generation)s;

-- name: waiting_of_box
select count(*)::integer as total from quarantine
where gateway = %(gateway)s and generation = %(generation)s and reason = %(reason)s and replayed_at is null;

-- name: note_acceptance
insert into old_box_acceptance (gateway, generation, batches, reason, actor) values (%(gateway)s, %(generation)s, %(batches)s, %(reason)s, %(actor)s);

-- name: last_health
select health from gateway_status where gateway = %(gateway)s for update;

-- name: add_gateway_hour
insert into gateway_hour as h (gateway, hour, reports, restarts, backlog_max, outbox_bytes_max)
values (%(gateway)s, date_trunc('hour', now()), 1, %(restarts)s, %(backlog)s, %(outbox_bytes)s)
on conflict (gateway, hour) do update set reports = h.reports + 1, restarts = h.restarts + excluded.restarts,
    backlog_max = greatest(h.backlog_max, excluded.backlog_max), outbox_bytes_max = greatest(h.outbox_bytes_max, excluded.outbox_bytes_max);

-- name: add_line_hours
insert into line_hour as h (gateway, line, hour, exchanges, timeouts, checksum_errors, noise_bytes, useful_bytes, busy_ms, seconds)
select %(gateway)s, line, date_trunc('hour', now()), exchanges, timeouts, checksum_errors, noise_bytes, useful_bytes, busy_ms, seconds
from unnest(%(lines)s::text[], %(exchanges)s::bigint[], %(timeouts)s::bigint[], %(checksum_errors)s::bigint[], %(noise_bytes)s::bigint[],
    %(useful_bytes)s::bigint[], %(busy_ms)s::bigint[], %(seconds)s::integer[])
    as r (line, exchanges, timeouts, checksum_errors, noise_bytes, useful_bytes, busy_ms, seconds)
on conflict (gateway, line, hour) do update set exchanges = h.exchanges + excluded.exchanges, timeouts = h.timeouts + excluded.timeouts,
    checksum_errors = h.checksum_errors + excluded.checksum_errors, noise_bytes = h.noise_bytes + excluded.noise_bytes,
    useful_bytes = h.useful_bytes + excluded.useful_bytes, busy_ms = h.busy_ms + excluded.busy_ms, seconds = h.seconds + excluded.seconds;

-- name: line_hours
select line, hour, exchanges, timeouts, checksum_errors, noise_bytes, useful_bytes, busy_ms, seconds
from line_hour where gateway = %(gateway)s and hour >= %(since)s and hour < %(until)s order by line, hour;

-- name: purge_line_hours
delete from line_hour where hour < now() - %(days)s * interval '1 day';

-- name: purge_gateway_hours
delete from gateway_hour where hour < now() - %(days)s * interval '1 day';

-- name: wellness
with recent as (
    select gateway, line, sum(exchanges)::bigint as exchanges, sum(timeouts)::bigint as timeouts, sum(checksum_errors)::bigint as checksum_errors
    from line_hour where hour > now() - interval '2 hours' group by 1, 2
), usual as (
    select gateway, line, sum(exchanges)::bigint as exchanges, sum(timeouts)::bigint as timeouts, sum(checksum_errors)::bigint as checksum_errors
    from line_hour where hour > now() - interval '7 days' and hour <= now() - interval '2 hours' group by 1, 2
), standing as (
    select gateway, line, count(*)::integer as devices from device where removed_at is null and gateway is not null group by 1, 2
), lines as (
    select l.gateway, jsonb_agg(jsonb_build_object('line', l.code, 'devices', coalesce(d.devices, 0), 'exchanges', r.exchanges, 'timeouts', r.timeouts,
        'checksum_errors', r.checksum_errors, 'usual_exchanges', u.exchanges, 'usual_timeouts', u.timeouts,
        'usual_checksum_errors', u.checksum_errors) order by l.position) as lines
    from line as l left join recent as r on (r.gateway, r.line) = (l.gateway, l.code) left join usual as u on (u.gateway, u.line) = (l.gateway, l.code)
    left join standing as d on (d.gateway, d.line) = (l.gateway, l.code)
    where l.removed_at is null group by l.gateway
)
select g.code, g.name_zh, g.name_en, g.place, p.name_zh as place_zh, p.name_en as place_en, coalesce(s.state, 'offline') as state,
    extract(epoch from now() - greatest(s.last_seen_at, s.health_at))::integer as silent_s, s.health, s.clock_offset_ms,
    case when (s.reported #>> '{documents,lines,version}')::integer is distinct from w.version
        then extract(epoch from now() - w.changed_at)::integer end as behind_s,
    s.reported #>> '{documents,lines,error}' is not null as refused,
    (select sum(h.restarts)::integer from gateway_hour as h where h.gateway = g.code and h.hour > now() - interval '24 hours') as restarts_24h,
    (select coalesce(sum(q.lost), 0)::integer from gateway_gap as q where q.gateway = g.code and q.lost_at > now() - interval '24 hours') as lost_24h,
    s.agent_version, coalesce(n.lines, '[]') as lines
from gateway as g join place as p on p.code = g.place left join gateway_status as s on s.gateway = g.code
left join desired_document as w on w.gateway = g.code and w.document = 'lines' left join lines as n on n.gateway = g.code
where g.removed_at is null and in_scope(g.place, %(scope)s::text[]) and (%(gateway)s::text is null or g.code = %(gateway)s)
order by g.position;
