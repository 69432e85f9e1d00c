-- name: water_points
-- Points whose nights are watched, with whether they serve one room.
select m.id as point_id, m.code, p.kind = 'room' as room
from metering_point as m join point_position as h on h.point = m.code and h.valid_to = 'infinity' join place as p on p.code = h.place
where m.medium = 'water' and m.removed_at is null and h.role not in ('check', 'virtual')
order by m.id;

-- name: water_buildings
select p.code from place as p
where p.kind = 'building' and p.removed_at is null
    and exists (select from place_day as d where d.place = p.code and d.medium = 'water' and d.day >= %(since)s)
order by p.code;

-- name: changed_point_days
select d.point_id, m.code, d.day, d.version, d.slots::text as slots, d.known::text as known, d.pins::text as pins, d.seen::text as seen,
    d.made_up::text as made_up
from consumption_day as d join metering_point as m on m.id = d.point_id
left join night_flow as n on n.about = 'point' and n.code = m.code and n.night = d.day
where d.point_id = any(%(ids)s::integer[]) and d.day >= %(since)s and d.day <= %(until)s and n.version is distinct from d.version
order by d.point_id, d.day;

-- name: changed_place_days
select d.place as code, d.day, d.version, d.slots::text as slots, d.known::text as known, d.points
from place_day as d left join night_flow as n on n.about = 'place' and n.code = d.place and n.night = d.day
where d.medium = 'water' and d.place = any(%(codes)s::text[]) and d.day >= %(since)s and d.day <= %(until)s and n.version is distinct from d.version
order by d.place, d.day;

-- name: put_nights
insert into night_flow (about, code, night, basis, floor_l_day, whole, version)
select %(about)s::text, * from unnest(%(code)s::text[], %(night)s::date[], %(basis)s::text[], %(floor)s::bigint[], %(whole)s::boolean[], %(version)s::integer[])
on conflict (about, code, night) do update
    set basis = excluded.basis, floor_l_day = excluded.floor_l_day, whole = excluded.whole, version = excluded.version;

-- name: purge_nights
delete from night_flow where night < %(before)s;

-- name: watches
select code, settled_on, state from leak_watch where about = %(about)s and code = any(%(codes)s::text[]);

-- name: nights_to_follow
select n.code, n.night as day, n.basis, n.floor_l_day, n.whole
from night_flow as n left join leak_watch as w using (about, code)
where n.about = %(about)s and n.code = any(%(codes)s::text[]) and n.night > coalesce(w.settled_on, '-infinity') and n.night <= %(until)s
order by n.code, n.night;

-- name: known_uses
select coalesce(point, place) as code, after, floor_l_day, (extract(epoch from at) * 1000)::bigint as at_ms
from leak_known_use
where case when %(about)s::text = 'point' then point = any(%(codes)s::text[]) else place = any(%(codes)s::text[]) end
order by id;

-- name: put_watches
insert into leak_watch (about, code, settled_on, state)
select %(about)s::text, code, settled_on, state::jsonb from unnest(%(code)s::text[], %(settled_on)s::date[], %(state)s::text[]) as w (code, settled_on, state)
on conflict (about, code) do update set settled_on = excluded.settled_on, state = excluded.state;

-- name: drop_leaks
-- Leaks that following the nights again did not find: late readings said otherwise.
delete from leak as l using unnest(%(codes)s::text[], %(settled_on)s::date[]) as w (code, settled_on)
where case when %(about)s::text = 'point' then l.point else l.place end = w.code and l.opened_on > coalesce(w.settled_on, '-infinity')
    and not exists (select from unnest(%(code)s::text[], %(opened_on)s::date[]) as f (code, opened_on) where f.code = w.code and f.opened_on = l.opened_on);

-- name: put_leaks
insert into leak as l (point, place, began_on, opened_on, opened_at, basis, reason, usual_l_day, limit_l_day, floor_l_day, nights, last_on, cleared_on,
    cleared_at, clear_reason)
select case when %(about)s::text = 'point' then code end, case when %(about)s::text = 'place' then code end, began_on, opened_on,
    to_timestamp(opened_ms / 1000.0), basis, reason, usual, lim, floor, nights, last_on, cleared_on, to_timestamp(cleared_ms / 1000.0), clear_reason
from unnest(%(code)s::text[], %(began_on)s::date[], %(opened_on)s::date[], %(opened_ms)s::bigint[], %(basis)s::text[], %(reason)s::text[],
        %(usual)s::bigint[], %(lim)s::bigint[], %(floor)s::bigint[], %(nights)s::integer[], %(last_on)s::date[], %(cleared_on)s::date[],
        %(cleared_ms)s::bigint[], %(clear_reason)s::text[])
    as f (code, began_on, opened_on, opened_ms, basis, reason, usual, lim, floor, nights, last_on, cleared_on, cleared_ms, clear_reason)
on conflict (point, place, opened_on) do update set began_on = excluded.began_on, opened_at = excluded.opened_at, basis = excluded.basis,
    reason = excluded.reason, usual_l_day = excluded.usual_l_day, limit_l_day = excluded.limit_l_day, floor_l_day = excluded.floor_l_day,
    nights = excluded.nights, last_on = excluded.last_on, cleared_on = excluded.cleared_on, cleared_at = excluded.cleared_at,
    clear_reason = excluded.clear_reason;

-- name: leaks
with listed as (
    select l.*, h.place as stands, m.name_zh, m.name_en from leak as l
    join metering_point as m on m.code = l.point join point_position as h on h.point = l.point and h.valid_to = 'infinity'
    union all
    select l.*, l.place, p.name_zh, p.name_en from leak as l join place as p on p.code = l.place
)
select l.id, l.point, l.stands as place, l.name_zh, l.name_en, p.name_zh as place_zh, p.name_en as place_en, l.began_on, l.opened_on,
    (extract(epoch from l.opened_at) * 1000)::bigint as opened_at_ms, l.basis, l.reason, l.usual_l_day, l.limit_l_day, l.floor_l_day, l.lost_l_day,
    l.nights, l.last_on, l.cleared_on, (extract(epoch from l.cleared_at) * 1000)::bigint as cleared_at_ms, l.clear_reason,
    k.reason as known_reason, k.actor as known_by, (l.lost_l_day * 365 * %(price)s::bigint / 100000)::bigint as cost_fen_year,
    count(*) over ()::integer as total
from listed as l join place as p on p.code = l.stands
left join lateral (
    select u.reason, u.actor from leak_known_use as u
    where l.clear_reason = 'known_use' and u.after = l.cleared_on and u.point is not distinct from l.point and u.place is not distinct from l.place
    order by u.id desc limit 1
) as k on true
where (%(id)s::bigint is null or l.id = %(id)s) and in_scope(l.stands, %(scope)s::text[])
    and (%(node)s::text is null or exists (select from place_within as w where w.place = l.stands and w.above = %(node)s))
    and case %(state)s::text when 'open' then l.cleared_on is null when 'past' then l.cleared_on is not null else true end
order by l.cleared_on is not null, case when l.cleared_on is null then -l.lost_l_day end, l.cleared_on desc, l.id
offset %(offset)s limit %(limit)s;

-- name: leak_sums
with listed as (
    select l.lost_l_day, h.place as stands, l.point is not null as of_point from leak as l
    join point_position as h on h.point = l.point and h.valid_to = 'infinity' where l.cleared_on is null
    union all
    select l.lost_l_day, l.place, false from leak as l where l.place is not null and l.cleared_on is null
)
select count(*) filter (where of_point)::integer as points, count(*) filter (where not of_point)::integer as buildings,
    coalesce(sum(lost_l_day) filter (where of_point), 0)::bigint as lost_l_day
from listed as l
where in_scope(l.stands, %(scope)s::text[])
    and (%(node)s::text is null or exists (select from place_within as w where w.place = l.stands and w.above = %(node)s));

-- name: evidence
select night as day, basis, floor_l_day, whole from night_flow
where about = %(about)s and code = %(code)s and night >= %(since)s and night <= %(until)s order by night;

-- name: add_known_use
insert into leak_known_use (point, place, after, floor_l_day, reason, actor, at)
values (%(point)s, %(place)s, %(after)s, %(floor)s, %(reason)s, %(actor)s, to_timestamp(%(now_ms)s / 1000.0));

-- name: serves_room
select p.kind = 'room' from point_position as h join place as p on p.code = h.place where h.point = %(point)s and h.valid_to = 'infinity';

-- name: points_of_rises
select distinct d.point_id from consumption_day as d where d.day = %(until)s order by 1;

-- name: put_rises
-- The prices of the medium, 1/10000 yuan a kWh or m3 by rate: Wh (or litres) times them are fen after division by 100 000.
insert into rise_figure (point_id, until, recent, recent_s, before, before_s, recent_fen, before_fen)
select d.point_id, %(until)s, coalesce(sum(d.value) filter (where d.day > %(until)s::date - 7), 0)::bigint,
    coalesce(sum(d.known_s) filter (where d.day > %(until)s::date - 7), 0), coalesce(sum(d.value) filter (where d.day <= %(until)s::date - 7), 0)::bigint,
    coalesce(sum(d.known_s) filter (where d.day <= %(until)s::date - 7), 0),
    (sum(c.cost) filter (where d.day > %(until)s::date - 7) / 100000)::bigint, (sum(c.cost) filter (where d.day <= %(until)s::date - 7) / 100000)::bigint
from consumption_day as d join metering_point as m on m.id = d.point_id
left join unnest(%(media)s::text[], %(sharp)s::bigint[], %(peak)s::bigint[], %(flat)s::bigint[], %(valley)s::bigint[], %(deep)s::bigint[])
    as t (medium, sharp, peak, flat, valley, deep) on t.medium = m.medium
cross join lateral (
    select d.rates[1] * t.sharp + d.rates[2] * t.peak + d.rates[3] * t.flat + d.rates[4] * t.valley + d.rates[5] * t.deep as cost
) as c
where d.point_id = any(%(ids)s::integer[]) and d.day > %(until)s::date - 35 and d.day <= %(until)s
group by d.point_id
on conflict (point_id) do update set until = excluded.until, recent = excluded.recent, recent_s = excluded.recent_s, before = excluded.before,
    before_s = excluded.before_s, recent_fen = excluded.recent_fen, before_fen = excluded.before_fen;

-- name: drop_rises
delete from rise_figure where until < %(until)s;

-- name: rises
-- Coverage of both in thousandths, so that no float decides.
select m.code as point, m.name_zh, m.name_en, h.place, p.name_zh as place_zh, p.name_en as place_en, m.medium, r.until - 6 as since, r.until,
    r.recent, r.before / 4 as usual, r.recent - r.before / 4 as rise, r.recent_fen - r.before_fen / 4 as rise_fen
from rise_figure as r join metering_point as m on m.id = r.point_id and m.medium = %(medium)s
join point_position as h on h.point = m.code and h.valid_to = 'infinity' and h.role not in ('check', 'virtual') join place as p on p.code = h.place
where r.recent > r.before / 4 and r.recent_s * 1000 >= %(share)s::bigint * 7 * 86400 and r.before_s * 1000 >= %(share)s::bigint * 28 * 86400
    and (%(scope)s::text[] is null or h.place in (select w.place from place_within as w where w.above = any(%(scope)s::text[])))
    and (%(node)s::text is null or h.place in (select w.place from place_within as w where w.above = %(node)s))
order by r.recent - r.before / 4 desc, m.code limit %(limit)s;

-- name: stopped
select m.code as point, m.name_zh, m.name_en, h.place, p.name_zh as place_zh, p.name_en as place_en, m.medium, r.until, r.before / 4 as usual
from rise_figure as r join metering_point as m on m.id = r.point_id
join point_position as h on h.point = m.code and h.valid_to = 'infinity' and h.role not in ('check', 'virtual') join place as p on p.code = h.place
where r.recent = 0 and r.before > 0 and r.recent_s * 1000 >= %(share)s::bigint * 7 * 86400 and r.before_s * 1000 >= %(share)s::bigint * 28 * 86400
    and (%(scope)s::text[] is null or h.place in (select w.place from place_within as w where w.above = any(%(scope)s::text[])))
    and (%(node)s::text is null or h.place in (select w.place from place_within as w where w.above = %(node)s))
order by r.before desc, m.code limit %(limit)s;

-- name: put_shapes
-- Days with their usual 96 slots that are known well enough; a week needs four workdays for the night, a free day besides for the weekend.
with days as (
    select d.place, d.medium, d.day, date_trunc('week', d.day)::date as week, coalesce(c.kind = 'holiday', extract(isodow from d.day) >= 6) as free,
        d.value, (select sum(v) from unnest(d.slots[1:20]) as v) as night, (select sum(v) from unnest(d.slots[37:68]) as v) as work
    from place_day as d left join calendar_day as c on c.day = d.day
    where d.day >= %(since)s and d.day <= %(until)s and cardinality(d.slots) = 96 and d.points > 0
        and (select sum(k) from unnest(d.known) as k) * 1000 >= %(share)s::bigint * d.points * 96
), weeks as (
    select place, medium, week, count(*) filter (where not free) as workdays, count(*) filter (where free) as free_days,
        sum(night) filter (where not free) as work_night, sum(work) filter (where not free) as work_day, sum(night) as night, count(*) as known_days,
        avg(value) filter (where free) as free_mean, avg(value) filter (where not free) as work_mean
    from days group by place, medium, week
)
insert into load_shape (place, medium, week, night_permille, weekend_permille, night)
select place, medium, week,
    case when workdays >= 4 and work_day > 0 then least(round(1000 * (work_night / 20) / (work_day / 32)), 1000000)::integer end,
    case when workdays >= 4 and free_days >= 1 and work_mean > 0 then least(round(1000 * free_mean / work_mean), 1000000)::integer end,
    case when workdays >= 4 then (night * 7 / known_days)::bigint end
from weeks
on conflict (place, medium, week) do update
    set night_permille = excluded.night_permille, weekend_permille = excluded.weekend_permille, night = excluded.night;

-- name: newest_shape
select max(week) from load_shape;

-- name: purge_shapes
delete from load_shape where week < %(before)s;

-- name: shapes
with known as (
    select s.place, s.medium, s.week, s.night_permille, s.weekend_permille, s.night,
        (select count(*) from load_shape as b where b.place = s.place and b.medium = s.medium and b.week < s.week and b.week >= s.week - 56
            and b.night_permille is not null) as nights_before,
        (select percentile_disc(0.5) within group (order by b.night_permille) from load_shape as b
            where b.place = s.place and b.medium = s.medium and b.week < s.week and b.week >= s.week - 56) as usual_night,
        (select percentile_disc(0.5) within group (order by b.weekend_permille) from load_shape as b
            where b.place = s.place and b.medium = s.medium and b.week < s.week and b.week >= s.week - 56) as usual_weekend
    from load_shape as s join place as p on p.code = s.place and p.removed_at is null
    where s.medium = %(medium)s and s.week = %(week)s and in_scope(s.place, %(scope)s::text[])
        and (%(node)s::text is null or exists (select from place_within as w where w.place = s.place and w.above = %(node)s))
)
select k.place, p.name_zh, p.name_en, p.kind, k.medium, k.week, k.night_permille,
    case when k.nights_before >= %(least)s then k.usual_night end as usual_night_permille, k.weekend_permille,
    case when k.nights_before >= %(least)s then k.usual_weekend end as usual_weekend_permille,
    case when k.nights_before >= %(least)s and k.night_permille > 0 and k.usual_night < k.night_permille
        then (k.night * (k.night_permille - k.usual_night) / k.night_permille)::bigint end as night_extra
from known as k join place as p on p.code = k.place
order by night_extra desc nulls last, p.position, k.place offset %(offset)s limit %(limit)s;

-- name: faults
select f.id, f.code, f.point, f.device, f.place, coalesce(m.name_zh, d.name_zh, p.name_zh) as name_zh, coalesce(m.name_en, d.name_en, p.name_en) as name_en,
    (extract(epoch from f.at) * 1000)::bigint as at_ms, f.data
from finding as f left join metering_point as m on m.code = f.point left join device as d on d.code = f.device left join place as p on p.code = f.place
left join point_position as h on h.point = f.point and h.valid_to = 'infinity'
where f.resolved_at is null and f.code = any(%(codes)s::text[]) and in_scope(coalesce(h.place, d.place, f.place), %(scope)s::text[])
    and (%(node)s::text is null
        or exists (select from place_within as w where w.place = coalesce(h.place, d.place, f.place) and w.above = %(node)s))
order by f.opened_at desc, f.id desc limit %(limit)s;

-- name: batteries
select s.id as series_id, s.device, (select max(b.day) from battery_day as b where b.device = s.device) as last_day
from series as s join device as d on d.code = s.device
where s.quantity = 'battery_voltage' and d.removed_at is null order by s.device;

-- name: put_battery_days
insert into battery_day (device, day, least_mv)
select w.device, (r.measured_at at time zone %(zone)s)::date, min(r.value)::integer
from unnest(%(series_id)s::bigint[], %(device)s::text[], %(from_ms)s::bigint[]) as w (series_id, device, from_ms)
cross join lateral readings_between(array[w.series_id], to_timestamp(w.from_ms / 1000.0), to_timestamp(%(until_ms)s / 1000.0)) as r
where r.quality in (0, 3) and r.value between 1 and 100000
group by 1, 2
on conflict (device, day) do update set least_mv = excluded.least_mv;

-- name: battery_days
select device, day, least_mv from battery_day where device = any(%(devices)s::text[]) and day >= %(since)s order by device, day;

-- name: put_forecasts
insert into battery_forecast (device, state, voltage_mv, limit_mv, since, days, fall_uv_day, day, earliest, latest, knee)
select * from unnest(%(device)s::text[], %(state)s::text[], %(voltage_mv)s::integer[], %(limit_mv)s::integer[], %(since)s::date[], %(days)s::integer[],
    %(fall_uv_day)s::integer[], %(day)s::date[], %(earliest)s::date[], %(latest)s::date[], %(knee)s::boolean[])
on conflict (device) do update set state = excluded.state, voltage_mv = excluded.voltage_mv, limit_mv = excluded.limit_mv, since = excluded.since,
    days = excluded.days, fall_uv_day = excluded.fall_uv_day, day = excluded.day, earliest = excluded.earliest, latest = excluded.latest,
    knee = excluded.knee;

-- name: purge_battery_days
delete from battery_day where day < %(before)s;

-- name: health
-- What the meters say is looked up once each: the function's text is put in place, and so would be every mention of it.
with heard as materialized (
    select * from water_meters(to_timestamp(%(now_ms)s / 1000.0), %(online_s)s, %(stale_s)s, %(silent_reports)s) as w
    where (%(device)s::text is null or w.device = %(device)s) and in_scope(w.place, %(scope)s::text[])
        and (%(node)s::text is null or exists (select from place_within as u where u.place = w.place and u.above = %(node)s))
), known as (
    select w.*, split_part(w.profile, '/', 1) as maker, p.name_zh as place_zh, p.name_en as place_en, p.position as place_position,
        b.state as battery_state, b.day as battery_day, b.earliest as battery_earliest, b.latest as battery_latest,
        (w.said ->> 'battery_voltage')::integer as battery_mv, (w.said ->> 'valve_state')::integer as valve,
        (w.said ->> 'signal_rsrp')::integer as rsrp_dbm, (w.said ->> 'signal_csq')::integer as csq,
        array(
            select code from (values
                (1, 'low_battery', (w.said ->> 'battery_low')::bigint = 1 or (w.said ->> 'battery_voltage')::bigint <= %(battery_mv)s
                    or b.day <= %(today)s::date + %(ahead)s::integer),
                (2, 'valve_fault', (w.said ->> 'valve_state')::bigint in (2, 3)), (3, 'leak', (w.said ->> 'leak')::bigint = 1),
                (4, 'burst', (w.said ->> 'burst')::bigint = 1), (5, 'reverse_flow', (w.said ->> 'reverse_flow')::bigint = 1),
                (6, 'magnetic_tamper', (w.said ->> 'magnetic_tamper')::bigint = 1), (7, 'cover_open', (w.said ->> 'cover_open')::bigint = 1),
                (8, 'weak_signal', (w.said ->> 'signal_rsrp')::bigint < %(rsrp_dbm)s)
            ) as f (rank, code, holds) where holds order by rank
        ) as flags
    from heard as w join place as p on p.code = w.place left join battery_forecast as b on b.device = w.device
), chosen as (
    select k.*, count(*) over ()::integer as total from known as k
    where (%(state)s::text is null or state = any(string_to_array(%(state)s, ','))) and (%(maker)s::text is null or maker = %(maker)s)
        and (%(flag)s::text is null or %(flag)s = any(flags))
        and (%(pattern)s::text is null or lower(device || ' ' || number || ' ' || coalesce(imei, '') || ' ' || name_zh || ' ' || name_en) like %(pattern)s)
), keyed as (
    select c.*, case %(sort)s::text when 'number' then lpad(number, 20, '0') when 'name' then case when %(chinese)s then name_zh else name_en end
        when 'place' then lpad(place_position::text, 9, '0') || place when 'profile' then profile
        when 'state' then array_position(array['never', 'silent', 'late', 'reporting'], state)::text
        when 'last_at_ms' then to_char(last_at, 'YYYYMMDDHH24MISS') when 'due_at_ms' then to_char(due_at, 'YYYYMMDDHH24MISS')
        when 'battery_v' then lpad(battery_mv::text, 9, '0') when 'battery_day' then battery_day::text when 'rsrp_dbm' then lpad((rsrp_dbm + 1000)::text, 9, '0')
        when 'valve' then valve::text end as sort_key
    from chosen as c
)
select device, name_zh, name_en, number, profile, maker, place, place_zh, place_en, own_reports, imei, every_h, window_h, state,
    (extract(epoch from last_at) * 1000)::bigint as last_at_ms, (extract(epoch from due_at) * 1000)::bigint as due_at_ms,
    case when state in ('late', 'silent') then (extract(epoch from last_at) * 1000)::bigint end as silent_since_ms,
    said as "values", flags, battery_mv, battery_state, battery_day, battery_earliest, battery_latest, rsrp_dbm, csq, valve, total
from keyed
order by case when not %(descending)s then sort_key end, case when %(descending)s then sort_key end desc nulls last,
    array_position(array['silent', 'late', 'never', 'reporting'], state), place_position, place, device
offset %(offset)s limit %(limit)s;

-- name: fleet
with heard as materialized (
    select * from water_meters(to_timestamp(%(now_ms)s / 1000.0), %(online_s)s, %(stale_s)s, %(silent_reports)s) as w
    where in_scope(w.place, %(scope)s::text[])
        and (%(node)s::text is null or exists (select from place_within as u where u.place = w.place and u.above = %(node)s))
), known as (
    select w.state, (w.said ->> 'battery_low')::bigint = 1 or (w.said ->> 'battery_voltage')::bigint <= %(battery_mv)s
            or b.day <= %(today)s::date + %(ahead)s::integer as low,
        (w.said ->> 'valve_state')::bigint in (2, 3) as valve,
        1 in ((w.said ->> 'leak')::bigint, (w.said ->> 'burst')::bigint, (w.said ->> 'reverse_flow')::bigint, (w.said ->> 'magnetic_tamper')::bigint,
            (w.said ->> 'cover_open')::bigint) as flagged
    from heard as w left join battery_forecast as b on b.device = w.device
)
select count(*)::integer as meters, count(*) filter (where state = 'reporting')::integer as reporting, count(*) filter (where state = 'late')::integer as late,
    count(*) filter (where state = 'silent')::integer as silent, count(*) filter (where state = 'never')::integer as never,
    count(*) filter (where low)::integer as low_battery, count(*) filter (where valve)::integer as valve_faults,
    count(*) filter (where flagged)::integer as flagged
from known;

-- name: makers
select distinct split_part(d.profile, '/', 1) from device as d where d.kind = 'water_meter' and d.removed_at is null order by 1;

-- name: round_done
select max(done_on) from analytics_round;

-- name: ready_for_first_round
select exists (select from consumption_day where day < %(day)s)
    and not exists (select from arrival) and not exists (select from dirty) and not exists (select from dirty_place);

-- name: note_round
insert into analytics_round (done_on) values (%(done_on)s) on conflict do nothing;

-- name: purge_rounds
delete from analytics_round where done_on < %(done_on)s;

-- name: now_s
select extract(epoch from now())::bigint;
