-- Readings older than the horizon, packed: one row a series and week with its steps in arrays, ~4 bytes a reading instead of ~92.
-- A week is 7 days since the Unix epoch, so that it is also a chunk of a hypertable.

create table reading_block (
    series_id bigint not null,
    week timestamptz not null,
    times_of bigint,
    readings integer not null check (readings > 0),
    first_at timestamptz not null,
    last_at timestamptz not null,
    first_value bigint not null,
    last_value bigint not null,
    unit bigint not null check (unit > 0),
    step_ms integer,
    last_quality smallint not null,
    late_low smallint[],
    late_high smallint[],
    rise_low smallint[] not null,
    rise_high integer[],
    quality smallint[],
    primary key (series_id, week),
    check ((times_of is null) = (late_low is not null) and (times_of is null) = (step_ms is not null))
);
comment on column reading_block.times_of is 'the series whose block of this week holds these times too (same exchange, same instants); null: they are here';
comment on column reading_block.late_low is 'how much longer than step_ms each step took, ms, signed low 16 bits; the rest in late_high (null: all 0)';
comment on column reading_block.rise_low is 'each step of the value in units, signed low 16 bits; the rest in rise_high (null: all 0); the first is 0';
comment on column reading_block.quality is 'null: all good';

-- One row: what ingest must know to notice late readings, and what packing did.
create table storage_state (
    one boolean primary key default true check (one),
    packed_before timestamptz not null default '-infinity',
    kept_from timestamptz not null default '-infinity',
    packed_at timestamptz,
    packed_readings bigint not null default 0
);
comment on column storage_state.packed_before is 'the horizon: readings before it may be packed; one that arrives takes the checked path. Only rises';
comment on column storage_state.packed_readings is 'readings in blocks';
comment on column storage_state.kept_from is 'readings before it were removed by retention; one that arrives is refused and counted. Only rises';
insert into storage_state default values;

-- The horizon, after the lock that a rising horizon waits for: whoever asks may insert at or above it until its transaction ends.
create function hold_horizon(out packed_before timestamptz, out kept_from timestamptz) language plpgsql as $$
begin
    lock table reading in row exclusive mode;
    select s.packed_before, s.kept_from into packed_before, kept_from from storage_state as s;
end $$;

create function week_of(at timestamptz) returns timestamptz language sql immutable parallel safe as $$
    select timestamptz 'epoch' + floor(extract(epoch from at) / 604800) * interval '168 hours'
$$;

-- What a block can hold; anything else (no meter of ours makes it) stays in reading for ever.
create function packable(at timestamptz, value bigint) returns boolean language sql stable parallel safe as $$
    select at = date_trunc('milliseconds', at) and value between -35184372088832 and 35184372088832
$$;

create function packed_between(ids bigint[], from_at timestamptz, to_at timestamptz)
returns table (series_id bigint, measured_at timestamptz, value bigint, quality smallint) language sql stable as $$
    select b.series_id, d.measured_at, d.value, d.quality
    from reading_block as b
    cross join lateral (  -- limit: one look by key for each block, whatever the planner thinks of hashing the whole history
        select k.first_at, k.step_ms, k.late_low, k.late_high from reading_block as k
        where k.series_id = coalesce(b.times_of, b.series_id) and k.week = b.week limit 1
    ) as t
    cross join lateral (
        select t.first_at + ((n - 1) * t.step_ms + coalesce(sum(late_high) over steps, 0) * 65536 + sum(late_low) over steps)
                * interval '1 millisecond' as measured_at,
            b.first_value + b.unit * (coalesce(sum(rise_high) over steps, 0) * 65536 + sum(rise_low) over steps) as value,
            coalesce(quality, 0::smallint) as quality
        from unnest(t.late_low, t.late_high, b.rise_low, b.rise_high, b.quality) with ordinality as u (late_low, late_high, rise_low, rise_high, quality, n)
        window steps as (order by n rows unbounded preceding)
    ) as d
    where b.series_id = any(ids) and b.week > from_at - interval '168 hours' and b.week < to_at and b.first_at < to_at and b.last_at >= from_at
        and d.measured_at >= from_at and d.measured_at < to_at
$$;
comment on function packed_between is 'the packed part of readings_between';

create or replace function readings_between(ids bigint[], from_at timestamptz, to_at timestamptz)
returns table (series_id bigint, measured_at timestamptz, value bigint, quality smallint) language sql stable as $$
    select r.series_id, r.measured_at, r.value, r.quality
    from unnest(ids) as s (id) cross join lateral (
        select * from reading where reading.series_id = s.id and reading.measured_at >= from_at and reading.measured_at < to_at
    ) as r
    union all
    select p.series_id, p.measured_at, p.value, p.quality from packed_between(ids, from_at, to_at) as p
$$;

create function newest_reading(id bigint)
returns table (measured_at timestamptz, value bigint, quality smallint) language sql stable as $$
    select n.measured_at, n.value, n.quality from (
        (select r.measured_at, r.value, r.quality from reading as r where r.series_id = id order by r.measured_at desc limit 1)
        union all
        (select b.last_at, b.last_value, b.last_quality from reading_block as b where b.series_id = id order by b.week desc limit 1)
    ) as n
    order by n.measured_at desc limit 1
$$;
comment on function newest_reading is 'the last reading of a series, packed or not; no row when there is none';
