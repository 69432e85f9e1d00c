-- name: registered_generations
select code as gateway, generation from gateway where code = any(%(gateways)s);

-- name: adopt_generations
update gateway set generation = seen.generation
from (select code, max(generation) as generation from unnest(%(gateways)s::text[], %(generations)s::bigint[]) as s (code, generation) group by code) as seen
where gateway.code = seen.code and gateway.generation = 0;

-- name: enter_batches
insert into batch (gateway, generation, epoch, seq, outcome, readings, events)
select * from unnest(%(gateway)s::text[], %(generation)s::bigint[], %(epoch)s::bigint[], %(seq)s::bigint[], %(outcome)s::text[],
                     %(readings)s::integer[], %(events)s::integer[])
order by 1, 2, 3, 4
on conflict do nothing
returning gateway, generation, epoch, seq;

-- name: find_series
select s.device, s.quantity, s.id from unnest(%(devices)s::text[], %(quantities)s::text[]) as k (device, quantity)
join series as s using (device, quantity);

-- name: create_series
insert into series (device, quantity)
select k.device, k.quantity from unnest(%(devices)s::text[], %(quantities)s::text[]) as k (device, quantity)
join device on device.code = k.device
order by 1, 2
on conflict do nothing;

-- name: copy_readings
copy reading (series_id, measured_at, value, quality) from stdin (format binary);

-- name: hold_horizon
select (extract(epoch from nullif(packed_before, '-infinity')) * 1000)::bigint as packed_before_ms,
    (extract(epoch from nullif(kept_from, '-infinity')) * 1000)::bigint as kept_from_ms
from hold_horizon();

-- name: create_incoming
create temporary table incoming (
    n integer generated always as identity, series_id bigint not null, measured_at timestamptz not null, value bigint not null, quality smallint not null
) on commit drop;

-- name: create_packed
create temporary table packed (series_id bigint, measured_at timestamptz, value bigint, primary key (series_id, measured_at)) on commit drop;

-- name: copy_incoming
copy incoming (series_id, measured_at, value, quality) from stdin (format binary);

-- name: any_late
select 1 from incoming where measured_at < (select packed_before from storage_state) limit 1;

-- name: expire
delete from incoming where measured_at < timestamptz 'epoch' + %(kept_from_ms)s * interval '1 millisecond';

-- name: hold_packing
select pg_advisory_xact_lock_shared(1667563525);

-- name: find_packed
insert into packed (series_id, measured_at, value)
select p.series_id, p.measured_at, p.value
from (
    select series_id, min(measured_at) as first_at, max(measured_at) as last_at
    from incoming where measured_at < (select packed_before from storage_state)
    group by series_id, week_of(measured_at)
) as w cross join lateral packed_between(array[w.series_id], w.first_at, w.last_at + interval '1 microsecond') as p
where exists (select from incoming as i where i.series_id = p.series_id and i.measured_at = p.measured_at);

-- name: insert_incoming
insert into reading (series_id, measured_at, value, quality)
select distinct on (series_id, measured_at) series_id, measured_at, value, quality from incoming as i
where not exists (select from packed as p where p.series_id = i.series_id and p.measured_at = i.measured_at)
    and not exists (select from reading as r where r.series_id = i.series_id and r.measured_at = i.measured_at)
order by series_id, measured_at, n
on conflict do nothing;

-- name: tally
select count(distinct i.n)::integer as arrived, %(inserted)s::integer as inserted,
    (count(*) filter (where coalesce(r.value, p.value) = i.value) - %(inserted)s)::integer as known,
    (count(*) filter (where coalesce(r.value, p.value) <> i.value))::integer as conflicting,
    (count(*) filter (where (r.value is null) <> (p.value is null)))::integer as once
from incoming as i
left join reading as r on r.series_id = i.series_id and r.measured_at = i.measured_at
left join packed as p on p.series_id = i.series_id and p.measured_at = i.measured_at;

-- name: drop_incoming
drop table incoming;

-- name: drop_packed
drop table packed;

-- name: conflicts
select s.device, s.quantity, (extract(epoch from i.measured_at) * 1000)::bigint as measured_at_ms, coalesce(r.value, p.value) as kept, i.value as refused
from incoming as i
left join reading as r on r.series_id = i.series_id and r.measured_at = i.measured_at
left join packed as p on p.series_id = i.series_id and p.measured_at = i.measured_at
join series as s on s.id = i.series_id
where coalesce(r.value, p.value) <> i.value
limit 1000;

-- name: append_events
insert into event (gateway, generation, epoch, seq, position, code, at, severity, line, device, message, data)
select gateway, generation, epoch, seq, position, code, timestamptz 'epoch' + at_ms * interval '1 millisecond', severity, line, device, message, data::jsonb
from unnest(%(gateway)s::text[], %(generation)s::bigint[], %(epoch)s::bigint[], %(seq)s::bigint[], %(position)s::integer[], %(code)s::text[],
            %(at_ms)s::bigint[], %(severity)s::text[], %(line)s::text[], %(device)s::text[], %(message)s::text[], %(data)s::text[])
    as e (gateway, generation, epoch, seq, position, code, at_ms, severity, line, device, message, data)
on conflict do nothing;

-- name: quarantine
insert into quarantine (digest, reason, message, topic, gateway, generation, epoch, seq, properties, payload, payload_bytes)
values (%(digest)s, %(reason)s, %(message)s, %(topic)s, %(gateway)s, %(generation)s, %(epoch)s, %(seq)s, %(properties)s::jsonb, %(payload)s, %(payload_bytes)s)
on conflict (digest) do update set times = quarantine.times + 1, last_at = now();

-- name: note_arrival
insert into arrival (packed) values (%(packed)s);

-- name: notify_devices
select pg_notify('ce_reading', %(devices)s);

-- name: advance_cursors
insert into ack_cursor as c (gateway, generation, epoch, received)
select g.gateway, g.generation, g.epoch, g.received::int8multirange
from unnest(%(gateway)s::text[], %(generation)s::bigint[], %(epoch)s::bigint[], %(received)s::text[]) as g (gateway, generation, epoch, received)
order by 1, 2, 3
on conflict (gateway, generation, epoch) do update set received = c.received + excluded.received, updated_at = now()
returning gateway, generation, epoch,
    array(select array[lower(r), upper(r) - 1] from unnest(received) as r order by lower(r) limit 65) as ranges;

-- name: touch_devices
insert into device_status as d (device, last_measured_at)
select s.device, least(now(), timestamptz 'epoch' + s.at_ms * interval '1 millisecond')
from unnest(%(devices)s::text[], %(at_ms)s::bigint[]) as s (device, at_ms)
join device on device.code = s.device
order by 1
on conflict (device) do update set last_measured_at = excluded.last_measured_at where d.last_measured_at < excluded.last_measured_at;

-- name: waiting
select id, topic, properties, payload from quarantine
where replayed_at is null and reason = any(%(reasons)s) and id > %(after)s and payload_bytes = octet_length(payload)
    and (%(gateway)s::text is null or gateway = %(gateway)s) and (%(generation)s::bigint is null or generation = %(generation)s)
order by id limit %(limit)s;

-- name: mark_replayed
update quarantine set replayed_at = now() where id = any(%(ids)s);

-- name: quarantined
select id, reason, message, topic, gateway, generation, epoch, seq, payload_bytes, times, replayed_at is not null as replayed,
    (extract(epoch from received_at) * 1000)::bigint as received_at_ms, (extract(epoch from last_at) * 1000)::bigint as last_at_ms
from quarantine
where (%(gateway)s::text is null or gateway = %(gateway)s) and (%(reason)s::text is null or reason = %(reason)s)
order by id desc offset %(offset)s limit %(limit)s;

-- name: count_quarantined
select count(*)::bigint as total from quarantine
where (%(gateway)s::text is null or gateway = %(gateway)s) and (%(reason)s::text is null or reason = %(reason)s);
