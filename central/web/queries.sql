-- name: site
select summary -> 'site' as site from site_plan order by version desc limit 1;

-- name: device_table
with recursive below (code) as (
    select code from place where code = %(place)s
    union all
    select p.code from below as b join place as p on p.parent = b.code where p.removed_at is null
), listed as (
    select d.*, s.last_measured_at,
        case when s.last_measured_at > now() - heard_within(d.code, d.gateway, %(online_s)s, 1) then 'online'
             when s.last_measured_at > now() - heard_within(d.code, d.gateway, %(stale_s)s, 2) then 'stale'
             when s.last_measured_at is not null then 'silent' else 'never' end as state
    from device as d left join device_status as s on s.device = d.code
    where d.removed_at is null and d.place in (select code from below)
        and (%(pattern)s::text is null or d.code || ' ' || d.address || ' ' || d.name_zh || ' ' || lower(d.name_en) like %(pattern)s)
), chosen as (
    select l.*, count(*) over ()::integer as total,
        case %(sort)s when 'name' then case when %(chinese)s then name_zh else name_en end
                      when 'address' then lpad(address, 14, '0')
                      when 'place' then place
                      when 'seen' then to_char(last_measured_at, 'YYYYMMDDHH24MISS')
                      when 'state' then array_position(array['never', 'silent', 'stale', 'online'], l.state)::text end as sort_key
    from listed as l where %(state)s::text is null or l.state = %(state)s
), paged as (
    select *, row_number() over (
        order by case when not %(descending)s then sort_key end, case when %(descending)s then sort_key end desc nulls last,
            gateway, line, position, code) as place_in_list
    from chosen order by place_in_list offset %(offset)s limit %(limit)s
)
select g.code, g.name_zh, g.name_en, g.profile, g.kind, g.address, g.gateway, g.line, g.place, p.name_zh as place_zh, p.name_en as place_en,
    (extract(epoch from g.last_measured_at) * 1000)::bigint as last_measured_at_ms, g.state, g.total,
    m.quantity as main_quantity, m.value as main_value
from paged as g join place as p on p.code = g.place
left join lateral (
    select s.quantity, n.value from series as s
    cross join lateral newest_reading(s.id) as n
    where s.device = g.code and s.quantity = any(%(main)s)
    order by array_position(%(main)s, s.quantity) limit 1
) as m on true
order by g.place_in_list;

-- name: oldest_silent
select d.code, d.name_zh, d.name_en, (extract(epoch from s.last_measured_at) * 1000)::bigint as last_measured_at_ms
from device_status as s join device as d on d.code = s.device
where d.removed_at is null and s.last_measured_at <= now() - heard_within(d.code, d.gateway, %(stale_s)s, 2)
order by s.last_measured_at limit 1;

-- name: never_heard
select count(*)::integer as devices from device as d left join device_status as s on s.device = d.code
where d.removed_at is null and s.last_measured_at is null;

-- name: known_devices
select code from device where code = any(%(codes)s) and removed_at is null and in_scope(place, %(scope)s::text[]);

-- name: place_paths
with recursive up (code, parent, names_zh, names_en) as (
    select code, parent, array[]::text[], array[]::text[] from place where code = any(%(codes)s)
    union all
    select up.code, p.parent, p.name_zh || up.names_zh, p.name_en || up.names_en from up join place as p on p.code = up.parent
)
select code, names_zh, names_en from up where parent is null;
