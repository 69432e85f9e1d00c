-- name: note_dirty
insert into dirty (point_id, from_at, to_at, reason)
select id, coalesce(%(from_at)s::timestamptz, '-infinity'), coalesce(%(to_at)s::timestamptz, 'infinity'), %(reason)s
from metering_point where code = any(%(codes)s::text[]) or id = any(%(ids)s::integer[])
order by id;

-- name: note_dirty_places
with recursive up (code) as (
    select code from place where code = any(%(places)s::text[])
    union
    select p.parent from up join place as p using (code) where p.parent is not null
)
insert into dirty_place (place, from_day, to_day, reason)
select code, coalesce(%(from_day)s::date, '-infinity'), coalesce(%(to_day)s::date, 'infinity'), %(reason)s from up order by code;

-- name: present_days
select d.point_id, d.day, d.value, d.known_s, d.slots::text as slots, d.known::text as known, d.pins::text as pins, d.seen::text as seen,
    d.made_up::text as made_up, d.rates::text as rates, (extract(epoch from d.first_at) * 1000)::bigint as first_at_ms, d.first_value,
    (extract(epoch from d.last_at) * 1000)::bigint as last_at_ms, d.last_value, d.pending
from unnest(%(ids)s::integer[], %(since)s::date[], %(until)s::date[]) as w (point_id, since, until)
join consumption_day as d on d.point_id = w.point_id and d.day >= w.since and d.day <= coalesce(w.until, date 'infinity');

-- name: write_days
insert into consumption_day as d (point_id, day, value, known_s, slots, known, pins, seen, made_up, rates, first_at, first_value, last_at, last_value, pending)
select point_id, day, value, known_s, slots::integer[], known::smallint[], pins::bit varying, seen::bit varying, made_up::bit varying, rates::bigint[],
    timestamptz 'epoch' + first_at_ms * interval '1 millisecond', first_value, timestamptz 'epoch' + last_at_ms * interval '1 millisecond', last_value, pending
from unnest(%(point_id)s::integer[], %(day)s::date[], %(value)s::bigint[], %(known_s)s::integer[], %(slots)s::text[], %(known)s::text[], %(pins)s::text[],
            %(seen)s::text[], %(made_up)s::text[], %(rates)s::text[], %(first_at_ms)s::bigint[], %(first_value)s::bigint[], %(last_at_ms)s::bigint[],
            %(last_value)s::bigint[], %(pending)s::boolean[])
    as r (point_id, day, value, known_s, slots, known, pins, seen, made_up, rates, first_at_ms, first_value, last_at_ms, last_value, pending)
on conflict (point_id, day) do update set value = excluded.value, known_s = excluded.known_s, slots = excluded.slots, known = excluded.known,
    pins = excluded.pins, seen = excluded.seen, made_up = excluded.made_up, rates = excluded.rates, first_at = excluded.first_at,
    first_value = excluded.first_value, last_at = excluded.last_at, last_value = excluded.last_value, pending = excluded.pending, version = d.version + 1;

-- name: delete_days
delete from consumption_day as d using unnest(%(ids)s::integer[], %(days)s::date[]) as g (point_id, day)
where d.point_id = g.point_id and d.day = g.day;
