-- name: state
select (extract(epoch from nullif(packed_before, '-infinity')) * 1000)::bigint as packed_before_ms,
    (extract(epoch from nullif(kept_from, '-infinity')) * 1000)::bigint as kept_from_ms,
    (extract(epoch from packed_at) * 1000)::bigint as packed_at_ms, packed_readings
from storage_state;

-- name: stop_writers
lock table reading in share mode;

-- name: raise_horizon
update storage_state set packed_before = %(before_at)s::timestamptz
where packed_before < %(before_at)s::timestamptz;

-- name: waiting
select s.device as device from series as s
where exists (select from reading as r where r.series_id = s.id and r.measured_at < %(before_at)s::timestamptz and packable(r.measured_at, r.value))
group by s.device order by s.device;

-- name: oldest_of
select (extract(epoch from min(o.measured_at)) * 1000)::bigint as at_ms
from series as s cross join lateral (
    select r.measured_at from reading as r
    where r.series_id = s.id and r.measured_at < %(before_at)s::timestamptz and packable(r.measured_at, r.value)
    order by r.measured_at limit 1
) as o
where s.device = any(%(devices)s);

-- name: series_of
select id, device from series where device = any(%(devices)s) order by device, id;

-- name: hold_packing
select pg_advisory_xact_lock(1667563525);

-- name: read_hot
select string_agg(int8send(r.series_id) || timestamptz_send(r.measured_at) || int8send(r.value) || int2send(r.quality), '')
from unnest(%(ids)s::bigint[]) as s (id) join reading as r on r.series_id = s.id
    and r.measured_at >= %(from_at)s::timestamptz and r.measured_at < %(to_at)s::timestamptz and packable(r.measured_at, r.value);

-- name: read_packed
select string_agg(int8send(series_id) || timestamptz_send(measured_at) || int8send(value) || int2send(quality), '')
from packed_between(%(ids)s::bigint[], %(from_at)s::timestamptz, %(to_at)s::timestamptz);

-- name: delete_blocks
delete from reading_block where series_id = any(%(ids)s) and week = %(week_at)s::timestamptz;

-- name: insert_block
insert into reading_block (series_id, week, times_of, readings, first_at, last_at, first_value, last_value, unit, step_ms, last_quality,
    late_low, late_high, rise_low, rise_high, quality)
values (%(series_id)s, %(week_at)s::timestamptz, %(times_of)s, %(readings)s, %(first_at)s::timestamptz, %(last_at)s::timestamptz,
    %(first_value)s, %(last_value)s, %(unit)s, %(step_ms)s, %(last_quality)s,
    %(late_low)s::smallint[], %(late_high)s::smallint[], %(rise_low)s::smallint[], %(rise_high)s::integer[], %(quality)s::smallint[]);

-- name: delete_hot
delete from reading as r using unnest(%(ids)s::bigint[]) as s (id)
where r.series_id = s.id and r.measured_at >= %(from_at)s::timestamptz
    and r.measured_at < %(to_at)s::timestamptz
    and packable(r.measured_at, r.value);

-- name: note_packed
update storage_state set packed_at = now(), packed_readings = packed_readings + %(readings)s;

-- name: old_chunks
select format('%%I.%%I', chunk_schema, chunk_name) as name, is_compressed as compressed,
    (extract(epoch from range_start) * 1000)::bigint as from_ms, (extract(epoch from range_end) * 1000)::bigint as to_ms
from timescaledb_information.chunks
where hypertable_name = 'reading' and range_end <= %(before_at)s::timestamptz
order by range_start;

-- name: count_rows
select count(*) from reading where measured_at >= %(from_at)s::timestamptz
    and measured_at < %(to_at)s::timestamptz;

-- name: drop_chunk
select drop_chunks('reading', older_than => %(to_at)s::timestamptz,
                   newer_than => %(from_at)s::timestamptz) as name;

-- name: compress_chunk
select compress_chunk(%(name)s::regclass, if_not_compressed => true);

-- name: oldest_unclosed
select min(m.month) from consumption_month as m where not exists (select from closed_month as c where c.month = m.month);

-- name: newest_closed
select max(month) from closed_month;

-- name: count_blocks_before
select count(*)::bigint as blocks, coalesce(sum(readings), 0)::bigint as readings from reading_block
where week < %(before_at)s::timestamptz;

-- name: count_readings_before
select count(*)::bigint from series as s join reading as r on r.series_id = s.id
where r.measured_at < %(before_at)s::timestamptz;

-- name: raise_kept_from
update storage_state set kept_from = greatest(kept_from, %(before_at)s::timestamptz);

-- name: delete_blocks_before
with gone as (
    delete from reading_block where week < %(before_at)s::timestamptz returning readings
), counted as (
    select count(*)::bigint as blocks, coalesce(sum(readings), 0)::bigint as readings from gone
), noted as (
    update storage_state set packed_readings = packed_readings - (select readings from counted)
)
select blocks, readings from counted;

-- name: delete_readings_before
delete from reading as r using series as s
where r.series_id = s.id and r.measured_at < %(before_at)s::timestamptz;

-- name: plain_sizes
select pg_total_relation_size('reading') as hot_bytes, pg_total_relation_size('reading_block') as packed_bytes,
    greatest(0, (select reltuples from pg_class where oid = 'reading'::regclass))::bigint as hot_readings;

-- name: hypertable_sizes
select hypertable_size('reading') as hot_bytes, pg_total_relation_size('reading_block') as packed_bytes,
    greatest(0, approximate_row_count('reading'))::bigint as hot_readings;
