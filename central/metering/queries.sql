-- name: lock_registry
select pg_advisory_xact_lock(1667563522);

-- name: notify_registry
select pg_notify('ce_registry', '');

-- name: present_place
select p.code, jsonb_build_object('code', p.code, 'parent', p.parent, 'kind', p.kind, 'name_zh', p.name_zh, 'name_en', p.name_en,
    'area_m2', f.facts -> 'area_m2', 'people', f.facts -> 'people', 'building_type', f.facts -> 'building_type',
    'position', p.position, 'removed', p.removed_at is not null)
from place as p left join (
    select place, jsonb_object_agg(fact, coalesce(to_jsonb(number), to_jsonb(code))) as facts
    from (select distinct on (place, fact) place, fact, number, code from place_fact order by place, fact, valid_from desc) as newest
    group by place
) as f on f.place = p.code;

-- name: present_gateway
select code, jsonb_build_object('code', code, 'place', place, 'name_zh', name_zh, 'name_en', name_en,
    'position', position, 'removed', removed_at is not null) from gateway;

-- name: present_line
select gateway || '/' || code, jsonb_build_object('gateway', gateway, 'code', code, 'settings', settings,
    'position', position, 'removed', removed_at is not null) from line;

-- name: present_device
select code, jsonb_build_object('code', code, 'profile', profile, 'kind', kind, 'address', address, 'place', place, 'gateway', gateway, 'line', line,
    'poll_s', poll_s, 'name_zh', name_zh, 'name_en', name_en, 'position', position, 'removed', removed_at is not null) from device;

-- name: present_reporter
select device, jsonb_build_object('device', device, 'number', number, 'imei', imei, 'iccid', iccid, 'via', via, 'every_h', every_h, 'window_h', window_h,
    'position', position, 'removed', removed_at is not null) from iot_meter;

-- name: present_point
select m.code, jsonb_build_object('code', m.code, 'place', h.place, 'medium', m.medium, 'role', h.role, 'upstream', h.upstream,
    'item', i.item, 'terms', coalesce(t.terms, '{}'), 'name_zh', m.name_zh, 'name_en', m.name_en, 'position', m.position, 'removed', m.removed_at is not null)
from metering_point as m join point_position as h on h.point = m.code and h.valid_to = 'infinity'
left join (select distinct on (point) point, item from point_item order by point, valid_from desc) as i on i.point = m.code
left join (select point, jsonb_object_agg(input, coefficient) as terms from virtual_term group by point) as t on t.point = m.code;

-- name: planned_site
select summary -> 'site' from site_plan order by version desc limit 1;

-- name: present_stays
select device, point, ct, pt, register, rollover, max_per_hour from installation where removed_at is null;

-- name: began
select device, array_agg((extract(epoch from installed_at) * 1000)::bigint order by installed_at) from installation group by device;

-- name: occupied_until
select point, (extract(epoch from max(coalesce(removed_at, now()))) * 1000)::bigint from installation group by point;

-- name: installed_days
select device, (installed_at at time zone %(zone)s)::date from installation
where removed_at is null and (installed_at at time zone %(zone)s)::time = '00:00';

-- name: write_place
insert into place (code, parent, kind, name_zh, name_en, position)
select code, parent, kind, name_zh, name_en, position
from jsonb_to_recordset(%(rows)s::jsonb) as r (code text, parent text, kind text, name_zh text, name_en text, position integer)
on conflict (code) do update set parent = excluded.parent, kind = excluded.kind, name_zh = excluded.name_zh, name_en = excluded.name_en,
    position = excluded.position, removed_at = null;

-- name: write_gateway
insert into gateway (code, place, name_zh, name_en, position)
select code, place, name_zh, name_en, position
from jsonb_to_recordset(%(rows)s::jsonb) as r (code text, place text, name_zh text, name_en text, position integer)
on conflict (code) do update set place = excluded.place, name_zh = excluded.name_zh, name_en = excluded.name_en,
    position = excluded.position, removed_at = null;

-- name: write_line
insert into line (gateway, code, settings, position)
select gateway, code, settings, position
from jsonb_to_recordset(%(rows)s::jsonb) as r (gateway text, code text, settings jsonb, position integer)
on conflict (gateway, code) do update set settings = excluded.settings, position = excluded.position, removed_at = null;

-- name: write_device
insert into device (code, profile, kind, address, place, gateway, line, poll_s, name_zh, name_en, position)
select code, profile, kind, address, place, gateway, line, poll_s, name_zh, name_en, position
from jsonb_to_recordset(%(rows)s::jsonb) as r (code text, profile text, kind text, address text, place text, gateway text, line text, poll_s jsonb,
    name_zh text, name_en text, position integer)
on conflict (code) do update set profile = excluded.profile, kind = excluded.kind, address = excluded.address, place = excluded.place,
    gateway = excluded.gateway, line = excluded.line, poll_s = excluded.poll_s, name_zh = excluded.name_zh, name_en = excluded.name_en,
    position = excluded.position, removed_at = null;

-- name: write_reporter
insert into iot_meter (device, number, imei, iccid, via, every_h, window_h, position)
select device, number, imei, iccid, via, every_h, window_h, position
from jsonb_to_recordset(%(rows)s::jsonb) as r (device text, number text, imei text, iccid text, via text, every_h integer, window_h integer, position integer)
on conflict (device) do update set number = excluded.number, imei = excluded.imei, iccid = excluded.iccid, via = excluded.via,
    every_h = excluded.every_h, window_h = excluded.window_h, position = excluded.position, removed_at = null,
    registered_at = case when iot_meter.removed_at is null then iot_meter.registered_at else now() end;

-- name: write_point
insert into metering_point (code, name_zh, name_en, medium, position)
select code, name_zh, name_en, medium, position
from jsonb_to_recordset(%(rows)s::jsonb) as r (code text, name_zh text, name_en text, medium text, position integer)
on conflict (code) do update set name_zh = excluded.name_zh, name_en = excluded.name_en, medium = excluded.medium, position = excluded.position,
    removed_at = null;

-- name: write_place_facts
insert into place_fact (place, fact, valid_from, number, code, source, actor)
select r.place, r.fact, case when n.place is null then '-infinity' else %(day)s end, r.number, r.code, %(source)s, %(actor)s
from jsonb_to_recordset(%(rows)s::jsonb) as r (place text, fact text, number bigint, code text)
left join lateral (select * from place_fact as f where f.place = r.place and f.fact = r.fact order by f.valid_from desc limit 1) as n on true
where n.place is null or (n.number, n.code) is distinct from (r.number, r.code)
on conflict (place, fact, valid_from) do update set number = excluded.number, code = excluded.code, source = excluded.source, actor = excluded.actor,
    noted_at = now();

-- name: write_point_items
insert into point_item (point, valid_from, item, source, actor)
select r.point, case when n.point is null then '-infinity' else %(day)s end, r.item, %(source)s, %(actor)s
from unnest(%(points)s::text[], %(items)s::text[]) as r (point, item)
left join lateral (select * from point_item as f where f.point = r.point order by f.valid_from desc limit 1) as n on true
where n.point is null or n.item is distinct from r.item
on conflict (point, valid_from) do update set item = excluded.item, source = excluded.source, actor = excluded.actor, noted_at = now();

-- name: positions_to_move
select g.point, g.place, g.upstream, g.role, h.place as old_place,
    (case when h.point is null then '-infinity' when h.valid_from >= %(day)s then h.valid_from
          when h.valid_from = '-infinity' and g.role <> 'virtual'
              and not exists (select from installation as i where i.point = g.point and i.installed_at < timestamptz 'epoch' + %(midnight_ms)s * interval '1 millisecond') then h.valid_from
          else %(day)s end)::text as from_day
from jsonb_to_recordset(%(rows)s::jsonb) as g (point text, place text, upstream text, role text)
left join point_position as h on h.point = g.point and h.valid_to = 'infinity'
where (h.place, h.upstream, h.role) is distinct from (g.place, g.upstream, g.role);

-- name: close_positions
update point_position as h set valid_to = r.from_day
from unnest(%(points)s::text[], %(days)s::date[]) as r (point, from_day)
where h.point = r.point and h.valid_to = 'infinity' and h.valid_from < r.from_day;

-- name: open_positions
insert into point_position (point, place, upstream, role, valid_from)
select * from unnest(%(points)s::text[], %(places)s::text[], %(upstreams)s::text[], %(roles)s::text[], %(days)s::date[])
on conflict (point, valid_from) do update set place = excluded.place, upstream = excluded.upstream, role = excluded.role, valid_to = 'infinity';

-- name: places_below_points
with recursive down (point) as (
    select unnest(%(points)s::text[])
    union
    select h.point from down join point_position as h on h.upstream = down.point and h.valid_to = 'infinity'
)
select distinct h.place as code from down join point_position as h on h.point = down.point and h.valid_to > %(day)s;

-- name: clear_terms
delete from virtual_term where point = any(%(points)s);

-- name: write_terms
insert into virtual_term (point, input, coefficient)
select * from unnest(%(points)s::text[], %(inputs)s::text[], %(coefficients)s::smallint[]);

-- name: transaction_ms
select (extract(epoch from now()) * 1000)::bigint;

-- name: note_edit
insert into registry_edit (point, kind, before, after, what, actor)
values (%(point)s, %(kind)s, %(before)s::jsonb, %(after)s::jsonb, %(what)s, %(actor)s);

-- name: edits
select point, kind, before, after, what, to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') as told_at
from registry_edit order by id;

-- name: plans_count
select count(*)::integer as total from site_plan;

-- name: remove_place
update place set removed_at = now() where code = any(%(keys)s);

-- name: remove_gateway
update gateway set removed_at = now() where code = any(%(keys)s);

-- name: remove_line
update line set removed_at = now() where gateway || '/' || code = any(%(keys)s);

-- name: remove_device
update device set removed_at = now() where code = any(%(keys)s);

-- name: remove_reporter
update iot_meter set removed_at = now() where device = any(%(keys)s) and removed_at is null;

-- name: restore_reporter
update iot_meter as m set removed_at = null from device as d where m.device = %(device)s and d.code = m.device and d.gateway is null;

-- name: succeed_reporter
insert into iot_meter (device, number, imei, iccid, via, every_h, window_h, position)
select %(new)s, %(number)s, %(imei)s, %(iccid)s, via, every_h, window_h, position from iot_meter where device = %(old)s
on conflict (device) do update set number = excluded.number, imei = excluded.imei, iccid = excluded.iccid, via = excluded.via,
    every_h = excluded.every_h, window_h = excluded.window_h, removed_at = null, registered_at = now();

-- name: reporter_taken_by
select device from iot_meter where removed_at is null and device <> %(but)s and (imei = %(imei)s or number = %(number)s) limit 1;

-- name: remove_point
update metering_point set removed_at = now() where code = any(%(keys)s);

-- name: end_stays
update installation set removed_at = clock_timestamp() where removed_at is null and device = any(%(devices)s);

-- name: fill_ended_stays
update installation as i set register = m.register, rollover = m.rollover
from device as d join unnest(%(profiles)s::text[], %(registers)s::text[], %(rollovers)s::bigint[]) as m (profile, register, rollover) using (profile)
where i.device = d.code and i.register is null and i.removed_at is not null
returning i.point as code;

-- name: begin_stays
insert into installation (point, device, ct, pt, register, rollover, max_per_hour, installed_at, asked_from)
select point, device, ct, pt, register, rollover, max_per_hour, coalesce(installed::timestamp at time zone %(zone)s, clock_timestamp()),
    case when installed is not null then clock_timestamp() end
from jsonb_to_recordset(%(rows)s::jsonb) as r (point text, device text, ct integer, pt integer, register text, rollover bigint, max_per_hour bigint,
    installed date);

-- name: correct_stays
update installation as i set register = r.register, rollover = r.rollover, max_per_hour = r.max_per_hour
from jsonb_to_recordset(%(rows)s::jsonb) as r (device text, point text, register text, rollover bigint, max_per_hour bigint)
where i.device = r.device and i.point = r.point and i.removed_at is null;

-- name: keep_plan
insert into site_plan (name, text, sha256, actor, summary)
select %(name)s, %(text)s, %(sha256)s, %(actor)s, %(summary)s::jsonb
where %(sha256)s is distinct from (select sha256 from site_plan order by version desc limit 1)
returning version;

-- name: children
with shown as (
    select * from place
    where removed_at is null and case when %(place)s::text is null and %(scope)s::text[] is not null then code = any(%(scope)s::text[])
            and not exists (select from place_within as w where w.place = place.code and w.above <> w.place and w.above = any(%(scope)s::text[]))
        else parent is not distinct from %(place)s::text end
), counted as (
    select w.above, count(*)::integer as devices from place_within as w join device as d on d.place = w.place and d.removed_at is null
    where w.above in (select code from shown) group by w.above
)
select p.code, p.parent, p.kind, p.name_zh, p.name_en, coalesce(c.devices, 0) as device_count,
    (select count(*)::integer from place as k where k.parent = p.code and k.removed_at is null) as child_count
from shown as p left join counted as c on c.above = p.code
order by p.position;

-- name: tops
-- The topmost places of what may be seen, without what stands in them: every page about a place asks.
select p.code from place as p
where p.removed_at is null and case when %(scope)s::text[] is null then p.parent is null else p.code = any(%(scope)s::text[])
        and not exists (select from place_within as w where w.place = p.code and w.above <> w.place and w.above = any(%(scope)s::text[])) end
order by p.position;

-- name: ancestors
with way as (
    select p.*, (select count(*) from place_within as u where u.place = p.code) as depth
    from place_within as w join place as p on p.code = w.above
    where w.place = %(place)s and in_scope(p.code, %(scope)s::text[])
), standing as materialized (
    select place, count(*)::integer as devices from device where removed_at is null group by place
), counted as (
    select w.above, sum(s.devices)::integer as devices from place_within as w join standing as s on s.place = w.place
    where w.above in (select code from way) group by w.above
)
select p.code, p.parent, p.kind, p.name_zh, p.name_en, coalesce(c.devices, 0) as device_count,
    (select count(*)::integer from place as k where k.parent = p.code and k.removed_at is null) as child_count
from way as p left join counted as c on c.above = p.code order by p.depth;

-- name: device_rows
with recursive below (code) as (
    select code from place where code = %(place)s::text
    union all
    select p.code from below as b join place as p on p.parent = b.code where %(recursive)s and p.removed_at is null
), chosen as (
    select d.* from device as d
    where d.removed_at is null and (%(place)s::text is null or d.place in (select code from below)) 
        and (%(scope)s::text[] is null or d.place in (select w.place from place_within as w where w.above = any(%(scope)s::text[])))
        and (%(pattern)s::text is null or d.code || ' ' || d.address || ' ' || d.name_zh || ' ' || lower(d.name_en) like %(pattern)s)
), paged as (
    select * from chosen order by gateway, line, position, code offset %(offset)s limit %(limit)s
)
select p.code, p.name_zh, p.name_en, p.profile, p.kind, p.address, p.gateway, p.line, p.place,
    (extract(epoch from l.measured_at) * 1000)::bigint as last_measured_at_ms,
    case when l.measured_at > now() - heard_within(p.code, p.gateway, %(online_s)s, 1) then 'online'
         when l.measured_at > now() - heard_within(p.code, p.gateway, %(stale_s)s, 2) then 'stale' else 'silent' end as state
from paged as p
left join lateral (
    select max(n.measured_at) as measured_at from series as s
    cross join lateral newest_reading(s.id) as n
    where s.device = p.code
) as l on true
order by p.gateway, p.line, p.position, p.code;

-- name: count_device_rows
with recursive below (code) as (
    select code from place where code = %(place)s::text
    union all
    select p.code from below as b join place as p on p.parent = b.code where %(recursive)s and p.removed_at is null
)
select count(*)::integer as total from device as d
where d.removed_at is null and (%(place)s::text is null or d.place in (select code from below)) 
        and (%(scope)s::text[] is null or d.place in (select w.place from place_within as w where w.above = any(%(scope)s::text[])))
    and (%(pattern)s::text is null or d.code || ' ' || d.address || ' ' || d.name_zh || ' ' || lower(d.name_en) like %(pattern)s);

-- name: device
select d.code, d.name_zh, d.name_en, d.profile, d.kind, d.address, d.gateway, d.line, d.place, d.poll_s, d.removed_at is not null as removed,
    (extract(epoch from l.measured_at) * 1000)::bigint as last_measured_at_ms,
    case when l.measured_at > now() - heard_within(d.code, d.gateway, %(online_s)s, 1) then 'online'
         when l.measured_at > now() - heard_within(d.code, d.gateway, %(stale_s)s, 2) then 'stale' else 'silent' end as state
from device as d
left join lateral (
    select max(n.measured_at) as measured_at from series as s
    cross join lateral newest_reading(s.id) as n
    where s.device = d.code
) as l on true
where d.code = %(device)s;

-- name: quantities
select quantity as code from series where device = %(device)s order by id;

-- name: installations
select point, device, (extract(epoch from installed_at) * 1000)::bigint as installed_at_ms,
    (extract(epoch from removed_at) * 1000)::bigint as removed_at_ms, ct, pt, opening, closing
from installation where device = %(device)s order by installed_at desc;

-- name: latest_values
select s.quantity, n.value, (extract(epoch from n.measured_at) * 1000)::bigint as measured_at_ms, n.quality
from series as s
cross join lateral newest_reading(s.id) as n
where s.device = %(device)s
order by s.id;

-- name: curve_series
select id as total from series where device = %(device)s and quantity = %(quantity)s;

-- name: curve_count
select count(*)::integer as total
from readings_between(array[%(series_id)s::bigint], to_timestamp(%(from_ms)s / 1000.0), to_timestamp(%(to_ms)s / 1000.0));

-- name: curve
select (extract(epoch from measured_at) * 1000)::bigint as at_ms, value, quality
from readings_between(array[%(series_id)s::bigint], to_timestamp(%(from_ms)s / 1000.0), to_timestamp(%(to_ms)s / 1000.0))
order by measured_at;

-- name: curve_last
select distinct on (width_bucket(at_ms, %(from_ms)s, %(to_ms)s, %(buckets)s)) at_ms, value, quality
from (
    select (extract(epoch from measured_at) * 1000)::bigint as at_ms, value, quality
    from readings_between(array[%(series_id)s::bigint], to_timestamp(%(from_ms)s / 1000.0), to_timestamp(%(to_ms)s / 1000.0))
) as r
order by width_bucket(at_ms, %(from_ms)s, %(to_ms)s, %(buckets)s), at_ms desc;

-- name: curve_extremes
with r as (
    select (extract(epoch from measured_at) * 1000)::bigint as at_ms, value, quality
    from readings_between(array[%(series_id)s::bigint], to_timestamp(%(from_ms)s / 1000.0), to_timestamp(%(to_ms)s / 1000.0))
), ranked as (
    select at_ms, value, quality,
        row_number() over (partition by width_bucket(at_ms, %(from_ms)s, %(to_ms)s, %(buckets)s) order by value, at_ms) as low,
        row_number() over (partition by width_bucket(at_ms, %(from_ms)s, %(to_ms)s, %(buckets)s) order by value desc, at_ms) as high
    from r
)
select at_ms, value, quality from ranked where low = 1 or high = 1 order by at_ms;

-- name: search
-- A thing is found when each word is in its own text or in that of a place above it, and at least one in its own. `whole` is the word with
-- no digit right before or behind, so that "1" means building 1 rather than building 11. Students and orders are two more branches of `thing`.
-- The scope is a join with the places of it, because a function called for each row costs more than all the rest.
with word as (
    select n, pattern, whole from unnest(%(patterns)s::text[], %(wholes)s::text[]) with ordinality as w (pattern, whole, n)
), above as materialized (
    select w.n, u.place, bool_or(p.code || ' ' || p.name_zh || ' ' || lower(p.name_en) ~ w.whole) as whole
    from word as w join place as p on p.code || ' ' || p.name_zh || ' ' || lower(p.name_en) like w.pattern
    join place_within as u on u.above = p.code
    where p.removed_at is null and cardinality(%(patterns)s::text[]) > 1
    group by w.n, u.place
), thing as (
    select 'place' as kind, code, code as place, code || ' ' || name_zh || ' ' || lower(name_en) as text,
        %(text)s in (code, name_zh, lower(name_en)) as exact from place where removed_at is null
    union all
    select 'gateway', code, place, code || ' ' || name_zh || ' ' || lower(name_en), %(text)s in (code, name_zh, lower(name_en))
    from gateway where removed_at is null
    union all
    select 'device', code, place, code || ' ' || address || ' ' || name_zh || ' ' || lower(name_en),
        %(text)s in (code, name_zh, lower(name_en)) or ltrim(address, '0') = %(number)s
    from device where removed_at is null
    union all
    select 'device', d.code, d.place, i.imei || ' ' || i.number || ' ' || coalesce(i.iccid, ''), %(text)s in (i.imei, i.iccid)
    from iot_meter as i join device as d on d.code = i.device where i.removed_at is null and d.removed_at is null
    union all
    select 'device', code, place, %(text)s, true from device where removed_at is null and ltrim(address, '0') = %(number)s
    union all
    select 'point', m.code, h.place, m.code || ' ' || m.name_zh || ' ' || lower(m.name_en), %(text)s in (m.code, m.name_zh, lower(m.name_en))
    from metering_point as m join point_position as h on h.point = m.code and h.valid_to = 'infinity'
    where m.removed_at is null and not exists (select from device as d where d.code = m.code and d.removed_at is null)
), hit as (
    select t.kind, t.code, t.place, w.n, bool_or(t.text ~ w.whole) as whole, bool_or(t.exact) as exact, min(length(t.text)) as length
    from word as w join thing as t on t.text like w.pattern
    where %(scope)s::text[] is null or t.place in (select s.place from place_within as s where s.above = any(%(scope)s::text[]))
    group by t.kind, t.code, t.place, w.n
), found as (
    select kind, code, place, count(*) filter (where whole) as wholes, bool_or(exact) as exact, min(length) as length
    from (
        select * from hit
        union all
        select distinct h.kind, h.code, h.place, a.n, a.whole, false, h.length from hit as h join above as a on a.place = h.place
        where not exists (select from hit as o where o.kind = h.kind and o.code = h.code and o.n = a.n)
    ) as one_word
    group by kind, code, place having count(distinct n) = cardinality(%(patterns)s::text[])
), ranked as (
    select *, row_number() over (partition by kind order by exact desc, wholes desc, length, code)::integer as rank from found
)
select r.kind, r.code, r.place, t.device, t.name_zh as title_zh, t.name_en as title_en, t.subtitle, r.exact, r.rank, w.way_zh, w.way_en
from ranked as r
cross join lateral (
    select null as device, name_zh, name_en, kind as subtitle from place where r.kind = 'place' and code = r.code
    union all
    select null, name_zh, name_en, place from gateway where r.kind = 'gateway' and code = r.code
    union all
    select code, name_zh, name_en, address || coalesce(' · ' || gateway || '/' || line, '') from device where r.kind = 'device' and code = r.code
    union all
    select (select i.device from installation as i where i.point = m.code and i.removed_at is null), m.name_zh, m.name_en, m.medium
    from metering_point as m where r.kind = 'point' and m.code = r.code
) as t
cross join lateral (
    select coalesce(array_agg(p.name_zh order by p.depth), '{}') as way_zh, coalesce(array_agg(p.name_en order by p.depth), '{}') as way_en
    from (
        select name_zh, name_en, (select count(*) from place_within as o where o.place = p.code) as depth
        from place_within as u join place as p on p.code = u.above
        where u.place = r.place and (r.kind <> 'place' or u.above <> r.place) and in_scope(p.code, %(scope)s::text[])
    ) as p
) as w
where r.rank <= %(limit)s
order by r.exact desc, array_position(array['place', 'gateway', 'device', 'point'], r.kind), r.rank;

-- name: overview
select (select count(*)::integer from place where removed_at is null) as places,
    d.devices, d.devices_online, d.devices_stale, d.devices - d.devices_online - d.devices_stale as devices_silent,
    g.gateways, g.gateways_online,
    b.readings_last_hour, b.batches_last_hour,
    (select count(*)::integer from quarantine where replayed_at is null) as quarantine_waiting,
    (select (extract(epoch from max(updated_at)) * 1000)::bigint from ack_cursor) as last_received_at_ms
from (
    select count(*)::integer as devices,
        count(*) filter (where s.last_measured_at > now() - heard_within(device.code, device.gateway, %(online_s)s, 1))::integer as devices_online,
        count(*) filter (where s.last_measured_at <= now() - heard_within(device.code, device.gateway, %(online_s)s, 1)
                         and s.last_measured_at > now() - heard_within(device.code, device.gateway, %(stale_s)s, 2))::integer as devices_stale
    from device left join device_status as s on s.device = device.code where device.removed_at is null
) as d, (
    select count(*)::integer as gateways, count(*) filter (where s.state = 'online')::integer as gateways_online
    from gateway left join gateway_status as s on s.gateway = gateway.code where gateway.removed_at is null
) as g, (
    select coalesce(sum(readings), 0)::bigint as readings_last_hour, count(*)::integer as batches_last_hour
    from batch where received_at > now() - interval '1 hour'
) as b;

-- name: standing
select i.id as installation, i.point, m.id as point_id, m.medium, i.device, (extract(epoch from i.installed_at) * 1000)::bigint as installed_at_ms,
    i.ct, i.pt, i.numerator, i.denominator, i.register, i.rollover, i.max_per_hour, d.profile, d.kind, d.address, d.place, d.gateway, d.line, d.poll_s,
    d.name_zh, d.name_en, d.position
from installation as i join device as d on d.code = i.device join metering_point as m on m.code = i.point
where i.removed_at is null and (%(point)s::text is null or i.point = %(point)s) and (%(device)s::text is null or i.device = %(device)s);

-- name: last_before
select s.quantity, r.value, (extract(epoch from r.measured_at) * 1000)::bigint as at_ms
from series as s cross join lateral (
    select * from readings_between(array[s.id], timestamptz 'epoch' + %(from_ms)s * interval '1 millisecond',
        timestamptz 'epoch' + (%(at_ms)s + 1) * interval '1 millisecond') as b
    order by b.measured_at desc limit 1
) as r
where s.device = %(device)s and s.quantity = any(%(quantities)s::text[]);

-- name: first_after
select s.quantity, r.value, (extract(epoch from r.measured_at) * 1000)::bigint as at_ms
from series as s cross join lateral (
    select * from readings_between(array[s.id], timestamptz 'epoch' + %(at_ms)s * interval '1 millisecond', 'infinity') as b
    order by b.measured_at limit 1
) as r
where s.device = %(device)s and s.quantity = any(%(quantities)s::text[]);

-- name: readings_since
select count(*)::bigint as total
from readings_between(array(select id from series where device = %(device)s),
    timestamptz 'epoch' + %(at_ms)s * interval '1 millisecond', 'infinity');

-- name: taken_by
select code from device
where gateway = %(gateway)s and line = %(line)s and removed_at is null and address::bigint = %(address)s::bigint and code <> %(but)s;

-- name: line_known
select code from line where gateway = %(gateway)s and code = %(line)s and removed_at is null;

-- name: device_present
select code, profile, removed_at is not null as removed,
    (select (extract(epoch from max(coalesce(i.removed_at, timestamptz 'infinity'))) * 1000)::bigint from installation as i where i.device = d.code
     and i.removed_at is not null) as stayed_until_ms
from device as d where code = %(code)s;

-- name: closed_since
select to_char(month, 'YYYY-MM') as code from closed_month where month >= %(month)s order by month;

-- name: end_stay
update installation set removed_at = timestamptz 'epoch' + %(at_ms)s * interval '1 millisecond', closing = %(closing)s::jsonb
where id = %(installation)s and removed_at is null;

-- name: begin_stay
insert into installation (point, device, ct, pt, numerator, denominator, register, rollover, max_per_hour, opening, installed_at)
values (%(point)s, %(device)s, %(ct)s, %(pt)s, %(numerator)s, %(denominator)s, %(register)s, %(rollover)s, %(max_per_hour)s, %(opening)s::jsonb,
    timestamptz 'epoch' + %(at_ms)s * interval '1 millisecond')
returning id;

-- name: restore_device
update device set removed_at = null where code = %(code)s;

-- name: create_series_of
insert into series (device, quantity)
select %(new)s, quantity from series as s where device = %(old)s
    and exists (select from readings_between(array[s.id], timestamptz 'epoch' + %(at_ms)s * interval '1 millisecond', 'infinity'))
order by 2 on conflict do nothing;

-- name: readings_to_adopt
select n.id, (extract(epoch from r.measured_at) * 1000)::bigint, r.value, r.quality
from series as o join series as n on n.device = %(new)s and n.quantity = o.quantity
cross join lateral readings_between(array[o.id], timestamptz 'epoch' + %(at_ms)s * interval '1 millisecond', 'infinity') as r
where o.device = %(old)s;

-- name: touch_adopted
insert into device_status (device, last_measured_at) select %(new)s, last_measured_at from device_status where device = %(old)s
on conflict (device) do nothing;

-- name: replacement_of_key
select id, digest, answer from replacement where key = %(key)s;

-- name: note_replacement
insert into replacement (key, digest, point, old_device, new_device, old_installation, new_installation, removed_at, installed_at, closing, opening,
    unreadable, carried, adopted, photos, person, reason, actor, request, answer, done_at)
values (%(key)s, %(digest)s, %(point)s, %(old_device)s, %(new_device)s, %(old_installation)s, %(new_installation)s,
    timestamptz 'epoch' + %(removed_at_ms)s * interval '1 millisecond', timestamptz 'epoch' + %(installed_at_ms)s * interval '1 millisecond',
    %(closing)s::jsonb, %(opening)s::jsonb, %(unreadable)s, %(carried)s::jsonb, %(adopted)s, %(photos)s, %(person)s, %(reason)s, %(actor)s,
    %(request)s::jsonb, '{}', timestamptz 'epoch' + %(done_at_ms)s * interval '1 millisecond')
returning id;

-- name: note_answer
update replacement set answer = %(answer)s::jsonb where id = %(id)s;

-- name: photos_missing
select p as code from unnest(%(photos)s::text[]) as p where not exists (select from attachment where sha256 = p);

-- name: replacement_entry
select r.id, r.point, r.old_device, r.new_device, r.old_installation, r.new_installation, r.adopted, r.cancelled_at is not null as cancelled,
    (extract(epoch from r.removed_at) * 1000)::bigint as removed_at_ms, (extract(epoch from r.done_at) * 1000)::bigint as done_at_ms,
    exists (select from installation as i where i.id = r.new_installation and i.removed_at is null) as stands,
    exists (select from registry_edit as e where e.point = r.point and e.id >
        (select max(id) from registry_edit as n where n.point = r.point and n.kind = 'meter' and n.after ->> 'device' = r.new_device)) as edited,
    exists (select from ratio_correction as c where c.installation = r.new_installation
        or c.installation = r.old_installation and c.corrected_at > r.done_at) as corrected,
    (select count(*)::integer from readings_between(array(select id from series where device = r.new_device), r.installed_at, 'infinity')) as read,
    (select d.code from device as d join device as o on o.code = r.old_device where d.gateway = o.gateway and d.line = o.line and d.removed_at is null
     and d.address::bigint = o.address::bigint and d.code not in (r.old_device, r.new_device) limit 1) as taken_by,
    (select i.point from installation as i where i.device = r.old_device and i.removed_at is null limit 1) as old_elsewhere,
    array(select distinct gateway from device where code in (r.old_device, r.new_device)) as gateways
from replacement as r where r.id = %(id)s for update;

-- name: drop_stay
delete from installation where id = %(installation)s;

-- name: reopen_stay
update installation set removed_at = null, closing = '{}' where id = %(installation)s;

-- name: note_cancelled
update replacement set cancelled_at = now(), cancelled_by = %(actor)s, cancel_reason = %(reason)s where id = %(id)s;

-- name: finding
select id, code, point, device, resolved_at is not null as resolved from finding where id = %(id)s for update;

-- name: key_known
select 1 from replacement where key = %(key)s;

-- name: resolve_finding
update finding set resolved_at = now(), resolution = %(resolution)s where id = %(id)s and resolved_at is null;

-- name: stay
select i.id as installation, i.point, i.device, d.gateway, (extract(epoch from i.installed_at) * 1000)::bigint as installed_at_ms,
    (extract(epoch from i.removed_at) * 1000)::bigint as removed_at_ms, i.ct, i.pt, i.numerator, i.denominator, i.ratio_version as version
from installation as i join device as d on d.code = i.device
where case when %(installation)s::bigint is not null then i.id = %(installation)s
      else i.point = %(point)s::text and tstzrange(i.installed_at, i.removed_at) @>
          coalesce(timestamptz 'epoch' + %(at_ms)s::bigint * interval '1 millisecond', now()) end
limit 1;

-- name: point_of_stay
select point from installation where id = %(id)s;

-- name: set_ratio
update installation set ct = %(ct)s, pt = %(pt)s, numerator = %(numerator)s, denominator = %(denominator)s, ratio_version = ratio_version + 1
where id = %(installation)s;

-- name: note_correction
insert into ratio_correction (installation, before, after, reason, actor)
values (%(installation)s, %(before)s::jsonb, %(after)s::jsonb, %(reason)s, %(actor)s);

-- name: position
select m.code as point, m.medium, h.place, h.upstream, h.role, h.valid_from::text as since, d.code as device, d.gateway
from metering_point as m join point_position as h on h.point = m.code and h.valid_to = 'infinity'
left join installation as i on i.point = m.code and i.removed_at is null left join device as d on d.code = i.device
where m.code = %(point)s and m.removed_at is null limit 1;

-- name: points_above
select m.code as point, h.upstream, m.medium
from metering_point as m join point_position as h on h.point = m.code and h.valid_to = 'infinity'
where m.removed_at is null and h.role <> 'virtual';

-- name: place_known
select 1 from place where code = %(place)s and removed_at is null;

-- name: set_device_place
update device set place = %(place)s where code = %(device)s;

-- name: write_attachment
insert into attachment (sha256, media_type, content, actor) values (%(sha256)s, %(media_type)s, %(content)s, %(actor)s)
on conflict do nothing;

-- name: attachment
select media_type, content from attachment where sha256 = %(sha256)s;

-- name: replacements
select r.id, r.point, r.old_device, r.new_device, (extract(epoch from r.removed_at) * 1000)::bigint as removed_at_ms,
    (extract(epoch from r.installed_at) * 1000)::bigint as installed_at_ms, r.closing, r.opening, r.unreadable, r.carried, r.adopted, r.photos, r.person,
    r.reason, r.actor, (extract(epoch from r.done_at) * 1000)::bigint as done_at_ms, r.cancelled_at is not null as cancelled, r.cancelled_by, r.cancel_reason
from replacement as r
where (%(point)s::text is null or r.point = %(point)s) and (%(device)s::text is null or %(device)s in (r.old_device, r.new_device))
    and in_scope((select h.place from point_position as h where h.point = r.point and h.valid_to = 'infinity'), %(scope)s::text[])
order by r.id desc limit %(limit)s;

-- name: factors
select id as installation, point, device, (extract(epoch from installed_at) * 1000)::bigint as installed_at_ms,
    (extract(epoch from removed_at) * 1000)::bigint as removed_at_ms, ct, pt, numerator, denominator, register, rollover, max_per_hour,
    ratio_version as version
from installation where (%(device)s::text is null or device = %(device)s) and (%(point)s::text is null or point = %(point)s)
order by installed_at desc;

-- name: corrections
select installation, before, after, reason, actor, (extract(epoch from corrected_at) * 1000)::bigint as at_ms
from ratio_correction where installation = any(%(ids)s) order by id desc;

-- name: events_of_device
select id, code, (extract(epoch from at) * 1000)::bigint as at_ms, (extract(epoch from received_at) * 1000)::bigint as received_at_ms, severity, gateway,
    line, message, data
from event where device = %(device)s order by at desc, id desc limit %(limit)s;

-- name: freezes
-- As far back as so many days (or months) reach from the newest one: packed weeks are read whole, so no more of them than needed.
select s.quantity, (extract(epoch from r.measured_at) * 1000)::bigint as at_ms, r.value, r.quality
from series as s cross join lateral newest_reading(s.id) as n
cross join lateral (
    select b.measured_at, b.value, b.quality
    from readings_between(array[s.id],
        n.measured_at - case when s.quantity like '%%_daily' then interval '1 day' else interval '32 days' end * %(each)s::integer,
        n.measured_at + interval '1 millisecond') as b
    order by b.measured_at desc limit %(each)s::integer
) as r
where s.device = %(device)s and s.quantity = any(%(quantities)s)
order by s.quantity, r.measured_at desc;

-- name: points_of_device
-- What of the points a device has stood at the asker may see: one that stood elsewhere before shows nothing of there.
select i.point as code, m.medium, m.name_zh, m.name_en, bool_or(i.removed_at is null) as present
from installation as i join metering_point as m on m.code = i.point
where i.device = %(device)s and i.register is not null
    and (%(scope)s::text[] is null or exists (
        select from point_position as h where h.point = i.point and h.valid_to = 'infinity' and in_scope(h.place, %(scope)s::text[])))
group by i.point, m.medium, m.name_zh, m.name_en
order by bool_or(i.removed_at is null) desc, max(i.installed_at) desc;
