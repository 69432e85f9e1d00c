-- name: begin_days
with wanted as (
    select * from jsonb_to_recordset(%(expected)s::jsonb) as w (profile text, quantity text, poll_group text, period_s integer, rank integer)
), days as (
    select day, to_timestamp(starts_ms / 1000.0) as starts, to_timestamp(ends_ms / 1000.0) as ends
    from unnest(%(days)s::date[], %(starts_ms)s::bigint[], %(ends_ms)s::bigint[]) as d (day, starts_ms, ends_ms)
), standing as (
    select d.day, i.device, max(i.register) as register
    from days as d join installation as i on greatest(i.installed_at, i.asked_from) < d.ends and coalesce(i.removed_at, 'infinity') > d.starts
    group by d.day, i.device
), told as (
    select t.day, t.device, coalesce(w.quantity, t.register, s.quantity) as quantity, coalesce(w.period_s, %(default_s)s) as period_s,
        k.quantity as known_quantity, k.period_s as known_period_s
    from standing as t join device as d on d.code = t.device
    left join completeness_day as k on k.day = t.day and k.device = t.device
    left join lateral (
        select w.quantity, coalesce((select 3600 * m.every_h from iot_meter as m where m.device = d.code and d.gateway is null),
            nullif((d.poll_s ->> w.poll_group)::integer, 0), w.period_s) as period_s
        from wanted as w left join series as s on s.device = d.code and s.quantity = w.quantity
        where w.profile = d.profile
        order by coalesce(w.quantity = t.register, false) desc, s.id is not null desc, w.rank limit 1
    ) as w on true
    left join lateral (
        select s.quantity from series as s where s.device = d.code and w.quantity is null and t.register is null order by s.id limit 1
    ) as s on true
    where k.device is null or k.quantity is null or t.day = %(today)s
)
insert into completeness_day as c (device, day, period_s, quantity, look_at)
select device, day, period_s, quantity, to_timestamp(%(now_ms)s / 1000.0)
from told
where known_period_s is null or (known_quantity is null and quantity is not null) or (day = %(today)s and known_period_s < period_s)
order by day, device
on conflict (day, device) do update set period_s = greatest(c.period_s, excluded.period_s), quantity = coalesce(c.quantity, excluded.quantity);

-- name: next_day
select day from completeness_day where not settled and look_at <= to_timestamp(%(now_ms)s / 1000.0) order by look_at, day limit 1;

-- name: take_days
with chosen as (
    select device, period_s, quantity from completeness_day
    where day = %(day)s and not settled and look_at <= to_timestamp(%(now_ms)s / 1000.0) order by device limit %(limit)s for update skip locked
), stays as (
    select i.device, range_agg(tstzrange(i.installed_at, i.removed_at) * tstzrange(i.asked_from, null)
        * tstzrange(to_timestamp(%(start_ms)s / 1000.0), to_timestamp(%(end_ms)s / 1000.0))) as stays
    from installation as i where i.device in (select device from chosen) group by i.device
)
select c.device, c.period_s, coalesce(s.id, 0) as series_id,
    array(select array[extract(epoch from lower(r)) * 1000, extract(epoch from upper(r)) * 1000]::bigint[] from unnest(y.stays) as r order by 1) as stays
from chosen as c left join stays as y using (device) left join series as s on s.device = c.device and s.quantity = c.quantity
order by c.device;

-- name: copy_readings
copy (select series_id, measured_at, value, quality
      from readings_between(%(ids)s::bigint[], to_timestamp(%(from_ms)s / 1000.0), to_timestamp(%(to_ms)s / 1000.0))) to stdout (format binary);

-- name: write_days
update completeness_day as k set due = c.due, measured = c.measured, made_up = c.made_up, looked_at = to_timestamp(%(now_ms)s / 1000.0),
    look_at = to_timestamp(%(next_ms)s / 1000.0), settled = c.settled
from unnest(%(devices)s::text[], %(due)s::integer[], %(measured)s::integer[], %(made_up)s::integer[], %(settled)s::boolean[])
    as c (device, due, measured, made_up, settled)
where k.day = %(day)s and k.device = c.device;

-- name: of_site
select 'site' as code, coalesce(p.summary #>> '{site,name,zh}', '') as name_zh, coalesce(p.summary #>> '{site,name,en}', '') as name_en,
    k.devices, k.due, k.measured, k.made_up, k.looked_ms
from (
    select count(*)::integer as devices, coalesce(sum(due), 0)::integer as due, coalesce(sum(measured), 0)::integer as measured,
        coalesce(sum(made_up), 0)::integer as made_up, (extract(epoch from min(looked_at)) * 1000)::bigint as looked_ms
    from completeness_day where day = %(day)s
) as k left join (select summary from site_plan order by version desc limit 1) as p on true;

-- name: of_gateways
select g.code, g.name_zh, g.name_en, count(*)::integer as devices, sum(k.due)::integer as due, sum(k.measured)::integer as measured,
    sum(k.made_up)::integer as made_up, (extract(epoch from min(k.looked_at)) * 1000)::bigint as looked_ms
from completeness_day as k join device as d on d.code = k.device join gateway as g on g.code = d.gateway
where k.day = %(day)s and (%(within)s::text is null or g.code = %(within)s)
group by g.code
order by g.position, g.code offset %(offset)s limit %(limit)s;

-- name: of_places
with recursive below (top, code) as (
    select code, code from place where removed_at is null and parent is not distinct from %(within)s::text
    union all
    select b.top, p.code from below as b join place as p on p.parent = b.code where p.removed_at is null
)
select p.code, p.name_zh, p.name_en, count(*)::integer as devices, sum(k.due)::integer as due, sum(k.measured)::integer as measured,
    sum(k.made_up)::integer as made_up, (extract(epoch from min(k.looked_at)) * 1000)::bigint as looked_ms
from below as b join device as d on d.place = b.code join completeness_day as k on k.device = d.code and k.day = %(day)s
join place as p on p.code = b.top
group by p.code
order by p.position, p.code offset %(offset)s limit %(limit)s;

-- name: of_devices
with recursive below (code) as (
    select code from place where code = %(within)s::text
    union all
    select p.code from below as b join place as p on p.parent = b.code where p.removed_at is null
)
select d.code, d.name_zh, d.name_en, 1 as devices, k.due, k.measured, k.made_up, (extract(epoch from k.looked_at) * 1000)::bigint as looked_ms
from completeness_day as k join device as d on d.code = k.device
where k.day = %(day)s and (%(within)s::text is null or d.gateway = %(within)s or d.code = %(within)s or d.place in (select code from below))
order by k.due - k.measured desc, d.gateway, d.line, d.position, d.code offset %(offset)s limit %(limit)s;

-- name: stays
select (extract(epoch from lower(r)) * 1000)::bigint as from_ms, (extract(epoch from upper(r)) * 1000)::bigint as to_ms
from (
    select unnest(range_agg(tstzrange(installed_at, removed_at) * tstzrange(asked_from, null)
        * tstzrange(to_timestamp(%(from_ms)s / 1000.0), to_timestamp(%(to_ms)s / 1000.0)))) as r
    from installation where device = %(device)s
) as stay where not isempty(r) order by 1;

-- name: register
select i.register from installation as i where i.device = %(device)s and i.register is not null order by i.installed_at desc limit 1;

-- name: series
select id as series_id from series where device = %(device)s and quantity = %(quantity)s;

-- name: reporting_period
select 3600 * m.every_h as period_s from iot_meter as m join device as d on d.code = m.device where m.device = %(device)s and d.gateway is null;

-- name: days_of_device
select day, due, measured, made_up, (extract(epoch from looked_at) * 1000)::bigint as looked_ms
from completeness_day where device = %(device)s and day between %(first)s and %(last)s order by day desc;

-- name: reporting_of_device
select m.every_h, m.window_h from iot_meter as m join device as d on d.code = m.device
where m.device = %(device)s and m.removed_at is null and d.gateway is null;

-- name: last_of_quantity
select (extract(epoch from n.measured_at) * 1000)::bigint as at_ms, n.value, n.quality
from series as s cross join lateral newest_reading(s.id) as n where s.device = %(device)s and s.quantity = %(quantity)s;
