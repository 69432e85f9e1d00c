-- name: state
select (extract(epoch from nullif(packed_before, '-infinity')) * 1000)::bigint as packed_before_ms,
    (extract(epoch from nullif(kept_from, '-infinity')) * 1000)::bigint as kept_from_ms,
    (extract(epoch from packed_at) * 1000)::bigint as packed_at_ms, packed_readings
from storage_state;

-- name: stop_writers
lock table reading in share mode;

-- name: raise_horizon
update storage_state set packed_before = timestamptz 'epoch' + %(before_ms)s * interval '1 millisecond'
where packed_before < timestamptz 'epoch' + %(before_ms)s * interval '1 millisecond';

-- name: waiting
select s.device, min((extract(epoch from o.measured_at) * 1000)::bigint) as oldest_ms
from series as s cross join lateral (
    select r.measured_at from reading as r where r.series_id = s.id and r.measured_at < (select packed_before from storage_state)
        and packable(r.measured_at, r.value)
    order by r.measured_at limit 1
) as o
group by s.device order by s.device;

-- name: series_of
select id, device from series where device = any(%(devices)s) order by device, id;

-- name: hold_packing
select pg_advisory_xact_lock(1667563525);

-- name: read_hot
copy (
    select r.series_id, r.measured_at, r.value, r.quality
    from unnest(%(ids)s::bigint[]) as s (id) join reading as r on r.series_id = s.id
        and r.measured_at >= timestamptz 'epoch' + %(from_ms)s * interval '1 millisecond'
        and r.measured_at < timestamptz 'epoch' + %(to_ms)s * interval '1 millisecond'
        and packable(r.measured_at, r.value)
) to stdout (format binary);

-- name: read_packed
copy (
    select series_id, measured_at, value, quality
    from packed_between(%(ids)s::bigint[], timestamptz 'epoch' + %(from_ms)s * interval '1 millisecond',
                        timestamptz 'epoch' + %(to_ms)s * interval '1 millisecond')
) to stdout (format binary);

-- name: delete_blocks
delete from reading_block where series_id = any(%(ids)s) and week = timestamptz 'epoch' + %(week_ms)s * interval '1 millisecond';

-- name: insert_block
insert into reading_block (series_id, week, times_of, readings, first_at, last_at, first_value, last_value, unit, step_ms, last_quality,
    late_low, late_high, rise_low, rise_high, quality)
values (%(series_id)s, timestamptz 'epoch' + %(week_ms)s * interval '1 millisecond', %(times_of)s, %(readings)s,
    timestamptz 'epoch' + %(first_ms)s * interval '1 millisecond', timestamptz 'epoch' + %(last_ms)s * interval '1 millisecond',
    %(first_value)s, %(last_value)s, %(unit)s, %(step_ms)s, %(last_quality)s,
    %(late_low)s::smallint[], %(late_high)s::smallint[], %(rise_low)s::smallint[], %(rise_high)s::integer[], %(quality)s::smallint[]);

-- name: delete_hot
delete from reading as r using unnest(%(ids)s::bigint[]) as s (id)
where r.series_id = s.id and r.measured_at >= timestamptz 'epoch' + %(from_ms)s * interval '1 millisecond'
    and r.measured_at < timestamptz 'epoch' + %(to_ms)s * interval '1 millisecond'
    and packable(r.measured_at, r.value);

-- name: note_packed
update storage_state set packed_at = now(), packed_readings = packed_readings + %(readings)s;
