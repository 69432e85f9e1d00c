-- name: changes_of_tree
-- Days within a period on which it changed who counts for what below a place. A meter that comes or goes changes that only where it measures others.
select distinct day from (
    select h.valid_from as day from point_position as h join place_within as w on w.place = h.place and w.above = %(node)s
    where h.valid_from > %(first)s and h.valid_from <= %(last)s
    union all
    select h.valid_to from point_position as h join place_within as w on w.place = h.place and w.above = %(node)s
    where h.valid_to > %(first)s and h.valid_to <= %(last)s
    union all
    select i.valid_from from point_item as i join point_position as h on h.point = i.point join place_within as w on w.place = h.place and w.above = %(node)s
    where %(items)s and i.valid_from > %(first)s and i.valid_from <= %(last)s
    union all
    select unnest(array[(min(i.installed_at) at time zone %(zone)s)::date, (max(coalesce(i.removed_at, 'infinity')) at time zone %(zone)s)::date + 1])
    from installation as i join (select distinct upstream from point_position where upstream is not null) as u on u.upstream = i.point
    join point_position as h on h.point = i.point join place_within as w on w.place = h.place and w.above = %(node)s
    where i.register is not null
    group by i.point
) as change
where day > %(first)s and day <= %(last)s
order by 1;

-- name: counting
-- Columns as in Counting.
select c.point_id, c.point, c.place, k.child, c.role, c.above, (extract(epoch from c.installed_at) * 1000)::bigint,
    case when c.removed_at < 'infinity' then (extract(epoch from c.removed_at) * 1000)::bigint end, i.item
from counting_points(%(node)s, %(medium)s, %(day)s, %(zone)s) as c
left join (select w.place, p.code as child from place as p join place_within as w on w.above = p.code where p.parent = %(node)s) as k on k.place = c.place
left join (
    select distinct on (f.point) f.point, f.item from point_item as f where f.valid_from <= %(day)s order by f.point, f.valid_from desc
) as i on i.point = c.point;

-- name: sum_months
select s.part, sum(s.sign * r.value)::bigint, coalesce(sum(r.known_s) filter (where s.sign > 0), 0)::bigint,
    coalesce(sum(r.known_s) filter (where s.sign < 0), 0)::bigint, bool_and(r.measured), count(*), count(distinct r.month)
from unnest(%(parts)s::integer[], %(ids)s::integer[], %(signs)s::smallint[]) as s (part, id, sign)
join reported_point_month as r on r.point_id = s.id and r.month >= %(first)s and r.month <= %(last)s
group by s.part;

-- name: sum_days
select s.part, sum(s.sign * d.value)::bigint, coalesce(sum(d.known_s) filter (where s.sign > 0), 0)::bigint,
    coalesce(sum(d.known_s) filter (where s.sign < 0), 0)::bigint,
    bool_and(d.known_s = cardinality(d.slots) * 900 and d.made_up is null and get_bit(d.pins, 0) = 1 and get_bit(d.pins, length(d.pins) - 1) = 1),
    count(*) filter (where d.known_s > 0), count(distinct d.day)
from unnest(%(parts)s::integer[], %(ids)s::integer[], %(signs)s::smallint[]) as s (part, id, sign)
join consumption_day as d on d.point_id = s.id and d.day >= %(first)s and d.day <= %(last)s
group by s.part;

-- name: common_days
-- What is known whole in both of each pair of days, point by point.
select s.part, sum(s.sign * a.value)::bigint, sum(s.sign * b.value)::bigint, count(*)
from unnest(%(parts)s::integer[], %(ids)s::integer[], %(signs)s::smallint[]) as s (part, id, sign)
cross join unnest(%(days)s::date[], %(bases)s::date[]) as p (day, base)
cross join lateral (select value, known_s, cardinality(slots) * 900 as due_s from consumption_day where point_id = s.id and day = p.day offset 0) as a
cross join lateral (select value, known_s, cardinality(slots) * 900 as due_s from consumption_day where point_id = s.id and day = p.base offset 0) as b
where a.known_s = a.due_s and b.known_s = b.due_s
group by s.part;

-- name: common_months
-- Of one pair of months: what is known whole in both.
select s.part, sum(s.sign * a.value)::bigint, sum(s.sign * b.value)::bigint, count(*)
from unnest(%(parts)s::integer[], %(ids)s::integer[], %(signs)s::smallint[]) as s (part, id, sign)
join reported_point_month as a on a.point_id = s.id and a.month = %(month)s and a.known_s = %(length_s)s
join reported_point_month as b on b.point_id = s.id and b.month = %(base)s and b.known_s = %(base_length_s)s
group by s.part;

-- name: sums_of_places
select s.place, sum(s.value)::bigint, sum(s.points_s)::bigint, sum(s.known_s)::bigint
from (
    select place, value, points_s, known_s from reported_place_month
    where place = any(%(places)s::text[]) and medium = %(medium)s and month >= %(month)s and month <= %(until)s
    union all
    select place, value, points::bigint * cardinality(slots) * 900, (select sum(k) * 900 from unnest(known) as k)::bigint
    from place_day
    where place = any(%(places)s::text[]) and medium = %(medium)s
        and exists (select from unnest(%(firsts)s::date[], %(lasts)s::date[]) as r (first, last) where day between r.first and r.last)
) as s
group by s.place;

-- name: common_place_days
-- Days of which in both enough of all points is known.
with known as materialized (
    select place, day, value from place_day as d
    where place = any(%(places)s::text[]) and medium = %(medium)s and (day = any(%(days)s::date[]) or day = any(%(bases)s::date[]))
        and (select sum(k) from unnest(d.known) as k) * 100 >= %(least_percent)s * d.points::bigint * cardinality(d.slots)
)
select a.place, sum(a.value)::bigint, sum(b.value)::bigint, count(*)
from unnest(%(days)s::date[], %(bases)s::date[]) as p (day, base)
join known as a on a.day = p.day join known as b on b.place = a.place and b.day = p.base
group by a.place;

-- name: common_place_months
select a.place, sum(a.value)::bigint, sum(b.value)::bigint, count(*)
from unnest(%(months)s::date[], %(bases)s::date[]) as p (month, base)
join reported_place_month as a on a.place = any(%(places)s::text[]) and a.medium = %(medium)s and a.month = p.month
    and a.known_s * 100 >= %(least_percent)s * a.points_s
join reported_place_month as b on b.place = a.place and b.medium = a.medium and b.month = p.base and b.known_s * 100 >= %(least_percent)s * b.points_s
group by a.place;

-- name: place
select code, kind, name_zh, name_en, parent from place where code = %(code)s and removed_at is null;

-- name: children
select code, kind, name_zh, name_en, parent from place where parent = %(code)s order by position, code;

-- name: facts_of_places
-- The newest row of each fact that holds on a day.
select distinct on (place, fact) place, fact, number, code
from place_fact where place = any(%(places)s::text[]) and valid_from <= %(day)s
order by place, fact, valid_from desc;

-- name: facts_of_place
select fact, nullif(valid_from, '-infinity') as valid_from, number, code, source, actor from place_fact where place = %(place)s order by fact, place_fact.valid_from;

-- name: put_fact
insert into place_fact (place, fact, valid_from, number, code, source, actor)
values (%(place)s, %(fact)s, coalesce(%(valid_from)s::date, '-infinity'), %(number)s, %(code)s, %(source)s, %(actor)s)
on conflict (place, fact, valid_from) do update set number = excluded.number, code = excluded.code, source = excluded.source, actor = excluded.actor,
    noted_at = now();

-- name: items_of_point
select nullif(valid_from, '-infinity') as valid_from, item, source, actor from point_item where point = %(point)s order by point_item.valid_from;

-- name: put_item
insert into point_item (point, valid_from, item, source, actor)
values (%(point)s, coalesce(%(valid_from)s::date, '-infinity'), %(item)s, %(source)s, %(actor)s)
on conflict (point, valid_from) do update set item = excluded.item, source = excluded.source, actor = excluded.actor, noted_at = now();

-- name: point
select id as point_id, code, medium, name_zh, name_en from metering_point where code = %(code)s;

-- name: profiles
-- The device profile that stood at each point last within a period.
select distinct on (m.id) m.id, d.profile
from installation as i join metering_point as m on m.code = i.point join device as d on d.code = i.device
where m.id = any(%(ids)s::integer[]) and i.register is not null and i.installed_at < timestamptz 'epoch' + %(end_ms)s * interval '1 millisecond'
order by m.id, i.installed_at desc;

-- name: point_lines
select m.code, m.name_zh, m.name_en, p.code as place, p.name_zh as place_zh, p.name_en as place_en, d.profile, i.device
from unnest(%(codes)s::text[]) as c (code) join metering_point as m on m.code = c.code
join point_position as h on h.point = m.code and h.valid_from <= %(day)s and h.valid_to > %(day)s
join place as p on p.code = h.place
left join lateral (
    select device from installation where point = m.code and register is not null order by installed_at desc limit 1
) as i on true
left join device as d on d.code = i.device;

-- name: points_called
select code from metering_point
where medium = %(medium)s and lower(code || ' ' || name_zh || ' ' || name_en) like %(pattern)s;

-- name: rates_of_points
-- Days of some points together; due of each: whole days.
select d.day, array[sum(d.rates[1]), sum(d.rates[2]), sum(d.rates[3]), sum(d.rates[4]), sum(d.rates[5])]::bigint[] as rates,
    sum(cardinality(d.slots) * 900)::bigint as due_s, sum(d.known_s)::bigint as known_s
from consumption_day as d where d.point_id = any(%(ids)s::integer[]) and d.day >= %(since)s and d.day <= %(until)s
group by d.day order by d.day;

-- name: peak_points
-- What points used in some quarters of an hour: day and place in the day.
select m.code, m.name_zh, m.name_en, q.number, d.slots[q.slot + 1]::bigint
from unnest(%(numbers)s::integer[], %(days)s::date[], %(slots)s::integer[]) as q (number, day, slot)
join consumption_day as d on d.point_id = any(%(ids)s::integer[]) and d.day = q.day
join metering_point as m on m.id = d.point_id
where d.slots[q.slot + 1] is not null;

-- name: peak_places
select p.code, p.name_zh, p.name_en, q.number, d.slots[q.slot + 1]
from unnest(%(numbers)s::integer[], %(days)s::date[], %(slots)s::integer[]) as q (number, day, slot)
join place as p on p.parent = %(node)s
join place_day as d on d.place = p.code and d.medium = %(medium)s and d.day = q.day
where d.known[q.slot + 1] > 0;

-- name: exact_hours
-- Hours in which every one of the points is measured: both ends held by readings and all between known.
select count(*), coalesce(sum(value), 0)::bigint, coalesce(sum(added), 0)::bigint
from (
    select d.day, h.hour, sum(s.sign * v.amount) as value, sum(v.amount) filter (where s.sign > 0) as added
    from unnest(%(ids)s::integer[], %(signs)s::smallint[]) as s (id, sign)
    cross join lateral (select * from consumption_day as k where k.point_id = s.id and k.day >= %(first)s and k.day <= %(last)s offset 0) as d
    cross join lateral generate_series(0, cardinality(d.slots) / 4 - 1) as h (hour)
    cross join lateral (
        select d.slots[h.hour * 4 + 1]::bigint + d.slots[h.hour * 4 + 2] + d.slots[h.hour * 4 + 3] + d.slots[h.hour * 4 + 4] as amount
    ) as v
    where v.amount is not null and get_bit(d.pins, h.hour * 4) = 1 and get_bit(d.pins, h.hour * 4 + 4) = 1
        and (d.known is null or (d.known[h.hour * 4 + 1] = 900 and d.known[h.hour * 4 + 2] = 900 and d.known[h.hour * 4 + 3] = 900 and d.known[h.hour * 4 + 4] = 900))
    group by d.day, h.hour
    having count(*) = cardinality(%(ids)s::integer[])
) as hours;

-- name: exact_days
-- `offset 0`: the rows of each point by its key; the conditions look so rare that the planner would compare everything with everything.
-- Days on which every one of a group's points (`sizes`: how many) is measured. Groups by number; `added`: of the points that are added.
select part, count(*), sum(value)::bigint, sum(added)::bigint
from (
    select s.part, d.day, sum(s.sign * d.value) as value, sum(d.value) filter (where s.sign > 0) as added
    from unnest(%(parts)s::integer[], %(ids)s::integer[], %(signs)s::smallint[], %(sizes)s::integer[]) as s (part, id, sign, size)
    cross join lateral (select * from consumption_day as k where k.point_id = s.id and k.day >= %(first)s and k.day <= %(last)s offset 0) as d
    where d.known_s = cardinality(d.slots) * 900 and get_bit(d.pins, 0) = 1 and get_bit(d.pins, length(d.pins) - 1) = 1
    group by s.part, d.day, s.size
    having count(*) = s.size
) as days
group by part;

-- name: names_of_points
select code, name_zh, name_en from metering_point where code = any(%(codes)s::text[]);

-- name: factors_of_month
select inputs -> 'factors' from closed_month where month = %(month)s;

-- name: stays_of_point
select (extract(epoch from installed_at) * 1000)::bigint as from_ms, (extract(epoch from removed_at) * 1000)::bigint as until_ms
from installation where point = %(point)s;
