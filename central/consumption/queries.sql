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

-- name: stays
select m.id as point_id, d.gateway, s.id as series_id, m.medium, (extract(epoch from greatest(i.installed_at, timestamptz 'epoch')) * 1000)::bigint as from_ms,
    (extract(epoch from i.removed_at) * 1000)::bigint as until_ms, i.ct, i.pt, i.numerator, i.denominator, i.rollover, i.max_per_hour,
    (i.opening ->> i.register)::bigint as opening, (i.closing ->> i.register)::bigint as closing
from metering_point as m join installation as i on i.point = m.code join device as d on d.code = i.device
left join series as s on s.device = i.device and s.quantity = i.register
where m.id = any(%(ids)s::integer[]) and i.register is not null
order by m.id, i.installed_at;

-- name: restarts
select w.point_id, r.day, (extract(epoch from r.last_at) * 1000)::bigint as anchor_at_ms, r.last_value as anchor_value,
    (select max(day) from consumption_day as d where d.point_id = w.point_id) as last_day
from unnest(%(ids)s::integer[], %(from_ms)s::bigint[], %(from_day)s::date[], %(furthest_ms)s::bigint[]) as w (point_id, from_ms, from_day, furthest_ms)
join metering_point as m on m.id = w.point_id
left join lateral (select min(d.day) as day from consumption_day as d where d.point_id = w.point_id and d.pending) as p on true
left join lateral (
    select d.day, b.last_at, b.last_value
    from consumption_day as d
    cross join lateral (
        select k.last_at, k.last_value from consumption_day as k
        where k.point_id = d.point_id and k.day < d.day and k.last_at is not null order by k.day desc limit 1
    ) as b
    where d.point_id = w.point_id and d.day <= w.from_day and d.first_at < timestamptz 'epoch' + w.from_ms * interval '1 millisecond'
        and d.day < coalesce(p.day, date 'infinity')
        and exists (
            select from installation as i
            where i.point = m.code and i.installed_at <= b.last_at and coalesce(i.removed_at, timestamptz 'infinity') >= d.first_at)
        and not exists (
            select from installation as i join series as s on s.device = i.device and s.quantity = i.register
            join reading_verdict as v on v.series_id = s.id
            where i.point = m.code and v.measured_at between b.last_at - (%(ahead_ms)s + w.furthest_ms) * interval '1 millisecond'
                and d.first_at + w.furthest_ms * interval '1 millisecond')
    order by d.day desc limit 1
) as r on true;

-- name: readings
select r.series_id, string_agg(timestamptz_send(r.measured_at), '' order by r.measured_at), string_agg(int8send(r.value), '' order by r.measured_at),
    string_agg(int2send(r.quality), '' order by r.measured_at)
from unnest(%(ids)s::bigint[], %(from_ms)s::bigint[], %(until_ms)s::bigint[]) as w (series_id, from_ms, until_ms)
cross join lateral readings_between(array[w.series_id], timestamptz 'epoch' + w.from_ms * interval '1 millisecond',
    coalesce(timestamptz 'epoch' + w.until_ms * interval '1 millisecond', timestamptz 'infinity')) as r
where r.quality <> 1
group by r.series_id;

-- name: kept_from
select (extract(epoch from nullif(kept_from, '-infinity')) * 1000)::bigint from storage_state;

-- name: wrong_clocks
select distinct gateway from clock_offset;

-- name: series_of_gateways
select s.id, d.gateway from series as s join device as d on d.code = s.device where s.id = any(%(ids)s::bigint[]) and d.gateway = any(%(gateways)s::text[]);

-- name: held
select d.point_id, (extract(epoch from d.last_at) * 1000)::bigint, d.last_value
from unnest(%(ids)s::integer[], %(since)s::date[], %(until)s::date[]) as w (point_id, since, until)
join consumption_day as d on d.point_id = w.point_id and d.day between w.since and w.until and d.last_at is not null;

-- name: verdicts
select v.series_id, (extract(epoch from v.measured_at) * 1000)::bigint as stamp_ms, 0::bigint as at_ms, v.verdict, v.reason
from unnest(%(ids)s::bigint[], %(from_ms)s::bigint[], %(until_ms)s::bigint[]) as w (series_id, from_ms, until_ms)
join reading_verdict as v on v.series_id = w.series_id and v.measured_at >= timestamptz 'epoch' + w.from_ms * interval '1 millisecond'
    and v.measured_at < coalesce(timestamptz 'epoch' + w.until_ms * interval '1 millisecond', timestamptz 'infinity');

-- name: marks
select m.id as point_id, (extract(epoch from k.from_at) * 1000)::bigint as from_ms, (extract(epoch from k.to_at) * 1000)::bigint as to_ms
from consumption_mark as k join metering_point as m on m.code = k.point
where m.id = any(%(ids)s::integer[]) and k.withdrawn_at is null;

-- name: positions
with recursive chain (point) as (
    select code from metering_point where %(ids)s::integer[] is null or id = any(%(ids)s::integer[])
    union
    select h.upstream from chain join point_position as h on h.point = chain.point where h.upstream is not null
)
select h.point, m.id as point_id, m.medium, h.place, h.upstream,
    case when k.first is null and h.role <> 'virtual' then 'check' else h.role end as role,
    greatest(h.valid_from, (k.first at time zone %(zone)s)::date, date '0001-01-01') as valid_from,
    least(h.valid_to, case when not k.standing then (k.last at time zone %(zone)s)::date + 1 end, date '9999-12-31') as valid_to
from chain join point_position as h on h.point = chain.point join metering_point as m on m.code = h.point
cross join lateral (
    select min(i.installed_at) as first, bool_or(i.removed_at is null) as standing, max(i.removed_at) as last
    from installation as i where i.point = h.point and i.register is not null
) as k
order by h.point, h.valid_from;

-- name: sums_of_places
with recursive up (place, code, depth) as (
    select code, code, 0 from place where code = any(%(places)s::text[])
    union all
    select up.place, p.parent, up.depth + 1 from up join place as p on p.code = up.code where p.parent is not null and up.depth < 20
)
select up.place, array_agg(p.code order by up.depth) from up join place as p on p.code = up.code
where p.kind in ('campus', 'zone', 'building', 'floor')
group by up.place;

-- name: present_place_days
select p.place, p.medium, p.day, p.value, p.points, p.slots::text as slots, p.known::text as known, p.rates::text as rates
from unnest(%(places)s::text[], %(media)s::text[], %(days)s::date[]) as w (place, medium, day)
join place_day as p on p.place = w.place and p.medium = w.medium and p.day = w.day;

-- name: place_days_between
select place, medium, day, value, points, slots::text as slots, known::text as known, rates::text as rates
from place_day where place = any(%(places)s::text[]) and day >= %(since)s and day <= %(until)s;

-- name: write_place_days
insert into place_day as p (place, medium, day, value, points, slots, known, rates)
select place, medium, day, value, points, slots::bigint[], known::integer[], rates::bigint[]
from unnest(%(place)s::text[], %(medium)s::text[], %(day)s::date[], %(value)s::bigint[], %(points)s::integer[], %(slots)s::text[], %(known)s::text[],
            %(rates)s::text[]) as r (place, medium, day, value, points, slots, known, rates)
on conflict (place, medium, day) do update set value = excluded.value, points = excluded.points, slots = excluded.slots, known = excluded.known,
    rates = excluded.rates, version = p.version + 1;

-- name: delete_place_days
delete from place_day as p using unnest(%(places)s::text[], %(media)s::text[], %(days)s::date[]) as w (place, medium, day)
where p.place = w.place and p.medium = w.medium and p.day = w.day;

-- name: place_months_of_days
select w.place, w.medium, w.month, s.value, s.points_s, s.known_s, s.rates::text as rates
from unnest(%(places)s::text[], %(media)s::text[], %(months)s::date[]) as w (place, medium, month)
cross join lateral (
    select coalesce(sum(d.value), 0)::bigint as value, coalesce(sum(d.points::bigint * cardinality(d.slots) * 900), 0)::bigint as points_s,
        coalesce(sum((select sum(k) from unnest(d.known) as k)) * 900, 0)::bigint as known_s,
        array[sum(d.rates[1]), sum(d.rates[2]), sum(d.rates[3]), sum(d.rates[4]), sum(d.rates[5])]::bigint[] as rates
    from place_day as d
    where d.place = w.place and d.medium = w.medium and d.day >= w.month and d.day < (w.month + interval '1 month')::date
) as s;

-- name: present_place_months
select p.place, p.medium, p.month, p.value, p.points_s, p.known_s, p.rates::text as rates
from unnest(%(places)s::text[], %(media)s::text[], %(months)s::date[]) as w (place, medium, month)
join place_month as p on p.place = w.place and p.medium = w.medium and p.month = w.month;

-- name: write_place_months
insert into place_month as p (place, medium, month, value, points_s, known_s, rates)
select place, medium, month, value, points_s, known_s, rates::bigint[]
from unnest(%(place)s::text[], %(medium)s::text[], %(month)s::date[], %(value)s::bigint[], %(points_s)s::bigint[], %(known_s)s::bigint[], %(rates)s::text[])
    as r (place, medium, month, value, points_s, known_s, rates)
on conflict (place, medium, month) do update set value = excluded.value, points_s = excluded.points_s, known_s = excluded.known_s,
    rates = excluded.rates, version = p.version + 1;

-- name: delete_place_months
delete from place_month as p using unnest(%(places)s::text[], %(media)s::text[], %(months)s::date[]) as w (place, medium, month)
where p.place = w.place and p.medium = w.medium and p.month = w.month;

-- name: counted_days
select d.point_id, d.day, m.medium, d.value, d.slots::text as slots, d.known::text as known, d.rates::text as rates
from consumption_day as d join metering_point as m on m.id = d.point_id
where d.point_id = any(%(ids)s::integer[]) and d.day >= %(since)s and d.day <= %(until)s;

-- name: months_of_days
select w.point_id, w.month, s.value, s.known_s, s.known_s = w.length_s and s.first_day = w.month and s.last_day = w.next - 1 and s.first_pin = 1
        and s.last_pin = 1 as measured, s.days, s.rates::text as rates
from unnest(%(ids)s::integer[], %(months)s::date[], %(nexts)s::date[], %(lengths_s)s::integer[]) as w (point_id, month, next, length_s)
cross join lateral (
    select sum(d.value)::bigint as value, sum(d.known_s)::integer as known_s, count(*) filter (where d.known_s > 0)::smallint as days,
        array[sum(d.rates[1]), sum(d.rates[2]), sum(d.rates[3]), sum(d.rates[4]), sum(d.rates[5])]::bigint[] as rates,
        min(d.day) as first_day, max(d.day) as last_day,
        max(case when d.day = w.month then get_bit(d.pins, 0) end) as first_pin,
        max(case when d.day = w.next - 1 then get_bit(d.pins, length(d.pins) - 1) end) as last_pin
    from consumption_day as d where d.point_id = w.point_id and d.day >= w.month and d.day < w.next
) as s
where s.days > 0;

-- name: present_months
select p.point_id, p.month, p.value, p.known_s, p.measured, p.days, p.rates::text as rates
from unnest(%(ids)s::integer[], %(months)s::date[]) as w (point_id, month)
join consumption_month as p on p.point_id = w.point_id and p.month = w.month;

-- name: write_months
insert into consumption_month as p (point_id, month, value, known_s, measured, days, rates)
select point_id, month, value, known_s, measured, days, rates::bigint[]
from unnest(%(point_id)s::integer[], %(month)s::date[], %(value)s::bigint[], %(known_s)s::integer[], %(measured)s::boolean[], %(days)s::smallint[],
            %(rates)s::text[]) as r (point_id, month, value, known_s, measured, days, rates)
on conflict (month, point_id) do update set value = excluded.value, known_s = excluded.known_s, measured = excluded.measured, days = excluded.days,
    rates = excluded.rates, version = p.version + 1;

-- name: delete_months
delete from consumption_month as p using unnest(%(ids)s::integer[], %(months)s::date[]) as w (point_id, month)
where p.point_id = w.point_id and p.month = w.month;

-- name: last_closed
select max(month) from closed_month;

-- name: adjust
insert into adjustment (closed_month, into_month, point_id, value, rates, reason, actor)
select month, %(into)s, point_id, difference[1], difference[2:6], %(reason)s, %(actor)s
from (
    select w.point_id, w.month, array(
        select coalesce(l.f, 0) - coalesce(c.f, 0) - coalesce(a.f, 0)
        from unnest(array[m.value] || m.rates) with ordinality as l (f, n)
        full join unnest(array[k.value] || k.rates) with ordinality as c (f, n) using (n)
        full join unnest(s.sums) with ordinality as a (f, n) using (n)
        order by n
    ) as difference
    from unnest(%(ids)s::integer[], %(months)s::date[]) as w (point_id, month)
    left join consumption_month as m using (point_id, month)
    left join closed_figure as k using (point_id, month)
    cross join lateral (
        select array[coalesce(sum(j.value), 0), coalesce(sum(j.rates[1]), 0), coalesce(sum(j.rates[2]), 0), coalesce(sum(j.rates[3]), 0),
            coalesce(sum(j.rates[4]), 0), coalesce(sum(j.rates[5]), 0)]::bigint[] as sums
        from adjustment as j where j.point_id = w.point_id and j.closed_month = w.month
    ) as s
    where w.month in (select month from closed_month)
) as d
where 0 <> any(difference);

-- name: zone
select summary -> 'site' ->> 'timezone' from site_plan order by version desc limit 1;

-- name: lock_consumption
select pg_advisory_xact_lock(1667563524);

-- name: take_arrivals
select id, packed from arrival order by id limit %(limit)s;

-- name: arrived_points
select m.id as point_id, (extract(epoch from min(greatest(to_timestamp(w.first_ms / 1000.0), i.installed_at))) * 1000)::bigint as from_ms,
    (extract(epoch from max(least(to_timestamp(w.last_ms / 1000.0), coalesce(i.removed_at, timestamptz 'infinity')))) * 1000)::bigint as to_ms
from unnest(%(ids)s::bigint[], %(first_ms)s::bigint[], %(last_ms)s::bigint[]) as w (series_id, first_ms, last_ms)
join series as s on s.id = w.series_id
join installation as i on i.device = s.device and i.register = s.quantity
    and i.installed_at <= to_timestamp(w.last_ms / 1000.0) and (i.removed_at is null or i.removed_at >= to_timestamp(w.first_ms / 1000.0))
join metering_point as m on m.code = i.point
group by m.id order by m.id;

-- name: take_dirty
select d.id, d.point_id, d.reason,
    (extract(epoch from greatest(d.from_at, timestamptz 'epoch', least(
        (select min(i.installed_at) from installation as i where i.point = m.code),
        (select min(k.day) from consumption_day as k where k.point_id = d.point_id)::timestamptz - interval '1 day'))) * 1000)::bigint as from_ms,
    (extract(epoch from least(d.to_at, now() + interval '2 days')) * 1000)::bigint as to_ms
from dirty as d join metering_point as m on m.id = d.point_id
where d.noted_at <= now()
order by d.id limit %(limit)s;

-- name: virtual_of
select distinct m.id from metering_point as m join virtual_term as t on t.point = m.code where m.id = any(%(ids)s::integer[]);

-- name: media
select id, medium from metering_point where id = any(%(ids)s::integer[]);

-- name: forget_arrivals
delete from arrival where id = any(%(ids)s::bigint[]);

-- name: forget_dirty
delete from dirty where id = any(%(ids)s::bigint[]);

-- name: note_later
insert into dirty (point_id, from_at, to_at, reason, noted_at)
select point_id, timestamptz 'epoch' + from_ms * interval '1 millisecond', timestamptz 'epoch' + to_ms * interval '1 millisecond', %(reason)s,
    now() + %(wait_s)s * interval '1 second'
from unnest(%(ids)s::integer[], %(from_ms)s::bigint[], %(to_ms)s::bigint[]) as w (point_id, from_ms, to_ms);

-- name: take_dirty_places
select id, place, reason, greatest(from_day, (select coalesce(min(day), date '2000-01-02') from consumption_day)) as from_day,
    least(to_day, (select coalesce(max(day), date '2000-01-01') from consumption_day)) as to_day
from dirty_place order by id limit %(limit)s;

-- name: forget_dirty_places
delete from dirty_place where id = any(%(ids)s::bigint[]);

-- name: note_place_later
insert into dirty_place (place, from_day, to_day, reason) select place, %(from_day)s, %(to_day)s, %(reason)s from unnest(%(places)s::text[]) as place;

-- name: write_verdicts
insert into reading_verdict as v (series_id, measured_at, verdict, reason)
select series_id, timestamptz 'epoch' + at_ms * interval '1 millisecond', verdict, reason
from unnest(%(series_id)s::bigint[], %(at_ms)s::bigint[], %(verdict)s::text[], %(reason)s::text[]) as r (series_id, at_ms, verdict, reason)
on conflict (series_id, measured_at) do update set verdict = excluded.verdict, reason = excluded.reason;

-- name: delete_verdicts
delete from reading_verdict as v using unnest(%(series_id)s::bigint[], %(at_ms)s::bigint[]) as r (series_id, at_ms)
where v.series_id = r.series_id and v.measured_at = timestamptz 'epoch' + r.at_ms * interval '1 millisecond';

-- name: open_findings
insert into finding as f (code, point, at, until, data, resolved_at, resolution)
select r.code, m.code, timestamptz 'epoch' + r.at_ms * interval '1 millisecond', timestamptz 'epoch' + r.until_ms * interval '1 millisecond', r.data::jsonb,
    case when r.code = any(%(settled)s::text[]) then now() end, case when r.code = any(%(settled)s::text[]) then 'data' end
from unnest(%(code)s::text[], %(point_id)s::integer[], %(at_ms)s::bigint[], %(until_ms)s::bigint[], %(data)s::text[])
    as r (code, point_id, at_ms, until_ms, data)
join metering_point as m on m.id = r.point_id
on conflict (code, point, device, place, at) do update set until = excluded.until, data = excluded.data, resolved_at = excluded.resolved_at,
    resolution = excluded.resolution
where (f.until, f.data) is distinct from (excluded.until, excluded.data) and (f.resolution is null or f.resolution = 'data')
    or f.resolution = 'data' and excluded.resolved_at is null
returning f.code, f.point, (extract(epoch from f.at) * 1000)::bigint as at_ms, f.data, f.xmax = 0 or f.resolved_at is null as fresh;

-- name: settled_findings
update finding as f set resolved_at = now(), resolution = 'data'
from unnest(%(ids)s::integer[], %(from_ms)s::bigint[], %(until_ms)s::bigint[]) as w (point_id, from_ms, until_ms)
join metering_point as m on m.id = w.point_id
where f.point = m.code and f.resolved_at is null and f.code = any(%(codes)s::text[])
    and coalesce(f.until, f.at) >= timestamptz 'epoch' + w.from_ms * interval '1 millisecond'
    and coalesce(f.until, f.at) <= coalesce(timestamptz 'epoch' + w.until_ms * interval '1 millisecond', timestamptz 'infinity')
    and not exists (
        select from unnest(%(code)s::text[], %(point_id)s::integer[], %(at_ms)s::bigint[]) as k (code, point_id, at_ms)
        where k.code = f.code and k.point_id = w.point_id and timestamptz 'epoch' + k.at_ms * interval '1 millisecond' = f.at);

-- name: virtual_terms
with recursive up (point) as (
    select t.point from virtual_term as t join metering_point as m on m.code in (t.input, t.point) where m.id = any(%(ids)s::integer[])
    union
    select t.point from up join virtual_term as t on t.input = up.point
)
select v.id as point_id, i.id as input_id, t.coefficient
from up join virtual_term as t on t.point = up.point join metering_point as v on v.code = t.point join metering_point as i on i.code = t.input
order by 1, 2;

-- name: note_dirty_media
insert into dirty (point_id, from_at, to_at, reason)
select m.id, timestamptz 'epoch' + %(from_ms)s::bigint * interval '1 millisecond',
    coalesce(timestamptz 'epoch' + %(to_ms)s::bigint * interval '1 millisecond', timestamptz 'infinity'), %(reason)s
from metering_point as m
where m.medium = any(%(media)s::text[]) and exists (
    select from consumption_day as d where d.point_id = m.id and d.day >= (timestamptz 'epoch' + %(from_ms)s::bigint * interval '1 millisecond')::date)
order by m.id;

-- name: tariff_versions
select tariff, valid_from, body, actor from tariff_version order by tariff, valid_from;

-- name: calendar_days
select day, kind, name_zh, name_en from calendar_day order by day;

-- name: put_tariff
insert into tariff_version (tariff, valid_from, body, actor) values (%(tariff)s, %(valid_from)s, %(body)s::jsonb, %(actor)s)
on conflict (tariff, valid_from) do update set body = excluded.body, actor = excluded.actor, created_at = now();

-- name: put_calendar_days
insert into calendar_day (day, kind, name_zh, name_en)
select * from unnest(%(day)s::date[], %(kind)s::text[], %(name_zh)s::text[], %(name_en)s::text[])
on conflict (day) do update set kind = excluded.kind, name_zh = excluded.name_zh, name_en = excluded.name_en;

-- name: findings
select id, code, point, device, place, (extract(epoch from at) * 1000)::bigint as at_ms, (extract(epoch from until) * 1000)::bigint as until_ms, data,
    (extract(epoch from opened_at) * 1000)::bigint as opened_at_ms, (extract(epoch from resolved_at) * 1000)::bigint as resolved_at_ms, resolution
from finding
where (not %(open_only)s or resolved_at is null) and (%(point)s::text is null or point = %(point)s)
    and (%(scope)s::text[] is null or in_scope(coalesce(finding.place, (select d.place from device as d where d.code = finding.device),
        (select h.place from point_position as h where h.point = finding.point and h.valid_to = 'infinity')), %(scope)s::text[]))
order by id desc limit %(limit)s;

-- name: finding
select id, code, point, device, place, (extract(epoch from at) * 1000)::bigint as at_ms, (extract(epoch from until) * 1000)::bigint as until_ms, data,
    (extract(epoch from opened_at) * 1000)::bigint as opened_at_ms, (extract(epoch from resolved_at) * 1000)::bigint as resolved_at_ms, resolution
from finding where id = %(id)s;

-- name: resolve_finding
update finding set resolved_at = now(), resolution = %(resolution)s where id = %(id)s;

-- name: month_state
with counted as (
    select m.id, sum(extract(epoch from least(i.removed_at, %(end_at)s) - greatest(i.installed_at, %(start_at)s)))::bigint as due_s
    from metering_point as m join installation as i on i.point = m.code
    where i.register is not null and i.installed_at < %(end_at)s and coalesce(i.removed_at, timestamptz 'infinity') > %(start_at)s and exists (
        select from point_position as h
        where h.point = m.code and h.role not in ('check', 'virtual') and h.valid_from < %(next)s and h.valid_to > %(month)s)
    group by m.id
)
select exists (select from closed_month where month = %(month)s) as closed, count(*) as points, count(*) filter (where f.known_s > 0) as with_figures,
    count(*) filter (where f.measured) as measured, coalesce(sum(c.due_s), 0)::bigint as due_s,
    coalesce(sum(least(coalesce(f.known_s, 0), c.due_s)), 0)::bigint as known_s,
    (select count(*) from finding as f where f.resolved_at is null and f.at < %(end_at)s and coalesce(f.until, f.at) >= %(start_at)s) as findings,
    (select count(*) from arrival) + (select count(*) from dirty where from_at < %(end_at)s and to_at >= %(start_at)s)
        + (select count(*) from dirty_place where from_day < %(next)s and to_day >= %(month)s) as waiting
from counted as c left join consumption_month as f on f.point_id = c.id and f.month = %(month)s;

-- name: first_month
select min(month) from consumption_month;

-- name: close_month
insert into closed_month (month, closed_at, actor, inputs) values (%(month)s, %(now)s, %(actor)s, %(inputs)s::jsonb);

-- name: close_figures
insert into closed_figure (month, point_id, value, known_s, measured, rates)
select month, point_id, value, known_s, measured, rates from consumption_month where month = %(month)s;

-- name: close_places
insert into closed_place (month, place, medium, value, points_s, known_s, rates)
select month, place, medium, value, points_s, known_s, rates from place_month where month = %(month)s;

-- name: tariffs_in_force
select tariff, valid_from from tariff_version as v
where valid_from < %(next)s and not exists (
    select from tariff_version as n where n.tariff = v.tariff and n.valid_from > v.valid_from and n.valid_from <= %(month)s)
order by 1, 2;

-- name: snapshot
set transaction isolation level repeatable read;

-- name: points_to_check
select id, code from metering_point
where %(limit)s::integer is null or exists (select from consumption_day as d where d.point_id = metering_point.id)
order by case when %(limit)s::integer is null then '' else md5(code || %(seed)s) end, id limit %(limit)s;

-- name: waiting_arrivals
select packed from arrival;

-- name: waiting_dirty
select distinct point_id from dirty;

-- name: waiting_places
select 1 from dirty_place limit 1;

-- name: virtual_above
with recursive up (point) as (
    select t.point from virtual_term as t join metering_point as m on m.code = t.input where m.id = any(%(ids)s::integer[])
    union
    select t.point from up join virtual_term as t on t.input = up.point
)
select m.id from up join metering_point as m on m.code = up.point;

-- name: days_of_figures
select day from consumption_day where day >= %(since)s group by day
union select day from place_day where day >= %(since)s group by day
order by 1;

-- name: place_months_since
select place, medium, month from place_month where month >= %(since)s
union select place, medium, date_trunc('month', day)::date from place_day where day >= %(since)s;

-- name: count_closed
select count(*) from closed_figure;

-- name: closed_mismatches
select m.code, month, coalesce(c.value, 0) + a.value as stands, coalesce(l.value, 0) as due
from (select month, point_id, value, rates from closed_figure) as c
full join (select month, point_id, value, rates from consumption_month where month in (select month from closed_month)) as l using (month, point_id)
join metering_point as m on m.id = point_id
cross join lateral (
    select coalesce(sum(j.value), 0)::bigint as value, array[coalesce(sum(j.rates[1]), 0), coalesce(sum(j.rates[2]), 0), coalesce(sum(j.rates[3]), 0),
        coalesce(sum(j.rates[4]), 0), coalesce(sum(j.rates[5]), 0)]::bigint[] as rates
    from adjustment as j where j.closed_month = month and j.point_id = m.id
) as a
where coalesce(c.value, 0) + a.value <> coalesce(l.value, 0) or exists (
    select from generate_series(1, 5) as n where coalesce(c.rates[n], 0) + a.rates[n] <> coalesce(l.rates[n], 0))
order by 1, 2 limit %(limit)s;

-- name: point_facts
select m.id as point_id, m.code, m.medium, exists (select from virtual_term as t where t.point = m.code) as virtual from metering_point as m where m.code = %(code)s;

-- name: missing_inputs
select t.input from virtual_term as t join metering_point as i on i.code = t.input
where t.point = %(code)s and exists (
    select from generate_series(%(since)s::date, %(until)s::date, interval '1 day') as g (day)
    left join consumption_day as d on d.point_id = i.id and d.day = g.day::date
    where d.known_s is null or d.known_s < cardinality(d.slots) * 900)
order by 1;

-- name: month_of_points
-- Columns as in MonthFigure. The list of ids stands at every table: it is not carried from one to the other.
with figure as (
    select point_id, value, known_s, measured, rates from closed_figure
    where month = %(month)s and (%(ids)s::integer[] is null or point_id = any(%(ids)s::integer[]))
    union all
    select point_id, value, known_s, measured, rates from consumption_month
    where month = %(month)s and (%(ids)s::integer[] is null or point_id = any(%(ids)s::integer[]))
        and not exists (select from closed_month where month = %(month)s)
)
select m.id, m.code, f.value, coalesce(f.known_s, 0), coalesce(f.measured, false), case when %(rates)s then f.rates end, coalesce(a.value, 0),
    exists (select from closed_month where month = %(month)s)
from figure as f
full join (select point_id, sum(value)::bigint as value from adjustment where into_month = %(month)s group by point_id) as a using (point_id)
join metering_point as m on m.id = point_id and (%(ids)s::integer[] is null or m.id = any(%(ids)s::integer[]))
order by m.id;

-- name: months_of_point
select g.month::date as month, coalesce(k.value, case when c.month is null then l.value end) as value, null::bigint as due_s,
    coalesce(k.known_s, case when c.month is null then l.known_s end, 0)::bigint as known_s,
    coalesce(k.measured, case when c.month is null then l.measured end, false) as measured,
    coalesce(k.rates, case when c.month is null then l.rates end) as rates,
    (select coalesce(sum(a.value), 0)::bigint from adjustment as a where a.into_month = g.month::date and a.point_id = %(id)s) as adjusted,
    c.month is not null as closed
from generate_series(%(first)s::date, %(last)s::date, interval '1 month') as g (month)
left join closed_month as c on c.month = g.month::date
left join closed_figure as k on k.month = c.month and k.point_id = %(id)s
left join consumption_month as l on l.month = g.month::date and l.point_id = %(id)s;

-- name: months_of_place
select g.month::date as month, coalesce(k.value, case when c.month is null then l.value end) as value,
    coalesce(k.points_s, case when c.month is null then l.points_s end) as due_s,
    coalesce(k.known_s, case when c.month is null then l.known_s end, 0) as known_s,
    coalesce(coalesce(k.points_s, l.points_s) = coalesce(k.known_s, l.known_s), false) as measured,
    coalesce(k.rates, case when c.month is null then l.rates end) as rates,
    0::bigint as adjusted,
    c.month is not null as closed
from generate_series(%(first)s::date, %(last)s::date, interval '1 month') as g (month)
left join closed_month as c on c.month = g.month::date
left join closed_place as k on k.month = c.month and k.place = %(place)s and k.medium = %(medium)s
left join place_month as l on l.month = g.month::date and l.place = %(place)s and l.medium = %(medium)s;

-- name: ranking_by_place_months
select p.code, p.name_zh, p.name_en, sum(coalesce(k.value, case when c.month is null then l.value end))::bigint as value,
    coalesce(sum(coalesce(k.known_s, l.known_s))::float8 / nullif(sum(coalesce(k.points_s, l.points_s)), 0), 0) as coverage
from place as p
join place_month as l on l.place = p.code and l.medium = %(medium)s and l.month between %(since)s and %(until)s
left join closed_month as c on c.month = l.month
left join closed_place as k on k.month = l.month and k.place = l.place and k.medium = l.medium
where p.parent = %(place)s and %(days)s::integer is not null
group by p.code
having sum(coalesce(k.value, case when c.month is null then l.value end)) is not null
order by value desc, p.code limit %(top)s;

-- name: ranking_by_place_days
select p.code, p.name_zh, p.name_en, sum(l.value)::bigint as value,
    coalesce(sum((select sum(n) from unnest(l.known) as n))::float8 / nullif(sum(l.points * cardinality(l.slots)), 0), 0) as coverage
from place as p
join place_day as l on l.place = p.code and l.medium = %(medium)s and l.day between %(since)s and %(until)s
where p.parent = %(place)s and %(days)s::integer is not null
group by p.code
order by value desc, p.code limit %(top)s;

-- name: ranking_by_point_months
with recursive below (code) as (
    select code from place where code = %(place)s union all select p.code from below as b join place as p on p.parent = b.code
)
select m.code, m.name_zh, m.name_en, sum(coalesce(k.value, case when c.month is null then l.value end))::bigint as value,
    sum(coalesce(k.known_s, l.known_s))::float8 / (%(days)s * 86400) as coverage
from point_position as h join metering_point as m on m.code = h.point and m.medium = %(medium)s
join consumption_month as l on l.point_id = m.id and l.month between %(since)s and %(until)s and h.valid_from <= l.month and h.valid_to > l.month
left join closed_month as c on c.month = l.month
left join closed_figure as k on k.month = l.month and k.point_id = m.id
where h.place = any(array(select code from below)) and h.role not in ('check', 'virtual')
group by m.code
having sum(coalesce(k.value, case when c.month is null then l.value end)) is not null
order by value desc, m.code limit %(top)s;

-- name: ranking_by_point_days
with recursive below (code) as (
    select code from place where code = %(place)s union all select p.code from below as b join place as p on p.parent = b.code
)
select m.code, m.name_zh, m.name_en, sum(l.value)::bigint as value, sum(l.known_s)::float8 / (%(days)s * 86400) as coverage
from point_position as h join metering_point as m on m.code = h.point and m.medium = %(medium)s
join consumption_day as l on l.point_id = m.id and l.day between %(since)s and %(until)s and h.valid_from <= l.day and h.valid_to > l.day
where h.place = any(array(select code from below)) and h.role not in ('check', 'virtual')
group by m.code
order by value desc, m.code limit %(top)s;

-- name: heat_map
select day, array_send(slots), case when array_position(known, 0) is not null then array_send(known) end
from place_day where place = %(place)s and medium = %(medium)s and day between %(since)s and %(until)s
order by day;

-- name: place_exists
select 1 from place where code = %(code)s;

-- name: put_mark
insert into consumption_mark (point, from_at, to_at, reason, actor)
select code, timestamptz 'epoch' + %(from_ms)s::bigint * interval '1 millisecond', timestamptz 'epoch' + %(to_ms)s::bigint * interval '1 millisecond',
    %(reason)s, %(actor)s
from metering_point where code = %(point)s
returning id;

-- name: withdraw_mark
update consumption_mark set withdrawn_at = now() where id = %(id)s and withdrawn_at is null
returning point, from_at, to_at;

-- name: marks_of
select id, point, (extract(epoch from from_at) * 1000)::bigint as from_ms, (extract(epoch from to_at) * 1000)::bigint as to_ms, reason, actor,
    withdrawn_at is not null as withdrawn
from consumption_mark as m
where (%(point)s::text is null or m.point = %(point)s)
    and in_scope((select h.place from point_position as h where h.point = m.point and h.valid_to = 'infinity'), %(scope)s::text[])
order by id desc limit 1000;

-- name: points_with_days
select m.id from metering_point as m
where m.medium = %(medium)s and exists (select from consumption_day as d where d.point_id = m.id and d.day >= %(since)s)
order by m.id;

-- name: slots_of_days
select point_id, day, slots::text, seen::text from consumption_day
where point_id = any(%(ids)s::integer[]) and day >= %(since)s and day < %(until)s order by point_id, day;

-- name: marks_between
select k.id, m.id as point_id, k.point, (extract(epoch from k.from_at) * 1000)::bigint as from_ms, (extract(epoch from k.to_at) * 1000)::bigint as to_ms,
    k.actor = %(actor)s and k.withdrawn_at is null as grows
from consumption_mark as k join metering_point as m on m.code = k.point where m.id = any(%(ids)s::integer[]) order by k.id;

-- name: grow_mark
update consumption_mark set to_at = timestamptz 'epoch' + %(to_ms)s::bigint * interval '1 millisecond' where id = %(id)s;

-- name: put_fill
insert into consumption_mark (point, from_at, to_at, reason, actor)
select code, timestamptz 'epoch' + %(from_ms)s::bigint * interval '1 millisecond', timestamptz 'epoch' + %(to_ms)s::bigint * interval '1 millisecond',
    %(reason)s, %(actor)s
from metering_point where id = %(id)s;

-- name: settle_filled
update finding set resolved_at = now(), resolution = 'the mark was withdrawn'
where code = %(code)s and point = %(point)s and at = %(from_at)s and resolved_at is null;

-- name: freezes
select m.id as point_id, o.value as opening, c.value as closing
from installation as i join metering_point as m on m.code = i.point
join series as s on s.device = i.device and s.quantity = i.register || '_daily'
cross join lateral readings_between(array[s.id], timestamptz 'epoch' + %(start_ms)s::bigint * interval '1 millisecond',
    timestamptz 'epoch' + (%(start_ms)s::bigint + 1000) * interval '1 millisecond') as o
cross join lateral readings_between(array[s.id], timestamptz 'epoch' + %(end_ms)s::bigint * interval '1 millisecond',
    timestamptz 'epoch' + (%(end_ms)s::bigint + 1000) * interval '1 millisecond') as c
where i.installed_at <= timestamptz 'epoch' + %(start_ms)s::bigint * interval '1 millisecond'
    and coalesce(i.removed_at, timestamptz 'infinity') >= timestamptz 'epoch' + %(end_ms)s::bigint * interval '1 millisecond'
order by m.id;

-- name: rates_of_point
select day, rates, cardinality(slots) * 900 as due_s, known_s from consumption_day
where point_id = %(id)s and day >= %(since)s and day <= %(until)s order by day;

-- name: rates_of_place
select day, rates, (points::bigint * cardinality(slots) * 900) as due_s, (select sum(k) * 900 from unnest(known) as k)::bigint as known_s from place_day
where place = %(place)s and medium = %(medium)s and day >= %(since)s and day <= %(until)s order by day;

-- name: academic_terms
select kind, first_day, last_day from academic_term order by first_day, kind;

-- name: put_academic_terms
insert into academic_term (kind, first_day, last_day) select * from unnest(%(kind)s::text[], %(first_day)s::date[], %(last_day)s::date[])
on conflict (kind, first_day) do update set last_day = excluded.last_day;

-- name: adjustments_into
select a.into_month, a.closed_month, a.point_id, sum(a.value)::bigint as value
from adjustment as a join metering_point as m on m.id = a.point_id
where m.medium = %(medium)s and a.into_month >= %(first)s and a.into_month <= %(last)s
group by 1, 2, 3;

-- name: finding_table
with listed as (
    select f.id, f.code, f.at, f.until, f.opened_at, f.resolved_at, f.resolution, f.point, f.device, d.name_zh as device_zh, d.name_en as device_en,
        m.name_zh as point_zh, m.name_en as point_en, case when f.resolved_at is null then 'open' else 'settled' end as state,
        coalesce(f.place, d.place, h.place) as place
    from finding as f left join device as d on d.code = f.device left join metering_point as m on m.code = f.point
    left join point_position as h on h.point = f.point and h.valid_to = 'infinity'
    where (%(code)s::text is null or f.code = %(code)s)
), chosen as (
    select l.*, p.name_zh as place_zh, p.name_en as place_en, count(*) over ()::integer as total,
        case %(sort)s when 'code' then l.code when 'state' then l.state when 'point' then l.point when 'place' then l.place
            when 'at' then to_char(l.at, 'YYYYMMDDHH24MISSUS') else to_char(l.opened_at, 'YYYYMMDDHH24MISSUS') end as sort_key
    from listed as l left join place as p on p.code = l.place
    where (%(scope)s::text[] is null or in_scope(l.place, %(scope)s::text[]))
        and (%(node)s::text is null or exists (select from place_within as w where w.place = l.place and w.above = %(node)s))
        and (%(state)s::text is null or l.state = %(state)s)
        and (%(pattern)s::text is null or lower(concat_ws(' ', l.point, l.point_zh, l.point_en, l.device, l.device_zh, l.device_en, l.place, p.name_zh, p.name_en))
            like %(pattern)s)
)
select * from chosen
order by case when not %(descending)s then sort_key end, case when %(descending)s then sort_key end desc nulls last, id desc
offset %(offset)s limit %(limit)s;

-- name: findings_asked
-- What a batch asks to settle, each with the building it lies in.
select f.id::text as key, coalesce(m.name_zh, d.name_zh, f.code) as name_zh, coalesce(m.name_en, d.name_en, f.code) as name_en,
    coalesce(b.name_zh, '') as place_zh, coalesce(b.name_en, '') as place_en,
    case when f.resolved_at is null then '' else 'it is settled already' end as excluded
from finding as f left join device as d on d.code = f.device left join metering_point as m on m.code = f.point
left join point_position as h on h.point = f.point and h.valid_to = 'infinity'
cross join lateral (select coalesce(f.place, d.place, h.place) as place) as at
left join lateral (
    select p.name_zh, p.name_en from place_within as w join place as p on p.code = w.above where w.place = at.place and p.kind = 'building' limit 1) as b on true
where f.id::text = any(%(keys)s) and (%(scope)s::text[] is null or in_scope(at.place, %(scope)s::text[]))
order by b.name_en, f.id;

-- name: register_readings
select s.quantity, (extract(epoch from r.measured_at) * 1000)::bigint as at_ms, r.value, r.quality, v.verdict, v.reason
from series as s
cross join lateral readings_between(array[s.id], to_timestamp(%(from_ms)s / 1000.0), to_timestamp(%(to_ms)s / 1000.0)) as r
left join reading_verdict as v on v.series_id = s.id and v.measured_at = r.measured_at
where s.device = %(device)s and s.quantity = %(quantity)s
order by r.measured_at desc limit %(limit)s;

-- name: judged_readings
-- A verdict is rare, so each is looked up by itself; its reading may have been packed or given up meanwhile.
select s.quantity, (extract(epoch from v.measured_at) * 1000)::bigint as at_ms, r.value, r.quality, v.verdict, v.reason
from series as s
join lateral (
    select k.* from reading_verdict as k
    where k.series_id = s.id and k.measured_at >= to_timestamp(%(from_ms)s / 1000.0) and k.measured_at < to_timestamp(%(to_ms)s / 1000.0)
    order by k.measured_at desc limit %(limit)s
) as v on true
cross join lateral readings_between(array[s.id], v.measured_at, v.measured_at + interval '1 millisecond') as r
where s.device = %(device)s
order by v.measured_at desc limit %(limit)s;

-- name: register_days
select day, (extract(epoch from first_at) * 1000)::bigint as first_at_ms, first_value, (extract(epoch from last_at) * 1000)::bigint as last_at_ms,
    last_value, case when known_s > 0 then value end as value, known_s, made_up is not null as made_up, pending, version
from consumption_day where point_id = %(id)s and day between %(since)s and %(until)s order by day desc;
