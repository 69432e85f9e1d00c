-- name: registered_generations
select code as gateway, generation from gateway where code = any(%(gateways)s);

-- name: adopt_generations
update gateway set generation = seen.generation
from (select code, max(generation) as generation from unnest(%(gateways)s::text[], %(generations)s::bigint[]) as s (code, generation) group by code) as seen
where gateway.code = seen.code and gateway.generation < seen.generation;

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

-- name: create_incoming
create temporary table incoming (series_id bigint not null, measured_at timestamptz not null, value bigint not null, quality smallint not null)
on commit drop;

-- name: copy_incoming
copy incoming (series_id, measured_at, value, quality) from stdin (format binary);

-- name: insert_incoming
insert into reading (series_id, measured_at, value, quality)
select series_id, measured_at, value, quality from incoming on conflict do nothing;

-- name: drop_incoming
drop table incoming;

-- name: conflicts
select s.device, s.quantity, (extract(epoch from i.measured_at) * 1000)::bigint as measured_at_ms, r.value as kept, i.value as refused
from incoming as i
join reading as r on r.series_id = i.series_id and r.measured_at = i.measured_at
join series as s on s.id = i.series_id
where r.value <> i.value
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
